//! Bringing a table that an earlier release made to the present layout, in place.
//!
//! The new columns are one commit, and the layout that the table says it has another, the last. A process that dies in
//! between leaves columns that the next one finds; before, it leaves files that no version names. Several processes may
//! start at once: whose commit comes second looks again at what is there by now.

use crate::{
    commits::{self, TRIES},
    errors::is_conflict,
    schema::{self, CREATED_AT, LAYOUT, META_LAYOUT, STATE, VALID_FROM},
    shared::{self, TookTooLong},
};
use arrow_array::{ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use lance::{
    Dataset,
    dataset::{BatchUDF, NewColumnTransform},
};
use lancedb::{Error, Table};
use palavra_domain::MemoryState;
use std::{sync::Arc, time::Duration};

/// Brings the table to the present layout. Nothing is written when it has it. Where other processes write too, it may take
/// `limit`, which is less than they keep old versions.
pub(crate) async fn upgrade(table: &Table, limit: Option<Duration>) -> lancedb::Result<()> {
    let mut tries = 1;
    loop {
        let step = step(table);
        let done = match limit {
            None => step.await,
            Some(limit) => shared::bounded(limit, step).await.unwrap_or_else(|TookTooLong| {
                let message = format!("bringing the memories to layout {LAYOUT} took longer than {limit:?}");
                Err(Error::Timeout { message })
            }),
        };
        match done {
            Ok(()) => return Ok(()),
            Err(Error::Lance { source }) if tries < TRIES && met_another(&source) => {
                tracing::debug!(error = %source, tries, "bringing the memories to another layout met another process");
                commits::pause(tries).await;
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether another process's commit came in between. One that names the same layout as ours does not go together with it at
/// all, but is as good.
fn met_another(error: &lance::Error) -> bool {
    is_conflict(error) || matches!(error, lance::Error::IncompatibleTransaction { .. })
}

async fn step(table: &Table) -> lancedb::Result<()> {
    table.checkout_latest().await?;
    let dataset = commits::newest(table).await?;
    let stored = Schema::from(dataset.schema());
    if schema::stored_layout(&stored).is_ok_and(|layout| layout >= LAYOUT) {
        return Ok(());
    }
    let mut dataset = Dataset::clone(&dataset);
    if stored.field_with_name(STATE).is_err() {
        let read = Some(vec![CREATED_AT.to_owned()]);
        dataset.add_columns(NewColumnTransform::BatchUDF(first_to_second()), read, None).await?;
    }
    dataset.update_schema_metadata([(META_LAYOUT, LAYOUT.to_string().as_str())]).await?;
    commits::take_over(table, dataset)?;
    tracing::info!(layout = LAYOUT, "the memories have another layout now");
    Ok(())
}

/// What the first layout's rows come to: memories that hold since they were made.
fn first_to_second() -> BatchUDF {
    let schema: SchemaRef = Arc::new(Schema::new(schema::since_layout_2().to_vec()));
    let output_schema = Arc::clone(&schema);
    let mapper = move |batch: &RecordBatch| Ok(upgraded(&schema, batch)?);
    BatchUDF { mapper: Box::new(mapper), output_schema, result_checkpoint: None }
}

fn upgraded(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let rows = batch.num_rows();
    let missing = || ArrowError::SchemaError(format!("the rows have no {CREATED_AT}"));
    let created_at = batch.column_by_name(CREATED_AT).ok_or_else(missing)?;
    let column = |name: &str, of: &arrow_schema::DataType| -> ArrayRef {
        match name {
            STATE => Arc::new(StringArray::from(vec![MemoryState::Active.as_str(); rows])),
            VALID_FROM => Arc::clone(created_at),
            _ => new_null_array(of, rows),
        }
    };
    let columns = schema.fields().iter().map(|field| column(field.name(), field.data_type())).collect();
    RecordBatch::try_new(Arc::clone(schema), columns)
}
