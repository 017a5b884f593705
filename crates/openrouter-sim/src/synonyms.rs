//! Everyday words that mean the same in Portuguese and English.

use crate::words::stem;
use std::{collections::HashMap, sync::LazyLock};

/// One meaning a line, folded words.
const MEANINGS: &str = "
moro mora morar vivo vive viver resido live lives living reside home casa house apartamento apartment
trabalho trabalha trabalhar emprego profissao work works working job profession occupation
prefiro prefere preferir preferencia prefer prefers preference preferred
gosto gosta gostar adoro adora curtir like likes enjoy love loves
detesto detesta odeio odeia odiar hate hates dislike dislikes
favorito favorita predileto favourite favorite
nome chamo chama chamar name call called
idade anos age years old
aniversario birthday
desenvolvedor desenvolvedora programador programadora developer programmer coder
medico medica doctor physician
enfermeiro enfermeira nurse
professor professora teacher
advogado advogada lawyer
engenheiro engenheira engineer
estudante aluno aluna student pupil
estudo estuda estudar study studies
cidade city town
pais country
comida comer refeicao prato food eat meal dish
receita recipe
vegetariano vegetariana vegetarian
vegano vegana vegan
carne meat
cafe coffee
cha tea
agua water
cachorro cachorra cao dog
gato gata cat
filho filha filhos crianca child children kid son daughter
esposa mulher wife
marido esposo husband
mae mother
pai father
irmao brother
irma sister
amigo amiga friend
lingua idioma linguagem language
ingles inglesa english
portugues portuguesa portuguese
espanhol espanhola spanish
formal formalmente formais formality
informal informalmente
responda responder resposta responde answer answers reply respond response
fale fala falar talk speak
curto curta breve conciso concisa short brief concise
longo longa long
exemplo example
musica music
livro ler leitura book read reading
filme movie film
viajar viagem travel trip
cor color colour
azul blue
verde green
vermelho vermelha red
carro car
bicicleta bike bicycle
praia beach
chuva rain
clima tempo weather
futebol football soccer
esporte esportes desporto sport
correr corrida run running
alergia alergico alergica allergy allergic
amendoim amendoins peanut peanuts
dinheiro money
preco custo price cost
entrega entregar delivery deliver delivered
prazo deadline
reuniao meeting
escola school
telefone celular phone
computador computer
capital capitais capitals
brasil brazil brasileiro brasileira brazilian
lisboa lisbon
saude health
manha morning
noite night evening
";

/// Stems to the number of their meaning.
static TABLE: LazyLock<HashMap<String, usize>> = LazyLock::new(|| {
    let lines = MEANINGS.lines().filter(|line| !line.is_empty()).enumerate();
    lines.flat_map(|(meaning, line)| line.split(' ').map(move |word| (stem(word), meaning))).collect()
});

/// The meaning of a stem, if it is one of the table's.
pub(crate) fn meaning(stem: &str) -> Option<usize> {
    TABLE.get(stem).copied()
}
