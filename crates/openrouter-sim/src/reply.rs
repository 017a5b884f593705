//! What the simulated model says: it shows what it was given.

use crate::{
    operations::Question,
    wire::ChatCall,
    words::{Language, fold, language},
};
use serde_json::{Map, Value, json};

/// How much of a text is quoted.
const QUOTED: usize = 300;

/// The answer to a call. `schema` is what it has to keep to, if the model enforces one.
pub(crate) fn answer(call: &ChatCall, schema: Option<&Value>) -> String {
    let prompts = call.prompts();
    let (prompt, earlier) = prompts.split_last().map_or(("", &[][..]), |(last, rest)| (last.as_str(), rest));
    let system = call.system();
    if let Some(schema) = schema {
        return fit(schema, prompt).to_string();
    }
    if system.contains("\"operations\"") {
        let operations = Question::of(prompt).operations();
        let json = serde_json::to_string_pretty(&json!({"operations": operations})).unwrap_or_default();
        return match language(prompt) {
            Language::Portuguese => format!("Aqui está o que encontrei:\n\n```json\n{json}\n```"),
            Language::English => format!("Here is what I found:\n\n```json\n{json}\n```"),
        };
    }
    talk(prompt, earlier, &memories(&system))
}

/// A value that keeps to the schema; where it asks for operations on memories, the ones that the prompt calls for.
fn fit(schema: &Value, prompt: &str) -> Value {
    let mut answer = least(schema);
    let Some(item) = schema["properties"]["operations"].get("items") else { return answer };
    let operation = |operation: Value| {
        let Some(wanted) = item["properties"].as_object() else { return operation };
        let fields = wanted
            .iter()
            .map(|(name, schema)| (name.clone(), operation.get(name).cloned().unwrap_or_else(|| least(schema))));
        Value::Object(fields.collect())
    };
    answer["operations"] = Question::of(prompt).operations().into_iter().map(operation).collect();
    answer
}

/// The least that keeps to a schema.
fn least(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    let names =
        |name: &str| schema["type"] == name || schema["type"].as_array().is_some_and(|all| all.contains(&json!(name)));
    if names("null") {
        Value::Null
    } else if names("string") {
        json!("")
    } else if names("array") {
        json!([])
    } else if names("integer") || names("number") {
        json!(0)
    } else if names("boolean") {
        json!(false)
    } else {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Value::Object(required.map(|name| (name.to_owned(), least(&schema["properties"][name]))).collect::<Map<_, _>>())
    }
}

