//! Which stores are measured.

use anyhow::Result;
use clap::ValueEnum;
use palavra_e2e::{Options, Polyglot};

/// A set of stores.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// SQLite, LanceDB and a cache in process.
    Embedded,
    /// Postgres and Redis, with chats in SQLite: what those two cost, whatever the server for MongoDB is.
    Mixed,
    /// Postgres, MongoDB and Redis.
    Polyglot,
}

impl Profile {
    pub(crate) const ALL: [Self; 3] = [Self::Embedded, Self::Mixed, Self::Polyglot];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Mixed => "mixed: users and sessions in Postgres, cache in Redis, chats in SQLite",
            Self::Polyglot => "polyglot",
        }
    }
}

/// New stores of a profile; they are gone when this is dropped.
pub(crate) struct Stores {
    profile: Profile,
    servers: Option<Polyglot>,
}

impl Stores {
    /// Makes them, in the servers that the environment names where the profile needs some.
    pub(crate) async fn fresh(profile: Profile) -> Result<Self> {
        let servers = if profile == Profile::Embedded { None } else { Some(Polyglot::fresh().await?) };
        Ok(Self { profile, servers })
    }

    /// The settings of a server over them: no log line a request, and no limit on the logins that are measured.
    pub(crate) fn options(&self) -> Options {
        let options =
            Options::default().env("PALAVRA__LOG__LEVEL", "warn").env("PALAVRA__SECURITY__LOGIN_ATTEMPTS", "1000000");
        let Some(servers) = &self.servers else { return options };
        let options = servers.directly_on(options);
        if self.profile == Profile::Polyglot {
            return options
                .env("PALAVRA__PROFILE", "polyglot")
                .env("PALAVRA__LANCEDB__URI", servers.memories().to_string_lossy());
        }
        options
            .env("PALAVRA__STORES__USERS", "postgres")
            .env("PALAVRA__STORES__SESSIONS", "postgres")
            .env("PALAVRA__STORES__CACHE", "redis")
    }
}
