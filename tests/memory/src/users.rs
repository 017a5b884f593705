//! The recall set of `recall/users.jsonl`: users with memories, and questions with what should come back.

use crate::prompts::{lines, read_line};
use anyhow::Result;
use palavra_domain::MemoryKind;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};
use unicode_normalization::is_nfc;

/// A user of the recall set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecallUser {
    /// The name, as `u01`.
    pub user: String,
    /// In which language the memories are.
    pub lang: Spoken,
    /// What is known.
    pub memories: Vec<Fact>,
    /// What is asked.
    pub questions: Vec<Question>,
}

/// The language of a user's memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spoken {
    /// Portuguese.
    Pt,
    /// English.
    En,
    /// Both.
    Mixed,
}

/// A memory of the recall set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// The name among its user's, as `m1`.
    pub id: String,
    /// What kind of thing.
    pub kind: MemoryKind,
    /// What it says.
    pub text: String,
}

/// A question of the recall set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What is asked.
    pub q: String,
    /// The names of memories that bear on it.
    pub relevant: Vec<String>,
    /// The names of memories that look as if they did.
    pub irrelevant: Vec<String>,
    /// Whether it is in another language than what bears on it.
    pub cross: bool,
}

/// A class of users by how many memories they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The fewest.
    pub least: usize,
    /// The most.
    pub most: usize,
    /// How many users of the class the set has.
    users: usize,
}

impl Size {
    /// All classes.
    pub const ALL: [Self; 4] = [
        Self { least: 5, most: 12, users: 20 },
        Self { least: 13, most: 40, users: 20 },
        Self { least: 41, most: 100, users: 14 },
        Self { least: 101, most: 200, users: 6 },
    ];

    /// Whether so many memories are of this class.
    #[must_use]
    pub fn has(self, memories: usize) -> bool {
        (self.least..=self.most).contains(&memories)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {} memories", self.least, self.most)
    }
}

/// All users of the recall set under `folder`.
///
/// # Errors
/// When the file cannot be read, or a line is no user.
pub fn load(folder: &Path) -> Result<Vec<RecallUser>> {
    let lines = lines(&folder.join("recall/users.jsonl"))?;
    lines.iter().zip(1..).map(|(line, number)| read_line(line, &format!("users.jsonl:{number}"))).collect()
}

/// The longest text that the API takes for a memory, in characters.
const TEXT_MAX_CHARS: usize = 1_000;
/// The fewest questions in all.
const LEAST_QUESTIONS: usize = 400;

/// What is wrong with the recall set by the rules of README.md, each with its place.
#[must_use]
pub fn faults(users: &[RecallUser]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut names = BTreeSet::new();
    for user in users {
        let name = user.user.as_str();
        let mut of_user = of_user(user);
        if !names.insert(name) || !numbered(name, 'u') || name.len() != 3 {
            of_user.push("the user's name is not of the form u01, or is there twice".to_owned());
        }
        faults.extend(of_user.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    for size in Size::ALL {
        let found = users.iter().filter(|user| size.has(user.memories.len())).count();
        if found != size.users {
            faults.push(format!("{found} users with {size}, not {}", size.users));
        }
    }
    let spoken = |lang: Spoken| users.iter().filter(|user| user.lang == lang).count();
    for lang in [Spoken::Pt, Spoken::En] {
        // From 40 to 55 %.
        if !(users.len() * 40..=users.len() * 55).contains(&(100 * spoken(lang))) {
            faults.push(format!("{} of {} users are {lang:?}, not about half", spoken(lang), users.len()));
        }
    }
    if spoken(Spoken::Mixed) == 0 {
        faults.push("no user is mixed".to_owned());
    }
    let questions: Vec<&Question> = users.iter().flat_map(|user| &user.questions).collect();
    let cross = questions.iter().filter(|question| question.cross).count();
    if questions.len() < LEAST_QUESTIONS || 100 * cross < 15 * questions.len() {
        faults.push(format!("{} questions, {cross} of them across languages: too few", questions.len()));
    }
    if questions.iter().all(|question| !question.relevant.is_empty()) {
        faults.push("no question has nothing relevant".to_owned());
    }
    faults
}

fn of_user(user: &RecallUser) -> Vec<String> {
    let mut faults = Vec::new();
    let mut kinds: BTreeMap<&str, MemoryKind> = BTreeMap::new();
    let mut texts = BTreeSet::new();
    for Fact { id, kind, text } in &user.memories {
        if !numbered(id, 'm') || kinds.insert(id, *kind).is_some() {
            faults.push(format!("{id} is no memory's name, or is there twice"));
        }
        if !is_text(text) || !texts.insert(text.to_lowercase()) {
            faults.push(format!("the text of {id} is blank, padded, too long, not in NFC, or there twice"));
        }
    }
    let mut asked = BTreeSet::new();
    for (question, number) in user.questions.iter().zip(1..) {
        let mut fault = |wrong: bool, what: &str| {
            if wrong {
                faults.push(format!("question {number}: {what}"));
            }
        };
        fault(
            !is_text(&question.q) || !asked.insert(&question.q),
            "its text is blank, padded, too long, or there twice",
        );
        let named: Vec<&String> = question.relevant.iter().chain(&question.irrelevant).collect();
        let different: BTreeSet<&String> = named.iter().copied().collect();
        fault(different.len() < named.len(), "it names a memory twice");
        fault(named.iter().any(|name| !kinds.contains_key(name.as_str())), "it names a memory that is not there");
        let instruction = |name: &String| kinds.get(name.as_str()) == Some(&MemoryKind::Instruction);
        fault(question.irrelevant.iter().any(instruction), "it calls an instruction irrelevant");
        fault(question.cross && question.relevant.is_empty(), "it crosses languages with nothing relevant");
    }
    if !(5..=10).contains(&user.questions.len()) {
        faults.push(format!("{} questions, not 5 to 10", user.questions.len()));
    }
    faults
}

fn numbered(name: &str, letter: char) -> bool {
    let digits = name.strip_prefix(letter).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && (letter == 'u' || !digits.starts_with('0'))
}

fn is_text(text: &str) -> bool {
    let length = text.chars().count();
    let plain = text.trim() == text && is_nfc(text) && !text.chars().any(char::is_control);
    plain && (1..=TEXT_MAX_CHARS).contains(&length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompts::folder;

    #[test]
    fn every_rule_has_its_fault() {
        let sound = load(&folder()).unwrap();
        let broken: [fn(&mut Vec<RecallUser>); 12] = [
            |users| users.truncate(59),
            |users| users[1].user = "u01".into(),
            |users| users[0].user = "x01".into(),
            |users| users[0].memories[1].id = "m1".into(),
            |users| users[0].memories[1].text = users[0].memories[0].text.to_uppercase(),
            |users| users[0].memories[1].text.push(' '),
            |users| users[0].questions[0].q = "a\u{301}".into(),
            |users| users[0].questions[1].q = users[0].questions[0].q.clone(),
            |users| users[0].questions[0].irrelevant = users[0].questions[0].relevant.clone(),
            |users| users[0].questions[0].relevant.push("m999".into()),
            |users| users[0].questions.truncate(4),
            |users| users.iter_mut().for_each(|user| user.lang = Spoken::Mixed),
        ];
        for (breaks, number) in broken.iter().zip(1..) {
            let mut users = sound.clone();
            breaks(&mut users);
            assert!(!faults(&users).is_empty(), "the {number}. is not seen");
        }
    }
}
