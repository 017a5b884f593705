//! Records as rows, and rows as records.

use crate::schema::{
    CREATED_AT, DELETED, ID, KIND, ORIGIN, REVISION, SOURCE_CHAT, SOURCE_TURN, SPAN_START, SPAN_TEXT, STATE,
    SUPERSEDED_BY, TEXT, TEXT_HASH, UPDATED_AT, USER_ID, VALID_FROM, VALID_TO, VECTOR,
};
use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, StringArray,
    cast::AsArray,
    types::{Float32Type, Int64Type},
};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use palavra_domain::{
    ChatId, DeletedMemory, EmbeddedMemory, Memory, MemoryId, MemoryKind, MemoryOrigin, MemoryRecord, MemorySource,
    MemoryState, MemoryText, RecordStage, Span, TextHash, Timestamp, TurnId, UserId,
};
use std::{collections::HashMap, iter, str::FromStr, sync::Arc};

/// The column in which LanceDB reports how far a vector is.
pub(crate) const DISTANCE: &str = "_distance";

/// What tells memories apart.
pub(crate) type Key = (UserId, MemoryId);

/// Which memory it is.
pub(crate) fn key(record: &MemoryRecord) -> Key {
    let key = record.key();
    (key.user, key.id)
}

/// Rows of the table's schema, with vectors of its dimensions.
pub(crate) fn to_batch(schema: &SchemaRef, records: &[MemoryRecord]) -> Result<RecordBatch, ArrowError> {
    fn of<T>(record: &MemoryRecord, kept: fn(&Memory) -> T, deleted: fn(&DeletedMemory) -> T) -> T {
        match record {
            MemoryRecord::Kept(embedded) => kept(&embedded.memory),
            MemoryRecord::Deleted(left) => deleted(left),
        }
    }
    let texts = |kept: fn(&Memory) -> String, deleted: fn(&DeletedMemory) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(records.iter().map(|record| of(record, kept, deleted))))
    };
    let maybe = |kept: fn(&Memory) -> Option<String>, deleted: fn(&DeletedMemory) -> Option<String>| -> ArrayRef {
        Arc::new(records.iter().map(|record| of(record, kept, deleted)).collect::<StringArray>())
    };
    let numbers = |kept: fn(&Memory) -> i64, deleted: fn(&DeletedMemory) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(records.iter().map(|record| of(record, kept, deleted))))
    };
    let maybe_number = |kept: fn(&Memory) -> Option<i64>| -> ArrayRef {
        Arc::new(records.iter().map(|record| of(record, kept, |_| None)).collect::<Int64Array>())
    };
    let nothing = |_: &DeletedMemory| String::new();
    let deleted_at = |left: &DeletedMemory| left.deleted_at.as_millis();
    let columns = vec![
        texts(|memory| memory.id.to_string(), |left| left.id.to_string()),
        texts(|memory| memory.user_id.to_string(), |left| left.user_id.to_string()),
        numbers(|memory| memory.revision.into(), |_| 0),
        texts(|memory| memory.text.as_str().to_owned(), nothing),
        texts(|memory| memory.text.hash().to_string(), |left| left.text_hash.to_string()),
        texts(|memory| memory.kind.as_str().to_owned(), nothing),
        texts(|memory| memory.origin.as_str().to_owned(), nothing),
        maybe(|memory| Some(memory.source.as_ref()?.chat.to_string()), |_| None),
        maybe(|memory| Some(memory.source.as_ref()?.turn.to_string()), |left| Some(left.turn?.to_string())),
        numbers(|memory| memory.created_at.as_millis(), deleted_at),
        numbers(|memory| memory.updated_at.as_millis(), deleted_at),
        vector_column(schema, records)?,
        texts(|memory| memory.state.as_str().to_owned(), |_| DELETED.to_owned()),
        numbers(|memory| memory.valid_from.as_millis(), deleted_at),
        maybe_number(|memory| Some(memory.valid_to?.as_millis())),
        maybe(|memory| Some(memory.superseded_by?.to_string()), |_| None),
        maybe_number(|memory| Some(memory.source.as_ref()?.span.as_ref()?.start.into())),
        maybe(|memory| Some(memory.source.as_ref()?.span.as_ref()?.text.clone()), |_| None),
    ];
    RecordBatch::try_new(Arc::clone(schema), columns)
}

