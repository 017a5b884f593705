//! Text that something is to be done with: 'traduza: …', 'correct this:' and a block below, 'resuma o texto acima'.

use super::own_words::Foreign;
use super::tokens::{Token, Tokens};
use std::{collections::HashMap, ops::Range, sync::LazyLock};

/// Verbs that ask for work on a text and hardly for anything else.
const WORK_VERBS: &str = "traduza traduz traduzir traduzam traduzes traduzires traduzi translate translating verte render spellcheck verta verter corrija corrige corrigir corriges \
corrijam correct proofread revise revisa revisar reveja rever resuma resumir resumes resumam sintetize sintetiza sintetizar summarise summarize \
summarising summarizing reescreva reescreve reescrever reescreves rewrite rephrase reword paraphrase parafraseie parafraseia parafrasear conjugue transcreva punctuate extract extraia extrai extrair condense condensa condensar tighten shorten refatora refactor \
transcrever transcribe tldr tl translation traducao classifique classifica classificar classify";

/// Verbs that ask for work on a text only where one is named or pointed at.
const LOOSE_VERBS: &str = "resume edit edite edita polish improve melhore melhora melhorar fix check review continue continua continuar complete completa completar \
analyse analyze analise analisa analisar explain explique explica explicar interpret interprete interpreta interpretar evaluate avalie avalia avaliar \
comment comente comenta comentar grade convert converta converte converter format formate formata extract extraia extrai extrair identify identifique \
identifica adapt adapte adapta simplify simplifique simplifica shorten encurte encurta passe passa passar coloque coloca poe bota deixe deixa turn make \
put read leia le lê count conte conta rate describe descreva categorize categorise label rotule \
ajuste ajusta arrume arruma arrumar confira confere conferir verifique verifica tidy clean correct acha ache encontre encontra find mean means significa quer finish termine expand expanda add adicione coloque make right wrong certo certa correto correta errado natural";

/// Nouns for a text.
pub(super) const TEXT_NOUNS: &str = "texto textos text frase frases sentence sentences paragrafo paragraph paragraphs paragrafos email emails e-mail mail carta letter review reviews resenha \
comentario comment comentarios comments artigo article mensagem mensagens message messages msg tweet post letra lyrics conversa conversation dialogo dialogue \
transcript transcricao documento document trecho passage excerpt poema poem redacao essay abstract notas depoimento testimonial anuncio ad citacao \
quote quotation fala line lines linha linhas verso verses verse historia story conto input entrada snippet trechos bilhete nota log logs chat memo diario diary \
estrofe stanza legenda caption questao exercise exercicio enunciado codigo code descricao description paragrafo relato relatorio report statement biografia discurso speech \
cv curriculo bio introducao intro rascunho draft oracao expressao expression prompt versao version zap virgula virgulas crase repeticao repeticoes ortografia pontuacao concordancia gramatica \
acentos typos typo commas comma grammar spelling punctuation wording discurso gist takeaways";

/// Words that point at a text.
const POINTERS: &str = "dessa desse desta deste nessa nesse nesta neste disso disto this these following below isto isso esse essa esses essas este esta estes estas seguinte seguintes abaixo embaixo aqui here";

/// Words that point back at a text.
const POINTERS_BACK: &str = "above acima anterior this isso isto esse este essa esta cima that it";

/// Languages: what follows one in 'traduz pra inglês …' is the text.
pub(super) const LANGUAGES: &str = "ingles portugues espanhol frances alemao italiano japones chines russo latim coreano arabe holandes english portuguese spanish french german italian japanese \
chinese russian latin korean arabic dutch mandarin mandarim";

/// Words with which an author comes back after a paste.
const RETURNS: &str = "btw alias ps obs nb proposito by-the-way anyway also tambem lembre lembra remember thanks obrigado obrigada valeu please pls favor";

/// What is said of people's speech: 'ela disse: …'.
const SPEECH_VERBS: &str = "disse falou escreveu perguntou respondeu gritou comentou mandou diz fala dizia falava said says wrote asked replied told texted writes answered posted goes perguntava escreve \
dizendo saying falando";

