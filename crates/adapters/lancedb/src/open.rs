//! Opening the table, or making it.

use crate::{
    LanceDbOptions, OpenError,
    maintenance::{self, Unnamed},
    schema::{self, ID, TABLE, USER_ID},
};
use arrow_schema::SchemaRef;
use lancedb::{
    Connection, Error, ObjectStoreRegistry, Session, Table,
    index::{Index, scalar::BTreeIndexBuilder},
};
use std::{sync::Arc, time::Duration};

const MAX_DIMENSIONS: usize = 65_536;

/// Opens the table of these options' space, or makes it; its columns are indexed.
pub(crate) async fn open(options: &LanceDbOptions) -> Result<(Table, SchemaRef), OpenError> {
    let dimensions = i32::try_from(options.space.dimensions)
        .ok()
        .filter(|_| (1..=MAX_DIMENSIONS).contains(&options.space.dimensions))
        .ok_or(OpenError::Dimensions { dimensions: options.space.dimensions })?;
    let ours = schema::schema(&options.space, dimensions);
    let failed = |error: Error| OpenError::Failed { uri: options.uri.clone(), source: error.into() };

    let connection = connect(options).await.map_err(failed)?;
    let table = open_or_make(&connection, &ours).await.map_err(failed)?;
    check(&table, &ours, options).await?;
    ensure_indexes(&table).await.map_err(failed)?;
    if options.sole_writer {
        clear(&table).await;
    }
    Ok((table, ours))
}

/// Removes what a process left that was killed while it wrote: old versions, and files that no version names. Only safe
/// while nobody writes.
async fn clear(table: &Table) {
    let clear = async {
        let newest = table.version().await?;
        maintenance::remove_before(table, newest, Unnamed::Remove).await
    };
    if let Err(error) = clear.await {
        tracing::warn!(error = %error, "what an earlier process left of the memories could not be removed");
    }
}

async fn connect(options: &LanceDbOptions) -> lancedb::Result<Connection> {
    // Indexes are what a read goes through; metadata is small.
    let metadata = options.cache_bytes / 4;
    let session = Session::new(options.cache_bytes - metadata, metadata, Arc::new(ObjectStoreRegistry::default()));
    let mut connect = lancedb::connect(&options.uri).session(Arc::new(session));
    if !options.sole_writer {
        connect = connect.read_consistency_interval(Duration::ZERO);
    }
    connect.execute().await
}

async fn open_or_make(connection: &Connection, ours: &SchemaRef) -> lancedb::Result<Table> {
    match connection.open_table(TABLE).execute().await {
        Err(Error::TableNotFound { .. }) => {}
        other => return other,
    }
    match connection.create_empty_table(TABLE, Arc::clone(ours)).execute().await {
        // Somebody else was quicker.
        Err(Error::TableAlreadyExists { .. }) => connection.open_table(TABLE).execute().await,
        other => other,
    }
}

async fn check(table: &Table, ours: &SchemaRef, options: &LanceDbOptions) -> Result<(), OpenError> {
    let uri = || options.uri.clone();
    let stored = table.schema().await.map_err(|error| OpenError::Failed { uri: uri(), source: error.into() })?;
    let space = schema::stored_space(&stored).map_err(|reason| OpenError::Foreign { uri: uri(), reason })?;
    if space != options.space {
        return Err(OpenError::OtherSpace { uri: uri(), stored: space, wanted: options.space.clone() });
    }
    schema::check_columns(&stored, ours).map_err(|reason| OpenError::Foreign { uri: uri(), reason })
}

async fn ensure_indexes(table: &Table) -> lancedb::Result<()> {
    let existing = table.list_indices().await?;
    for column in [USER_ID, ID] {
        if !existing.iter().any(|index| index.columns == [column]) {
            table.create_index(&[column], Index::BTree(BTreeIndexBuilder::default())).execute().await?;
        }
    }
    Ok(())
}
