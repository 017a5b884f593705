//! The labelled prompts of `prompts/`.

mod check;

pub use check::faults;

use anyhow::{Context as _, Result, bail};
use palavra_domain::MemoryKind;
use serde::Deserialize;
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Whether a prompt may be looked at while tuning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// It may.
    Dev,
    /// It may not: nothing of it is ever shown but its id.
    HeldOut,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Dev, Self::HeldOut];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dev => "dev",
            Self::HeldOut => "held-out",
        })
    }
}

/// The language of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// Portuguese.
    Pt,
    /// English.
    En,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Pt, Self::En];
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pt => "pt",
            Self::En => "en",
        })
    }
}

/// Something that is worth keeping of a prompt's author.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// What kind of thing.
    pub kind: MemoryKind,
    /// What it says.
    pub text: String,
    /// The words of the prompt that it rests on, to the letter.
    pub quote: String,
}

/// An earlier prompt of the same user.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// What was typed.
    pub prompt: String,
    /// What is worth keeping of it.
    pub keep: Vec<Label>,
    updates: Option<Vec<String>>,
    retracts: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    category: String,
    prompt: String,
    keep: Vec<Label>,
    context: Option<Vec<Earlier>>,
    updates: Option<Vec<String>>,
    retracts: Option<Vec<String>>,
}

/// A prompt with its labels.
#[derive(Clone, Debug)]
pub struct Entry {
    line: Line,
    /// Of which part.
    pub part: Part,
    /// In which language.
    pub language: Language,
    /// File and line, for messages.
    place: String,
}

impl Entry {
    /// Its name in all files.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.line.id
    }

    /// What it tests.
    #[must_use]
    pub fn category(&self) -> &str {
        &self.line.category
    }

    /// What was typed.
    #[must_use]
    pub fn prompt(&self) -> &str {
        &self.line.prompt
    }

    /// What is worth keeping of it.
    #[must_use]
    pub fn keep(&self) -> &[Label] {
        &self.line.keep
    }

    /// The texts of earlier memories that something of [`Entry::keep`] supersedes.
    #[must_use]
    pub fn updates(&self) -> &[String] {
        self.line.updates.as_deref().unwrap_or_default()
    }

    /// The texts of earlier memories that end.
    #[must_use]
    pub fn retracts(&self) -> &[String] {
        self.line.retracts.as_deref().unwrap_or_default()
    }

    /// Earlier prompts, oldest first.
    #[must_use]
    pub fn context(&self) -> &[Earlier] {
        self.line.context.as_deref().unwrap_or_default()
    }

    /// Whether there is anything to learn from it.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.keep().is_empty() || !self.updates().is_empty() || !self.retracts().is_empty()
    }

    /// What is known when it comes, by the labels of the earlier prompts, oldest first.
    #[must_use]
    pub fn known(&self) -> Vec<Label> {
        let mut known: Vec<Label> = Vec::new();
        for earlier in self.context() {
            let ended = [&earlier.updates, &earlier.retracts].into_iter().flatten().flatten();
            let ended: Vec<&String> = ended.collect();
            known.retain(|label| !ended.contains(&&label.text));
            for label in &earlier.keep {
                if known.iter().all(|other| other.text != label.text) {
                    known.push(label.clone());
                }
            }
        }
        known
    }
}

/// The folder of the corpora in this repository.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All prompts under `folder`, file by file in the order of their names. A file's name tells the part and the language of its
/// prompts: `dev-pt.jsonl`, `heldout-en.jsonl`.
///
/// # Errors
/// When there is none, or a line is no entry; the message repeats nothing of the line.
pub fn load(folder: &Path) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for path in files(&folder.join("prompts"))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (part, language) = match name.as_str() {
            "dev-pt.jsonl" => (Part::Dev, Language::Pt),
            "dev-en.jsonl" => (Part::Dev, Language::En),
            "heldout-pt.jsonl" => (Part::HeldOut, Language::Pt),
            "heldout-en.jsonl" => (Part::HeldOut, Language::En),
            _ => bail!("{name} is not named after a part and a language"),
        };
        for (line, number) in lines(&path)?.into_iter().zip(1..) {
            let place = format!("{name}:{number}");
            let line = read_line(&line, &place)?;
            entries.push(Entry { line, part, language, place });
        }
    }
    Ok(entries)
}

/// Reads one line of a corpus.
///
/// # Errors
/// When it is no JSON of that form, with the place but without the line.
pub(crate) fn read_line<'a, T: Deserialize<'a>>(line: &'a str, place: &str) -> Result<T> {
    serde_json::from_str(line).map_err(|error| {
        let (kind, column) = (error.classify(), error.column());
        anyhow::anyhow!("{place}: not of the form that README.md tells ({kind:?}, at column {column})")
    })
}

pub(crate) fn lines(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    // Not lines(): a carriage return at a line's end would pass unseen.
    Ok(text.strip_suffix('\n').unwrap_or(&text).split('\n').map(str::to_owned).collect())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut files: Vec<PathBuf> =
        listed.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    if files.is_empty() {
        bail!("there is no .jsonl in {}", folder.display());
    }
    Ok(files)
}
