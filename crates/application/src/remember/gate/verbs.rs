//! Verbs as tables of infinitives and base forms, with the forms in which people say them of themselves.

/// What a verb says of the one who says 'I do it'.
///
/// - `life`: something that lasts, whatever comes after it: 'moro', 'I prefer'.
/// - `habit`: something that lasts when it is said as a habit, with an object or alone: 'corro', 'I play'.
/// - `task`: what one does or needs at the moment: 'preciso', 'I need'.
/// - `turn`: something that has changed a life when it is told as past: 'casei', 'I moved'.
pub(super) const PORTUGUESE: [(&str, &str); 5] = [
    (
        "life",
        "morar residir viver lecionar detestar adorar odiar abominar costumar colecionar torcer amamentar namorar frequentar administrar gerenciar liderar chefiar coordenar \
         programar cultivar praticar treinar malhar pedalar meditar curtir apreciar trabalhar estagiar advogar exercer empreender conviver hospedar criar cuidar \
         cursar pesquisar tocar cozinhar atender comandar presidir dirigir mentorar clinicar pertencer amar gostar tolerar suportar aguentar fumar \
         plantar colher pescar velejar surfar nadar correr lutar remar acampar bordar costurar tricotar pintar desenhar esculpir fotografar compor \
         jejuar rezar votar militar alugar dividir acordar evitar manter possuir estudar ensinar palestrar orientar mestrar doutorar mexer \
         faturar freelar operar pilotar navegar embarcar patinar escalar dispensar recusar rejeitar",
    ),
    (
        "habit",
        "usar tomar beber jogar ler escrever assistir ouvir escutar cantar dançar acompanhar caminhar andar pegar levar apreciar receber ganhar pagar gastar poupar investir pesar medir \
         calçar vestir dormir levantar deitar jantar almoçar falar entender compreender dominar conhecer acreditar seguir participar apoiar servir assinar produzir gravar vender \
         montar construir projetar desenvolver manusear consertar entregar transportar viajar rodar fazer dar sofrer tratar controlar render escolher curar postar publicar \
         comprar passar ficar sair voltar chegar acordar preparar assar vir sentir detectar lidar visitar guardar",
    ),
    (
        "task",
        "precisar querer poder dever  tentar achar pensar imaginar supor desejar esperar perguntar pedir agradecer encontrar resolver instalar configurar centralizar \
         converter calcular mandar enviar colocar botar traduzir formatar adicionar remover corrigir melhorar explicar dizer responder limpar \
         saber ver ir  buscar    declarar emitir solicitar recuperar exportar importar carregar baixar criar atualizar converter juntar \
         separar ligar desligar perguntar  pôr   saber  cobrar aplicar subir testar plantar cozinhar    ",
    ),
    (
        "turn",
        "casar mudar nascer crescer morar formar graduar aposentar divorciar separar noivar enviuvar largar parar desistir virar vender adotar engravidar migrar emagrecer engordar herdar aprender fundar \
         trabalhar estudar viver reatar converter batizar efetivar promover demitir aderir abandonar retomar matricular inscrever trancar",
    ),
    (
        "change",
        "deixar começar entrar sair passar comprar perder ganhar operar abrir montar fechar descobrir terminar trocar voltar arranjar arrumar conseguir assumir completar fazer tirar assinar decidir resolver tornar \
         cancelar mandar contratar vir transferir cortar acabar",
    ),
];

/// The same of English, by base form.
pub(super) const ENGLISH: [(&str, &str); 4] = [
    (
        "elife",
        "live reside prefer love hate adore detest dislike enjoy despise loathe own teach manage lead supervise volunteer breed collect breastfeed homeschool commute farm coach mentor \
         identify lecture rent babysit freelance garden knit crochet sew bake meditate jog swim surf climb cycle fish hunt camp worship pray moonlight \
         drive coordinate direct chair row ski sail paint sing dance mind distrust trust tutor dread suffer raise foster cohost share co-own co-parent coparent",
    ),
    (
        "ehabit",
        "work use play speak study run eat drink take read write watch listen cook practice practise train wear weigh sleep wake follow support maintain sell build grow \
         fly travel walk ride lift smoke vape fast pay earn invest save subscribe vote believe attend serve treat design develop program code host produce record compose operate \
         avoid skip order deliver brew lean tend cover bike stream react dual keep carry shoot struggle bake rely",
    ),
    (
        "etask",
        "need want wonder try guess suppose mean ask hope wish look say tell add remove fix convert center change create format install set open close send delete calculate explain understand \
         put let apply cancel reset update upload download export import merge sort connect figure forget click type paste test debug compile restart choose decide pronounce respond report claim file",
    ),
    (
        "eturn",
        "move marry divorce graduate retire quit stop start begin become grow adopt buy sell lose win join leave found open close switch change turn learn have get give take bear raise separate \
         split decide break relocate emigrate immigrate migrate finish sign enrol enroll inherit convert cancel drop fall land pass fail study work live train serve lived cut land downsize upgrade trade swap ditch",
    ),
];

