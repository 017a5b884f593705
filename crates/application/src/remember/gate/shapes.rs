//! What single lines look like: tables of how logs, code, mails and chats begin, and the looks that use them.

/// Levels that lines of logs name in capitals.
const LEVELS: [&str; 10] =
    ["ERROR", "WARN", "WARNING", "INFO", "DEBUG", "TRACE", "FATAL", "CRITICAL", "NOTICE", "SEVERE"];

/// How lines of logs and traces begin that carry no time.
const LOG_STARTS: [&str; 14] = [
    "Traceback (most recent",
    "File \"",
    "Caused by:",
    "npm ERR!",
    "npm error",
    "thread '",
    "error[E",
    "warning: unused",
    "--> ",
    "panic:",
    "fatal:",
    "Exception in thread",
    "Uncaught ",
    "goroutine ",
];

/// How lines of code begin that are nothing else.
const CODE_STARTS: [&str; 37] = [
    "//",
    "/*",
    "*/",
    "#include",
    "#!",
    "#define",
    "def ",
    "async def ",
    "fn ",
    "pub fn ",
    "pub struct ",
    "impl ",
    "let mut ",
    "async function ",
    "elif ",
    "SELECT ",
    "INSERT INTO",
    "CREATE TABLE",
    "ALTER TABLE",
    "DELETE FROM",
    "<?php",
    "@media",
    "using namespace",
    "console.",
    "System.out",
    "println!",
    "$ ",
    "if __name__",
    "printf(",
    "print(",
    "#pragma",
    "public class",
    "public static",
    "export default",
    "-->",
    "/**",
    "fun ",
];

/// How lines of code begin that may be prose as well.
const MAYBE_CODE_STARTS: [&str; 44] = [
    "const ",
    "let ",
    "var ",
    "function ",
    "export ",
    "public ",
    "private ",
    "protected ",
    "static ",
    "return ",
    "else",
    "try",
    "except",
    "finally",
    "select ",
    "insert into ",
    "update ",
    "delete ",
    "create ",
    "where ",
    "WHERE ",
    "FROM ",
    "UPDATE ",
    "SET ",
    "VALUES",
    "package ",
    "echo ",
    "npm ",
    "cargo ",
    "pip ",
    "sudo ",
    "docker ",
    "git ",
    "import ",
    "from ",
    "class ",
    "struct ",
    "enum ",
    "interface ",
    "if ",
    "for ",
    "while ",
    "# ",
    "-- ",
];

/// What stands in code and seldom in prose.
const CODE_SIGNS: [&str; 17] =
    ["();", "==", "!=", "&&", "||", "+=", "=>", "->", "::", "){", ") {", " = ", "($", ");", "[0]", "self.", "this."];

/// How a line of code ends.
const CODE_ENDS: [char; 3] = [';', '{', '}'];

/// The fields of a mail's head.
const HEADERS: [&str; 17] = [
    "from:",
    "to:",
    "cc:",
    "bcc:",
    "subject:",
    "re:",
    "date:",
    "sent:",
    "reply-to:",
    "de:",
    "para:",
    "assunto:",
    "data:",
    "enviado em:",
    "enviada em:",
    "enviado:",
    "responder a:",
];

/// How a mail begins that is passed on.
const FORWARDED: [&str; 9] = [
    "---------- forwarded",
    "-----original message",
    "-----mensagem original",
    "---------- mensagem encaminhada",
    "begin forwarded message",
    "mensagem encaminhada",
    "forwarded message",
    "início da mensagem reencaminhada",
    "-----mensagem encaminhada",
];

/// How a line ends that names the writer of what follows.
const ATTRIBUTIONS: [&str; 4] = ["wrote:", "escreveu:", "writes:", "escreve:"];

/// How a letter begins.
const SALUTATIONS: [&str; 11] = [
    "dear ",
    "prezad",
    "caro ",
    "cara ",
    "caros ",
    "ilustríssim",
    "exm",
    "to whom it may concern",
    "excelentíssim",
    "querido ",
    "querida ",
];

/// To whom a letter is written that is the prompt itself.
const ASSISTANTS: [&str; 6] = ["assist", "chat", "gpt", " ai", " ia", "robô"];

