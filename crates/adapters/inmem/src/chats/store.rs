//! The state of all chats, and the steps that change it.

use palavra_domain::{
    ActiveTurn, BeginOutcome, BeginTurn, Chat, ChatId, ChatTarget, ChatTitle, Checkpoint, Entity, JobOutcome, JobState,
    Lease, MemoryJob, RememberTask, SettleOutcome, Settlement, StoreError, Timestamp, Turn, TurnId, TurnRef,
    TurnStatus, Usage, UserId,
};
use std::collections::{BTreeMap, HashSet};

/// Each chat with its turns, oldest first.
#[derive(Default)]
pub(super) struct Store {
    chats: BTreeMap<ChatId, (Chat, Vec<Turn>)>,
    turn_ids: HashSet<TurnId>,
}

impl Store {
    /// All chats, the oldest (by id) first.
    pub(super) fn chats(&self) -> impl DoubleEndedIterator<Item = &(Chat, Vec<Turn>)> {
        self.chats.values()
    }

    /// The chat, if it is this user's.
    pub(super) fn own(&self, user: UserId, chat: ChatId) -> Option<&(Chat, Vec<Turn>)> {
        self.chats.get(&chat).filter(|(chat, _)| chat.user_id == user)
    }

    fn own_mut(&mut self, user: UserId, chat: ChatId) -> Option<&mut (Chat, Vec<Turn>)> {
        self.chats.get_mut(&chat).filter(|(chat, _)| chat.user_id == user)
    }

    fn turn_mut(&mut self, turn: TurnRef) -> Option<(&mut Chat, &mut Turn)> {
        let (chat, turns) = self.own_mut(turn.user, turn.chat)?;
        Some((chat, turns.iter_mut().find(|stored| stored.id == turn.turn)?))
    }

    pub(super) fn begin(&mut self, begin: &BeginTurn) -> Result<BeginOutcome, StoreError> {
        let turn_taken = self.turn_ids.contains(&begin.turn);
        let (chat, turns) = match &begin.target {
            ChatTarget::New { id, title } => {
                if self.chats.contains_key(id) {
                    return Err(StoreError::Conflict(Entity::Chat));
                }
                if turn_taken {
                    return Err(StoreError::Conflict(Entity::Turn));
                }
                self.chats.entry(*id).or_insert_with(|| (new_chat(begin, *id, title), Vec::new()))
            }
            ChatTarget::Existing(id) => match self.own_mut(begin.user, *id) {
                None => return Ok(BeginOutcome::NotFound),
                Some((chat, _)) if chat.active.is_some() => return Ok(BeginOutcome::Busy),
                Some(_) if turn_taken => return Err(StoreError::Conflict(Entity::Turn)),
                Some(entry) => entry,
            },
        };
        chat.turns += 1;
        chat.active = Some(ActiveTurn { turn: begin.turn, lease: begin.lease });
        chat.updated_at = begin.now;
        let turn = Turn {
            id: begin.turn,
            chat_id: chat.id,
            user_id: begin.user,
            seq: chat.turns,
            prompt: begin.prompt.clone(),
            reply: None,
            status: TurnStatus::Pending,
            failure: None,
            memory_allowed: begin.memory_allowed,
            recalled: Vec::new(),
            attempts: vec![begin.attempt.clone()],
            memory_job: None,
            created_at: begin.now,
            finished_at: None,
        };
        turns.push(turn.clone());
        self.turn_ids.insert(begin.turn);
        Ok(BeginOutcome::Begun(turn))
    }

    pub(super) fn checkpoint(&mut self, turn: TurnRef, checkpoint: &Checkpoint) -> bool {
        let Some((chat, turn)) = self.turn_mut(turn).filter(|(_, turn)| turn.status == TurnStatus::Pending) else {
            return false;
        };
        turn.reply = Some(checkpoint.reply.clone());
        turn.attempts.clone_from(&checkpoint.attempts);
        turn.recalled.clone_from(&checkpoint.recalled);
        if let Some(active) = chat.active.as_mut().filter(|active| active.turn == turn.id) {
            active.lease.until = checkpoint.lease_until;
        }
        true
    }

