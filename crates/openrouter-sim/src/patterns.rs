//! How people say things about themselves, as folded words. `*` stands for one to three words.

/// A way to start a statement, the kind of memory it makes, and what may not follow it.
pub(crate) struct Pattern {
    pub(crate) words: &'static str,
    pub(crate) kind: &'static str,
    /// Words that make it no statement worth keeping, when one of them comes next.
    pub(crate) unless: &'static str,
    /// Words of which one has to come next; any when empty.
    pub(crate) needs: &'static str,
}

const fn pattern(words: &'static str, kind: &'static str) -> Pattern {
    Pattern { words, kind, unless: "", needs: "" }
}

impl Pattern {
    const fn unless(self, unless: &'static str) -> Self {
        Self { unless, ..self }
    }

    const fn needs(self, needs: &'static str) -> Self {
        Self { needs, ..self }
    }
}

const PROFILE: &str = "profile";
const PREFERENCE: &str = "preference";
const INSTRUCTION: &str = "instruction";
const FACT: &str = "fact";

const PLACES: &str = "como em no na nos nas num numa com para pela pelo de ha remoto remotamente meio";
const IDLE: &str = "trying wondering looking sorry not sure asking going getting having curious confused stuck writing \
    working using here fine ok good happy glad afraid thinking just unable reading doing seeing about back done so \
    interested";
const QUESTIONS: &str =
    "question questions problem problems doubt doubts issue issues idea to been some this that no the";
const DUVIDAS: &str = "duvida duvidas pergunta perguntas problema certeza medo que de um_problema";

/// All of them; the first that fits counts.
pub(crate) static PATTERNS: [Pattern; 71] = [
    pattern("meu nome e", PROFILE),
    pattern("chamo me", PROFILE),
    pattern("me chamo", PROFILE),
    pattern("sou", PROFILE).unless("eu grato grata obrigado obrigada"),
    pattern("nao sou mais", PROFILE),
    pattern("nao sou", PROFILE),
    pattern("moro", PROFILE),
    pattern("nao moro", PROFILE),
    pattern("vivo", PROFILE).needs("em no na nos nas com"),
    pattern("trabalho", PROFILE).needs(PLACES),
    pattern("nao trabalho", PROFILE),
    pattern("estudo", PROFILE),
    pattern("nasci", PROFILE),
    pattern("me mudei", PROFILE),
    pattern("mudei me", PROFILE),
    pattern("mudei para", PROFILE),
    pattern("prefiro", PREFERENCE),
    pattern("gosto", PREFERENCE).unless("disso disto"),
    pattern("nao gosto", PREFERENCE).unless("disso disto"),
    pattern("adoro", PREFERENCE),
    pattern("amo", PREFERENCE),
    pattern("detesto", PREFERENCE),
    pattern("odeio", PREFERENCE),
    pattern("nao suporto", PREFERENCE),
    pattern("nao como", PREFERENCE),
    pattern("meu * favorito", PREFERENCE),
    pattern("minha * favorita", PREFERENCE),
    pattern("me chame", INSTRUCTION),
    pattern("me chama de", INSTRUCTION),
    pattern("chame me", INSTRUCTION),
    pattern("pode me chamar", INSTRUCTION),
    pattern("fale comigo", INSTRUCTION),
    pattern("fala comigo", INSTRUCTION),
    pattern("me trate", INSTRUCTION),
    pattern("trate me", INSTRUCTION),
    pattern("sempre", INSTRUCTION).needs("responda responde fale use escreva me"),
    pattern("responda sempre", INSTRUCTION),
    pattern("me responda sempre", INSTRUCTION),
    pattern("nunca", INSTRUCTION).needs("responda fale use escreva me"),
    pattern("tenho", FACT).unless(DUVIDAS),
    pattern("nao tenho", FACT).unless(DUVIDAS),
    pattern("meu aniversario e", FACT),
    pattern("meu * se chama", FACT),
    pattern("minha * se chama", FACT),
    pattern("my name is", PROFILE),
    pattern("my name's", PROFILE),
    pattern("i am", PROFILE).unless(IDLE),
    pattern("i'm", PROFILE).unless(IDLE),
    pattern("im", PROFILE).needs("a an"),
    pattern("i am no longer", PROFILE),
    pattern("i live", PROFILE),
    pattern("i no longer", PROFILE).needs("live work"),
    pattern("i work", PROFILE),
    pattern("i study", PROFILE),
    pattern("i was born", PROFILE),
    pattern("i moved to", PROFILE),
    pattern("i prefer", PREFERENCE),
    pattern("i like", PREFERENCE).unless("it that this the_idea"),
    pattern("i love", PREFERENCE).unless("it that this"),
    pattern("i hate", PREFERENCE).unless("it that this"),
    pattern("i dislike", PREFERENCE),
    pattern("i enjoy", PREFERENCE),
    pattern("i don't", PREFERENCE).needs("like eat drink enjoy"),
    pattern("my favorite", PREFERENCE),
    pattern("my favourite", PREFERENCE),
    pattern("call me", INSTRUCTION),
    pattern("talk to me", INSTRUCTION),
    pattern("speak to me", INSTRUCTION),
    pattern("always", INSTRUCTION).needs("answer reply respond use write talk speak call"),
    pattern("never", INSTRUCTION).needs("answer reply respond use write talk speak call"),
    pattern("i have", FACT).unless(QUESTIONS),
];