/// How a letter ends.
const CLOSINGS: [&str; 19] = [
    "best regards",
    "kind regards",
    "warm regards",
    "regards",
    "sincerely",
    "yours",
    "best,",
    "cheers,",
    "all the best",
    "respectfully",
    "atenciosamente",
    "att,",
    "att.",
    "cordialmente",
    "abraços",
    "um abraço",
    "cumprimentos",
    "com os melhores cumprimentos",
    "love,",
];

/// Who speaks in a chat, when it is no name.
const ROLES: &[&str] = &[
    "user",
    "assistant",
    "human",
    "ai",
    "bot",
    "chatbot",
    "system",
    "usuario",
    "usuário",
    "assistente",
    "sistema",
    "cliente",
    "client",
    "customer",
    "agent",
    "agente",
    "atendente",
    "suporte",
    "support",
    "interviewer",
    "entrevistador",
    "entrevistadora",
    "candidate",
    "candidato",
    "candidata",
    "teacher",
    "professor",
    "professora",
    "aluno",
    "aluna",
    "student",
    "doctor",
    "médico",
    "medico",
    "médica",
    "medica",
    "paciente",
    "patient",
    "mãe",
    "mae",
    "pai",
    "mom",
    "mum",
    "dad",
    "ela",
    "ele",
    "him",
    "her",
    "he",
    "she",
    "eu",
    "me",
    "you",
    "vc",
    "você",
    "chatgpt",
    "gpt",
    "vendedor",
    "vendedora",
    "seller",
    "buyer",
    "comprador",
    "boss",
    "chefe",
    "recruiter",
    "recrutador",
    "recrutadora",
    "therapist",
    "terapeuta",
    "narrator",
    "narrador",
];

/// Who speaks in a chat with an assistant: one line of it is enough.
const PROTOCOL: [&str; 10] =
    ["user", "assistant", "human", "ai", "system", "usuário", "usuario", "assistente", "sistema", "chatgpt"];

/// Labels of forms, lists and notes that people write about themselves: lines that begin so are no chat.
const LABELS: &[&str] = &[
    "nome",
    "name",
    "idade",
    "age",
    "cidade",
    "city",
    "profissao",
    "profissão",
    "profession",
    "job",
    "emprego",
    "cargo",
    "trabalho",
    "work",
    "altura",
    "height",
    "peso",
    "weight",
    "objetivo",
    "objetivos",
    "goal",
    "goals",
    "contexto",
    "context",
    "perfil",
    "profile",
    "sobre",
    "about",
    "hobby",
    "hobbies",
    "idioma",
    "idiomas",
    "língua",
    "línguas",
    "language",
    "languages",
    "obs",
    "ps",
    "nota",
    "notas",
    "note",
    "notes",
    "pergunta",
    "perguntas",
    "question",
    "questions",
    "dica",
    "tip",
    "importante",
    "important",
    "resumo",
    "summary",
    "detalhe",
    "detalhes",
    "detail",
    "details",
    "exemplo",
    "example",
    "opção",
    "option",
    "passo",
    "step",
    "etapa",
    "problema",
    "problem",
    "erro",
    "error",
    "título",
    "titulo",
    "title",
    "tema",
    "topic",
    "local",
    "location",
    "país",
    "country",
    "alergias",
    "allergies",
    "alergia",
    "dieta",
    "diet",
    "orçamento",
    "budget",
    "prazo",
    "deadline",
    "tarefa",
    "task",
    "requisitos",
    "requirements",
    "formato",
    "format",
    "tom",
    "tone",
    "público",
    "audience",
    "preferências",
    "preferences",
    "gosto",
    "gostos",
    "likes",
    "dislikes",
    "restrições",
    "restrictions",
    "família",
    "family",
    "horário",
    "schedule",
    "stack",
    "tools",
    "ferramentas",
    "formação",
    "education",
    "estudos",
    "saúde",
    "saude",
    "health",
    "bio",
    "aviso",
    "atenção",
    "warning",
    "lembrete",
    "reminder",
    "instrução",
    "instruções",
    "instruction",
    "instructions",
    "regra",
    "regras",
    "rule",
    "rules",
    "manhã",
    "tarde",
    "noite",
    "morning",
    "afternoon",
    "evening",
    "night",
    "segunda",
    "terça",
    "quarta",
    "quinta",
    "sexta",
    "sábado",
    "domingo",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "weekdays",
    "weekends",
    "hoje",
    "today",
    "amanhã",
    "tomorrow",
    "agora",
    "now",
    "antes",
    "before",
    "depois",
    "after",
    "pros",
    "prós",
    "cons",
    "contras",
    "primeiro",
    "segundo",
    "first",
    "second",
    "third",
    "finally",
    "background",
    "situação",
    "situation",
    "pedido",
    "request",
    "dúvida",
    "setup",
    "equipamento",
    "equipment",
    "pets",
    "filhos",
    "kids",
    "children",
    "casa",
    "home",
    "house",
    "também",
    "also",
    "btw",
    "ah",
    "medicação",
    "medicações",
    "medications",
    "meds",
    "conditions",
    "condições",
    "experiência",
    "experience",
    "instrumento",
    "instrument",
    "carro",
    "car",
    "café",
    "almoço",
    "jantar",
    "breakfast",
    "lunch",
    "dinner",
    "update",
    "edit",
    "fyi",
    "reminders",
    "correção",
    "correction",
    "resposta",
    "respostas",
    "answer",
    "answers",
    "estilo",
    "style",
    "pronomes",
    "pronouns",
    "signo",
    "religião",
    "religion",
    "time",
    "plano",
    "plan",
    "meta",
    "metas",
    "sistema operacional",
];