fn vector_column(schema: &SchemaRef, records: &[MemoryRecord]) -> Result<ArrayRef, ArrowError> {
    let (item, dimensions) = match schema.field_with_name(VECTOR)?.data_type() {
        DataType::FixedSizeList(item, dimensions) => (Arc::clone(item), *dimensions),
        other => return Err(ArrowError::SchemaError(format!("vectors are {other}"))),
    };
    let zeros = usize::try_from(dimensions).unwrap_or(0);
    let mut numbers: Vec<f32> = Vec::with_capacity(records.len() * zeros);
    for record in records {
        match record {
            MemoryRecord::Kept(embedded) => numbers.extend(&embedded.vector),
            MemoryRecord::Deleted(_) => numbers.extend(iter::repeat_n(0.0, zeros)),
        }
    }
    Ok(Arc::new(FixedSizeListArray::try_new(item, dimensions, Arc::new(Float32Array::from(numbers)), None)?))
}

/// The memories of a batch, each row read alone: one that is damaged does not hide the others.
///
/// # Errors
/// The whole batch's, when a column is missing; a row's, when it is no memory.
pub(crate) fn memories(batch: &RecordBatch) -> Result<Vec<Result<Memory, String>>, String> {
    let columns = Columns::of(batch)?;
    Ok((0..batch.num_rows()).map(|row| columns.memory(row)).collect())
}

/// The records of a batch, with their vectors, each row read alone.
///
/// # Errors
/// The whole batch's, when a column is missing; a row's, when it is no record.
pub(crate) fn records(batch: &RecordBatch) -> Result<Vec<Result<MemoryRecord, String>>, String> {
    with_vectors(batch, vectors(batch)?)
}

/// As [`records`], of rows without their vectors, which are left empty.
pub(crate) fn bare_records(batch: &RecordBatch) -> Result<Vec<Result<MemoryRecord, String>>, String> {
    with_vectors(batch, vec![Vec::new(); batch.num_rows()])
}

fn with_vectors(batch: &RecordBatch, vectors: Vec<Vec<f32>>) -> Result<Vec<Result<MemoryRecord, String>>, String> {
    let (columns, hashes) = (Columns::of(batch)?, strings(batch, TEXT_HASH)?);
    let record = |(row, vector)| {
        Ok(if columns.is_deleted(row) {
            MemoryRecord::Deleted(columns.deleted(row, hashes)?)
        } else {
            MemoryRecord::Kept(EmbeddedMemory { memory: columns.memory(row)?, vector })
        })
    };
    Ok(vectors.into_iter().enumerate().map(record).collect())
}

/// What is left of deleted memories, each row read alone.
///
/// # Errors
/// The whole batch's, when a column is missing; a row's, when it is none.
pub(crate) fn deleted(batch: &RecordBatch) -> Result<Vec<Result<DeletedMemory, String>>, String> {
    let (columns, hashes) = (Columns::of(batch)?, strings(batch, TEXT_HASH)?);
    Ok((0..batch.num_rows()).map(|row| columns.deleted(row, hashes)).collect())
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

/// What replacing a memory has to know of it.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) id: MemoryId,
    pub(crate) deleted: bool,
    pub(crate) revision: u32,
    pub(crate) origin: MemoryOrigin,
    pub(crate) source: Option<MemorySource>,
    pub(crate) created_at: Timestamp,
}

