//! Tables that an earlier release made.

use super::{child, open, row, update};
use crate::options;
use arrow_array::{
    ArrayRef, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, RecordBatchIterator, StringArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use futures::future::join_all;
use lancedb::{Table, index::Index};
use palavra_contracts::samples::{at, memory_id, user_id};
use palavra_domain::{
    EmbeddedMemory, Memory, MemoryId, MemorySource, MemoryState,
    ports::{Inspect as _, MemoryArchive as _, MemoryRepository as _},
};
use palavra_lancedb::{LanceDbMemoryRepository, LanceDbOptions, OpenError};
use std::{collections::HashMap, sync::Arc, time::Duration};

const LAYOUT: &str = "palavra.layout";

/// The schema of the first layout, as its releases wrote it.
fn first_schema(options: &LanceDbOptions) -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let number = |name: &str| Field::new(name, DataType::Int64, false);
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let fields = vec![
        text("id"),
        text("user_id"),
        number("revision"),
        text("text"),
        text("text_hash"),
        text("kind"),
        text("origin"),
        Field::new("source_chat", DataType::Utf8, true),
        Field::new("source_turn", DataType::Utf8, true),
        number("created_at"),
        number("updated_at"),
        Field::new("vector", DataType::FixedSizeList(item, 4), false),
    ];
    let metadata = [
        (LAYOUT, "1".to_owned()),
        ("palavra.embedding_model", options.space.model.clone()),
        ("palavra.embedding_dimensions", "4".to_owned()),
    ];
    let metadata: HashMap<String, String> = metadata.map(|(name, value)| (name.to_owned(), value)).into();
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

fn first_batch(schema: &SchemaRef, rows: &[EmbeddedMemory]) -> RecordBatch {
    let texts = |text: fn(&Memory) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| text(&row.memory))))
    };
    let maybe = |text: fn(&MemorySource) -> String| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row.memory.source.as_ref().map(text)).collect::<StringArray>())
    };
    let numbers = |number: fn(&Memory) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| number(&row.memory))))
    };
    let vectors = Float32Array::from_iter_values(rows.iter().flat_map(|row| row.vector.iter().copied()));
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let columns = vec![
        texts(|memory| memory.id.to_string()),
        texts(|memory| memory.user_id.to_string()),
        numbers(|memory| memory.revision.into()),
        texts(|memory| memory.text.as_str().to_owned()),
        texts(|memory| memory.text.hash().to_string()),
        texts(|memory| memory.kind.as_str().to_owned()),
        texts(|memory| memory.origin.as_str().to_owned()),
        maybe(|source| source.chat.to_string()),
        maybe(|source| source.turn.to_string()),
        numbers(|memory| memory.created_at.as_millis()),
        numbers(|memory| memory.updated_at.as_millis()),
        Arc::new(FixedSizeListArray::new(item, 4, Arc::new(vectors), None)),
    ];
    RecordBatch::try_new(Arc::clone(schema), columns).unwrap()
}

async fn table(options: &LanceDbOptions) -> Table {
    let mut connect = lancedb::connect(&options.uri);
    if let Some(endpoint) = &options.s3.endpoint {
        use secrecy::ExposeSecret as _;
        let texts = [
            ("aws_endpoint", endpoint.clone()),
            ("aws_region", options.s3.region.clone().unwrap()),
            ("aws_access_key_id", options.s3.access_key_id.clone().unwrap()),
            ("aws_secret_access_key", options.s3.secret_access_key.as_ref().unwrap().expose_secret().to_owned()),
            ("allow_http", "true".to_owned()),
            ("aws_virtual_hosted_style_request", "false".to_owned()),
        ];
        connect = connect.storage_options(texts.map(|(name, value)| (name.to_owned(), value)));
    }
    let connection = connect.execute().await.unwrap();
    if !connection.table_names().execute().await.unwrap().is_empty() {
        return connection.open_table("memories").execute().await.unwrap();
    }
    connection.create_empty_table("memories", first_schema(options)).execute().await.unwrap()
}

/// Makes a table of the first layout: a file for each part of its rows, and the indexes.
pub(crate) async fn first(options: &LanceDbOptions, parts: &[Vec<EmbeddedMemory>]) -> Table {
    let table = table(options).await;
    let schema = first_schema(options);
    for column in ["user_id", "id"] {
        table.create_index(&[column], Index::BTree(Default::default())).execute().await.unwrap();
    }
    for part in parts {
        table.add(first_batch(&schema, part)).execute().await.unwrap();
    }
    table
}