/// The first bytes of a line in lower case: what beginnings are compared with.
fn head(line: &str) -> String {
    line.chars().take(40).flat_map(char::to_lowercase).collect()
}

fn starts_with_any(text: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| text.starts_with(start))
}

/// A time, a level in capitals, or a trace.
pub(super) fn is_log(text: &str) -> bool {
    let first = text.trim_start_matches(['[', '(', '<']);
    let starts_with_digit = first.starts_with(|char: char| char.is_ascii_digit());
    if starts_with_digit && has_clock(first) {
        return true;
    }
    let first = text.split_whitespace().next().unwrap_or_default();
    if first.len() > 7 && (first.ends_with("Error:") || first.ends_with("Exception:")) {
        return true;
    }
    let named = text.split_whitespace().take(6).map(|word| word.trim_matches(['[', ']', ':', '(', ')', '|', '-']));
    let capitals = text.as_bytes().iter().take(60).any(u8::is_ascii_uppercase);
    (capitals && named.into_iter().any(|word| LEVELS.contains(&word)) && text.contains([':', '[', '=']))
        || starts_with_any(text, &LOG_STARTS)
        || (text.starts_with("at ") && text.ends_with(')') && text.contains('('))
}

/// Whether a date or a time of day to the minute comes first, followed by another or by a separator: '2024-05-01 10:11:12',
/// '10:22:31 ', '[10:22, 12/05/2024] Ana: …'. '10:30 acordo' is none.
fn has_clock(text: &str) -> bool {
    let stamp = text.find(|char: char| {
        !(char.is_ascii_digit() || matches!(char, ':' | '-' | '/' | '.' | ',' | ' ' | 'T' | 'Z' | '+'))
    });
    let stamp = text.get(..stamp.unwrap_or(text.len())).unwrap_or_default();
    let digits = stamp.bytes().filter(u8::is_ascii_digit).count();
    let colons = stamp.bytes().filter(|byte| *byte == b':').count();
    digits >= 6 && colons >= 1
}

/// Markup or JSON that fills the line.
pub(super) fn is_data(text: &str) -> bool {
    let markup = text.starts_with('<') && text.ends_with('>') && text.len() > 2;
    let object = text.starts_with(['{', '['])
        && text.get(1..).is_some_and(|rest| rest.trim_start().starts_with(['"', '{', '\'']));
    let member = text.starts_with('"') && text.contains("\":");
    markup || object || member || text.starts_with('}') || text.starts_with("],")
}