/// What the rows of a user are replaced by.
///
/// # Errors
/// The whole batch's, when a column is missing, or a row cannot be read.
pub(crate) fn stored(batch: &RecordBatch) -> Result<Vec<Stored>, String> {
    let columns = Columns::of(batch)?;
    let stored = |row| {
        let deleted = columns.is_deleted(row);
        Ok(Stored {
            id: parsed(columns.id, row, ID)?,
            deleted,
            revision: columns.revision(row)?,
            // Of a deleted one they are not kept.
            origin: if deleted { MemoryOrigin::User } else { columns.origin(row)? },
            source: if deleted { None } else { columns.source(row)? },
            created_at: Timestamp::from_millis(columns.created_at.value(row)),
        })
    };
    (0..batch.num_rows()).map(stored).collect()
}

/// What tells how far a record has come.
pub(crate) const STAGE: [&str; 5] = [USER_ID, ID, REVISION, UPDATED_AT, STATE];

/// How far the records of a batch have come. One that cannot be read has not begun.
///
/// # Errors
/// When a column is missing.
pub(crate) fn stages(batch: &RecordBatch) -> Result<HashMap<Key, RecordStage>, String> {
    let (revisions, times, states) = (integers(batch, REVISION)?, integers(batch, UPDATED_AT)?, strings(batch, STATE)?);
    let stage = |row: usize| {
        if !states.is_null(row) && states.value(row) == DELETED {
            return RecordStage::Deleted;
        }
        let revision = u32::try_from(revisions.value(row)).unwrap_or(0);
        RecordStage::Kept(revision, Timestamp::from_millis(times.value(row)))
    };
    let keys = keys(batch)?.into_iter().enumerate();
    Ok(keys.filter_map(|(row, key)| Some((key.ok()?, stage(row)))).collect())
}

/// What deleting a memory has to know of it. A row that is damaged can be deleted all the same: what cannot be read is not
/// kept.
#[derive(Clone, Debug)]
pub(crate) struct Deletable {
    pub(crate) id: MemoryId,
    pub(crate) active: bool,
    pub(crate) chat: Option<ChatId>,
    pub(crate) superseded_by: Option<MemoryId>,
    text_hash: TextHash,
    turn: Option<TurnId>,
}

impl Deletable {
    /// What is left of it.
    pub(crate) fn left(&self, user_id: UserId, deleted_at: Timestamp) -> DeletedMemory {
        DeletedMemory { id: self.id, user_id, text_hash: self.text_hash, turn: self.turn, deleted_at }
    }
}