/// Portuguese forms that the rules do not yield, by class of form.
pub(super) const IRREGULAR: [(&str, &str); 12] = [
    ("life1", "prefiro odeio odeo dirijo possuo mantenho componho vivo exerco pertenco colho convivo rejo presido"),
    (
        "habit1",
        "durmo visto sigo ouco meco leio creio faco dou saio venho produzo construo sinto rendo conheco passeio perco",
    ),
    (
        "task1",
        "quero posso devo consigo peco sei vejo ponho digo suponho descubro traduzo corrijo respondo vou consgo presiso",
    ),
    ("change_past", "fiz fui tive vim dei pus trouxe"),
    ("life3", "prefere vive odeia mantem possui dirige"),
    ("habit3", "dorme veste ouve le faz da sai vem usa come bebe"),
    ("task3", "quer pode deve consegue precisa sabe ve"),
    ("life_ing", "fazendo morando"),
    (
        "sse",
        "fosse fossem tivesse tivessem fizesse pudesse quisesse viesse desse soubesse estivesse dissesse houvesse visse pusesse",
    ),
    ("elived", "taught led drove bred swam sang rode"),
    (
        "eturned",
        "became grew bought sold lost won left found began got gave took bore broke fell had quit cut was born split woke married",
    ),
    (
        "epast",
        "went did made said saw knew thought told came ran ate drank read wrote spoke slept felt kept met heard built brought taught wore flew paid spent stood understood tried asked used needed wanted",
    ),
];

/// Gives each form with its class to `take`: for a class `x` of Portuguese `x1` (I), `x_we`, `x3` (a gente …), `x_ing`, and for past tenses
/// `x_was`; of English `x` (I, we), `x_ing`, `xd` (past).
pub(super) fn conjugate_all(mut take: impl FnMut(&str, &str)) {
    for (class, infinitives) in PORTUGUESE {
        for infinitive in infinitives.split_whitespace() {
            conjugate_portuguese(class, &plain(infinitive), &mut take);
        }
    }
    for (class, bases) in ENGLISH {
        for base in bases.split_whitespace() {
            conjugate_english(class, base, &mut take);
        }
    }
    for (class, forms) in IRREGULAR {
        forms.split_whitespace().for_each(|form| take(class, &plain(form)));
    }
}

fn plain(word: &str) -> String {
    word.chars()
        .map(|char| match char {
            'ç' => 'c',
            'ô' => 'o',
            'í' => 'i',
            'ê' => 'e',
            other => other,
        })
        .collect()
}

fn conjugate_portuguese(class: &str, infinitive: &str, take: &mut impl FnMut(&str, &str)) {
    let Some((stem, ending)) = infinitive.len().checked_sub(2).and_then(|at| infinitive.split_at_checked(at)) else {
        return;
    };
    // 'Dou', 'vou', 'vejo' are in the table of irregular forms.
    if stem.len() < 2 {
        return;
    }
    let past = match (ending, stem.as_bytes().last()) {
        ("ar", Some(b'g')) => format!("{stem}uei"),
        ("ar", _) => format!("{stem}ei"),
        _ => format!("{stem}i"),
    };
    let (we, gerund, third, imperfect) = match ending {
        "ar" => ("amos", "ando", "a", "ava"),
        "er" => ("emos", "endo", "e", "ia"),
        _ => ("imos", "indo", "e", "ia"),
    };
    let first = match (ending, stem.as_bytes().last()) {
        ("er" | "ir", Some(b'g')) => format!("{}jo", stem.trim_end_matches('g')),
        _ => format!("{stem}o"),
    };
    take(&format!("{class}1"), &first);
    take(&format!("{class}_past"), &past);
    if ending == "ar" && stem.ends_with('c') {
        take(&format!("{class}_past"), &format!("{}quei", stem.trim_end_matches('c')));
    }
    take(&format!("{class}_we"), &format!("{stem}{we}"));
    take(&format!("{class}_ing"), &format!("{stem}{gerund}"));
    take(&format!("{class}3"), &format!("{stem}{third}"));
    take(&format!("{class}_was"), &format!("{stem}{imperfect}"));
    take(&format!("{class}_inf"), infinitive);
}

fn conjugate_english(class: &str, base: &str, take: &mut impl FnMut(&str, &str)) {
    let stem = base.strip_suffix('e').unwrap_or(base);
    let last = base.chars().next_back().unwrap_or(' ');
    take(class, base);
    take(&format!("{class}_ing"), &format!("{stem}ing"));
    take(&format!("{class}_ing"), &format!("{base}{last}ing"));
    take(&format!("{class}d"), &format!("{stem}ed"));
    take(&format!("{class}d"), &format!("{base}{last}ed"));
    if let Some(stem) = base.strip_suffix('y') {
        take(&format!("{class}d"), &format!("{stem}ied"));
    }
}
