//! The pipeline under a model that answers what it was told, and what the evaluation makes of it.

use palavra_application::Calibration;
use palavra_domain::{ApiKey, ModelId};
use palavra_inmem::fakes::{Script, ScriptedChatModel, WordEmbedder};
use palavra_memory_eval::{
    answers::Calls,
    extraction::{Fate, Outcome, details, learn, matching::Rule, tables, world::World},
    prompts::{self, Entry, Part},
};
use std::sync::Arc;

const RULE: Rule = Rule { same: 0.95, about: 0.1 };

struct Bench {
    world: World,
    model: Arc<ScriptedChatModel>,
    entries: Vec<Entry>,
}

impl Bench {
    fn new() -> Self {
        let model = Arc::new(ScriptedChatModel::new());
        let embedder = Arc::new(WordEmbedder::new(256));
        let id = ModelId::parse("vendor/model").unwrap();
        let key = ApiKey::parse("key".into()).unwrap();
        let world = World::new(model.clone(), embedder, id, key, Calibration { floor: 0.3, same: 0.7 });
        Self { world, model, entries: prompts::load(&prompts::folder()).unwrap() }
    }

    fn entry(&self, fits: impl Fn(&Entry) -> bool) -> Entry {
        self.entries.iter().find(|entry| entry.part == Part::Dev && fits(entry)).unwrap().clone()
    }

    fn answers(&self, operations: &[[&str; 5]]) {
        let operations: Vec<_> = operations
            .iter()
            .map(|[op, id, quote, kind, text]| {
                serde_json::json!({"op": op, "id": id, "quote": quote, "kind": kind, "text": text})
            })
            .collect();
        let answer = serde_json::json!({"operations": operations}).to_string();
        self.model.script_json(Script::new().say(&answer));
    }

    async fn learn(&self, entry: &Entry) -> Outcome {
        learn(&self.world, entry, true, RULE).await.unwrap()
    }
}

#[tokio::test]
async fn what_the_labels_say_is_found_and_what_they_do_not_is_wrong() {
    let bench = Bench::new();
    let entry = bench.entry(|entry| entry.id() == "pt-0001");
    let [name, age, home] = entry.keep() else { panic!() };
    let found = [
        ["add", "", name.quote.as_str(), "profile", name.text.as_str()],
        ["add", "", home.quote.as_str(), "fact", home.text.as_str()],
        ["add", "", "oi", "fact", "oi"],
    ];
    bench.answers(&found);
    // The second time it says the home in other words, and the junk again.
    bench.answers(&[["add", "", &home.quote, "profile", "A cidade é Recife"], ["add", "", "oi", "fact", "oi"]]);
    let outcome = bench.learn(&entry).await;
    assert!(outcome.holds && !outcome.failed && outcome.sampled);
    let found: Vec<Option<&str>> =
        outcome.found.iter().map(|found| found.map(|saved| outcome.saved[saved].text.as_str())).collect();
    assert_eq!(found, [Some(name.text.as_str()), None, Some(home.text.as_str())], "{age:?} was not said");
    let wrong = outcome.saved.iter().zip(&outcome.right).filter(|(_, right)| !**right);
    assert_eq!(wrong.map(|(saved, _)| saved.text.as_str()).collect::<Vec<_>>(), ["oi"]);
    let again = outcome.again.as_ref().unwrap();
    let doubles = again.double.iter().filter(|double| **double).count();
    assert_eq!((doubles, again.double.len()), (1, 4), "{again:?}");
    let text = tables(std::slice::from_ref(&outcome), &Calls::default());
    assert!(text.contains("66.7 % (20.8–93.9; 2 of 3)"), "{text}");
    assert!(text.contains("50.0 % (9.5–90.5; 1 of 2)"), "one of two kinds: {text}");
    assert!(details(&[outcome]).contains("pt-0001"));
}

#[tokio::test]
async fn what_ends_is_counted() {
    let bench = Bench::new();
    let entry = bench.entry(|entry| entry.updates().len() == 1 && entry.keep().len() == 1 && entry.known().len() == 1);
    let [label] = entry.keep() else { panic!() };
    bench.answers(&[["update", "m1", &label.quote, label.kind.as_str(), &label.text]]);
    bench.answers(&[]);
    let outcome = bench.learn(&entry).await;
    assert_eq!((outcome.known[0].should, outcome.known[0].ended), (Fate::IsSuperseded, true));
    assert_eq!(outcome.found, [Some(0)]);
}

#[tokio::test]
async fn junk_is_counted_and_nothing_passes_a_closed_gate() {
    let bench = Bench::new();
    let entry = bench.entry(|entry| !entry.holds() && entry.category() == "first_person_question");
    let word = entry.prompt().split_whitespace().find(|word| word.len() > 3).unwrap().trim_matches('?').to_owned();
    bench.answers(&[["add", "", &word, "fact", &word]]);
    let outcome = bench.learn(&entry).await;
    assert_eq!((outcome.saved.len(), outcome.holds), (1, false));
    let closed = Outcome { passed: false, ..outcome.clone() }.behind_the_gate();
    assert!(closed.saved.is_empty() && closed.right.is_empty());
    let open = Outcome { passed: true, ..outcome }.behind_the_gate();
    assert_eq!(open.saved.len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_no_list_is_a_failure() {
    let bench = Bench::new();
    let entry = bench.entry(|entry| entry.id() == "pt-0002");
    bench.model.script_json(Script::new().say("I am sorry"));
    let outcome = bench.learn(&entry).await;
    assert!(outcome.failed && outcome.saved.is_empty() && outcome.again.is_none());
}

#[test]
fn nothing_is_told_of_the_held_out_part() {
    let bench = prompts::load(&prompts::folder()).unwrap();
    let held = bench.iter().find(|entry| entry.part == Part::HeldOut && entry.holds()).unwrap();
    let outcome = Outcome {
        id: held.id().to_owned(),
        part: held.part,
        language: held.language,
        category: held.category().to_owned(),
        sampled: true,
        holds: true,
        passed: true,
        failed: false,
        labels: Vec::new(),
        saved: Vec::new(),
        found: Vec::new(),
        known_already: Vec::new(),
        right: Vec::new(),
        known: Vec::new(),
        again: None,
    };
    assert!(details(&[outcome]).is_empty());
}
