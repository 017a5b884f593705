//! How the stores are, and whether what they hold fits together.

use palavra_domain::{
    Chat, ChatId, Entity, MemoryKey, StoreError, TurnRef, TurnStatus, Usage, UserId,
    ports::{ChatArchive, Clock, Inspect, MemoryArchive, UserArchive},
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a store may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(5);
/// Records that are read at once.
const PAGE: usize = 200;
/// How many ids a finding names.
const NAMED: usize = 10;

/// Looks at the stores, and mends what can be derived again.
pub struct Doctor {
    /// All users.
    pub users: Arc<dyn UserArchive>,
    /// All chats.
    pub chats: Arc<dyn ChatArchive>,
    /// All memories.
    pub memories: Arc<dyn MemoryArchive>,
    /// Each store once, with its name.
    pub stores: Vec<(&'static str, Arc<dyn Inspect>)>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Each store.
    pub stores: Vec<StoreReport>,
    /// What does not fit together; empty when all is well, or when a store could not be reached.
    pub findings: Vec<Finding>,
    /// How many records were looked at; `None` when a store could not be reached, and nothing was.
    pub looked_at: Option<LookedAt>,
}

/// How a store is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoreReport {
    /// Which.
    pub name: &'static str,
    /// The product and its version; `None` when it could not be reached.
    pub product: Option<String>,
    /// How long it took to answer, in milliseconds.
    pub latency_ms: f64,
    /// What was looked at: whether it is as it should be, and what was found.
    pub checks: Vec<StoreCheck>,
}

/// One thing about a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoreCheck {
    /// What.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found, and what to do.
    pub told: String,
}

/// Something that does not fit together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What, in plain words, and what to do.
    pub told: String,
    /// How often.
    pub count: u64,
    /// How many of them were mended.
    pub repaired: u64,
    /// The ids of some of them.
    pub ids: Vec<String>,
    /// Whether it is only to be known: nothing is wrong with the data.
    pub note: bool,
}

/// How many records were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LookedAt {
    /// Users.
    pub users: u64,
    /// Chats.
    pub chats: u64,
    /// Turns.
    pub turns: u64,
    /// Memories, with their history and with what is left of deleted ones.
    pub memories: u64,
}

impl Report {
    /// Whether every store answers as it should and nothing is left to mend.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let stores =
            self.stores.iter().all(|store| store.product.is_some() && store.checks.iter().all(|check| check.ok));
        stores && self.findings.iter().all(|finding| finding.note || finding.repaired == finding.count)
    }
}

/// What can be wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Unreadable(&'static str),
    Totals,
    Numbers,
    Pending,
    Overdue,
    ChatsOfNobody,
    MemoriesOfNobody,
    Parked,
}

impl Kind {
    fn told(self) -> String {
        match self {
            Self::Unreadable(entity) => {
                format!(
                    "a stored {entity} cannot be read: restore it from a backup; the log tells what is wrong with it"
                )
            }
            Self::Totals => "a chat's totals are not the sum of its turns: --repair adds them up again".to_owned(),
            Self::Numbers => {
                "a chat's turns are not numbered without gaps up to its count: restore it from a backup".to_owned()
            }
            Self::Pending => {
                "a turn is pending that its chat is not busy with: --repair marks it interrupted".to_owned()
            }
            Self::Overdue => {
                "a chat is busy with a turn whose lease is over: a running instance frees it, or --repair".to_owned()
            }
            Self::ChatsOfNobody => "a chat's user is not there: restore the user, or delete the chat".to_owned(),
            Self::MemoriesOfNobody => {
                "a memory's user is not there: --repair deletes what is remembered of them".to_owned()
            }
            Self::Parked => {
                "a prompt was given up to be remembered from, after memory.max_tries: the log of that time tells why"
                    .to_owned()
            }
        }
    }
}

#[derive(Default)]
struct Tally(BTreeMap<Kind, Finding>);

