//! Connecting, and the indexes.

use crate::{
    MongoChatRepository, MongoOptions, OpenError,
    errors::{store, too_slow},
};
use mongodb::{
    Client, Collection, Database, IndexModel,
    bson::{Document, doc},
    error::{Error, ErrorKind},
    options::{Acknowledgment, ClientOptions, IndexOptions, ReadPreference, SelectionCriteria, WriteConcern},
};
use palavra_domain::StoreError;
use secrecy::ExposeSecret as _;
use std::{fmt, time::Duration};

pub(crate) const CHATS: &str = "chats";
pub(crate) const TURNS: &str = "turns";
const CLAIMS: &str = "memory_claims";

/// A MongoDB database that answered, with its indexes. Cheap to clone.
#[derive(Clone)]
pub struct MongoStore {
    pub(crate) database: Database,
    pub(crate) timeout: Duration,
}

impl fmt::Debug for MongoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoStore").field("database", &self.database.name()).finish_non_exhaustive()
    }
}

impl MongoStore {
    /// Connects, and makes the indexes that are not there. Several instances may do so at once.
    ///
    /// # Errors
    /// When the URL is none, nothing answers, or it refuses; the message says what to do.
    pub async fn open(options: MongoOptions) -> Result<Self, OpenError> {
        let parsed =
            tokio::time::timeout(options.open_timeout, ClientOptions::parse(options.url.expose_secret())).await;
        let client = match parsed {
            Ok(Ok(client)) => client,
            Ok(Err(error)) if matches!(error.kind.as_ref(), ErrorKind::DnsResolve { .. }) => {
                return Err(OpenError::Unreachable { servers: "its SRV record".to_owned(), source: error.into() });
            }
            Ok(Err(_)) => return Err(OpenError::Url),
            Err(elapsed) => {
                return Err(OpenError::Unreachable { servers: "its SRV record".to_owned(), source: elapsed.into() });
            }
        };
        Self::open_with(options, client).await
    }

    /// As [`MongoStore::open`], for a client that was configured elsewhere: with a handler of events, say. The URL of the
    /// options is not used.
    ///
    /// # Errors
    /// As [`MongoStore::open`].
    #[doc(hidden)]
    pub async fn open_with(options: MongoOptions, mut client: ClientOptions) -> Result<Self, OpenError> {
        let servers = client.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        client.app_name.get_or_insert_with(|| "palavra".to_owned());
        client.max_pool_size = Some(options.max_pool_size.max(1));
        client.connect_timeout = Some(options.connect_timeout);
        // A call's own limit ends it sooner, except at start-up.
        client.server_selection_timeout = Some(options.open_timeout);
        // What was acknowledged survives the loss of a member, and of its power.
        client.write_concern = Some(WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build());
        // From the primary, which has every write it has acknowledged; so one reads one's own writes without waiting for a
        // majority to confirm what is read.
        client.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));

        let database = Client::with_options(client).map_err(|_| OpenError::Url)?.database(&options.database);
        let store = Self { database, timeout: options.timeout };
        let name = || options.database.clone();
        let made = tokio::time::timeout(options.open_timeout * 2, store.make_indexes()).await;
        match made {
            Ok(Ok(())) => Ok(store),
            Ok(Err(error)) => Err(open_error(servers, name(), error)),
            Err(elapsed) => Err(OpenError::Unreachable { servers, source: elapsed.into() }),
        }
    }

    /// The chats in it.
    #[must_use]
    pub fn chats(&self) -> MongoChatRepository {
        MongoChatRepository::new(self.clone())
    }

    pub(crate) fn chat_documents(&self) -> Collection<Document> {
        self.database.collection(CHATS)
    }

    pub(crate) fn turn_documents(&self) -> Collection<Document> {
        self.database.collection(TURNS)
    }

    /// Found by their ids, and few: they need no index.
    pub(crate) fn claim_documents(&self) -> Collection<Document> {
        self.database.collection(CLAIMS)
    }

    async fn make_indexes(&self) -> Result<(), Error> {
        for (collection, indexes) in [(self.chat_documents(), chat_indexes()), (self.turn_documents(), turn_indexes())]
        {
            collection.create_indexes(indexes).await?;
        }
        Ok(())
    }

    /// Runs to its end what has several steps, whether or not its caller still waits, within the time of a call.
    pub(crate) async fn whole<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let limited = tokio::time::timeout(self.timeout, work);
        let task = tokio::spawn(async move { limited.await.unwrap_or_else(|_| Err(too_slow())) });
        task.await.unwrap_or_else(|lost| Err(StoreError::Unexpected { source: lost.into() }))
    }

    /// Waits no longer than a call may take.
    pub(crate) async fn limited<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, StoreError> {
        tokio::time::timeout(self.timeout, work).await.map_err(|_| too_slow())?.map_err(store)
    }
}

fn index(name: &str, keys: Document, mut options: IndexOptions) -> IndexModel {
    options.name = Some(name.to_owned());
    IndexModel::builder().keys(keys).options(options).build()
}

fn only_where(filter: Document) -> IndexOptions {
    IndexOptions::builder().partial_filter_expression(filter).build()
}

pub(crate) fn chat_indexes() -> Vec<IndexModel> {
    vec![
        index("user", doc! {"user_id": 1, "_id": -1}, IndexOptions::default()),
        index("lease", doc! {"active.until": 1}, only_where(doc! {"active.until": {"$exists": true}})),
        index("deleted", doc! {"deleted": 1}, only_where(doc! {"deleted": true})),
    ]
}

pub(crate) fn turn_indexes() -> Vec<IndexModel> {
    vec![
        index("chat_seq", doc! {"chat_id": 1, "seq": 1}, IndexOptions::builder().unique(true).build()),
        // A context holds complete turns only: finding the last few must not walk through failed ones.
        index("complete", doc! {"chat_id": 1, "seq": -1}, only_where(doc! {"status": "complete"})),
        // Open jobs, in the order in which they are taken up.
        index("jobs", doc! {"created_at": 1, "_id": 1, "due_at": 1}, only_where(doc! {"due_at": {"$exists": true}})),
        // Those of a user.
        index(
            "user_jobs",
            doc! {"user_id": 1, "created_at": 1, "_id": 1, "due_at": 1},
            only_where(doc! {"due_at": {"$exists": true}}),
        ),
    ]
}

fn open_error(servers: String, database: String, error: Error) -> OpenError {
    let said = error.to_string();
    match error.kind.as_ref() {
        ErrorKind::Authentication { .. } => OpenError::Credentials { servers },
        // Unauthorized, and authentication failed.
        ErrorKind::Command(command) if [13, 18].contains(&command.code) => OpenError::Credentials { servers },
        // The driver tells of a refused login while it looks for a server.
        ErrorKind::ServerSelection { .. } if said.contains("Authentication") || said.contains("SCRAM") => {
            OpenError::Credentials { servers }
        }
        ErrorKind::ServerSelection { .. } | ErrorKind::Io(_) => {
            OpenError::Unreachable { servers, source: error.into() }
        }
        _ => OpenError::Failed { servers, database, source: error.into() },
    }
}
