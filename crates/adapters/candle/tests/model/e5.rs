//! Multilingual E5, cut to English and Portuguese.

use crate::{cosine, nearest, trial, vectors};
use libtest_mimic::Trial;
use palavra_candle::{CandleEmbedder, CandleOptions, OpenError};
use palavra_domain::EmbedAs;
use serde::Deserialize;
use std::{fs, num::NonZeroUsize, path::PathBuf};

const ENGLISH: [&str; 10] = [
    "My dog is called Bento and he is afraid of thunder.",
    "I am allergic to peanuts.",
    "I live in Recife, two blocks from the beach.",
    "I work nights as a nurse in an emergency room.",
    "My daughter starts school in February.",
    "Please always answer in a formal tone.",
    "I am learning to play the cello.",
    "I don't eat meat.",
    "I am training for a marathon in April.",
    "My favourite programming language is Rust.",
];
const PORTUGUESE: [&str; 10] = [
    "Meu cachorro se chama Bento e tem medo de trovão.",
    "Tenho alergia a amendoim.",
    "Moro em Recife, a duas quadras da praia.",
    "Trabalho à noite como enfermeira num pronto-socorro.",
    "Minha filha começa a escola em fevereiro.",
    "Por favor, responda sempre em tom formal.",
    "Estou aprendendo a tocar violoncelo.",
    "Não como carne.",
    "Estou treinando para uma maratona em abril.",
    "Minha linguagem de programação preferida é Rust.",
];
/// What is asked in either language, and the place of what answers it.
const QUESTIONS: [(&str, usize); 8] = [
    ("what is my pet's name?", 0),
    ("qual é o nome do meu cachorro?", 0),
    ("what am I allergic to?", 1),
    ("em que cidade eu moro?", 2),
    ("when do I sleep, given my job at the hospital?", 3),
    ("which instrument do I play?", 6),
    ("que instrumento estou estudando?", 6),
    ("em que linguagem gosto de programar?", 9),
];

pub(crate) fn trials(folder: PathBuf) -> Vec<Trial> {
    vec![
        trial("e5", "vectors_are_the_packages_own", folder.clone(), vectors_are_the_packages_own),
        trial("e5", "what_is_alike_is_near", folder.clone(), what_is_alike_is_near),
        trial("e5", "languages_meet", folder.clone(), languages_meet),
        trial("e5", "questions_find_their_answers", folder.clone(), questions_find_their_answers),
        trial(
            "e5",
            "a_batch_is_what_its_texts_are_one_by_one",
            folder.clone(),
            a_batch_is_what_its_texts_are_one_by_one,
        ),
        trial("e5", "long_texts_are_cut", folder.clone(), long_texts_are_cut),
        trial("e5", "other_dimensions_are_told_with_both", folder, other_dimensions_are_told_with_both),
    ]
}

fn open(folder: PathBuf) -> CandleEmbedder {
    CandleEmbedder::open(CandleOptions { dimensions: Some(384), ..CandleOptions::new(folder) }).unwrap()
}

#[derive(Deserialize)]
struct Reference {
    texts: Vec<String>,
    queries: Vec<Vec<f32>>,
    passages: Vec<Vec<f32>>,
}

async fn vectors_are_the_packages_own(folder: PathBuf) {
    let reference: Reference = serde_json::from_slice(&fs::read(folder.join("reference.json")).unwrap()).unwrap();
    let texts: Vec<&str> = reference.texts.iter().map(String::as_str).collect();
    let embedder = open(folder);
    for (side, theirs, others) in [
        (EmbedAs::Query, &reference.queries, &reference.passages),
        (EmbedAs::Passage, &reference.passages, &reference.queries),
    ] {
        for (place, vector) in vectors(&embedder, &texts, side).await.iter().enumerate() {
            let (near, other) = (cosine(vector, &theirs[place]), cosine(vector, &others[place]));
            // Theirs are rounded to eight bits in every layer.
            assert!(near > 0.999, "{:?} as {side:?}: {near}", texts[place]);
            assert!(near > other, "{:?} as {side:?} is nearer to the other side: {near}, {other}", texts[place]);
        }
    }
}

