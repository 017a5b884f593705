//! The servers of the polyglot profile.

use crate::{Link, Options};
use anyhow::{Context, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::{env, path::Path, time::Duration};
use tempfile::TempDir;
use tokio_postgres::NoTls;
use url::Url;
use uuid::Uuid;

/// A key of this run: 32 bytes.
fn key() -> String {
    let bytes = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    format!("k1:{}", STANDARD.encode(bytes))
}

/// A database, a key prefix and a folder of their own in the servers that the environment names (`tests/with-servers` does
/// so), each server behind a [`Link`]. What was made is removed when this is dropped.
#[derive(Debug)]
pub struct Polyglot {
    /// Before Postgres.
    pub postgres: Link,
    /// Before MongoDB.
    pub mongodb: Link,
    /// Before Redis.
    pub redis: Link,
    name: String,
    /// Through the links.
    urls: [Url; 3],
    direct: [Url; 3],
    keys: [String; 2],
    folder: TempDir,
}

/// The address of a server from the environment.
fn server(variable: &str) -> Result<Url> {
    let url = env::var(variable).with_context(|| {
        format!(
            "{variable} is not set: run the tests with `make test`, or through tests/with-servers, which start servers"
        )
    })?;
    Url::parse(&url).with_context(|| format!("{variable} is no URL"))
}

/// A link to the server, and its URL through the link.
async fn linked(mut url: Url, default_port: u16) -> Result<(Link, Url)> {
    let host = url.host_str().context("a server's URL has no host")?;
    let link = Link::to(format!("{host}:{}", url.port().unwrap_or(default_port))).await;
    url.set_ip_host(link.address().ip()).ok().context("a server's URL takes no host")?;
    url.set_port(Some(link.address().port())).ok().context("a server's URL takes no port")?;
    Ok((link, url))
}

impl Polyglot {
    /// Makes them.
    ///
    /// # Errors
    /// When the environment names no servers, or one of them cannot be reached.
    pub async fn fresh() -> Result<Self> {
        let urls = [server("TEST_POSTGRES_URL")?, server("TEST_MONGODB_URL")?, server("TEST_REDIS_URL")?];
        let name = format!("palavra_e2e_{}", Uuid::new_v4().simple());
        on_postgres(&urls[0], &format!("CREATE DATABASE {name}")).await?;
        let mut database = urls[0].clone();
        database.set_path(&name);
        let (postgres, postgres_url) = linked(database.clone(), 5432).await?;
        let mut direct = urls[1].clone();
        // Else the driver asks the server for its own idea of its address, and goes around the link.
        direct.query_pairs_mut().append_pair("directConnection", "true");
        if direct.path().is_empty() {
            direct.set_path("/");
        }
        let (mongodb, mongodb_url) = linked(direct.clone(), 27017).await?;
        let (redis, redis_url) = linked(urls[2].clone(), 6379).await?;
        let folder = tempfile::tempdir().context("no temporary folder")?;
        Ok(Self {
            postgres,
            mongodb,
            redis,
            name,
            urls: [postgres_url, mongodb_url, redis_url],
            direct: [database, direct, urls[2].clone()],
            keys: [key(), key()],
            folder,
        })
    }

    /// The settings of an instance over them.
    #[must_use]
    pub fn options(&self) -> Options {
        self.on(Options::default().env("PALAVRA__PROFILE", "polyglot"))
            .env("PALAVRA__LANCEDB__URI", self.memories().to_string_lossy())
    }

    /// Names the servers and the secrets in these settings, and nothing else.
    #[must_use]
    pub fn on(&self, options: Options) -> Options {
        self.named(options, &self.urls)
    }

    /// As [`Polyglot::on`], without the links in between: for measuring.
    #[must_use]
    pub fn directly_on(&self, options: Options) -> Options {
        self.named(options, &self.direct)
    }

    fn named(&self, options: Options, urls: &[Url; 3]) -> Options {
        let ([postgres, mongodb, redis], [jwt, master]) = (urls, &self.keys);
        options
            .env("PALAVRA__POSTGRES__URL", postgres.as_str())
            .env("PALAVRA__MONGODB__URL", mongodb.as_str())
            .env("PALAVRA__MONGODB__DATABASE", &self.name)
            .env("PALAVRA__REDIS__URL", redis.as_str())
            .env("PALAVRA__REDIS__KEY_PREFIX", format!("{}:", self.name))
            .env("PALAVRA__SECURITY__JWT_KEYS", jwt)
            .env("PALAVRA__SECURITY__MASTER_KEYS", master)
    }

    /// The shared folder of memories.
    #[must_use]
    pub fn memories(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Polyglot {
    fn drop(&mut self) {
        let (postgres, mongodb, name) = (server("TEST_POSTGRES_URL"), server("TEST_MONGODB_URL"), self.name.clone());
        // A runtime of its own: this may be dropped inside of one.
        let removing = std::thread::spawn(move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                on_postgres(&postgres?, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
                let client = mongodb::Client::with_uri_str(mongodb?.as_str()).await?;
                client.database(&name).drop().await?;
                Ok(())
            })
        });
        #[allow(clippy::print_stderr, reason = "a test's report shows it")]
        if !matches!(removing.join(), Ok(Ok(()))) {
            eprintln!("the databases {} could not be removed", self.name);
        }
    }
}

async fn on_postgres(url: &Url, statement: &str) -> Result<()> {
    let connecting = tokio::time::timeout(Duration::from_secs(20), tokio_postgres::connect(url.as_str(), NoTls));
    let (client, connection) = connecting.await?.context("Postgres cannot be reached")?;
    let driving = tokio::spawn(connection);
    client.batch_execute(statement).await.with_context(|| format!("Postgres refuses {statement}"))?;
    drop(client);
    driving.await??;
    Ok(())
}
