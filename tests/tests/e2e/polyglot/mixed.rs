//! Stores chosen one by one.

use crate::common::{assert_totals, simulator};
use anyhow::Result;
use palavra_e2e::{Options, Palavra, Polyglot};

#[tokio::test]
async fn users_in_postgres_chats_in_sqlite_cache_in_process() -> Result<()> {
    let (sim, stores) = (simulator()?, Polyglot::fresh().await?);
    let options = stores.on(Options::default()).env("PALAVRA__STORES__USERS", "postgres");
    let mut server = Palavra::start_with(&sim.base_url(), options).await?;
    let ana = server.session("ana").await?;
    let first = ana.ask("", "Moro em Recife", "").await?;
    ana.wait_for_memory("Recife").await?;
    server.kill()?;
    server.resume().await?;
    let second = ana.ask(&first.chat, "E agora?", "").await?;
    assert!(second.text.contains("Moro em Recife"), "{}", second.text);
    assert_totals(&ana.history(&first.chat).await?, &[&first.body, &second.body])?;
    assert!(server.data_dir().join("palavra.db").is_file());
    // Nobody is there when the server with the users is not.
    stores.postgres.cut();
    server.stop().await?;
    let options = stores.on(Options::default()).env("PALAVRA__STORES__USERS", "postgres");
    let refusal = Palavra::refused(&sim.base_url(), options).await?;
    assert!(refusal.message.contains("PALAVRA__POSTGRES__URL"), "{}", refusal.message);
    Ok(())
}
