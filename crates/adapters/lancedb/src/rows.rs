//! Memories as rows, and rows as memories.

use crate::schema::{
    CREATED_AT, ID, KIND, ORIGIN, REVISION, SOURCE_CHAT, SOURCE_TURN, TEXT, UPDATED_AT, USER_ID, VECTOR,
};
use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, StringArray,
    cast::AsArray,
    types::{Float32Type, Int64Type},
};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use palavra_domain::{
    EmbeddedMemory, Memory, MemoryId, MemoryKind, MemoryOrigin, MemorySource, MemoryText, Timestamp, UserId,
};
use sha2::{Digest as _, Sha256};
use std::{str::FromStr, sync::Arc};

/// The column in which LanceDB reports how far a vector is.
pub(crate) const DISTANCE: &str = "_distance";

/// Rows of the table's schema, with vectors of its dimensions.
pub(crate) fn to_batch(schema: &SchemaRef, rows: &[EmbeddedMemory]) -> Result<RecordBatch, ArrowError> {
    let memories = || rows.iter().map(|row| &row.memory);
    let texts =
        |text: fn(&Memory) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values(memories().map(text))) };
    let maybe = |text: fn(&MemorySource) -> String| -> ArrayRef {
        Arc::new(memories().map(|memory| memory.source.as_ref().map(text)).collect::<StringArray>())
    };
    let numbers =
        |number: fn(&Memory) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(memories().map(number))) };
    let columns = vec![
        texts(|memory| memory.id.to_string()),
        texts(|memory| memory.user_id.to_string()),
        numbers(|memory| memory.revision.into()),
        texts(|memory| memory.text.as_str().to_owned()),
        texts(|memory| text_hash(&memory.text)),
        texts(|memory| memory.kind.as_str().to_owned()),
        texts(|memory| memory.origin.as_str().to_owned()),
        maybe(|source| source.chat.to_string()),
        maybe(|source| source.turn.to_string()),
        numbers(|memory| memory.created_at.as_millis()),
        numbers(|memory| memory.updated_at.as_millis()),
        vector_column(schema, rows)?,
    ];
    RecordBatch::try_new(Arc::clone(schema), columns)
}

fn vector_column(schema: &SchemaRef, rows: &[EmbeddedMemory]) -> Result<ArrayRef, ArrowError> {
    let (item, dimensions) = match schema.field_with_name(VECTOR)?.data_type() {
        DataType::FixedSizeList(item, dimensions) => (Arc::clone(item), *dimensions),
        other => return Err(ArrowError::SchemaError(format!("vectors are {other}"))),
    };
    let numbers = Float32Array::from_iter_values(rows.iter().flat_map(|row| row.vector.iter().copied()));
    Ok(Arc::new(FixedSizeListArray::try_new(item, dimensions, Arc::new(numbers), None)?))
}