/// What of the rows of a user can be deleted.
///
/// # Errors
/// When a column is missing.
pub(crate) fn deletable(batch: &RecordBatch) -> Result<Vec<Deletable>, String> {
    let (columns, hashes) = (Columns::of(batch)?, strings(batch, TEXT_HASH)?);
    let deletable = |row| {
        Some(Deletable {
            id: parsed(columns.id, row, ID).ok()?,
            active: columns.state(row).is_ok_and(|state| state == MemoryState::Active),
            chat: parsed(columns.source_chat, row, SOURCE_CHAT).ok(),
            superseded_by: parsed(columns.superseded_by, row, SUPERSEDED_BY).ok(),
            text_hash: hashes.value(row).parse().unwrap_or(TextHash([0; 32])),
            turn: parsed(columns.source_turn, row, SOURCE_TURN).ok(),
        })
    };
    Ok((0..batch.num_rows()).filter_map(deletable).collect())
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
    state: &'a StringArray,
    valid_from: &'a Int64Array,
    valid_to: &'a Int64Array,
    superseded_by: &'a StringArray,
    span_start: &'a Int64Array,
    span_text: &'a StringArray,
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
            state: strings(batch, STATE)?,
            valid_from: integers(batch, VALID_FROM)?,
            valid_to: integers(batch, VALID_TO)?,
            superseded_by: strings(batch, SUPERSEDED_BY)?,
            span_start: integers(batch, SPAN_START)?,
            span_text: strings(batch, SPAN_TEXT)?,
        })
    }

    fn memory(&self, row: usize) -> Result<Memory, String> {
        let id = parsed(self.id, row, ID)?;
        let here = |problem: String| format!("memory {id}: {problem}");
        let kind = self.kind.value(row);
        let created_at = Timestamp::from_millis(self.created_at.value(row));
        Ok(Memory {
            id,
            user_id: parsed(self.user_id, row, USER_ID).map_err(here)?,
            revision: self.revision(row).map_err(here)?,
            text: MemoryText::parse(self.text.value(row)).map_err(|error| here(error.to_string()))?,
            kind: MemoryKind::parse(kind).ok_or_else(|| here(format!("its kind is {kind:?}")))?,
            origin: self.origin(row).map_err(here)?,
            source: self.source(row).map_err(here)?,
            state: self.state(row).map_err(here)?,
            valid_from: time(self.valid_from, row).unwrap_or(created_at),
            valid_to: time(self.valid_to, row),
            superseded_by: maybe(self.superseded_by, row, SUPERSEDED_BY).map_err(here)?,
            created_at,
            updated_at: Timestamp::from_millis(self.updated_at.value(row)),
        })
    }

    fn source(&self, row: usize) -> Result<Option<MemorySource>, String> {
        let chat = maybe(self.source_chat, row, SOURCE_CHAT)?;
        let turn = maybe(self.source_turn, row, SOURCE_TURN)?;
        let start = (!self.span_start.is_null(row)).then(|| self.span_start.value(row));
        let text = (!self.span_text.is_null(row)).then(|| self.span_text.value(row));
        let span = match (start, text) {
            (Some(start), Some(text)) => {
                let start = u32::try_from(start).map_err(|_| format!("its span begins at {start}"))?;
                Some(Span { start, text: text.to_owned() })
            }
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err("only half of its span is there".to_owned()),
        };
        match (chat, turn, span) {
            (Some(chat), Some(turn), span) => Ok(Some(MemorySource { chat, turn, span })),
            (None, None, None) => Ok(None),
            _ => Err("only a part of its source is there".to_owned()),
        }
    }

    fn deleted(&self, row: usize, hashes: &StringArray) -> Result<DeletedMemory, String> {
        let id = parsed(self.id, row, ID)?;
        let here = |problem: String| format!("deleted memory {id}: {problem}");
        Ok(DeletedMemory {
            id,
            user_id: parsed(self.user_id, row, USER_ID).map_err(here)?,
            text_hash: hashes.value(row).parse().map_err(|_| here(format!("its {TEXT_HASH} is none")))?,
            turn: maybe(self.source_turn, row, SOURCE_TURN).map_err(here)?,
            deleted_at: Timestamp::from_millis(self.updated_at.value(row)),
        })
    }

    fn is_deleted(&self, row: usize) -> bool {
        !self.state.is_null(row) && self.state.value(row) == DELETED
    }

    fn revision(&self, row: usize) -> Result<u32, String> {
        let revision = self.revision.value(row);
        u32::try_from(revision).map_err(|_| format!("its revision is {revision}"))
    }

    fn origin(&self, row: usize) -> Result<MemoryOrigin, String> {
        let origin = self.origin.value(row);
        MemoryOrigin::parse(origin).ok_or_else(|| format!("its origin is {origin:?}"))
    }

    fn state(&self, row: usize) -> Result<MemoryState, String> {
        if self.state.is_null(row) {
            return Ok(MemoryState::Active);
        }
        let state = self.state.value(row);
        MemoryState::parse(state).ok_or_else(|| format!("its state is {state:?}"))
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

fn time(column: &Int64Array, row: usize) -> Option<Timestamp> {
    (!column.is_null(row)).then(|| Timestamp::from_millis(column.value(row)))
}

/// The id in a row. The text itself is not repeated: it may be anything.
fn parsed<T: FromStr>(column: &StringArray, row: usize, name: &str) -> Result<T, String> {
    column.value(row).parse().map_err(|_| format!("its {name} is no UUID"))
}

/// The id in a row, if there is one.
fn maybe<T: FromStr>(column: &StringArray, row: usize, name: &str) -> Result<Option<T>, String> {
    if column.is_null(row) { Ok(None) } else { parsed(column, row, name).map(Some) }
}