async fn layout(table: &Table) -> String {
    table.checkout_latest().await.unwrap();
    table.schema().await.unwrap().metadata()[LAYOUT].clone()
}

async fn set_layout(table: &Table, layout: &str) {
    let mut metadata = table.schema().await.unwrap().metadata().clone();
    metadata.insert(LAYOUT.to_owned(), layout.to_owned());
    table.as_native().unwrap().replace_schema_metadata(metadata).await.unwrap();
}

/// What a row of the first layout is now.
fn since(row: &EmbeddedMemory) -> EmbeddedMemory {
    let mut row = row.clone();
    row.memory.valid_from = row.memory.created_at;
    if let Some(source) = &mut row.memory.source {
        source.span = None;
    }
    row
}

/// Whether these rows of the first layout, of one user, are all there is of theirs, as memories that hold.
pub(crate) async fn holds(repository: &LanceDbMemoryRepository, rows: &[EmbeddedMemory]) {
    let user = rows[0].memory.user_id;
    let mut expected: Vec<EmbeddedMemory> = rows.iter().map(since).collect();
    expected.sort_by_key(|row| std::cmp::Reverse(row.memory.cursor()));
    assert_eq!(repository.embedded(user, 1000).await.unwrap(), expected);
    assert!(expected.iter().all(|row| row.memory.state == MemoryState::Active));
    for row in &expected {
        assert_eq!(repository.find(user, row.memory.id).await.unwrap().as_ref(), Some(&row.memory));
    }
    assert_eq!(repository.search(user, &[1.0, 0.0, 0.0, 0.0], 1000, 0.9).await.unwrap().len(), rows.len());
    assert!(repository.past(user).await.unwrap().is_empty());
    assert!(repository.deleted(user).await.unwrap().is_empty());
}

pub(crate) async fn a_table_of_the_first_layout_is_brought_to_the_present_one() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let (user, other) = (user_id(), user_id());
    let mut rows: Vec<EmbeddedMemory> = (0..30).map(|index| row(user, &format!("memória {index} 日本"))).collect();
    for (millis, row) in (1..).zip(&mut rows) {
        (row.memory.created_at, row.memory.updated_at) = (at(millis), at(millis * 7));
        row.memory.revision = u32::try_from(millis).unwrap();
    }
    rows[3].memory.source = None;
    let gone = row(user, "gone");
    let parts = [rows[..10].to_vec(), [rows[10..].to_vec(), vec![gone.clone()]].concat(), vec![row(other, "theirs")]];
    let table = first(&options, &parts).await;
    table.delete(format!("id = '{}'", gone.memory.id).as_str()).await.unwrap();
    assert_eq!(layout(&table).await, "1");

    for _ in 0..2 {
        let repository = open(options.clone()).await;
        assert_eq!(layout(&table).await, "2");
        holds(&repository, &rows).await;
        assert_eq!(repository.list(other, None, 10).await.unwrap().items.len(), 1);
        assert_eq!(repository.scan(None, 1000).await.unwrap().items.len(), rows.len() + 1);
        let inspection = repository.inspect().await.unwrap();
        assert!(inspection.checks.iter().all(|check| check.ok), "{inspection:?}");
        repository.close().await;
    }
    // From here on it is as any other.
    let repository = open(options).await;
    let old = since(&rows[0]);
    let mut by = row(user, "by");
    by.memory = Memory { revision: 0, valid_from: at(99), ..by.memory };
    let superseded = EmbeddedMemory { memory: old.memory.clone().superseded(by.memory.id, at(99)), ..old };
    let written = repository.change(user, vec![superseded, by.clone()]).await.unwrap().unwrap();
    assert_eq!(repository.history(user, by.memory.id).await.unwrap(), written);
    assert!(repository.delete(user, by.memory.id, at(100)).await.unwrap());
    assert_eq!(repository.deleted(user).await.unwrap().len(), 2);
    assert_eq!(repository.list(user, None, 100).await.unwrap().items.len(), rows.len() - 1);
    let turn = rows[5].memory.source.as_ref().unwrap().turn;
    assert!(repository.knows_turn(user, turn).await.unwrap());
}

