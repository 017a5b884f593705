//! Making connections.

use crate::{
    OpenError, PostgresOptions,
    open::{NoAnswer, chain},
    place::{Place, Target},
    tls,
};
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use std::{future::Future, time::Duration};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Makes connections to one database.
#[derive(Clone)]
pub(crate) struct Connector {
    target: Target,
    tls: MakeRustlsConnect,
    /// Run first on every connection.
    settings: String,
    schema: Option<String>,
    timeout: Duration,
}

impl Connector {
    /// Reads the files of certificates.
    pub(crate) fn new(options: &PostgresOptions) -> Result<Self, OpenError> {
        let target = Target::parse(&options.url, options.ca_file.is_some())?;
        let tls = tls::connector(target.ssl_mode, options.ca_file.as_deref())?;
        // Statements here are transactions of their own, which take turns over a row at this level and fail at others. The
        // limits are for what this process can no longer end itself.
        let mut settings = format!(
            "SET default_transaction_isolation = 'read committed'; SET statement_timeout = {limit}; \
             SET idle_in_transaction_session_timeout = {limit}",
            limit = options.timeout.as_millis().clamp(1, 1 << 30),
        );
        if let Some(schema) = &options.schema {
            settings.push_str(&format!("; SET search_path = \"{}\"", plain(schema)?));
        }
        Ok(Self { target, tls, settings, schema: options.schema.clone(), timeout: options.connect_timeout })
    }

    pub(crate) fn place(&self) -> &Place {
        &self.target.place
    }

    /// The schema asked for, which needs no quoting.
    pub(crate) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// Ends what takes longer than making a connection may.
    pub(crate) async fn limited<T>(
        &self,
        work: impl Future<Output = Result<T, OpenError>> + Send,
    ) -> Result<T, OpenError> {
        tokio::time::timeout(self.timeout, work)
            .await
            .unwrap_or_else(|_| Err(OpenError::unreachable(self.place(), NoAnswer(self.timeout))))
    }

    /// A new connection, set up.
    pub(crate) async fn connect(&self) -> Result<AsyncPgConnection, OpenError> {
        self.limited(self.connect_unlimited()).await
    }

    async fn connect_unlimited(&self) -> Result<AsyncPgConnection, OpenError> {
        let failed = |error| OpenError::connecting(self.place(), error);
        let (client, connection) = self.target.config.connect(self.tls.clone()).await.map_err(failed)?;
        let lost = |error: ConnectionError| OpenError::unreachable(self.place(), error);
        let mut connection =
            AsyncPgConnection::try_from_client_and_connection(client, connection).await.map_err(lost)?;
        let set = connection.batch_execute(&self.settings).await;
        set.map_err(|error| OpenError::unreachable(self.place(), error))?;
        Ok(connection)
    }

    /// For the pool, whose errors are texts.
    pub(crate) async fn connect_for_pool(&self) -> ConnectionResult<AsyncPgConnection> {
        self.connect().await.map_err(|error| ConnectionError::BadConnection(chain(&error)))
    }
}

/// A schema's name that needs no quoting.
fn plain(schema: &str) -> Result<&str, OpenError> {
    let fits = schema.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let begins = schema.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if fits && begins && schema.len() <= 63 { Ok(schema) } else { Err(OpenError::Schema { schema: schema.to_owned() }) }
}
