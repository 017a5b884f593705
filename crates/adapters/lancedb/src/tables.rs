//! The tables of memories at one place, and the ledger of them: a table `spaces` of one row, which is replaced when it has
//! still the revision that was read.

use crate::{
    LanceDbMemoryRepository, LanceDbOptions, OpenError, errors,
    maintenance::{self, Unnamed},
    open,
    s3::Place,
    schema,
};
use arrow_array::{Array as _, Int64Array, RecordBatch, RecordBatchIterator, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use futures::{FutureExt as _, TryStreamExt as _};
use lance::{
    dataset::{CommitBuilder, InsertBuilder, WriteMode, WriteParams},
    io::{ObjectStoreParams, StorageOptionsAccessor},
};
use lancedb::{
    Connection, Error, Table,
    query::{ExecutableQuery as _, QueryBase as _, Select},
};
use palavra_domain::{
    EmbeddingSpace, Entity, SpaceLedger, SpaceTable, StoreError, Target,
    ports::{Check, Inspect, Inspection, MemoryArchive, MemoryTables},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::{sync::Mutex, time::timeout};

const LEDGER: &str = "spaces";
const PLACE: &str = "place";
const REVISION: &str = "revision";
const TEXT: &str = "ledger";
/// After so many changes of the ledger its old versions are removed.
const PRUNE_AFTER: u32 = 50;
/// So many old versions of the ledger are kept, for whoever reads them.
const KEPT_VERSIONS: u64 = 100;

static LEDGER_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new(PLACE, DataType::Int64, false),
        Field::new(REVISION, DataType::Int64, false),
        Field::new(TEXT, DataType::Utf8, false),
    ]))
});

/// The tables of memories in a folder or a bucket.
pub struct LanceDbMemoryTables {
    options: LanceDbOptions,
    connection: Connection,
    opened: Mutex<HashMap<String, Arc<LanceDbMemoryRepository>>>,
    ledger: Mutex<Option<Table>>,
    /// What the first table is of, while there is no ledger: that never changes.
    first: OnceLock<EmbeddingSpace>,
    recorded: AtomicU32,
}

impl LanceDbMemoryTables {
    /// Looks at the place that the options name. Nothing is opened or written yet: while another process is the only one
    /// that writes to the tables, the ledger can be used all the same.
    ///
    /// # Errors
    /// When the place cannot be used.
    pub async fn at(options: LanceDbOptions) -> Result<Self, OpenError> {
        let connection = open::connection(&options).await?;
        Ok(Self {
            options,
            connection,
            opened: Mutex::default(),
            ledger: Mutex::default(),
            first: OnceLock::new(),
            recorded: AtomicU32::new(0),
        })
    }

    /// Opens the table that is served from; the first one is made when there is none. Its space is that of the options, or
    /// took that one's place.
    ///
    /// # Errors
    /// When its space is another, or it cannot be used.
    pub async fn current(&self) -> Result<(SpaceTable, Arc<LanceDbMemoryRepository>), OpenError> {
        let failed = |error: StoreError| OpenError::Failed { uri: self.options.uri.clone(), source: error.into() };
        let ledger = self.ledger().await.map_err(failed)?;
        let ledger = ledger.unwrap_or_else(|| SpaceLedger::first(self.options.space.clone()));
        if !ledger.is_meant_by(&self.options.space) {
            let (stored, wanted) = (ledger.current.space, self.options.space.clone());
            return Err(OpenError::OtherSpace { uri: self.options.uri.clone(), stored, wanted });
        }
        let open = self.opened(&ledger.current).await?;
        Ok((ledger.current, open))
    }

    /// Closes all tables: see [`LanceDbMemoryRepository::close`].
    pub async fn close_all(&self) {
        for (_, table) in self.opened.lock().await.drain() {
            table.close().await;
        }
    }

    async fn opened(&self, table: &SpaceTable) -> Result<Arc<LanceDbMemoryRepository>, OpenError> {
        let mut opened = self.opened.lock().await;
        if let Some(open) = opened.get(&table.name) {
            let (stored, wanted) = (open.space.clone(), table.space.clone());
            return if stored == wanted {
                Ok(Arc::clone(open))
            } else {
                Err(OpenError::OtherSpace { uri: self.options.uri.clone(), stored, wanted })
            };
        }
        let options = LanceDbOptions { table: table.name.clone(), space: table.space.clone(), ..self.options.clone() };
        let open = Arc::new(LanceDbMemoryRepository::open(options).boxed().await?);
        opened.insert(table.name.clone(), Arc::clone(&open));
        Ok(open)
    }

