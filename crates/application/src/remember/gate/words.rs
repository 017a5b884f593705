//! Words by class, folded (lower case, no accents). A word may be in several classes.

use super::grammar::grammar;
use super::rules::CLAIMS;

/// Classes whose words are listed.
pub(super) const CLASSES: &[(&str, &str)] = &[
    // Who speaks.
    ("i", "i ii"),
    ("im", "i'm im i'am iam"),
    ("ive", "i've ive"),
    ("ill", "i'll i'd ill"),
    ("we", "we we're we've we'll weve"),
    ("my", "my our ours"),
    ("mine", "mine"),
    ("me", "me myself us ourselves"),
    ("eu", "eu ew"),
    ("mim", "mim comigo conosco"),
    ("meu", "meu minha meus minhas nosso nossa nossos nossas "),
    ("gente", "gente nos"),
    ("text", super::pasted::TEXT_NOUNS),
    ("lang", super::pasted::LANGUAGES),
    ("self", "i im i'm i've ive i'd i'll my mine myself me we our ours us eu mim comigo meu minha meus minhas nosso nossa nossos nossas sou"),
    // Being.
    ("sou", "sou somos"),
    ("era", "era fui eramos fomos"),
    ("estou", "estou tou to estamos tamos toh"),
    ("tenho", "tenho temos tnho"),
    ("be", "am was were been being is are"),
    // What stands between.
    ("not", "not n't nao n never nunca jamais no nem ja"),
    (
        "adv",
        "sempre nunca ja ainda so tambem tbm tb mais muito mto bem mal quase geralmente normalmente realmente apenas nao nem agora hoje atualmente hj mesmo ate talvez \
         always never usually often also only just really still already currently actually now mostly generally rarely hardly sometimes normally typically honestly \
         absolutely kinda sorta literally currently basically recently both all mainly personally do don't dont didn't cant can't cannot won't",
    ),
    (
        "article",
        "o a os as um uma uns umas the an a some any",
    ),
    (
        "det",
        "o os as um uma no na nos nas do da dos das ao aos pelo pela este esse aquele esta essa aquela cada todo toda qualquer meu minha seu sua em de por para com sem num numa pro pra neste nesse nessa nesta \
         outro outra algum alguma nenhum nenhuma mais muito cujo entre sobre segundo terceiro primeiro bom boa melhor novo nova the a an this that my your his her their our to of in for",
    ),
    ("link", "e mas que onde quando se porque pois como nem ainda gente so tambem entao ja and but la ca"),
    // Asking.
    ("cond", "seria teria faria poderia iria deveria gostaria queria viria diria estaria moraria pagaria compraria"),
    (
        "ask",
        "como onde aonde quando qual quais quem quanto quantos quanta quantas oq cade donde how what where when which who why whose whats what's how's where's who's when's",
    ),
    (
        "aux",
        "do did can could should would will shall may might must am was were have had does has can't couldn't shouldn't don't didn't wouldn't won't are is if",
    ),
    // Ordering something, with which a sentence begins.
    (
        "request",
        "explica explique explicar explain lista liste listar list escreve escreva escrever write faz faca fazer make cria crie \
         criar create gera gere gerar generate give dar sugere sugira sugerir suggest recomenda recomende recommend mostra \
         mostre show conta conte tell diz diga dizer define defina compara compare comparar calcula calcule calcular calculate \
         traduz traduza traduzir translate resume resuma resumir summarize summarise ajuda ajude ajudar help corrige corrija \
         corrigir correct refatora refatore refactor converte converta converter convert passa passe monta monte montar limit \
         limite limita be seja enumere enumera output print return ensure number bold italicize highlight sublinha destaca \
         destaque numera numere invente inventa invent descreve descreva descrever describe find ache acha procura procure busca \
         busque indica indique ensina ensine teach propose proponha draft redige redija fix reescreve reescreva rewrite analisa \
         analise analisar analyse analyze name brainstorm quiz outline continua continue completa complete transforma transforme \
         turn muda mude change troca troque adiciona adicione add remove remova tira tire coloca coloque poe ponha bota bote put \
         deixa deixe let organiza organize organise ordena ordene sort rank classifica classifique classify rate avalia avalie \
         evaluate review revisa revise check confere confira verifica verifique interpreta interprete simula simule simulate \
         imagina imagine finge finja pretend act roleplay play responde responda responder answer reply respond fala fale speak \
         cita cite expande expanda expand encurta encurte shorten simplifica simplifique simplify resolve resolva solve prova \
         prove demonstra derive plan planeja planeje design desenha desenhe draw sketch compose compoe componha roast rhyme \
         entertain distrai distraia surprise pick choose escolhe escolha decide debate discuss discuta comenta comente comment \
         extract extrai extraia identify identifica identifique count spell pronounce format formata formate punctuate condensa \
         condense sintetiza sintetize paraphrase parafraseia rephrase reword proofread polish improve melhora melhore edit edita \
         tweak trim cut corta corte double divide multiply subtract soma some estimate estima search look pesquisa pesquise \
         google transcribe transcreve verte verta adapta adapte adapt use usa repeat repete repita stop start comeca comece \
         begin send manda mande read le leia ve veja olha see dica dicas prepara prepare arruma arrume aponta aponte point \
         separa separe junta junte merge split combine test testa teste debug roda rode implementa implemente implement build \
         optimize otimiza otimize document annotate critique critica argue defend contraste contrast relaciona cancel predict \
         guess advinha adivinha adivinhe recita recite sing canta cante keep mantem mantenha resumas elabora elabore elaborar \
         desenvolva desenvolve produza produz redigir formule formula enuncie apresente apresenta discorra disserte justifique \
         justifica exemplifique exemplifica conjugue conjuga nomeie nomeia subtraia multiplique divida arredonde transcreva \
         decifre descubra prossiga prossegue recomece refaca refaz retire acrescente acrescenta insira insere substitua \
         substitui reduza reduz aumente aumenta diminua ajuste ajusta cheque checa valide valida depure documente mostra-me \
         diz-me explica-me ajuda-me faz-me da-me dame passa-me conta-me arranja-me escreve-me recomenda-me sugere-me elaborate \
         develop produce formulate justify exemplify conjugate arrange sum round decode decipher proceed redo insert replace \
         swap shrink enlarge reduce increase decrease adjust validate lint profile benchmark mock illustrate visualize graph \
         chart trace recap brief digest walk feed grab fetch ideate consider weigh vote scan skim parse tokenize measure \
         decorate caption label tag filter dedupe anonymize redact censor emphasize capitalize uppercase lowercase",
    ),
    // Looking something up, with which a sentence begins.
    (
        "query",
        "receita receitas melhor melhores diferenca diferencas significado sinonimo sinonimos ideia ideias dica dicas exemplo \
         exemplos quantidade preco valor tabuada historia origem causa causas sintomas lista passo passos formula conjugacao \
         traducao etimologia resumo roteiro horario distancia previsao cotacao biografia capital populacao definicao conceito \
         vantagens desvantagens tipos tutorial comando sintaxe atalho alternativa alternativas versao top quais pros recipe \
         recipes best difference differences meaning synonym synonyms idea ideas tip tips example examples cheapest fastest \
         easiest price cost history origin cause causes symptoms list steps etymology summary itinerary distance weather \
         biography population definition calories calorias average media size amount number side effects advantages \
         disadvantages types command syntax shortcut alternative alternatives cons any anyone other fun good quick cheap easy \
         translation instructions directions quote quotes facts lyrics tem existe ha alguem alguma algum sera quero queria \
         preciso posso pode podes poderia poderias consegue consegues voce vc sabe sabes gostaria need want wanna looking help \
         curious wondering modelo modelos template templates exercicios frases nomes musicas filmes series presentes lugares \
         restaurantes hoteis trilhas roteiros dados numeros estatisticas quantos quantas tamanho nota resultado resultados \
         placar tabela calendario feriados clima temperatura dolar euro signos significados antonimo antonimos plural feminino \
         masculino aumentativo coletivo regencia crase pronuncia abreviatura sigla cep ddd prazo validade documentos requisitos \
         beneficios maleficios efeitos colaterais contraindicacoes dose dosagem proteina carboidratos names movies songs gifts \
         places restaurants hotels hikes routes numbers statistics salary results standings calendar holidays temperature \
         exchange rate meanings antonym antonyms pronunciation abbreviation acronym zip area deadline requirements benefits \
         dosage protein carbs healthiest strongest largest smallest tallest longest oldest youngest richest deadliest between \
         open-source popular famous typical minimum maximum",
    ),
    // With what a sentence may begin before it comes to the point.
    (
        "opener",
        "e mas entao ai ah alias bom bem olha cara gente mano pessoal galera oi ola ei opa eai alo dia boa tarde noite obrigado obrigada valeu ok okay blz certo beleza por favor pfv pf favor agora tambem so hi hello hey hiya yo ok okay so and but well now then also please pls plz thanks \
         thank you good morning evening afternoon right alright anyway btw um uh dude man guys bro honestly quick question one pergunta rapida duvida rapidinho just ja agora olhe escuta desculpa sorry excuse perfeito perfect great otimo cool nice legal sim yes nao no nope yeah yep",
    ),
    // Forms of 'I do' that are nouns or adjectives more often.
    (
        "noun1",
        "uso jogo canto gasto peso passo posto visto caminho acordo apoio controlo trato projeto vendo vivo curto lido sonho treino estudo ensino trabalho gosto curso almoco voto luto remo bordo cultivo comando pinto custo nado registro preparo conserto consumo corte reparo retorno ganho",
    ),
    // Greetings and small talk.
    (
        "greet",
        "oi ola oie opa eai alo bom boa dia tarde noite noites hi hello hey yo hiya morning evening afternoon good tchau ate logo bye goodbye cya obrigado obrigada obrigadinho obg brigado brigada valeu vlw thanks thank thx ty cheers \
         ok okay okey blz beleza certo claro sim nao yes no yep nope yeah yup sure perfeito perfect great otimo legal cool nice show top massa kkk kkkk kkkkk kkkkkk haha hahaha rs lol lmao tudo bem td tranquilo joia viva tks \
         entendi got it understood awesome amazing brilliant lovely wonderful please pfv porfavor prazer ajudou ajuda lot helped helpful welcome that's all viva jaja e ai you voce vc tu muito demais mesmo very much so eita nossa uau wow well hmm hm uh querido querida amigo adorei amei volta buddy congrats parabens loved otimo arrasou friend mate",
    ),
    // People.
    (
        "household",
        "filho filha filhos filhas filhinho filhinha bebe neto neta netos netas netinho netinha marido mulher esposa esposo \
         companheiro companheira namorado namorada noivo noiva conjuge gemeos gemeas enteado enteada cachorro cachorra cachorros \
         cachorrinho cachorrinha cao caes cadela cadelas doguinho gato gata gatos gatas gatinho gatinha papagaio calopsita \
         coelho coelha hamster passarinho cavalo egua pet pets tartaruga jabuti crianca criancas cacula primogenito primogenita \
         menino menina meninos meninas guri guria afilhado maridao pequeno pequena filhote filhotes bichano son sons daughter \
         daughters kid kids child children toddler toddlers baby babies newborn twins triplets stepson stepdaughter grandson \
         granddaughter grandkids grandchild grandchildren husband wife hubby wifey spouse fiance fiancee girlfriend boyfriend gf \
         bf partner dog dogs cat cats puppy puppies kitten kittens parrot rabbit rabbits horse horses pony bunny bunnies \
         tortoise goldfish pup doggo budgie ferret gecko snake roommate flatmate housemate preschooler teenager teen stepkids \
         stepchildren preteen infant dachshund labrador poodle beagle collie corgi greyhound terrier retriever husky hens \
         chickens goats bees hives filhao filhota filhotinha netinhos bisneto bisneta bisnetos sobrinho-neto gemea enteados \
         mozao mor namo maridinho muie patroa periquito canario calopsitas galinha galinhas porquinho furao iguana chinchila \
         cadelinha vira-lata vira-latas shihtzu pinscher salsicha poodles pitbull siames bulldog grandsons granddaughters \
         grandbaby great-grandson stepkid goddaughter godson fosters dogs' ducks sheep cows donkey alpacas llama beehive budgies \
         cockatiel parakeet turtle lizard bearded dragon guinea pigs hedgehog aquarium mutt doodle pug chihuahua malinois \
         spaniel whippet lurcher staffie rottweiler maine coon siamese tabby lodger lodgers boarders in-laws' carer",
    ),
    (
        "relative",
        "pai mae pais irmao irma irmaos irmas avo avos vo vovo tio tia tios tias primo prima primos primas sogro sogra sogros \
         cunhado cunhada sobrinho sobrinha padrinho madrinha amigo amiga amigos amigas chefe colega colegas vizinho vizinha \
         vizinhos vizinhas professor professora patrao patroa gerente prefeito mayor president presidente council government \
         governo medico medica dentista advogado psicologo psicologa terapeuta contador orientador orientadora treinador \
         padrasto madrasta bisavo ficante crush inquilino proprietario senhorio sindico mother mom mum mama mommy dad daddy \
         father parents parent brother brothers sister sisters aunt aunts uncle uncles cousin cousins grandma grandmother \
         grandfather grandpa gran nan nana granddad grandparents friend friends boss manager colleague colleagues coworker \
         coworkers neighbor neighbors neighbour neighbours landlord landlady teacher doctor gp dentist lawyer therapist \
         accountant nephew nephews niece nieces in-laws inlaws mother-in-law bestie mate mates buddy buddies supervisor director \
         stepdad stepmum stepmom stepfather stepmother godmother recruiter classmate classmates teammate teammates cunhados \
         cunhadas primao sobrinhos sobrinhas nora genro compadre comadre conhecido conhecida parente parentes roomie chefia \
         lider coordenador coordenadora supervisora diretor diretora secretaria pediatra psiquiatra cardiologista ginecologista \
         oftalmologista nutricionista fisioterapeuta barbeiro cabeleireira mecanico encanador eletricista pedreiro porteiro \
         zelador locador locatario fornecedor paquera contatinho peguete vizinhanca bro galera ancestor ancestors \
         great-grandmother great-grandfather grandad granny barber plumber electrician pediatrician psychiatrist cardiologist \
         neurologist oncologist gynecologist nutritionist physiotherapist physio pharmacist surgeon optician dermatologist \
         orthodontist acquaintance pal date situationship ex-wife ex-husband ex-boyfriend ex-girlfriend ceo cto supplier vendor \
         officemate flatmate's neighbours' interviewer hr",
    ),
    // What exam questions count.
    ("counter", "laranja laranjas maca macas bola bolas moeda moedas dado dados carta cartas bala balas reais real litros litro kg metros apple apples orange oranges ball balls coin coins die dice card cards marbles candies dollars dollar bucks pounds euros liters litres meters"),
    // Somebody who is talked of.
    (
        "other",
        "ele ela eles elas dele dela deles delas he she they him her his hers their them someone somebody alguem fulano candidato candidata cliente vizinho vizinha professor professora dono dona autor autora moca rapaz senhora senhor cara menina aluno aluna atendente jogador ator atriz cantor cantora presidente candidate neighbor neighbour teacher author woman man guy girl lady player actor actress singer president friend amigo amiga colega \
         chefe boss landlord porteiro gerente manager customer seller vendedor vendedora medico doctor review resenha email mensagem comentario",
    ),
    // What people do and where.
    (
        "work",
        "alunos alunas pacientes clientes paciente cliente empresa startup loja negocio restaurante padaria clinica consultorio \
         escritorio fazenda sitio chacara roca lavoura horta oficina salao barraca atelie estudio tcc tese dissertacao mestrado \
         doutorado monografia faculdade curso turma turmas plantao plantoes escala turno equipe produto saas podcast canal \
         newsletter livro romance carreira profissao area ong ministerio banda dupla coral turnos mandato marmoraria franquia \
         bar pousada hotel curadoria funcionarios funcionario empregados estagiarios orientandos leitores assinantes seguidores \
         inquilinos igreja congregacao paroquia escola creche laboratorio pesquisa rebanho gado colmeias apiario students \
         student patients patient clients customers pupils tenants employees employee staff business restaurant bakery clinic \
         practice farm studio shop salon store product channel novel thesis dissertation phd masters degree shift shifts team \
         squad crew career profession industry nonprofit charity band choir congregation parish church school lab classroom \
         sophomores freshmen juniors seniors graders cohort apprentices interns allotment beehives herd flock orchard vineyard \
         unit ward regiment ship dispatch route rounds trade obra obras cliente-alvo contratos turminha orientanda orientando \
         monitorados detentos hospedes passageiros fieis paroquianos pescados safra colheita plantacao estufa granja apicultura \
         cafezal vinhedo pomar criacao viveiro barco lancha frota banca quiosque food-truck foodtruck trailer estacao delegacia \
         quartel batalhao cartorio forum tribunal gabinete secretaria prefeitura camara agencia consultoria corretora \
         imobiliaria contabilidade marcenaria serralheria grafica confeccao costura brecho sebo livraria farmacia drogaria \
         pet-shop petshop ubs upa abrigo asilo passengers inmates parishioners harvest crops fleet cab stall kiosk precinct \
         barracks battalion courtroom chambers newsroom agency consultancy brokerage dealership workshop forge cafe diner \
         brewery winery distillery bookshop pharmacy hospice shelter daycare nursery preschool kindergarten troop squadron \
         platoon union orchestra ensemble quartet trio theatre theater zine clients' students' listeners subscribers followers \
         readers trainees mentees",
    ),
    (
        "condition",
        "diabetes asma alergia alergias intolerancia pressao enxaqueca enxaquecas hipertensao tdah autismo ansiedade depressao \
         epilepsia lupus artrite artrose fibromialgia endometriose sop hernia escoliose gastrite refluxo hipotireoidismo \
         colesterol insonia dislexia daltonismo celiaca doenca sindrome deficiencia gravidez gestacao quimio quimioterapia \
         hemodialise protese marcapasso transplante cirurgia bariatrica diagnostico tratamento rinite sinusite psoriase \
         dermatite vitiligo anemia tireoide crohn parkinson alzheimer avc hiv cancer autoimune ostomia cadeirante cadeira \
         lactose gluten toc bipolaridade esclerose glaucoma ceratocone zumbido apneia gota asthma allergy allergies intolerance \
         migraine migraines adhd add autism anxiety depression epilepsy arthritis fibromyalgia endometriosis pcos scoliosis ibs \
         ibd crohn's reflux gerd hypothyroidism insomnia dyslexia disability pregnancy chemo chemotherapy dialysis prosthesis \
         pacemaker transplant surgery diagnosis eczema psoriasis thyroid ptsd ocd bipolar sclerosis ms tinnitus apnea gout stoma \
         wheelchair hearing insulin sobriety recovery operado operada condition disorder syndrome celiac coeliac pots \
         hashimoto's neuropathy sciatica hypertension rosacea alopecia celulite varizes hemorroida hemofilia talassemia \
         falciforme trombose arritmia stent infarto derrame aneurisma cirrose hepatite hiperplasia mioma ovarios policisticos \
         menopausa tpm hipertireoidismo hashimoto lombar ciatico ciatica tendinite bursite menisco ligamento lca osteoporose \
         fratura amputacao paralisia esquizofrenia borderline anorexia bulimia compulsao alcoolismo dependencia sobriedade \
         laringectomia traqueostomia catarata miopia astigmatismo labirintite surdez mudez gagueira fenilcetonuria galactosemia \
         g6pd fructose frutose histamina sulfito latex niquel penicilina dipirona varicose hemophilia thalassemia sickle \
         thrombosis arrhythmia aneurysm cirrhosis hepatitis fibroids endo hyperthyroidism graves' lumbar tendonitis tendinitis \
         bursitis meniscus acl osteoporosis paralysis cerebral palsy schizophrenia alcoholism cataracts myopia vertigo stutter \
         stammer gastroparesis histamine catheter colostomy ileostomy cochlear implant braces retainer kidney kidneys liver \
         lungs mastectomy hysterectomy vasectomy ivf iud menopause perimenopause postpartum cfs eds narcolepsy cystic fibrosis \
         raynaud's meniere's ulcerative colitis",
    ),
    (
        "trait",
        "gravida gestante casado casada casados solteiro solteira divorciado divorciada separado separada viuvo viuva noivo noiva aposentado aposentada desempregado desempregada formado formada alergico alergica vegano vegana vegetariano vegetariana celiaco celiaca \
         diabetico diabetica hipertenso hipertensa autista surdo surda cego cega daltonico daltonica canhoto canhota asmatico asmatica judeu judia muculmano muculmana catolico catolica evangelico evangelica ateu ateia espirita budista trans gay lesbica bissexual cadeirante \
         amputado epiletico anemico estrangeiro estrangeira imigrante brasileiro brasileira portugues portuguesa angolano angolana mocambicano gaucho mineiro mineira carioca paulista baiano baiana cearense nordestino sobrio sobria autodidata autonomo autonoma mei freelancer gemeo gemea \
         intolerante dislexico dislexica introvertido introvertida idoso idosa concurseiro concurseira vestibulando universitario universitaria pescetariano flamenguista corintiano palmeirense gremista colorado tricolor atleticano cruzeirense botafoguense vascaino \
         vegan vegetarian pescatarian celiac coeliac diabetic allergic intolerant deaf blind colorblind colourblind autistic dyslexic bipolar asthmatic epileptic pregnant married single divorced widowed engaged retired unemployed sober jewish muslim catholic christian hindu buddhist atheist \
         left-handed lefty southpaw introvert immigrant freelance self-employed homeschooled disabled nonverbal trans gay lesbian bisexual queer nonbinary teetotal halal kosher keto gluten-free australian brazilian portuguese american british canadian irish scottish welsh indian german french",
    ),
    (
        "home",
        "apartamento ape ap kitnet quintal varanda sacada jardim condominio predio cobertura terreno sobrado piscina estufa garagem bairro cidade rua laje aldeia vila interior \
         apartment flat condo backyard yard garden balcony garage greenhouse basement attic cabin farmhouse townhouse neighborhood neighbourhood town hometown village acreage pool trailer boat narrowboat porch pasture",
    ),
    (
        "owned",
        "moto scooter violao guitarra piano bateria viola violino sanfona saxofone telescopio drone bicicleta bike veleiro trailer air-fryer kindle xbox playstation ps5 switch nas raspberry servidor impressora camera fogao forno maquina \
         fusca kwid fiesta corsa onix gol uno palio civic corolla hilux spin guitar piano drums violin bass synth telescope motorcycle motorbike bike drone kindle xbox playstation switch nas homelab server kiln loom sewing camper van truck tractor espresso kayak ukulele banjo cello amp lens camera tesla",
    ),
    (
        "favourite",
        "favorito favorita favoritos favoritas preferido preferida predileto predileta favorite favourite fave pronouns pronomes aniversario birthday anniversary signo time meta sonho objetivo goal dream dreams hobby hobbies passatempo paixao alergia alergias nome apelido nickname \
         idade religiao dieta diet rotina routine estilo hometown allergies pronoun style blood sangue altura peso height lingua language idioma stack setup treino metabolismo mentality taste nacionalidade origem formacao especialidade specialty background commute native",
    ),
    // What after 'I'm' says nothing lasting either.
    ("filler", "aqui here back done just not so gonna about going off outta up down la parado sem pronto pronta certeza certo errado right wrong fine ok okay good great new all trying wondering looking getting having doing asking thinking feeling starting hoping guessing running waiting sitting talking testing debugging early halfway outside inside upstairs"),
    // What says nothing lasting.
    (
        "moment",
        "cansado cansada cansados exausto exausta morto morta fome sede sono dor frio calor pressa duvida duvidas problema \
         problemas dificuldade dificuldades erro curioso curiosa perdido perdida confuso confusa triste feliz chateado chateada \
         bravo brava preso presa travado travada atrasado atrasada ressaca gripe gripado gripada resfriado resfriada reuniao \
         preocupado preocupada nervoso nervosa ansioso animado animada entediado entediada ocupado ocupada doente enjoado \
         enjoada febre tpm tedio preguica raiva freaking panicking dying starving freezing crying craving losing tired exhausted \
         hungry thirsty stuck bored lost confused curious sad happy upset late busy ready sure sorry afraid worried nervous \
         excited sick ill hungover stressed drunk cold hot glad aware interested unsure frustrated annoyed puto puta irritado \
         irritada frustrado frustrada estressado estressada cheio cheia enrolado enrolada desesperado desesperada voltando indo \
         saindo chegando correndo esperando comendo almocando jantando bebendo vendo tentando pensando querendo precisando \
         testando rodando sentado sentada deitado deitada acordado acordada sonolento tonto tonta gripando tossindo espirrando \
         constipado constipada pessimo pessima pirando surtando acabado acabada moido moida quebrado quebrada pissed mad angry \
         furious irritated overwhelmed swamped broke wet soaked jetlagged sleepy groggy dizzy nauseous bloated sore congested \
         standing lying watching listening eating drinking queuing heading leaving arriving stumped puzzled baffled unable \
         missing debating blanking brainstorming thankful grateful tempted torn hesitant",
    ),
    (
        "today",
        "hoje hj ontem amanha agora anteontem semana sabado domingo segunda sexta tonight today tomorrow yesterday now rn currently weekend friday monday minute morning",
    ),
    (
        "thing",
        "codigo codigos code script scripts funcao function functions query queries consulta sql tabela tabelas table tables \
         planilha sheet spreadsheet celular cel phone telefone iphone computador computer pc notebook laptop mac macbook tela \
         screen monitor wifi wi-fi internet roteador router email e-mail emails texto text redacao essay paragrafo paragraph \
         frase sentence pergunta question resposta answer senha password conta account cartao card curriculo resume cv carta \
         letter arquivo file files pasta folder app aplicativo site website page pagina div css html regex loop for array lista \
         list string json yaml xml csv api docker dockerfile container build pipeline teste testes test tests commit commits \
         branch repo repositorio git merge rebase bolo cake pao bread arroz rice molho sauce massa dough carne feijao ideia idea \
         ideas opiniao opinion voo flight mala bag luggage passaporte passport visto visa reuniao meeting presentation \
         apresentacao prova exam homework dever licao imposto tax taxes chuveiro shower geladeira fridge fogao tv television \
         browser chrome excel word dataframe df variable variavel classe component componente flexbox grid button botao modelo \
         model dados data dataset erro error log logs server database banco python java rust react node android bateria teclado \
         keyboard mouse fone headphones cable cabo clipboard printer impressora turn bad guess chance limite direito direitos \
         rights problema problem issue caso case duvida doubt mensagem message cell download package order pedido next last \
         first current shoes sapato shirt camisa pants calca feed perfil profile intervalo attention atencao pandas terraform \
         cluster pod endpoint request requisicao header cookie token session sessao cursor mesa cama bed door porta window \
         janela toilet vaso sink pia wallet carteira keys chaves key chave ticket ingresso boleto fatura invoice bill rg cpf pis \
         cnh ip vpn bluetooth camera microfone microphone speaker sourdough pizza steak soup sopa cafe coffee tea cha egg eggs \
         ovo ovos milk leite water agua cookies cupcakes muffins gravy mashed salad salada macarrao jeans dress vestido jacket \
         zipper suitcase stuff bio memories memorias coisas things thing everything entire whole best worst favorite \
         calculations calculo contas estimate answers results resultado resultados output input program programa plugin \
         extension theme wallpaper numero number numeros icon icons font fonte docs doc document documento pdf slide slides \
         chart graph grafico diagram formula macro makefile lockfile env venv package.json tsconfig kernel terminal shell prompt \
         alias path understanding wording grammar pronunciation argument thesis statement conclusion introduction point bolso \
         pocket setup crash cpu gpu ram ssd hd hdmi usb repl jupyter colab vscode ide editor vim emacs pacote npm pip library \
         biblioteca framework import imports dependency dependencias module modulo interface rota route routes schema migration \
         index indice trigger view views join subquery stored procedure cron pattern parser compiler compilador bundler webpack \
         vite typescript javascript golang kotlin swift php laravel django flask spring rails nextjs angular vue svelte redux \
         hook hooks props state store tag tags selector margin padding footer navbar menu sidebar modal form formulario select \
         checkbox label link links hyperlink url dominio domain dns ssl certificado certificate proxy nginx apache firewall port \
         socket thread threads memory memoria heap stack pointer ponteiro vetor matriz matrix recursao recursion algoritmo \
         algorithm complexity stdout stacktrace traceback exception excecao warning warnings aviso coluna column columns row \
         rows linha linhas celula cells pivot powerpoint docx latex bibtex referencia reference references bibliografia citation \
         citacao whatsapp zap instagram insta facebook tiktok twitter gmail outlook inbox spam calendar agenda drive dropbox \
         icloud backup pendrive carregador charger battery display touch touchscreen mic headset fones earbuds airpods caixa \
         airdrop modem antena televisao netflix spotify youtube microondas microwave oven forno stove freezer lavadora washer \
         dryer secadora aspirador vacuum ventilador fan heater aquecedor lampada bulb lamp luminaria tomada outlet interruptor \
         disjuntor breaker torneira faucet tap ralo drain privada encanamento pipe pipes telhado roof parede wall paredes walls \
         piso floor tinta paint torta pie pudim pudding biscoito brownie pancakes panqueca waffle omelete omelette omelet risoto \
         risotto lasanha lasagna curry chili caldo broth frango chicken peixe fish bife beef pork camarao shrimp batata potato \
         potatoes legumes vegetables beans lentilha lentils spaghetti noodles farofa burger hamburguer sandwich sanduiche \
         smoothie suco juice cerveja wine vinho iogurte yogurt kombucha kefir fermento yeast caramel frosting icing cobertura \
         recheio abacate avocado banana tomate tomato basil manjericao orquidea orchid suculenta succulent cacto cactus \
         samambaia fern gramado grass camiseta tshirt blusa sweater jaqueta casaco coat sapatos tenis sneakers botas meia socks \
         bone hat oculos glasses relogio anel ring brinco mochila backpack  purse guarda-chuva umbrella boarding pass \
         embarque checkin reserva reservation booking airbnb onibus bus trem train metro subway uber taxi passagem fare \
         itinerary roteiro cobranca charge refund reembolso pix transferencia transfer saldo balance cheque check payment \
         pagamento parcela installment irpf declaracao return w2 fgts inss holerite payslip contracheque titulo certidao \
         identidade   placa plate multa fine nota grade grades notas quiz assignment tarefa task tarefas tasks \
         monografia artigo resumo seminario professor classmates chapter capitulo questao exercicio exercise playlist song \
         picture pictures imagem image screenshot avatar username nick nickname handle login subscription assinatura streak high \
         score save personagem delivery entrega encomenda parcel correio correios mail compra purchase warranty garantia call \
         ligacao reply comment post story reel caption spelling handwriting env id numero",
    ),
    // What everybody has, and speaks of as part of a life.
    ("common", "job trabalho work emprego salario salary house casa home quarto room cozinha kitchen banheiro bathroom cabelo hair pele \
         skin cabeca head mao maos hand hands olho olhos eye eyes vida life dia day dinheiro money nome name mundo world heart \
         nose back neck knee throat stomach barriga nariz garganta costas pescoco joelho pe pes foot feet leg perna arm braco \
         ankle tooth teeth dente dentes gengiva unha unhas nails sono sleep voice voz tongue lingua finger fingers toe toes dedo \
         dedos shoulder ombro chest peito lip labio face rosto boca mouth lips ear ears ouvido handwriting carro car planta \
         plantas plant plants mind experience experiencia tempo time rent aluguel calf wrist pulso thigh coxa hip quadril butt \
         bumbum eyelid eyebrow sobrancelha lashes cilios beard barba mustache bigode forehead testa cheek bochecha gums gengivas \
         lungs pulmao bexiga breath halito sweat suor blood sangue appetite apetite posture postura mood humor energy energia \
         focus foco memory concentration concentracao motivation motivacao confidence confianca weekend desk mesa chair bedroom \
         driveway relationship relacionamento future futuro past passado shape forma shoe size tamanho budget orcamento poupanca \
         bills contas expenses gastos paycheck credit score wages building street neighbourhood"),
    ("kind_of_prof", "engenheiro engenheira medico medica enfermeiro enfermeira professor professora advogado advogada dentista programador programadora dev desenvolvedor desenvolvedora designer motorista autonomo dono dona mae pai pessoa alguem estudante aluno \
        nurse teacher engineer doctor lawyer developer programmer student parent mother father mom mum dad freelancer beginner someone somebody person woman man vegetarian vegan founder owner pilot chef driver farmer treasurer user fan apprentice trainee intern widow widower expat migrant refugee veteran vet pensioner retiree grandparent grandmother grandfather stepmother stepfather aunt uncle carer caregiver homemaker housewife househusband sahm
 paramedic firefighter cop officer soldier marine sailor electrician plumber carpenter welder mechanic builder roofer mason painter tailor baker barista bartender waiter waitress cook butcher fisherman fishmonger farmer beekeeper gardener florist
 architect designer illustrator photographer videographer filmmaker journalist reporter editor writer novelist poet translator interpreter librarian archivist historian philosopher linguist economist accountant bookkeeper auditor actuary banker trader broker realtor
 dentist surgeon anaesthetist midwife pharmacist optician physio physiotherapist psychologist counsellor counselor therapist vet veterinarian biologist chemist physicist mathematician geologist astronomer statistician scientist researcher postdoc lecturer tutor
 headteacher principal coach referee athlete runner cyclist swimmer climber dancer actor actress singer musician drummer guitarist bassist pianist violinist cellist composer conductor producer dj comedian magician
 cleaner janitor caretaker receptionist secretary clerk cashier salesman saleswoman seller courier trucker cabbie conductor pilot steward stewardess sysadmin devops tester analyst consultant contractor entrepreneur landlord tenant homeowner
 treasurer chair chairman secretary mayor councillor priest pastor imam rabbi nun monk deacon chaplain goalkeeper defender striker newbie novice learner speaker immigrant foreigner citizen resident
 aprendiz estagiario estagiaria viuvo viuva imigrante refugiado veterano aposentado pensionista avo cuidador cuidadora bombeiro policial soldado militar marinheiro encanador pedreiro carpinteiro soldador mecanico pintor alfaiate costureira padeiro confeiteira confeiteiro
 cozinheiro cozinheira garcom garconete acougueiro pescador agricultor agricultora apicultor jardineiro florista arquiteto arquiteta fotografo fotografa jornalista escritor escritora poeta tradutor tradutora interprete bibliotecario bibliotecaria historiador filosofo linguista
 economista contador contadora auditor bancario bancaria corretor corretora cirurgiao cirurgia anestesista parteira farmaceutico farmaceutica fisioterapeuta psicologo psicologa terapeuta veterinario veterinaria biologo biologa quimico quimica fisico matematico geologo estatistico
 cientista pesquisador pesquisadora tutor diretora diretor treinador treinadora arbitro atleta corredor corredora ciclista nadador bailarina bailarino ator atriz cantor cantora musico musicista baterista guitarrista baixista pianista violinista compositor maestro humorista
 faxineira faxineiro diarista domestica porteiro zelador recepcionista secretaria secretario caixa vendedor vendedora entregador motoboy caminhoneiro caminhoneira taxista piloto comissario comissaria analista consultor consultora empreiteiro empreendedor empreendedora
 tesoureiro sindico sindica vereador vereadora padre pastor freira goleiro goleira zagueiro iniciante leigo leiga aprendente falante cidadao cidada residente morador moradora imigrantes concurseiro vestibulando mestrando mestranda doutorando doutoranda bolsista leigos tatuador tatuadora manicure cabeleireiro cabeleireira barbeiro esteticista maquiador"),
    // Time.
    ("unit", "anos ano meses mes semanas years year months yrs yr decades"),
    ("num", "dois duas tres quatro cinco seis sete oito nove dez onze doze quinze vinte trinta quarenta cinquenta sessenta setenta oitenta two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty sixty seventy eighty"),
    ("every", "todo toda todos todas every each daily diariamente weekly"),
    ("day", "dia dias manha manhas tarde noite noites semana segunda segundas terca tercas quarta quartas quinta quintas sexta sextas sabado sabados domingo domingos mes ano day days morning mornings night nights evening evenings week weeks weekend weekends weekday monday mondays tuesday tuesdays \
        wednesday wednesdays thursday thursdays friday fridays saturday saturdays sunday sundays month year summer winter ferias"),
    ("standing", "sempre nunca jamais always never"),
    // How to answer.
    (
        "order",
        "responda responde respondas responder fale fala fales explique explica expliques use usa usar usem uses escreva escreve escrevas mande manda mandes traduza cite cita comece comeca comeces termine termina inclua inclui coloque coloca poe ponha bota mostre mostra de da des diga diz liste lista seja sejas evite evita confirme confirma \
         pergunte pergunta considere considera converta trate trata trates chame chama chames corrija corrige sugira sugere recomende recomenda assuma assume mantenha faca faz peca peça ignore aponta aponte aja leia assine deixe passe passa comente repita resuma revise tente adapte \
         answer reply respond write speak talk explain give show tell include add put start begin end keep be cite list translate call address treat ask assume convert avoid skip format return check provide suggest recommend respond refer spell leave finish remember sign quote consider make let challenge round",
    ),
    (
        "about_answers",
        "resposta respostas resposta emoji emojis explicacao explicacoes markdown listas lista bullet bullets topicos exemplos exemplo ingles portugues formal informal tom linguagem codigo comentarios unidades metrico medidas desculpa desculpas introducao resumo ironia girias elogios \
         answers answer replies reply response responses emoji emojis explanations explanation examples metric units english spelling tone prose jargon apologies apology disclaimers disclaimer bullets lists headings exclamation compliments praise small-talk sentences paragraphs spoiler spoilers",
    ),
    // Manners of answering that people have enough of.
    (
        "manner",
        "emoji emojis girias giria desculpa desculpas spoiler spoilers elogio elogios rodeio rodeios enrolacao asterisco asteriscos negrito negritos markdown travessao formalidade formalidades frescura floreio firula bajulacao sermao moralismo palavrao tabelas \
         apologies apology disclaimer disclaimers exclamation exclamations compliments praise jargon small-talk smalltalk fluff lectures lecturing caveats hedging flattery slang swearing euphemisms cliches filler pleasantries formalities bullets headings bold dashes em-dashes tables",
    ),
    (
        "remember",
        "lembre lembra lembres guarde guarda guardes anote anota anotes grave grava memorize memoriza registre registra salve salva salvar fixe decore remember note memorize memorise save store jot",
    ),
    ("forget", "esqueca esquece esquecas apague apaga apagues delete remove remova desconsidere desconsidera cancela cancele tira forget erase drop disregard scratch ignore ignora"),
    // Supposing and playing.
    ("suppose", "imagine imagina imaginemos imaginem suponha suponhamos supondo supor suppose supposing hypothetically hipoteticamente digamos pretend finja finge fingir assume presume pretending"),
    (
        "play",
        "finja finge fingir fingindo simule simula simular interprete interpreta roleplay role-play rpg larp personagem persona monologo conto cronica soneto poema poesia fanfic narrador historia roteiro monologue story poem diario diary sonnet haiku fanfic character narrator screenplay limerick ballad novella skit improv dnd \
         brincar pretend improvise improvisar vilao villain pirata pirate wizard mago detetive detective",
    ),
    ("laugh", "kkk kkkk kkkkk kkkkkk kkkkkkk rs rsrs rsrsrs haha hahaha hahahaha lol lmao rofl jk brincadeira brinks zoeira zueira kidding joke piada sarcasm"),
];

/// Classes of verb forms, see `verbs`.
pub(super) const DERIVED: &[&str] = &[
    "life1",
    "life_past",
    "life_we",
    "life3",
    "life_ing",
    "life_was",
    "life_inf",
    "habit1",
    "habit_past",
    "habit_we",
    "habit3",
    "habit_ing",
    "habit_was",
    "habit_inf",
    "task1",
    "task_past",
    "task_we",
    "task3",
    "task_ing",
    "turn_past",
    "turn_we",
    "turn3",
    "turn_ing",
    "turn_inf",
    "change_past",
    "sse",
    "elife",
    "elife_ing",
    "elifed",
    "ehabit",
    "ehabit_ing",
    "ehabitd",
    "etask",
    "etask_ing",
    "etaskd",
    "eturn",
    "eturn_ing",
    "eturnd",
    "elived",
    "epast",
];

/// Classes of words that no table has, by how they end: the ending, the class, how many letters there are at least.
pub(super) const ENDINGS: &[(&str, &str, usize)] = &[
    ("ei", "past1", 5),
    ("sse", "sse", 5),
    ("ssemos", "sse", 7),
    ("ando", "ger", 6),
    ("endo", "ger", 6),
    ("indo", "ger", 6),
    ("ar", "inf", 4),
    ("er", "inf", 4),
    ("ir", "inf", 4),
    ("ing", "eing", 5),
    ("ed", "eed", 4),
    ("o", "ends_o", 4),
    ("ista", "prof", 6),
    ("eiro", "prof", 6),
    ("eira", "prof", 6),
    ("logo", "prof", 6),
    ("loga", "prof", 6),
    ("dor", "prof", 6),
    ("dora", "prof", 6),
    ("tor", "prof", 6),
    ("tora", "prof", 6),
    ("amos", "we1", 6),
    ("emos", "we1", 6),
    ("imos", "we1", 6),
    ("ava", "imp", 5),
    ("aria", "cond", 6),
    ("eria", "cond", 6),
    ("iria", "cond", 6),
    ("est", "sup", 6),
    ("mente", "adv", 7),
    ("ly", "adv", 5),
];

/// Words that show in which language a text is, and are none of the other's.
pub(super) const PORTUGUESE: &str = "mim comigo fui era tava vou vai gente cada todo toda dia ano anos meus minhas nosso nossa la porque tambem melhor posso quem que de nao e os um uma em na pra para com por se mais voce vc meu minha qual isso esse essa da dos das ao tem ta foi ser sao tambem mas ou como quando onde pelo pela eu sou estou \
tenho nos muito ja so ele ela eles seu sua este esta aqui ate sem sobre pro num numa quero preciso posso moro gosto depois agora hoje sempre nunca favor porque pq oq tou ha faz fazer ter";
pub(super) const ENGLISH: &str = "too much more some any yes want need know make made work live like been being still because since after before where why who their these those here there very all no not each every other the i is of and to in for you my it that on with be this have what how can not i'm i've don't im are was what's it's your we our me they he she his her their from at by an or if but about when which \
would should could there just like so up out get has had been will who than then never always please does did";

/// Classes that only words of one language are in, besides those of verbs: an English prompt has none of the former, a Portuguese one none of the latter.
pub(super) const PORTUGUESE_CLASSES: [&str; 12] =
    ["eu", "mim", "meu", "gente", "sou", "era", "estou", "tenho", "past1", "sse", "inf", "ger"];
pub(super) const ENGLISH_CLASSES: [&str; 10] = ["i", "im", "ive", "ill", "we", "my", "me", "aux", "eing", "eed"];

/// Classes of words by what they look like.
pub(super) const FOUND: [&str; 4] = ["number", "year", "capital", "new"];

/// Whether a text has words in which people speak of themselves.
pub(super) fn speaks_of_self(text: &str) -> bool {
    let grammar = grammar();
    let own = CLAIMS
        .iter()
        .fold(grammar.class("trait") | grammar.class("self"), |own, (class, _)| own | grammar.class(class));
    let tokens = super::tokens::Tokens::of(text);
    tokens.list().iter().any(|token| grammar.word(tokens.word(token)).is_some_and(|word| word.classes & own != 0))
}