impl Tally {
    fn add(&mut self, kind: Kind, id: Option<String>, repaired: bool) {
        let note = kind == Kind::Parked;
        let finding = self.0.entry(kind).or_insert_with(|| Finding {
            told: kind.told(),
            count: 0,
            repaired: 0,
            ids: Vec::new(),
            note,
        });
        finding.count += 1;
        finding.repaired += u64::from(repaired);
        if finding.ids.len() < NAMED {
            finding.ids.extend(id);
        }
    }

    fn unreadable(&mut self, error: StoreError) -> Result<(), StoreError> {
        match error {
            StoreError::Corrupt { entity, .. } => {
                self.add(Kind::Unreadable(entity.as_str()), None, false);
                Ok(())
            }
            other => Err(other),
        }
    }
}

impl Doctor {
    /// Asks every store how it is and, if all answer, looks at every record; with `repair`, mends what can be derived again.
    ///
    /// # Errors
    /// When a store that answered at first fails on the way.
    pub async fn examine(&self, repair: bool) -> Result<Report, StoreError> {
        let mut report = Report::default();
        for (name, store) in &self.stores {
            report.stores.push(ask(name, store.as_ref()).await);
        }
        if report.stores.iter().any(|store| store.product.is_none()) {
            return Ok(report);
        }
        let (mut tally, mut looked_at) = (Tally::default(), LookedAt::default());
        self.examine_users(&mut tally, &mut looked_at).await?;
        self.examine_chats(&mut tally, &mut looked_at, repair).await?;
        self.examine_memories(&mut tally, &mut looked_at, repair).await?;
        for turn in self.chats.parked_jobs(PAGE).await? {
            tally.add(Kind::Parked, Some(turn.turn.to_string()), false);
        }
        report.findings = tally.0.into_values().collect();
        report.looked_at = Some(looked_at);
        Ok(report)
    }

