//! A schema of one case.

use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use palavra_postgres::{OpenError, PostgresOptions, PostgresStore};
use std::{
    process,
    sync::atomic::{AtomicU32, Ordering},
};
use url::Url;

#[derive(diesel::QueryableByName)]
struct Answer {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    answer: i64,
}

/// A schema that is not there yet, and is dropped with this. Its connections go by its name, too.
pub(crate) struct Namespace {
    url: String,
    pub(crate) name: String,
}

impl Namespace {
    pub(crate) fn new(url: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}_{}", process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        Self { url: url.to_owned(), name }
    }

    /// The server's URL, with the name as the application's.
    pub(crate) fn url(&self) -> Url {
        let mut url = Url::parse(&self.url).unwrap();
        url.query_pairs_mut().append_pair("application_name", &self.name);
        url
    }

    /// Host and port of the server.
    pub(crate) fn server(&self) -> String {
        let url = self.url();
        format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432))
    }

    /// The URL by another way to the server.
    pub(crate) fn by(&self, host: &str, port: u16) -> Url {
        let mut url = self.url();
        url.set_host(Some(host)).unwrap();
        url.set_port(Some(port)).unwrap();
        url
    }

    pub(crate) fn options(&self, url: &Url) -> PostgresOptions {
        PostgresOptions { schema: Some(self.name.clone()), max_connections: 8, ..PostgresOptions::new(url.as_str()) }
    }

    pub(crate) async fn try_open(&self, url: &Url) -> Result<PostgresStore, OpenError> {
        PostgresStore::open(self.options(url)).await
    }

    pub(crate) async fn open(&self) -> PostgresStore {
        self.try_open(&self.url()).await.unwrap()
    }

    /// A connection of somebody else to the same schema.
    pub(crate) async fn stranger(&self) -> AsyncPgConnection {
        stranger(&self.url, &self.name).await
    }

    pub(crate) async fn tamper(&self, sql: &str) {
        self.stranger().await.batch_execute(sql).await.unwrap();
    }

    /// What the query says of `answer`.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        let mut stranger = self.stranger().await;
        diesel::sql_query(sql).get_result::<Answer>(&mut stranger).await.unwrap().answer
    }

    /// How many connections our store has.
    pub(crate) async fn connections(&self) -> i64 {
        let name = &self.name;
        self.count(&format!("SELECT count(*) AS answer FROM pg_stat_activity WHERE application_name = '{name}'")).await
    }
}

async fn stranger(url: &str, schema: &str) -> AsyncPgConnection {
    let mut connection = AsyncPgConnection::establish(url).await.unwrap();
    connection.batch_execute(&format!("SET search_path = {schema}; SET client_min_messages = warning")).await.unwrap();
    connection
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let (url, name) = (self.url.clone(), self.name.clone());
        // Dropping happens inside a runtime, which cannot be blocked on.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let drop = format!("DROP SCHEMA IF EXISTS {name} CASCADE");
                stranger(&url, &name).await.batch_execute(&drop).await.unwrap();
            });
        });
        let dropped = dropped.join();
        assert!(dropped.is_ok() || std::thread::panicking(), "the schema could not be dropped");
    }
}