pub(crate) async fn an_empty_table_of_the_first_layout_is_brought_to_the_present_one() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let table = first(&options, &[]).await;
    let repository = open(options).await;
    assert_eq!(layout(&table).await, "2");
    let saved = row(user_id(), "saved");
    repository.insert(vec![saved.clone()]).await.unwrap();
    assert_eq!(repository.find(saved.memory.user_id, saved.memory.id).await.unwrap(), Some(saved.memory));
}

pub(crate) async fn what_was_cut_off_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let rows: Vec<EmbeddedMemory> = ["one", "two"].map(|text| row(user_id(), text)).into();
    let table = first(&options, &[vec![rows[0].clone()], vec![rows[1].clone()]]).await;
    open(options.clone()).await.close().await;
    // As if it had died when the columns were there, and the table did not say so.
    table.checkout_latest().await.unwrap();
    set_layout(&table, "1").await;
    let half = folder.path().join("memories.lance/data/half-written.lance");
    std::fs::write(&half, "columns of a commit that never was").unwrap();
    let repository = open(options).await;
    assert_eq!(layout(&table).await, "2");
    assert!(!half.exists());
    for row in rows {
        holds(&repository, &[row]).await;
    }
}

pub(crate) async fn processes_that_start_at_once_do_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let user = user_id();
    let shared = LanceDbOptions { sole_writer: false, ..options(folder.path()) };
    let parts: Vec<Vec<EmbeddedMemory>> = (0..20).map(|index| vec![row(user, &format!("{index}"))]).collect();
    let table = first(&shared, &parts).await;
    let ids: Vec<MemoryId> = (0..5).map(|_| memory_id()).collect();
    let (told, opened) = tokio::join!(
        child::race(folder.path(), child::Work::Insert, user_id(), &ids, 3),
        join_all((0..3).map(|_| open(shared.clone())))
    );
    assert!(told.iter().all(|told| told.ok.len() == ids.len()), "{told:?}");
    assert_eq!(layout(&table).await, "2");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let names: Vec<String> = table.schema().await.unwrap().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names.len(), 18, "{names:?}");
    for repository in opened {
        holds(&repository, &parts.concat()).await;
        assert_eq!(repository.list(told[0].user, None, 100).await.unwrap().items.len(), ids.len());
    }
}

pub(crate) async fn a_newer_layout_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    open(options.clone()).await.close().await;
    let table = table(&options).await;
    let before = table.version().await.unwrap();
    set_layout(&table, "3").await;
    let error = LanceDbMemoryRepository::open(options).await.unwrap_err();
    assert!(matches!(error, OpenError::Newer { layout: 3, known: 2, .. }), "{error:?}");
    let shown = error.to_string();
    for part in ["layout 3", "up to 2", "newer release", "backup", folder.path().to_str().unwrap()] {
        assert!(shown.contains(part), "{part} is not in: {shown}");
    }
    // Nothing was written to it.
    table.checkout_latest().await.unwrap();
    assert_eq!(table.version().await.unwrap(), before + 1);
}

pub(crate) async fn a_row_of_the_release_before_holds() {
    let folder = tempfile::tempdir().unwrap();
    let shared = LanceDbOptions { sole_writer: false, others_within: Duration::ZERO, ..options(folder.path()) };
    let repository = open(shared.clone()).await;
    let user = user_id();
    let mut saved = row(user, "by the release before");
    saved.memory.created_at = at(77);
    // It does not know the new columns.
    let (table, schema) = (table(&shared).await, first_schema(&shared));
    let batch = RecordBatchIterator::new([Ok(first_batch(&schema, &[saved.clone()]))], schema);
    let batch: Box<dyn arrow_array::RecordBatchReader + Send> = Box::new(batch);
    table.add(batch).execute().await.unwrap();
    assert!(repository.has_any(user).await.unwrap());
    holds(&repository, &[saved.clone()]).await;
    assert_eq!(repository.history(user, saved.memory.id).await.unwrap(), [since(&saved).memory]);
    let changed = update(&repository, since(&saved)).await.unwrap().unwrap();
    assert_eq!(changed.valid_from, at(77));
    assert!(repository.delete(user, changed.id, at(99)).await.unwrap());
    assert_eq!(repository.deleted(user).await.unwrap().len(), 1);
}