/// Who said it when it was the author.
const AUTHOR: &str = "eu i me mim vc voce you ja i've";

/// How many colons, and lines that may hand something over, are looked at.
const MAX_LEADS: usize = 200;
/// How much text before a colon, and of a line, is looked at, in bytes.
const LEAD_BYTES: usize = 240;
/// Within how many words of a sentence an ordering verb stands that is common also elsewhere.
const LOOSE_WITHIN: usize = 5;
/// How short a last paragraph that hands over what stands above is, and how long that is at least, in bytes.
const BACK_MAX_BYTES: usize = 300;
const ABOVE_MIN_BYTES: usize = 80;

/// What a few words before a text say of it.
#[derive(Clone, Copy, Debug, Default)]
struct Lead {
    /// A verb that asks for work on a text.
    work: bool,
    /// A verb that does so where a text is named.
    loose: bool,
    noun: bool,
    points: bool,
    points_back: bool,
    language: bool,
    begins_language: bool,
    /// Others' speech is announced.
    speech: bool,
    words: usize,
    any: bool,
}

impl Lead {
    /// Whether a text comes after a colon.
    fn hands_over(self) -> bool {
        self.work
            || self.noun
            || self.speech
            || (self.loose && (self.points || self.language))
            || (self.language && (self.words <= 4 || self.begins_language || self.points))
    }

    /// Whether a text comes in the next lines.
    fn hands_over_below(self) -> bool {
        (self.work || self.loose) && (self.noun || self.points || self.language) || (self.noun && self.points)
    }

    /// Whether a text comes after a question: 'does this sound natural? …'.
    fn asks_about(self) -> bool {
        self.loose && self.points && !self.noun
    }

    /// Whether the text came before.
    fn hands_over_above(self) -> bool {
        (self.work || self.loose) && (self.noun || self.points_back)
    }
}

struct Tables {
    words: HashMap<&'static str, u8>,
    returns: Vec<&'static str>,
}

const WORK: u8 = 1;
const LOOSE: u8 = 2;
const NOUN: u8 = 4;
const POINTS: u8 = 8;
const BACK: u8 = 16;
const SPEECH: u8 = 32;
const AUTHOR_SAID: u8 = 64;
const LANGUAGE: u8 = 128;

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut words: HashMap<&str, u8> = HashMap::new();
    let lists = [
        (WORK_VERBS, WORK),
        (LOOSE_VERBS, LOOSE),
        (TEXT_NOUNS, NOUN),
        (POINTERS, POINTS),
        (POINTERS_BACK, BACK),
        (SPEECH_VERBS, SPEECH),
        (AUTHOR, AUTHOR_SAID),
        (LANGUAGES, LANGUAGE),
    ];
    for (list, flag) in lists {
        list.split_whitespace().for_each(|word| *words.entry(word).or_default() |= flag);
    }
    Tables { words, returns: RETURNS.split_whitespace().collect() }
});

fn flags(tokens: &Tokens, token: &Token) -> u8 {
    TABLES.words.get(tokens.word(token)).copied().unwrap_or_default()
}

fn lead(text: &str) -> Lead {
    let tokens = Tokens::of(text);
    let mut lead = Lead::default();
    let mut before = 0;
    lead.words = tokens.list().len();
    for (index, token) in tokens.list().iter().enumerate() {
        let flags = flags(&tokens, token);
        lead.work |= flags & WORK != 0;
        lead.loose |= flags & WORK != 0 || (flags & LOOSE != 0 && index < LOOSE_WITHIN);
        lead.noun |= flags & NOUN != 0;
        lead.points |= flags & POINTS != 0;
        lead.points_back |= flags & BACK != 0;
        lead.begins_language |= flags & LANGUAGE != 0 && !lead.any;
        lead.any = true;
        lead.language |= flags & LANGUAGE != 0;
        lead.speech |= flags & SPEECH != 0 && before & AUTHOR_SAID == 0;
        before = flags;
    }
    lead
}

/// Whether the end of a line hands over the text that comes after it.
pub(super) fn hands_over(line: &str) -> bool {
    let sentence = line.rsplit(['.', '!', '?']).next().unwrap_or_default();
    lead(sentence).hands_over()
}