    pub(super) fn settle(&mut self, turn: TurnRef, settlement: &Settlement) -> SettleOutcome {
        let Some((chat, turn)) = self.turn_mut(turn) else { return SettleOutcome::Gone };
        if turn.status != TurnStatus::Pending {
            return SettleOutcome::AlreadySettled(turn.clone());
        }
        turn.reply.clone_from(&settlement.reply);
        turn.failure = settlement.failure;
        turn.attempts.clone_from(&settlement.attempts);
        turn.recalled.clone_from(&settlement.recalled);
        turn.memory_job = settlement.remember_at.map(|next_at| MemoryJob {
            state: JobState::Waiting,
            tries: 0,
            next_at,
            lease: None,
        });
        end(chat, turn, settlement.status, settlement.finished_at);
        SettleOutcome::Settled(turn.clone())
    }

    pub(super) fn interrupt(&mut self, turn: TurnRef, now: Timestamp) -> bool {
        let Some((chat, turn)) = self.turn_mut(turn).filter(|(_, turn)| turn.status == TurnStatus::Pending) else {
            return false;
        };
        end(chat, turn, TurnStatus::Interrupted, now);
        true
    }

    pub(super) fn rename(&mut self, user: UserId, chat: ChatId, title: &ChatTitle, now: Timestamp) -> Option<Chat> {
        let (chat, _) = self.own_mut(user, chat)?;
        chat.title = title.clone();
        chat.updated_at = now;
        Some(chat.clone())
    }

    pub(super) fn delete(&mut self, user: UserId, chat: ChatId) -> bool {
        if self.own(user, chat).is_none() {
            return false;
        }
        for turn in self.chats.remove(&chat).into_iter().flat_map(|(_, turns)| turns) {
            self.turn_ids.remove(&turn.id);
        }
        true
    }

