//! The work of remembering, recorded in the turns.

use super::turns::only;
use crate::{
    columns::{Undecodable, bytes, from_json, number, rows, time, uuid},
    errors::{Outcome, readable},
    schema::turns,
};
use diesel::{
    dsl::{exists, not},
    prelude::*,
    sqlite::Sqlite,
};
use palavra_domain::{
    Attempt, ChatId, Entity, JobOutcome, JobState, Lease, Prompt, RememberTask, Timestamp, TurnId, TurnRef, UserId,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = turns, check_for_backend(Sqlite))]
struct JobRow {
    id: Vec<u8>,
    chat_id: Vec<u8>,
    user_id: Vec<u8>,
    created_at: i64,
    job_tries: Option<i64>,
    prompt: String,
    attempts: String,
}

impl JobRow {
    /// The task, taken up once more.
    fn decode(self) -> Outcome<RememberTask> {
        let id = self.id.clone();
        let decode = || {
            let attempts: Vec<Attempt> = from_json("attempts", &self.attempts)?;
            let last = attempts.into_iter().last().ok_or_else(|| Undecodable::new("attempts", "is empty"))?;
            Ok(RememberTask {
                turn: TurnRef {
                    user: UserId::new(uuid("user_id", &self.user_id)?),
                    chat: ChatId::new(uuid("chat_id", &self.chat_id)?),
                    turn: TurnId::new(uuid("id", &self.id)?),
                },
                prompt: Prompt::stored(self.prompt),
                said_at: time("created_at", self.created_at)?,
                model: last.model_asked,
                tries: number::<u32>("job_tries", self.job_tries.unwrap_or(0))?.saturating_add(1),
            })
        };
        readable(Entity::Turn, &id, decode())
    }
}

pub(crate) fn claim(
    connection: &mut SqliteConnection,
    lease: Lease,
    now: Timestamp,
    limit: usize,
) -> Outcome<Vec<RememberTask>> {
    let mut tasks = Vec::new();
    loop {
        let next = next_of_users(connection, now, limit.saturating_sub(tasks.len()))?;
        let found = next.len();
        let before = tasks.len();
        for row in next {
            let id = row.id.clone();
            let Ok(task) = row.decode() else {
                // It was logged. Nobody can do it, and left as it is it would stand in the way of the others.
                diesel::update(turns::table.filter(turns::id.eq(id)))
                    .set(JobChange::to(JobState::Parked, None))
                    .execute(connection)?;
                continue;
            };
            diesel::update(turns::table.filter(turns::id.eq(id)))
                .set((
                    turns::job_state.eq(JobState::Claimed.as_str()),
                    turns::job_tries.eq(i64::from(task.tries)),
                    turns::job_owner.eq(bytes(lease.owner.uuid())),
                    turns::job_until.eq(lease.until.as_millis()),
                ))
                .execute(connection)?;
            tasks.push(task);
        }
        // Those that were parked make way for others. With a lease that is over, what was taken now would be met again.
        if tasks.len() - before == found || lease.until <= now {
            return Ok(tasks);
        }
    }
}

/// The jobs that are due and the oldest of their users, whom nobody is at a job of; so one of each user at most.
fn next_of_users(connection: &mut SqliteConnection, now: Timestamp, limit: usize) -> Outcome<Vec<JobRow>> {
    let (older, claimed) = diesel::alias!(turns as older, turns as claimed);
    let (at, id) = (older.field(turns::created_at), older.field(turns::id));
    let an_older_one_is_open = older
        .filter(older.field(turns::user_id).eq(turns::user_id))
        .filter(older.field(turns::job_due_at).is_not_null())
        // Both halves, so that it is one range of the index.
        .filter(at.le(turns::created_at))
        .filter(at.lt(turns::created_at).or(id.lt(turns::id)));
    let somebody_is_at_one = claimed
        .filter(claimed.field(turns::user_id).eq(turns::user_id))
        .filter(claimed.field(turns::job_until).gt(now.as_millis()))
        .filter(claimed.field(turns::job_state).eq(JobState::Claimed.as_str()));
    let due = turns::table
        .filter(turns::job_due_at.le(now.as_millis()))
        .filter(not(exists(an_older_one_is_open)))
        .filter(not(exists(somebody_is_at_one)))
        .order((turns::created_at, turns::id))
        .limit(rows(limit))
        .select(JobRow::as_select())
        .load(connection)?;
    Ok(due)
}

/// What becomes of a claim that ends.
#[derive(AsChangeset)]
#[diesel(table_name = turns)]
struct JobChange {
    job_state: &'static str,
    /// Left as it is when there is none.
    job_next_at: Option<i64>,
    job_owner: Option<Option<Vec<u8>>>,
    job_until: Option<Option<i64>>,
}

impl JobChange {
    fn to(state: JobState, next_at: Option<Timestamp>) -> Self {
        Self {
            job_state: state.as_str(),
            job_next_at: next_at.map(Timestamp::as_millis),
            job_owner: Some(None),
            job_until: Some(None),
        }
    }
}

pub(crate) fn finish(connection: &mut SqliteConnection, turn: TurnRef, outcome: JobOutcome) -> Outcome<bool> {
    let change = match outcome {
        JobOutcome::Done => JobChange::to(JobState::Done, None),
        JobOutcome::Retry(at) => JobChange::to(JobState::Waiting, Some(at)),
        JobOutcome::Parked => JobChange::to(JobState::Parked, None),
    };
    let claimed = only!(turn).filter(turns::job_state.eq(JobState::Claimed.as_str()));
    Ok(diesel::update(claimed).set(change).execute(connection)? > 0)
}

/// The time from which a claimed job was due is past, so leaving it makes the job due at once.
pub(crate) fn release(connection: &mut SqliteConnection, as_of: Timestamp) -> Outcome<u64> {
    let over = turns::table
        .filter(turns::job_due_at.le(as_of.as_millis()))
        .filter(turns::job_state.eq(JobState::Claimed.as_str()));
    Ok(diesel::update(over).set(JobChange::to(JobState::Waiting, None)).execute(connection)? as u64)
}

pub(crate) fn backlog(connection: &mut SqliteConnection) -> Outcome<u64> {
    let open: i64 = turns::table.filter(turns::job_due_at.is_not_null()).count().get_result(connection)?;
    Ok(open.unsigned_abs())
}