async fn what_is_alike_is_near(folder: PathBuf) {
    let embedder = open(folder);
    for (one, same, other) in [
        ("I have a dog called Bento.", "Bento is my dog.", "The train to Lisbon leaves at noon."),
        ("I'm vegetarian.", "I don't eat meat.", "My car needs new tyres."),
        ("Sou vegetariano.", "Não como carne.", "Meu carro precisa de pneus novos."),
        ("Trabalho de madrugada.", "Meu turno é à noite.", "Gosto de bolo de cenoura."),
    ] {
        let vectors = vectors(&embedder, &[one, same, other], EmbedAs::Passage).await;
        let (near, far) = (cosine(&vectors[0], &vectors[1]), cosine(&vectors[0], &vectors[2]));
        assert!(near > far + 0.01, "{one:?}: {near} and {far}");
    }
}

async fn languages_meet(folder: PathBuf) {
    let embedder = open(folder);
    let english = vectors(&embedder, &ENGLISH, EmbedAs::Passage).await;
    let portuguese = vectors(&embedder, &PORTUGUESE, EmbedAs::Passage).await;
    for place in 0..ENGLISH.len() {
        let found = nearest(&english[place], &portuguese);
        assert_eq!(found, place, "{:?} is nearest to {:?}", ENGLISH[place], PORTUGUESE[found]);
        let found = nearest(&portuguese[place], &english);
        assert_eq!(found, place, "{:?} is nearest to {:?}", PORTUGUESE[place], ENGLISH[found]);
    }
}

async fn questions_find_their_answers(folder: PathBuf) {
    let embedder = open(folder);
    let questions: Vec<&str> = QUESTIONS.iter().map(|(question, _)| *question).collect();
    let questions = vectors(&embedder, &questions, EmbedAs::Query).await;
    for memories in [ENGLISH, PORTUGUESE] {
        let passages = vectors(&embedder, &memories, EmbedAs::Passage).await;
        for ((question, place), vector) in QUESTIONS.iter().zip(&questions) {
            let found = nearest(vector, &passages);
            assert_eq!(found, *place, "{question:?} finds {:?}", memories[found]);
        }
    }
}

async fn a_batch_is_what_its_texts_are_one_by_one(folder: PathBuf) {
    let batch_tokens = NonZeroUsize::new(96).unwrap();
    let embedder = CandleEmbedder::open(CandleOptions { batch_tokens, ..CandleOptions::new(folder) }).unwrap();
    let texts: Vec<&str> = ENGLISH.iter().chain(&PORTUGUESE).chain(&["", "a", "🙂"]).copied().collect();
    let batch = vectors(&embedder, &texts, EmbedAs::Passage).await;
    for (text, vector) in texts.iter().zip(&batch) {
        let single = &vectors(&embedder, &[text], EmbedAs::Passage).await[0];
        let apart = single.iter().zip(vector).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-4, "{text:?} is {apart} apart");
    }
}

async fn long_texts_are_cut(folder: PathBuf) {
    let embedder = open(folder);
    let long = "Moro em Recife. ".repeat(7_000);
    let longer = format!("{long} I am allergic to peanuts.");
    let vectors =
        vectors(&embedder, &[&long, &longer, "Moro em Recife.", "I am allergic to peanuts."], EmbedAs::Passage).await;
    assert!(cosine(&vectors[0], &vectors[1]) > 0.9999);
    assert!(cosine(&vectors[0], &vectors[2]) > cosine(&vectors[0], &vectors[3]));
}

async fn other_dimensions_are_told_with_both(folder: PathBuf) {
    let options = CandleOptions { dimensions: Some(1536), ..CandleOptions::new(folder) };
    let error = CandleEmbedder::open(options).unwrap_err();
    assert!(matches!(error, OpenError::Dimensions { model: 384, configured: 1536, .. }), "{error}");
}
