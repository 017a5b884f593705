//! Opening the table, or making it.

use crate::{
    LanceDbOptions, OpenError, layouts,
    maintenance::{self, Unnamed},
    s3::Place,
    schema::{self, LAYOUT},
};
use arrow_schema::{Schema, SchemaRef};
use lancedb::{
    Connection, Error, ObjectStoreRegistry, Session, Table,
    index::{Index, scalar::BTreeIndexBuilder},
};
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

const MAX_DIMENSIONS: usize = 65_536;
/// Tries at making an index.
const TRIES: u32 = 5;

/// Opens the table of these options' space, or makes it; its columns are indexed.
pub(crate) async fn open(options: &LanceDbOptions) -> Result<(Table, SchemaRef), OpenError> {
    let dimensions = i32::try_from(options.space.dimensions)
        .ok()
        .filter(|_| (1..=MAX_DIMENSIONS).contains(&options.space.dimensions))
        .ok_or(OpenError::Dimensions { dimensions: options.space.dimensions })?;
    let ours = schema::schema(&options.space, dimensions);
    let failed = |error: Error| why(options, error);
    let connection = connection(options).await?;
    let table = open_or_make(&connection, &options.table, &ours).await.map_err(failed)?;
    let stored = table.schema().await.map_err(failed)?;
    check(&stored, options)?;
    layouts::upgrade(&table, (!options.sole_writer).then_some(options.timeout * 6)).await.map_err(failed)?;
    let stored = table.schema().await.map_err(failed)?;
    schema::check_columns(&stored, &ours).map_err(|reason| OpenError::Foreign { uri: options.uri.clone(), reason })?;
    ensure_indexes(&table).await.map_err(failed)?;
    if options.sole_writer {
        clear(&table).await;
    }
    Ok((table, ours))
}

/// Connects to the place that the options name.
pub(crate) async fn connection(options: &LanceDbOptions) -> Result<Connection, OpenError> {
    match Place::of(&options.uri) {
        Place::Folder => {}
        Place::S3 if cfg!(feature = "s3") => {}
        Place::S3 => return Err(OpenError::WithoutS3 { uri: options.uri.clone() }),
        Place::Other => return Err(OpenError::Place { uri: options.uri.clone() }),
    }
    connect(options).await.map_err(|error| why(options, error))
}

/// Why a place cannot be used. LanceDB has put what object storage answered into words, in which its status and its code
/// are still to be found.
pub(crate) fn why(options: &LanceDbOptions, error: Error) -> OpenError {
    let (uri, said) = (options.uri.clone(), format!("{error:?}"));
    let any = |signs: &[&str]| signs.iter().any(|sign| said.contains(sign));
    match Place::of(&uri) {
        Place::Folder | Place::Other => OpenError::Failed { uri, source: error.into() },
        Place::S3 if any(&["NoSuchBucket"]) => OpenError::NoBucket { uri, source: error.into() },
        Place::S3 if any(&["status: 401", "status: 403", "PermissionDenied", "Unauthenticated"]) => {
            OpenError::Refused { uri, source: error.into() }
        }
        Place::S3 => OpenError::Storage { uri, source: error.into() },
    }
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
        connect = connect.read_consistency_interval(options.others_within);
    }
    if Place::of(&options.uri) == Place::S3 {
        connect = connect.storage_options(options.s3.named());
    }
    connect.execute().await
}

async fn open_or_make(connection: &Connection, name: &str, ours: &SchemaRef) -> lancedb::Result<Table> {
    match connection.open_table(name).execute().await {
        Err(Error::TableNotFound { .. }) => {}
        other => return other,
    }
    match connection.create_empty_table(name, Arc::clone(ours)).execute().await {
        // Somebody else was quicker.
        Err(Error::TableAlreadyExists { .. }) => connection.open_table(name).execute().await,
        other => other,
    }
}

/// Whether the table is one that we may write to.
fn check(stored: &Schema, options: &LanceDbOptions) -> Result<(), OpenError> {
    let uri = || options.uri.clone();
    let layout = schema::stored_layout(stored).map_err(|reason| OpenError::Foreign { uri: uri(), reason })?;
    if layout > LAYOUT {
        return Err(OpenError::Newer { uri: uri(), layout, known: LAYOUT });
    }
    let space = schema::stored_space(stored).map_err(|reason| OpenError::Foreign { uri: uri(), reason })?;
    if space != options.space {
        return Err(OpenError::OtherSpace { uri: uri(), stored: space, wanted: options.space.clone() });
    }
    Ok(())
}

/// Makes the indexes that are missing. Several processes may start at once: whoever finds an index made by another in the
/// meantime is content with it.
async fn ensure_indexes(table: &Table) -> lancedb::Result<()> {
    for column in schema::INDEXED {
        let mut tries = 1;
        while !is_indexed(table, column).await? {
            let made = table.create_index(&[column], Index::BTree(BTreeIndexBuilder::default())).replace(false);
            match made.execute().await {
                Ok(()) => break,
                Err(error) if tries < TRIES => {
                    tracing::debug!(error = %error, column, tries, "making an index met another process");
                    sleep(Duration::from_millis(50) * 2_u32.saturating_pow(tries)).await;
                    table.checkout_latest().await?;
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

async fn is_indexed(table: &Table, column: &str) -> lancedb::Result<bool> {
    Ok(table.list_indices().await?.iter().any(|index| index.columns == [column]))
}
