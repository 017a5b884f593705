//! What becomes of what is known when something is learnt: pure, so that the same operations over the same memories always
//! come to the same changes.

use super::{
    extract::Operation,
    wording::{Relation, relation},
};
use palavra_domain::{
    DeletedMemory, EmbeddedMemory, Memory, MemoryId, MemoryKind, MemoryOrigin, MemorySource, MemoryState, MemoryText,
    RememberTask, Span, Timestamp,
};

/// Something learnt, with its embedding as a passage.
pub(super) struct Learnt {
    pub(super) kind: MemoryKind,
    pub(super) text: MemoryText,
    pub(super) span: Span,
    pub(super) replaces: Option<MemoryId>,
    pub(super) vector: Vec<f32>,
}

/// Operations in their order, embedded.
pub(super) enum Step {
    Learn(Learnt),
    Retract(MemoryId),
}

impl Step {
    /// Takes an operation with the vector of its text, when it has one.
    pub(super) fn new(operation: Operation, vectors: &mut impl Iterator<Item = Vec<f32>>) -> Option<Self> {
        Some(match operation {
            Operation::Learn { kind, text, span, replaces } => {
                Self::Learn(Learnt { kind, text, span, replaces, vector: vectors.next()? })
            }
            Operation::Retract { memory, .. } => Self::Retract(memory),
        })
    }
}

/// The user's memories while the steps are gone through.
pub(super) struct Reconciling<'a> {
    task: &'a RememberTask,
    now: Timestamp,
    /// At which cosine two texts may say the same in part.
    same_score: f32,
    deleted: &'a [DeletedMemory],
    /// What holds, with what is new.
    active: Vec<EmbeddedMemory>,
    /// What is to be written.
    changed: Vec<EmbeddedMemory>,
    learnt: usize,
}

impl<'a> Reconciling<'a> {
    pub(super) fn new(
        task: &'a RememberTask,
        now: Timestamp,
        same_score: f32,
        active: Vec<EmbeddedMemory>,
        deleted: &'a [DeletedMemory],
    ) -> Self {
        Self { task, now, same_score, deleted, active, changed: Vec::new(), learnt: 0 }
    }

    /// Goes through the steps, and returns what is to be written, together, for it to be as they say.
    pub(super) fn go(mut self, steps: Vec<Step>) -> Vec<EmbeddedMemory> {
        for step in steps {
            match step {
                Step::Learn(learnt) => self.learn(learnt),
                Step::Retract(id) => {
                    if let Some(gone) = self.take(id) {
                        let memory = gone.memory.retracted(self.task.said_at);
                        self.changed.push(EmbeddedMemory { memory: Memory { updated_at: self.now, ..memory }, ..gone });
                    }
                }
            }
        }
        self.changed
    }

    fn learn(&mut self, learnt: Learnt) {
        // Its place among what the prompt says, whatever becomes of the others.
        let id = MemoryId::extracted(self.task.turn.turn, self.learnt);
        self.learnt += 1;
        if self.was_deleted(&learnt.text) {
            return;
        }
        let mut replaced: Vec<MemoryId> = Vec::new();
        for known in &self.active {
            let near = || cosine(&known.vector, &learnt.vector) >= self.same_score;
            match relation(learnt.text.as_str(), known.memory.text.as_str()) {
                Relation::Same => return,
                Relation::Less if near() && learnt.replaces != Some(known.memory.id) => return,
                Relation::More if near() => replaced.push(known.memory.id),
                Relation::Opposite => replaced.push(known.memory.id),
                _ if learnt.replaces == Some(known.memory.id) => replaced.push(known.memory.id),
                Relation::More | Relation::Less | Relation::Other => {}
            }
        }
        for old in replaced {
            let Some(old) = self.take(old) else { continue };
            if old.memory.revision == 0 {
                // Said and replaced in one prompt: it never held.
                let by_it =
                    self.changed.iter_mut().filter(|changed| changed.memory.superseded_by == Some(old.memory.id));
                by_it.for_each(|changed| changed.memory.superseded_by = Some(id));
                continue;
            }
            let memory = Memory { updated_at: self.now, ..old.memory.superseded(id, self.task.said_at) };
            self.changed.push(EmbeddedMemory { memory, vector: old.vector });
        }
        let turn = self.task.turn;
        let memory = Memory {
            id,
            user_id: turn.user,
            revision: 0,
            text: learnt.text,
            kind: learnt.kind,
            origin: MemoryOrigin::Extracted,
            source: Some(MemorySource { chat: turn.chat, turn: turn.turn, span: Some(learnt.span) }),
            state: MemoryState::Active,
            valid_from: self.task.said_at,
            valid_to: None,
            superseded_by: None,
            created_at: self.now,
            updated_at: self.now,
        };
        let new = EmbeddedMemory { memory, vector: learnt.vector };
        self.active.push(new.clone());
        self.changed.push(new);
    }

    /// Whether its user deleted this after it was said: an old prompt does not bring it back, a new one may.
    fn was_deleted(&self, text: &MemoryText) -> bool {
        let hash = text.hash();
        self.deleted.iter().any(|gone| gone.text_hash == hash && gone.deleted_at >= self.task.said_at)
    }

    /// Takes a memory out of what holds; a new one also out of what is to be written.
    fn take(&mut self, id: MemoryId) -> Option<EmbeddedMemory> {
        let at = self.active.iter().position(|known| known.memory.id == id)?;
        let taken = self.active.remove(at);
        if taken.memory.revision == 0 {
            self.changed.retain(|changed| changed.memory.id != id);
        }
        Some(taken)
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let length = (dot(a, a) * dot(b, b)).sqrt();
    if length > 0.0 { dot(a, b) / length } else { 0.0 }
}