    pub(super) fn claim(
        &mut self,
        lease: Lease,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<RememberTask>, StoreError> {
        let turns = self.chats.values_mut().flat_map(|(_, turns)| turns);
        let mut open: Vec<&mut Turn> = turns.filter(|turn| turn.memory_job.is_some_and(is_open)).collect();
        open.sort_by_key(|turn| (turn.created_at, turn.id));
        let leased = |turn: &&&mut Turn| turn.memory_job.is_some_and(|job| is_leased(job, now));
        let mut passed: HashSet<UserId> = open.iter().filter(leased).map(|turn| turn.user_id).collect();
        // Of a user's open jobs the first one only, due or not.
        open.retain(|turn| passed.insert(turn.user_id) && turn.memory_job.is_some_and(|job| is_due(job, now)));
        open.truncate(limit);
        let mut tasks = Vec::new();
        for turn in open {
            let (reference, prompt, said_at) = (turn.reference(), turn.prompt.clone(), turn.created_at);
            let Some(attempt) = turn.attempts.first() else {
                return Err(StoreError::Corrupt { entity: Entity::Turn, source: "it has no attempts".into() });
            };
            let Some(job) = &mut turn.memory_job else { continue };
            *job = MemoryJob { state: JobState::Claimed, tries: job.tries + 1, lease: Some(lease), ..*job };
            let model = attempt.model_asked.clone();
            tasks.push(RememberTask { turn: reference, prompt, said_at, model, tries: job.tries });
        }
        Ok(tasks)
    }

    pub(super) fn finish(&mut self, turn: TurnRef, outcome: JobOutcome) -> bool {
        let job = self.turn_mut(turn).and_then(|(_, turn)| turn.memory_job.as_mut());
        let Some(job) = job.filter(|job| job.state == JobState::Claimed) else { return false };
        let (state, next_at) = match outcome {
            JobOutcome::Done => (JobState::Done, job.next_at),
            JobOutcome::Retry(next_at) => (JobState::Waiting, next_at),
            JobOutcome::Parked => (JobState::Parked, job.next_at),
        };
        *job = MemoryJob { state, next_at, lease: None, ..*job };
        true
    }

    /// A released job keeps its time, which was over when it was claimed.
    pub(super) fn release(&mut self, as_of: Timestamp) -> u64 {
        let mut released = 0;
        for job in self.chats.values_mut().flat_map(|(_, turns)| turns).filter_map(|turn| turn.memory_job.as_mut()) {
            if job.state == JobState::Claimed && job.lease.is_none_or(|lease| lease.until <= as_of) {
                *job = MemoryJob { state: JobState::Waiting, lease: None, ..*job };
                released += 1;
            }
        }
        released
    }

    pub(super) fn import(&mut self, chat: &Chat, turns: &[Turn]) -> Result<(), StoreError> {
        let stored = self.chats.get(&chat.id);
        if stored.is_some_and(|(stored, _)| stored.user_id != chat.user_id) {
            return Err(StoreError::Conflict(Entity::Chat));
        }
        let mut merged = stored.map(|(_, turns)| turns.clone()).unwrap_or_default();
        for turn in turns {
            let place = merged.iter().position(|stored| stored.id == turn.id);
            if place.is_none() && self.turn_ids.contains(&turn.id) {
                return Err(StoreError::Conflict(Entity::Turn));
            }
            place.map(|place| merged.remove(place));
            if merged.iter().any(|stored| stored.seq == turn.seq) {
                return Err(StoreError::Conflict(Entity::Turn));
            }
            merged.push(turn.clone());
        }
        merged.sort_by_key(|turn| turn.seq);
        self.turn_ids.extend(turns.iter().map(|turn| turn.id));
        self.chats.insert(chat.id, (chat.clone(), merged));
        Ok(())
    }

    pub(super) fn correct_totals(&mut self, user: UserId, chat: ChatId, from: Usage, to: Usage) -> bool {
        let stored = self.own_mut(user, chat).map(|(chat, _)| chat);
        let Some(stored) = stored.filter(|chat| chat.active.is_none() && chat.totals == from) else { return false };
        stored.totals = to;
        true
    }

    pub(super) fn parked(&self, limit: usize) -> Vec<TurnRef> {
        let turns = self.chats().flat_map(|(_, turns)| turns);
        let mut parked: Vec<&Turn> =
            turns.filter(|turn| turn.memory_job.is_some_and(|job| job.state == JobState::Parked)).collect();
        parked.sort_by_key(|turn| (turn.created_at, turn.id));
        parked.into_iter().take(limit).map(Turn::reference).collect()
    }

    pub(super) fn backlog(&self) -> u64 {
        let jobs = self.chats().flat_map(|(_, turns)| turns).filter_map(|turn| turn.memory_job);
        jobs.filter(|job| is_open(*job)).count() as u64
    }
}

fn is_open(job: MemoryJob) -> bool {
    matches!(job.state, JobState::Waiting | JobState::Claimed)
}

/// Whether somebody is at it.
fn is_leased(job: MemoryJob, now: Timestamp) -> bool {
    job.state == JobState::Claimed && job.lease.is_some_and(|lease| lease.until > now)
}

/// Whether an open job may be taken up, for all that is known of it alone.
fn is_due(job: MemoryJob, now: Timestamp) -> bool {
    match job.state {
        JobState::Waiting => job.next_at <= now,
        JobState::Claimed | JobState::Done | JobState::Parked => !is_leased(job, now),
    }
}

fn new_chat(begin: &BeginTurn, id: ChatId, title: &ChatTitle) -> Chat {
    Chat {
        id,
        user_id: begin.user,
        title: title.clone(),
        turns: 0,
        totals: Usage::default(),
        active: None,
        created_at: begin.now,
        updated_at: begin.now,
    }
}

/// Ends a pending turn as it stands: counts what it used, and frees the chat.
fn end(chat: &mut Chat, turn: &mut Turn, status: TurnStatus, now: Timestamp) {
    turn.status = status;
    turn.finished_at = Some(now);
    chat.totals = chat.totals.plus(turn.usage());
    chat.active = chat.active.filter(|active| active.turn != turn.id);
    chat.updated_at = now;
}