/// Where a paste that begins at `from` ends: at a paragraph in which the author comes back ('aliás, …', 'btw …'), or with the prompt.
pub(super) fn end_of_paste(prompt: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(step) = prompt.get(at..).and_then(|rest| rest.find("\n\n")) {
        let next = at + step + 2;
        if prompt.get(next..).is_some_and(comes_back) {
            return next;
        }
        at = next;
    }
    prompt.len()
}

fn comes_back(paragraph: &str) -> bool {
    let start: String = paragraph.trim_start().chars().take(40).collect();
    let tokens = Tokens::of(&start);
    let mut first = tokens.list().iter().take(3).map(|token| tokens.word(token));
    first.next().is_some_and(|word| TABLES.returns.contains(&word))
        || start.to_lowercase().starts_with("by the way")
        || start.to_lowercase().starts_with("a propósito")
}

/// Adds pasted text in the ranges `own` of `prompt` to `foreign`.
pub(super) fn find(prompt: &str, own: &[Range<usize>], foreign: &mut Foreign) {
    let mut until = 0;
    let mut left = MAX_LEADS;
    for range in own {
        let mut at = range.start.max(until);
        while let Some(step) = prompt.get(at..range.end).and_then(|text| text.find([':', '\n', '→', '>', '?'])) {
            let mark = at + step;
            at = prompt.ceil_char_boundary(mark + 1);
            left = left.saturating_sub(1);
            if left == 0 {
                return;
            }
            if let Some(end) = handed_over(prompt, range, mark) {
                foreign.add(at..end);
                until = end;
                at = end;
            }
            if at >= range.end {
                break;
            }
        }
    }
    if until == 0 {
        find_above(prompt, own, foreign);
    }
}

/// Where the text ends that is handed over by the words before the colon or line end at `mark`.
fn handed_over(prompt: &str, range: &Range<usize>, mark: usize) -> Option<usize> {
    let colon = !prompt.get(mark..)?.starts_with('\n');
    let question = prompt.get(mark..)?.starts_with('?');
    let arrow = prompt.get(mark..)?.starts_with('>');
    let next = prompt.ceil_char_boundary(mark + 1);
    if arrow && !prompt.get(..mark)?.ends_with(['-', '=']) {
        return None;
    }
    let after = prompt.get(next..)?;
    if prompt.get(next..range.end).is_some_and(|rest| rest.trim().is_empty()) {
        // What is handed over stands in marks of its own, or nothing is.
        return None;
    }
    if colon && !after.starts_with(char::is_whitespace) && !after.is_empty() {
        // A time, an address, a namespace.
        return None;
    }
    let from = prompt.ceil_char_boundary(mark.saturating_sub(LEAD_BYTES)).max(range.start);
    let before = prompt.get(from..mark)?;
    let line = before.rsplit('\n').next().unwrap_or_default();
    let line = line.rsplit(['.', '!', '?']).find(|part| !part.trim().is_empty()).unwrap_or_default();
    let lead = lead(line);
    if question {
        return lead.asks_about().then(|| end_of_paste(prompt, next));
    }
    if colon {
        return lead.hands_over().then(|| end_of_paste(prompt, next));
    }
    let blank = after.starts_with('\n');
    let below = lead.hands_over_below() && !after.trim().is_empty() && (blank || lead.work || lead.points);
    below.then(|| end_of_paste(prompt, next))
}

/// A short last paragraph may hand over what stands above it.
fn find_above(prompt: &str, own: &[Range<usize>], foreign: &mut Foreign) {
    let Some(range) = own.last().filter(|range| range.end == prompt.len()) else {
        return;
    };
    let text = prompt.get(range.clone()).unwrap_or_default().trim_end();
    let Some(step) = text.rfind("\n\n") else {
        return;
    };
    let last = text.get(step..).unwrap_or_default();
    if last.len() <= BACK_MAX_BYTES && step >= ABOVE_MIN_BYTES && lead(last).hands_over_above() {
        foreign.add(range.start..range.start + step);
    }
}