fn text_hash(text: &MemoryText) -> String {
    Sha256::digest(text.normalised().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The memories of a batch, each row read alone: one that is damaged does not hide the others.
///
/// # Errors
/// The whole batch's, when a column is missing; a row's, when it is no memory.
pub(crate) fn memories(batch: &RecordBatch) -> Result<Vec<Result<Memory, String>>, String> {
    let columns = Columns::of(batch)?;
    Ok((0..batch.num_rows()).map(|row| columns.memory(row)).collect())
}

/// The vectors of a batch, a row each.
pub(crate) fn vectors(batch: &RecordBatch) -> Result<Vec<Vec<f32>>, String> {
    let column = batch.column_by_name(VECTOR).and_then(|column| column.as_fixed_size_list_opt());
    let column = column.ok_or_else(|| format!("the rows have no {VECTOR}"))?;
    let numbers = |row| {
        let numbers = column.value(row);
        let numbers = numbers.as_primitive_opt::<Float32Type>().ok_or("the vectors are not of f32")?;
        Ok(numbers.values().to_vec())
    };
    (0..column.len()).map(numbers).collect()
}

/// What tells memories apart.
pub(crate) type Key = (UserId, MemoryId);

/// Which memory it is.
pub(crate) fn key(row: &EmbeddedMemory) -> Key {
    (row.memory.user_id, row.memory.id)
}

/// Which memories the rows are, each row read alone.
///
/// # Errors
/// The whole batch's, when a column is missing; a row's, when its key is none.
pub(crate) fn keys(batch: &RecordBatch) -> Result<Vec<Result<Key, String>>, String> {
    let (users, ids) = (strings(batch, USER_ID)?, strings(batch, ID)?);
    Ok((0..batch.num_rows()).map(|row| Ok((parsed(users, row, USER_ID)?, parsed(ids, row, ID)?))).collect())
}

/// How far the rows of a search are.
pub(crate) fn distances(batch: &RecordBatch) -> Result<&Float32Array, String> {
    let column = batch.column_by_name(DISTANCE).and_then(|column| column.as_primitive_opt::<Float32Type>());
    column.ok_or_else(|| format!("the rows have no {DISTANCE}"))
}

struct Columns<'a> {
    id: &'a StringArray,
    user_id: &'a StringArray,
    revision: &'a Int64Array,
    text: &'a StringArray,
    kind: &'a StringArray,
    origin: &'a StringArray,
    source_chat: &'a StringArray,
    source_turn: &'a StringArray,
    created_at: &'a Int64Array,
    updated_at: &'a Int64Array,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, String> {
        Ok(Self {
            id: strings(batch, ID)?,
            user_id: strings(batch, USER_ID)?,
            revision: integers(batch, REVISION)?,
            text: strings(batch, TEXT)?,
            kind: strings(batch, KIND)?,
            origin: strings(batch, ORIGIN)?,
            source_chat: strings(batch, SOURCE_CHAT)?,
            source_turn: strings(batch, SOURCE_TURN)?,
            created_at: integers(batch, CREATED_AT)?,
            updated_at: integers(batch, UPDATED_AT)?,
        })
    }

    fn memory(&self, row: usize) -> Result<Memory, String> {
        let id = parsed(self.id, row, ID)?;
        let here = |problem: String| format!("memory {id}: {problem}");
        let source = match (self.source_chat.is_null(row), self.source_turn.is_null(row)) {
            (true, true) => None,
            (false, false) => Some(MemorySource {
                chat: parsed(self.source_chat, row, SOURCE_CHAT).map_err(here)?,
                turn: parsed(self.source_turn, row, SOURCE_TURN).map_err(here)?,
            }),
            (true, false) | (false, true) => return Err(here("only half of its source is there".to_owned())),
        };
        let revision = self.revision.value(row);
        let (kind, origin) = (self.kind.value(row), self.origin.value(row));
        Ok(Memory {
            id,
            user_id: parsed(self.user_id, row, USER_ID).map_err(here)?,
            revision: u32::try_from(revision).map_err(|_| here(format!("its revision is {revision}")))?,
            text: MemoryText::parse(self.text.value(row)).map_err(|error| here(error.to_string()))?,
            kind: MemoryKind::parse(kind).ok_or_else(|| here(format!("its kind is {kind:?}")))?,
            origin: MemoryOrigin::parse(origin).ok_or_else(|| here(format!("its origin is {origin:?}")))?,
            source,
            created_at: Timestamp::from_millis(self.created_at.value(row)),
            updated_at: Timestamp::from_millis(self.updated_at.value(row)),
        })
    }
}

fn strings<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray, String> {
    let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    column.ok_or_else(|| format!("the rows have no text column {name}"))
}

fn integers<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a Int64Array, String> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.ok_or_else(|| format!("the rows have no number column {name}"))
}

/// The id in a row. The text itself is not repeated: it may be anything.
fn parsed<T: FromStr>(column: &StringArray, row: usize, name: &str) -> Result<T, String> {
    column.value(row).parse().map_err(|_| format!("its {name} is no UUID"))
}