    async fn examine_users(&self, tally: &mut Tally, looked_at: &mut LookedAt) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.users.scan(after, PAGE).await?;
            for user in page.items {
                looked_at.users += 1;
                user.map(|_| ()).or_else(|error| tally.unreadable(error))?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn examine_chats(&self, tally: &mut Tally, looked_at: &mut LookedAt, repair: bool) -> Result<(), StoreError> {
        let mut after: Option<ChatId> = None;
        loop {
            let page = self.chats.scan_chats(after, PAGE).await?;
            for chat in page.items {
                looked_at.chats += 1;
                match chat {
                    Ok(chat) => self.examine_chat(chat, tally, looked_at, repair).await?,
                    Err(error) => tally.unreadable(error)?,
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn examine_chat(
        &self,
        chat: Chat,
        tally: &mut Tally,
        looked_at: &mut LookedAt,
        repair: bool,
    ) -> Result<(), StoreError> {
        let id = Some(chat.id.to_string());
        if !self.is_there(chat.user_id).await? {
            tally.add(Kind::ChatsOfNobody, id.clone(), false);
        }
        if let Some(active) = chat.active {
            if active.lease.until > self.clock.now() {
                // Its turn is being answered: what it counts and adds up changes under our eyes.
                return Ok(());
            }
            if repair {
                self.interrupt(TurnRef { user: chat.user_id, chat: chat.id, turn: active.turn }).await?;
            }
            tally.add(Kind::Overdue, id.clone(), repair);
        }
        let Turns { sum, whole, lost } = self.examine_turns(&chat, tally, looked_at).await?;
        for turn in lost {
            let repaired = repair && self.interrupt(turn).await?;
            tally.add(Kind::Pending, Some(turn.turn.to_string()), repaired);
        }
        let Some(chat) = self.chats.find_chat(chat.user_id, chat.id).await? else { return Ok(()) };
        if !whole {
            tally.add(Kind::Numbers, id, false);
        } else if chat.active.is_none() && chat.totals != sum {
            let repaired = repair && self.chats.correct_totals(chat.user_id, chat.id, chat.totals, sum).await?;
            tally.add(Kind::Totals, id, repaired);
        }
        Ok(())
    }

    async fn examine_turns(
        &self,
        chat: &Chat,
        tally: &mut Tally,
        looked_at: &mut LookedAt,
    ) -> Result<Turns, StoreError> {
        let mut turns = Turns { sum: Usage::default(), whole: true, lost: Vec::new() };
        let (mut after, mut expected) = (0, 1);
        loop {
            let page = self.chats.scan_turns(chat.user_id, chat.id, after, PAGE).await?;
            for turn in page.items {
                looked_at.turns += 1;
                match turn {
                    Ok(turn) => {
                        turns.whole &= turn.seq == expected;
                        turns.sum = turns.sum.plus(turn.usage());
                        let active = chat.active.is_some_and(|active| active.turn == turn.id);
                        if turn.status == TurnStatus::Pending && !active {
                            turns.lost.push(turn.reference());
                        }
                    }
                    Err(error) => {
                        // What it used is not known.
                        turns.whole = false;
                        tally.unreadable(error)?;
                    }
                }
                expected += 1;
            }
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        turns.whole &= expected == chat.turns + 1;
        Ok(turns)
    }

    async fn examine_memories(
        &self,
        tally: &mut Tally,
        looked_at: &mut LookedAt,
        repair: bool,
    ) -> Result<(), StoreError> {
        let mut after: Option<MemoryKey> = None;
        // They come by user: each user is looked for once.
        let mut last: Option<(UserId, bool)> = None;
        loop {
            let page = self.memories.scan(after, PAGE).await?;
            for record in page.items {
                looked_at.memories += 1;
                let MemoryKey { user, id } = match record {
                    Ok(record) => record.key(),
                    Err(error) => {
                        tally.unreadable(error)?;
                        continue;
                    }
                };
                let there = match last {
                    Some((met, there)) if met == user => there,
                    Some(_) | None => {
                        let there = self.is_there(user).await?;
                        if !there && repair {
                            self.memories.delete_all(user).await?;
                        }
                        there
                    }
                };
                last = Some((user, there));
                if !there {
                    tally.add(Kind::MemoriesOfNobody, Some(id.to_string()), repair);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn interrupt(&self, turn: TurnRef) -> Result<bool, StoreError> {
        self.chats.interrupt_turn(turn, self.clock.now()).await
    }

    /// One that cannot be read is there.
    async fn is_there(&self, user: UserId) -> Result<bool, StoreError> {
        match self.users.find(user).await {
            Ok(found) => Ok(found.is_some()),
            Err(StoreError::Corrupt { entity: Entity::User, .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

/// What the turns of a chat come to.
struct Turns {
    sum: Usage,
    /// Whether all could be read and are numbered as they should be.
    whole: bool,
    /// Pending ones that the chat is not busy with.
    lost: Vec<TurnRef>,
}

async fn ask(name: &'static str, store: &dyn Inspect) -> StoreReport {
    let begun = Instant::now();
    let answer = tokio::time::timeout(PATIENCE, store.inspect()).await;
    let latency_ms = begun.elapsed().as_secs_f64() * 1000.0;
    let away = |told: String| vec![StoreCheck { name: "reachable", ok: false, told }];
    let (product, checks) = match answer {
        Ok(Ok(inspection)) => {
            let checks = inspection.checks.into_iter();
            let checks = checks.map(|check| StoreCheck { name: check.name, ok: check.ok, told: check.told }).collect();
            (Some(inspection.product), checks)
        }
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, store = name, "a store does not say how it is");
            (None, away(format!("{error}: check that it runs; nothing else was looked at")))
        }
        Err(_) => (None, away(format!("it did not answer within {PATIENCE:?}; nothing else was looked at"))),
    };
    StoreReport { name, product, latency_ms, checks }
}