/// What may stand before a statement without being part of it.
pub(crate) static FILLERS: [&str; 42] = [
    "na verdade",
    "lembre se de que",
    "lembre se que",
    "lembre que",
    "lembra que",
    "saiba que",
    "anote que",
    "anota que",
    "a partir de agora",
    "por favor",
    "remember that",
    "note that",
    "you should know",
    "from now on",
    "by the way",
    "bom dia",
    "boa tarde",
    "boa noite",
    "eu",
    "tambem",
    "agora",
    "hoje",
    "atualmente",
    "e",
    "mas",
    "porem",
    "oi",
    "ola",
    "alias",
    "ja",
    "also",
    "now",
    "actually",
    "currently",
    "and",
    "but",
    "well",
    "hi",
    "hello",
    "so",
    "please",
    "que",
];

/// Words that join two statements.
pub(crate) static JOINTS: [&str; 7] = ["e", "mas", "porem", "and", "but", "so", "entao"];

/// How something that is no statement goes on after one.
pub(crate) static TURNS: [&str; 38] = [
    "qual",
    "quais",
    "como",
    "onde",
    "quando",
    "quanto",
    "quantos",
    "quem",
    "o que",
    "por que",
    "que",
    "pode",
    "poderia",
    "voce",
    "me ajude",
    "me diga",
    "me explique",
    "explique",
    "preciso",
    "quero",
    "queria",
    "gostaria",
    "devo",
    "what",
    "which",
    "how",
    "where",
    "when",
    "who",
    "why",
    "can",
    "could",
    "would",
    "should",
    "please",
    "do you",
    "explain",
    "tell me",
];

/// How a statement's beginning is told of someone else; where one is not here, the author's words stay as they are.
pub(crate) static TOLD: [(&str, &str); 59] = [
    ("meu nome e", "Chama-se"),
    ("chamo me", "Chama-se"),
    ("me chamo", "Chama-se"),
    ("sou", "É"),
    ("nao sou mais", "Não é mais"),
    ("nao sou", "Não é"),
    ("moro", "Mora"),
    ("nao moro", "Não mora"),
    ("vivo", "Vive"),
    ("trabalho", "Trabalha"),
    ("nao trabalho", "Não trabalha"),
    ("estudo", "Estuda"),
    ("nasci", "Nasceu"),
    ("me mudei", "Mudou-se"),
    ("mudei me", "Mudou-se"),
    ("mudei para", "Mudou-se para"),
    ("prefiro", "Prefere"),
    ("gosto", "Gosta"),
    ("nao gosto", "Não gosta"),
    ("adoro", "Adora"),
    ("amo", "Ama"),
    ("detesto", "Detesta"),
    ("odeio", "Odeia"),
    ("nao suporto", "Não suporta"),
    ("nao como", "Não come"),
    ("me chame", "Quer ser chamado(a)"),
    ("me chama de", "Quer ser chamado(a) de"),
    ("chame me", "Quer ser chamado(a)"),
    ("pode me chamar", "Quer ser chamado(a)"),
    ("fale comigo", "Quer conversar"),
    ("fala comigo", "Quer conversar"),
    ("me trate", "Quer ser tratado(a)"),
    ("trate me", "Quer ser tratado(a)"),
    ("responda sempre", "Quer respostas sempre"),
    ("me responda sempre", "Quer respostas sempre"),
    ("tenho", "Tem"),
    ("nao tenho", "Não tem"),
    ("meu aniversario e", "Faz aniversário"),
    ("my name is", "Is called"),
    ("my name's", "Is called"),
    ("i am", "Is"),
    ("i'm", "Is"),
    ("im", "Is"),
    ("i live", "Lives"),
    ("i work", "Works"),
    ("i study", "Studies"),
    ("i was born", "Was born"),
    ("i moved to", "Moved to"),
    ("i prefer", "Prefers"),
    ("i like", "Likes"),
    ("i love", "Loves"),
    ("i hate", "Hates"),
    ("i dislike", "Dislikes"),
    ("i enjoy", "Enjoys"),
    ("i don't", "Doesn't"),
    ("i have", "Has"),
    ("call me", "Wants to be called"),
    ("talk to me", "Wants to be talked to"),
    ("speak to me", "Wants to be spoken to"),
];