/// The memories that a system message gives: lines that begin `- ` inside `<user_memories>`.
pub(crate) fn memories(system: &str) -> Vec<String> {
    let mut memories = Vec::new();
    let mut rest = system;
    while let Some((_, block)) = rest.split_once("<user_memories") {
        let (block, after) = block.split_once("</user_memories").unwrap_or((block, ""));
        let lines = block.lines().map(str::trim).filter_map(|line| line.strip_prefix("- "));
        memories.extend(lines.map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
        rest = after;
    }
    memories
}

/// How the user wants to be spoken to, as the memories say.
struct Manner {
    language: Language,
    formal: bool,
    name: Option<String>,
}

impl Manner {
    fn new(prompt: &str, memories: &[String]) -> Self {
        let mut manner = Self { language: language(prompt), formal: false, name: None };
        for memory in memories {
            let folded = fold(memory);
            let says = |words: &str| folded.contains(words);
            if says("formal") && !says("informal") {
                manner.formal = true;
            }
            let answering = ["respond", "respost", "answer", "fale", "repl", "talk", "speak", "convers", "spoken"]
                .iter()
                .any(|word| says(word));
            if answering && (says("em ingles") || says("in english")) {
                manner.language = Language::English;
            } else if answering && (says("em portugues") || says("in portuguese")) {
                manner.language = Language::Portuguese;
            }
            if let Some(name) = name(memory) {
                manner.name = Some(name);
            }
        }
        manner
    }
}

/// The name that a memory gives the user.
fn name(memory: &str) -> Option<String> {
    const BEFORE: [&str; 14] = [
        "meu nome é ",
        "me chamo ",
        "chamo-me ",
        "me chame de ",
        "chame-me de ",
        "me chama de ",
        "chama-se ",
        "chamado(a) de ",
        "chamado de ",
        "chamada de ",
        "my name is ",
        "call me ",
        "is called ",
        "to be called ",
    ];
    // Lower case of these letters has the same length, so places in one are places in the other.
    let lower = memory.to_lowercase();
    let start = BEFORE.iter().find_map(|before| lower.find(before).map(|at| at + before.len()))?;
    let rest = memory.get(start..)?;
    let name = rest.split([',', '.', ';', '!', '(']).next().map(str::trim)?;
    (!name.is_empty() && name.split_whitespace().count() <= 3).then(|| name.to_owned())
}

fn asks_about_the_user(prompt: &str) -> bool {
    const QUESTIONS: [&str; 12] = [
        "sabe sobre mim",
        "sabe de mim",
        "sabes sobre mim",
        "lembra de mim",
        "lembra sobre mim",
        "quem sou eu",
        "know about me",
        "remember about me",
        "know of me",
        "remember me",
        "who am i",
        "remember of me",
    ];
    let folded = fold(prompt);
    QUESTIONS.iter().any(|question| folded.contains(question))
}

fn quote(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn talk(prompt: &str, earlier: &[String], memories: &[String]) -> String {
    let manner = Manner::new(prompt, memories);
    let portuguese = manner.language == Language::Portuguese;
    let pick = |pt: &str, en: &str| if portuguese { pt.to_owned() } else { en.to_owned() };
    let greeting = match (&manner.name, manner.formal) {
        (Some(name), true) => format!("{} {name}: ", pick("Prezado(a)", "Dear")),
        (None, true) => format!("{}: ", pick("Prezado(a) usuário(a)", "Dear user")),
        (Some(name), false) => format!("{name}, "),
        (None, false) => String::new(),
    };
    let asked = match (portuguese, manner.formal) {
        (true, true) => format!("a sua pergunta foi: “{}”", quote(prompt)),
        (true, false) => format!("você perguntou: “{}”", quote(prompt)),
        (false, true) => format!("your question was: “{}”", quote(prompt)),
        (false, false) => format!("you asked: “{}”", quote(prompt)),
    };
    let mut lines = vec![capital(&format!("{greeting}{asked}"))];
    lines.push(match earlier.split_last() {
        None => {
            pick("Esta é a primeira mensagem que vejo nesta conversa.", "This is the first message I see in this chat.")
        }
        Some((last, before)) => {
            let count = before.len() + 1;
            let last = quote(last);
            match (portuguese, count) {
                (true, 1) => format!("Antes desta, vejo 1 mensagem sua: “{last}”"),
                (true, _) => format!("Antes desta, vejo {count} mensagens suas; a última foi: “{last}”"),
                (false, 1) => format!("Before this one I see 1 message of yours: “{last}”"),
                (false, _) => format!("Before this one I see {count} messages of yours; the last was: “{last}”"),
            }
        }
    });
    if memories.is_empty() {
        if asks_about_the_user(prompt) {
            lines.push(pick("Ainda não sei nada sobre você.", "I know nothing about you yet."));
        }
    } else {
        let intro = pick("Isto é o que sei sobre você:", "This is what I know about you:");
        lines.push(memories.iter().fold(intro, |text, memory| format!("{text}\n- {memory}")));
    }
    if asks_about_the_user(prompt) {
        // What was asked for comes first.
        let about = lines.pop().unwrap_or_default();
        lines.insert(0, about);
    }
    lines.join("\n\n")
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(messages: &Value) -> ChatCall {
        serde_json::from_value(json!({"model": "sim/fast", "messages": messages})).unwrap()
    }

    const MEMORIES: &str =
        "Be helpful.\n<user_memories>\nAbout the user:\n- Sou médica\n- Fale comigo formalmente\n</user_memories>";

    #[test]
    fn shows_history_and_memories_in_the_prompts_language() {
        let conversation = json!([
            {"role": "system", "content": MEMORIES},
            {"role": "user", "content": "primeira"}, {"role": "assistant", "content": "…"},
            {"role": "user", "content": "segunda"}, {"role": "assistant", "content": "…"},
            {"role": "user", "content": "Qual é a capital?"},
        ]);
        let text = answer(&call(&conversation), None);
        for part in
            ["Prezado", "“Qual é a capital?”", "2 mensagens", "“segunda”", "- Sou médica", "- Fale comigo formalmente"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        let text = answer(&call(&json!([{"role": "user", "content": "What is the capital?"}])), None);
        assert!(text.starts_with("You asked: “What is the capital?”"), "{text}");
        assert!(text.contains("first message"), "{text}");
    }

    #[test]
    fn tells_what_it_knows_of_the_user() {
        let about = |system: &str, question: &str| {
            answer(&call(&json!([{"role": "system", "content": system}, {"role": "user", "content": question}])), None)
        };
        assert!(
            about(MEMORIES, "O que você sabe sobre mim?").starts_with("Isto é o que sei sobre você:\n- Sou médica\n")
        );
        assert!(about("", "What do you know about me?").starts_with("I know nothing about you yet."));
        assert!(
            about("<user_memories>\n- Quer ser chamado(a) de Zé\n</user_memories>", "Olá!")
                .starts_with("Zé, você perguntou")
        );
    }

    #[test]
    fn operations_fit_the_schema_or_stand_in_a_fence() {
        let schema = json!({"type": "object", "required": ["operations"], "properties": {"operations": {"type": "array", "items": {
            "type": "object", "required": ["op", "quote", "text", "why"],
            "properties": {"op": {"type": "string"}, "quote": {"type": "string"}, "text": {"type": "string"}, "why": {"type": ["string", "null"]}},
        }}}});
        let messages = json!([
            {"role": "system", "content": "Answer {\"operations\": […]}"},
            {"role": "user", "content": "I like tea"}, {"role": "assistant", "content": "{}"},
            {"role": "user", "content": "Known:\n(none)\nMessage:\nMoro em Recife"},
        ]);
        let answered: Value = serde_json::from_str(&answer(&call(&messages), Some(&schema))).unwrap();
        let operation = json!({"op": "add", "quote": "Moro em Recife", "text": "Mora em Recife", "why": null});
        assert_eq!(answered, json!({"operations": [operation]}));
        let fenced = answer(&call(&messages), None);
        assert!(fenced.starts_with("Aqui está") && fenced.ends_with("```"), "{fenced}");
        let question = json!([{"role": "user", "content": "Qual é a capital?"}]);
        assert_eq!(answer(&call(&question), Some(&schema)), r#"{"operations":[]}"#);
        assert_eq!(
            answer(
                &call(&question),
                Some(&json!({"type": "object", "required": ["n"],
            "properties": {"n": {"type": "integer"}}}))
            ),
            r#"{"n":0}"#
        );
    }
}
