//! Where keys go.

use crate::common::simulator;
use anyhow::{Context, Result};
use palavra_e2e::{Options, Palavra, key_of};
use palavra_openrouter_sim::{Fault, FaultRule, SimOptions, SimPath, Simulator};
use reqwest::Method;
use serde_json::json;

const SERVER_KEY: &str = "sk-or-v1-key-of-the-embedding-server";

/// Whether anything that this provider was sent has the text in it.
fn has_seen(sim: &Simulator, text: &str) -> bool {
    sim.requests().iter().any(|request| format!("{request:?}").contains(text))
}

#[tokio::test]
async fn the_embedding_server_never_sees_a_users_key() -> Result<()> {
    for server_key in ["", SERVER_KEY] {
        let sim = simulator()?;
        let embeddings =
            Simulator::start(SimOptions { require_auth: !server_key.is_empty(), ..SimOptions::default() })?;
        let options = Options::default()
            .env("PALAVRA__EMBEDDINGS__BASE_URL", embeddings.base_url())
            .env("PALAVRA__EMBEDDINGS__API_KEY", server_key);
        let server = Palavra::start_with(&sim.base_url(), options).await?;
        let ana = server.session("ana").await?;
        ana.ask("", "Moro em Recife", "").await?;
        ana.wait_for_memory("Recife").await?;
        ana.post("/memories", &json!({"text": "Prefiro respostas formais"})).await?.expect(201)?;
        let reply = ana.ask("", "O que você sabe de mim em Recife?", "").await?;
        assert!(!reply.memories.is_empty(), "{}", reply.body);

        let key = key_of("ana");
        let embedded = embeddings.requests();
        assert!(embedded.len() >= 3, "{embedded:?}");
        assert!(embedded.iter().all(|request| request.path.ends_with("/embeddings")), "{embedded:?}");
        let expected = (!server_key.is_empty()).then_some(server_key);
        assert!(embedded.iter().all(|request| request.key.as_deref() == expected), "{embedded:?}");
        assert!(!has_seen(&embeddings, &key), "the user's key went to the embedding server");
        assert!(has_seen(&sim, &key));
        assert!(!sim.requests().iter().any(|request| request.path.ends_with("/embeddings")));
        assert!(!has_seen(&sim, SERVER_KEY), "the server's key went to OpenRouter");
    }
    Ok(())
}

#[tokio::test]
async fn a_redirect_does_not_carry_the_key_away() -> Result<()> {
    let (sim, elsewhere) = (simulator()?, simulator()?);
    let server = Palavra::start(&sim).await?;
    let ana = server.session("ana").await?;
    let base = elsewhere.base_url();
    let redirect =
        |path, to: &str| sim.fault(FaultRule::new(Fault::Redirect { location: format!("{base}{to}") }).path(path));
    redirect(SimPath::Chat, "/chat/completions");
    let answer = ana.chat("", "Hi", "").await?;
    assert_eq!((answer.status, answer.code()), (502, "upstream_invalid".to_owned()), "{}", answer.text());
    redirect(SimPath::Embeddings, "/embeddings");
    assert_eq!(ana.post("/memories", &json!({"text": "Moro em Recife"})).await?.status, 502);
    redirect(SimPath::Key, "/key");
    let change = json!({"openrouter_api_key": key_of("ana-again")});
    ana.call(Method::PUT, "/user/profile", Some(&change)).await?;
    assert_eq!(sim.pending_faults(), 0);
    let seen = elsewhere.requests();
    assert!(seen.is_empty(), "a redirect was followed: {seen:?}");
    Ok(())
}

#[tokio::test]
async fn each_user_pays_with_their_own_key() -> Result<()> {
    let sim = simulator()?;
    let server = Palavra::start(&sim).await?;
    let (ana, bia) = (server.session("ana").await?, server.session("bia").await?);
    let (left, right) = tokio::join!(ana.ask("", "Prompt of Ana", ""), bia.ask("", "Prompt of Bia", ""));
    let _both = (left?, right?);
    for (name, own, other) in [("ana", "Prompt of Ana", "Prompt of Bia"), ("bia", "Prompt of Bia", "Prompt of Ana")] {
        let sent = format!("{:?}", sim.requests_of(&key_of(name)));
        assert!(sent.contains(own) && !sent.contains(other), "{name}: {sent}");
    }
    let asked = sim.requests();
    let keyless = asked.iter().find(|request| request.key.is_none() && request.body["messages"].is_array());
    assert!(keyless.is_none(), "{:?}", keyless.context("a prompt without a key"));
    Ok(())
}