    async fn bounded<T>(&self, call: impl Future<Output = lancedb::Result<T>>) -> Result<T, StoreError> {
        timeout(self.options.timeout, call).await.map_err(|_| errors::too_slow())?.map_err(errors::failed)
    }

    /// The ledger's table, if there is one.
    async fn ledger_table(&self) -> lancedb::Result<Option<Table>> {
        let mut known = self.ledger.lock().await;
        if known.is_none() {
            *known = opened(self.connection.open_table(LEDGER).execute().await)?;
        }
        let table = known.clone();
        if let Some(table) = &table {
            table.checkout_latest().await?;
        }
        Ok(table)
    }

    async fn written(&self) -> lancedb::Result<Option<(i64, String)>> {
        let Some(table) = self.ledger_table().await? else { return Ok(None) };
        let query = table.query().select(Select::columns(&[REVISION, TEXT])).limit(1);
        let batches: Vec<RecordBatch> = query.execute().await?.try_collect().await?;
        let row = batches.iter().find(|batch| batch.num_rows() > 0).and_then(|batch| {
            let revision = batch.column_by_name(REVISION)?.as_any().downcast_ref::<Int64Array>()?.value(0);
            let text = batch.column_by_name(TEXT)?.as_any().downcast_ref::<StringArray>()?.value(0);
            Some((revision, text.to_owned()))
        });
        row.map(Some).ok_or_else(|| Error::Runtime { message: format!("the table {LEDGER} is not ours") })
    }

    /// Makes the ledger's table with this row in it. `false` when somebody else was quicker.
    async fn begin(&self, row: RecordBatch) -> lancedb::Result<bool> {
        let Err(error) = self.create(row).await else { return Ok(true) };
        // Whatever it is called: when there is one now, it is not ours.
        if self.ledger_table().await?.is_some() { Ok(false) } else { Err(error.into()) }
    }

    /// Not as LanceDB makes a table: of two at once, the second would take the place of the first.
    async fn create(&self, row: RecordBatch) -> lance::Result<()> {
        let uri = format!("{}/{LEDGER}.lance", self.options.uri.trim_end_matches('/'));
        let mut store = ObjectStoreParams::default();
        if Place::of(&uri) == Place::S3 {
            let named = self.options.s3.named().into_iter().collect();
            store.storage_options_accessor = Some(Arc::new(StorageOptionsAccessor::with_static_options(named)));
        }
        let params = WriteParams {
            mode: WriteMode::Create,
            store_params: Some(store.clone()),
            auto_cleanup: None,
            ..WriteParams::default()
        };
        let made = InsertBuilder::new(uri.as_str()).with_params(&params).execute_uncommitted(vec![row]).await?;
        // Without retries it becomes the first version, or none.
        CommitBuilder::new(uri.as_str()).with_store_params(store).with_max_retries(0).execute(made).await?;
        Ok(())
    }

    async fn replace(&self, row: RecordBatch, revision: i64) -> lancedb::Result<bool> {
        let Some(table) = self.ledger_table().await? else { return Ok(false) };
        let mut merge = table.merge_insert(&[PLACE]);
        merge.when_matched_update_all(Some(format!("target.{REVISION} = {revision}")));
        let source = RecordBatchIterator::new([Ok(row)], Arc::clone(&LEDGER_SCHEMA));
        let merged = merge.execute(Box::new(source)).await?;
        if self.recorded.fetch_add(1, Ordering::Relaxed) % PRUNE_AFTER == PRUNE_AFTER - 1 {
            self.prune(&table).await;
        }
        Ok(merged.num_updated_rows > 0)
    }

    async fn prune(&self, table: &Table) {
        let prune = async {
            let newest = table.version().await?;
            maintenance::remove_before(table, newest.saturating_sub(KEPT_VERSIONS), Unnamed::Keep).await
        };
        if let Err(error) = prune.await {
            tracing::warn!(error = %error, "old versions of the ledger of memories could not be removed");
        }
    }
}