/// How much a line looks like code: nothing, perhaps, certainly.
pub(super) fn code_signs(text: &str) -> u8 {
    let call = text.ends_with(')') && (text.contains("(\"") || text.contains("=\""));
    if call || starts_with_any(text, &CODE_STARTS) {
        return 2;
    }
    let start = u8::from(starts_with_any(text, &MAYBE_CODE_STARTS));
    let end = u8::from(text.ends_with(CODE_ENDS));
    let signs = CODE_SIGNS.iter().filter(|sign| text.contains(**sign)).take(2).count();
    let signs = u8::try_from(signs).unwrap_or(2);
    let comment = u8::from(signs > 0 && (text.contains(" # ") || text.contains(" // ") || text.contains(" -- ")));
    // Signs alone also stand in prose about code.
    (start + end + signs.min(1) + comment).min(2)
}

pub(super) fn is_header(text: &str) -> bool {
    let head = head(text.trim_start_matches(['*', '>', ' ']));
    text.contains(':') && HEADERS.iter().any(|field| head.starts_with(field))
}

/// A field that names who wrote, or what about: it begins a mail by itself.
pub(super) fn is_sender(text: &str) -> bool {
    starts_with_any(&head(text.trim_start_matches(['*', ' '])), &["from:", "subject:", "de:", "assunto:"])
}

pub(super) fn is_forwarded(text: &str) -> bool {
    if !text.starts_with('-') && !text.ends_with(':') && !text.contains('-') && text.len() > 60 {
        return false;
    }
    let head = head(text);
    FORWARDED.iter().any(|start| head.starts_with(start)) || ATTRIBUTIONS.iter().any(|end| text.ends_with(end))
}

pub(super) fn is_salutation(text: &str) -> bool {
    let head = head(text);
    let to_assistant = ASSISTANTS.iter().any(|name| head.contains(name));
    text.len() < 80 && text.ends_with([',', ':', '.', '!']) && !to_assistant && starts_with_any(&head, &SALUTATIONS)
}

pub(super) fn is_closing(text: &str) -> bool {
    text.len() < 60 && starts_with_any(&head(text), &CLOSINGS)
}

/// The length of the name that a line of a chat begins with: 'Ana: …', '*João Silva* (10:22): …', 'user: …'.
pub(super) fn speaker(text: &str) -> Option<usize> {
    if let Some((name, said)) = text.strip_prefix('<').and_then(|rest| rest.split_once('>'))
        && !name.is_empty()
        && name.len() <= 24
        && !name.contains(['<', '=', '/', '"'])
        && !said.trim().is_empty()
        && !said.contains('<')
    {
        return Some(name.len() + 1);
    }
    let (name, said) = text.split_once(':')?;
    if name.len() > 40 || said.trim().is_empty() || said.starts_with("//") {
        return None;
    }
    let bare = bare_name(name);
    let lower = bare.to_lowercase();
    let first = lower.split(' ').next().unwrap_or_default();
    if ROLES.contains(&lower.as_str()) || ROLES.contains(&first) {
        return Some(name.len());
    }
    let words = bare.split(' ').filter(|word| !word.is_empty());
    let named = !bare.is_empty()
        && words.clone().count() <= 3
        && words.clone().all(|word| word.starts_with(char::is_uppercase));
    (named && !LABELS.contains(&first) && !LABELS.contains(&lower.as_str())).then_some(name.len())
}

/// A name without what surrounds it in a chat: marks of emphasis, a time in brackets.
fn bare_name(name: &str) -> &str {
    let name = name.split(['(', '[']).next().unwrap_or_default();
    name.trim_matches(|char: char| matches!(char, '*' | '-' | '•' | '_' | '#' | '@' | '<' | ' '))
}

/// Whether a speaker is a side of a chat with an assistant.
pub(super) fn is_protocol(name: &str) -> bool {
    PROTOCOL.contains(&bare_name(name).to_lowercase().as_str())
}

/// How many separators of fields a line has, if it looks like a row of a table, else 0.
pub(super) fn separators(text: &str) -> usize {
    let count = |separator: u8| text.bytes().filter(|byte| *byte == separator).count();
    if text.starts_with('|') {
        return count(b'|');
    }
    for separator in [b'\t', b';', b'|'] {
        let found = count(separator);
        if found >= 2 {
            return found;
        }
    }
    // Commas of prose have a space behind them.
    let tight = text.as_bytes().windows(2).filter(|pair| pair[0] == b',' && pair[1] != b' ').count();
    if tight >= 2 { tight } else { 0 }
}