fn opened(outcome: lancedb::Result<Table>) -> lancedb::Result<Option<Table>> {
    match outcome {
        Ok(table) => Ok(Some(table)),
        Err(Error::TableNotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn row(ledger: &SpaceLedger) -> Result<RecordBatch, ArrowError> {
    let text = serde_json::to_string(ledger).map_err(|error| ArrowError::ExternalError(error.into()))?;
    let revision = i64::try_from(ledger.revision).unwrap_or(i64::MAX);
    let columns = (Int64Array::from(vec![0]), Int64Array::from(vec![revision]), StringArray::from(vec![text]));
    RecordBatch::try_new(
        Arc::clone(&LEDGER_SCHEMA),
        vec![Arc::new(columns.0), Arc::new(columns.1), Arc::new(columns.2)],
    )
}

fn unreadable(reason: String) -> StoreError {
    StoreError::Corrupt { entity: Entity::Memory, source: reason.into() }
}

#[async_trait]
impl MemoryTables for LanceDbMemoryTables {
    #[tracing::instrument(name = "db.ledger", level = "trace", skip_all)]
    async fn ledger(&self) -> Result<Option<SpaceLedger>, StoreError> {
        if let Some((revision, text)) = self.bounded(self.written()).await? {
            let ledger: SpaceLedger = serde_json::from_str(&text)
                .map_err(|error| unreadable(format!("the ledger of memories is not ours: {error}")))?;
            return Ok(Some(SpaceLedger { revision: revision.unsigned_abs(), ..ledger }));
        }
        if let Some(space) = self.first.get() {
            return Ok(Some(SpaceLedger::first(space.clone())));
        }
        let first = schema::TABLE;
        let stored = self.bounded(async {
            match opened(self.connection.open_table(first).execute().await)? {
                Some(table) => Ok(Some(table.schema().await?)),
                None => Ok(None),
            }
        });
        let Some(stored) = stored.await? else { return Ok(None) };
        let space =
            schema::stored_space(&stored).map_err(|reason| unreadable(format!("the table {first}: {reason}")))?;
        Ok(Some(SpaceLedger::first(self.first.get_or_init(|| space).clone())))
    }

    #[tracing::instrument(name = "db.record", level = "debug", skip_all)]
    async fn record(&self, ledger: &SpaceLedger) -> Result<bool, StoreError> {
        let read = i64::try_from(ledger.revision).unwrap_or(i64::MAX);
        let next = SpaceLedger { revision: ledger.revision + 1, ..ledger.clone() };
        let row = row(&next).map_err(|error| errors::failed(error.into()))?;
        self.bounded(async {
            if read > 0 || self.ledger_table().await?.is_some() {
                return self.replace(row, read).await;
            }
            self.begin(row).await
        })
        .await
    }

    #[tracing::instrument(name = "db.open", level = "debug", skip_all)]
    async fn open(&self, table: &SpaceTable) -> Result<Arc<dyn MemoryArchive>, StoreError> {
        match self.opened(table).await {
            Ok(open) => Ok(open),
            Err(error @ (OpenError::Failed { .. } | OpenError::Storage { .. })) => {
                Err(StoreError::Unavailable { source: error.into() })
            }
            Err(error) => Err(StoreError::Unexpected { source: error.into() }),
        }
    }

    async fn close(&self, table: &str) {
        if let Some(open) = self.opened.lock().await.remove(table) {
            open.close().await;
        }
    }

    #[tracing::instrument(name = "db.remove", level = "debug", skip_all)]
    async fn remove(&self, table: &str) -> Result<bool, StoreError> {
        self.close(table).await;
        self.bounded(async {
            // Object storage does not tell. What is left of one whose removal was cut off goes in any case.
            let opened = self.connection.open_table(table).execute().await;
            let was_there = !matches!(opened, Err(Error::TableNotFound { .. }));
            match self.connection.drop_table(table, &[]).await {
                Ok(()) => Ok(was_there),
                Err(Error::TableNotFound { .. }) => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
    }
}

#[async_trait]
impl Inspect for LanceDbMemoryTables {
    async fn inspect(&self) -> Result<Inspection, StoreError> {
        let (_, current) = self.current().await.map_err(|error| StoreError::Unavailable { source: error.into() })?;
        let mut inspection = current.inspect().await?;
        let ledger = self.ledger().await?;
        if let Some(Target { table, progress, problem }) = ledger.and_then(|ledger| ledger.target) {
            let mut told = format!("to {}: {} of {}", table.space, progress.done, progress.total);
            if let Some(problem) = &problem {
                told = format!("{told}; {problem}");
            }
            inspection.checks.push(Check { name: "reembedding", ok: problem.is_none(), told });
        }
        Ok(inspection)
    }
}
