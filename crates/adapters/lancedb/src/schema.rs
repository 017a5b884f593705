//! The columns of the table, and the space written into its schema.

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use palavra_domain::EmbeddingSpace;
use std::{collections::HashMap, sync::Arc};

pub(crate) const TABLE: &str = "memories";

pub(crate) const ID: &str = "id";
pub(crate) const USER_ID: &str = "user_id";
pub(crate) const REVISION: &str = "revision";
pub(crate) const TEXT: &str = "text";
pub(crate) const TEXT_HASH: &str = "text_hash";
pub(crate) const KIND: &str = "kind";
pub(crate) const ORIGIN: &str = "origin";
pub(crate) const SOURCE_CHAT: &str = "source_chat";
pub(crate) const SOURCE_TURN: &str = "source_turn";
pub(crate) const CREATED_AT: &str = "created_at";
pub(crate) const UPDATED_AT: &str = "updated_at";
pub(crate) const VECTOR: &str = "vector";
pub(crate) const STATE: &str = "state";
pub(crate) const VALID_FROM: &str = "valid_from";
pub(crate) const VALID_TO: &str = "valid_to";
pub(crate) const SUPERSEDED_BY: &str = "superseded_by";
pub(crate) const SPAN_START: &str = "span_start";
pub(crate) const SPAN_TEXT: &str = "span_text";

/// The state of what is left of a deleted memory.
pub(crate) const DELETED: &str = "deleted";

/// What a [`palavra_domain::Memory`] is made from: all columns but the vector and the hash.
pub(crate) const MEMORY: [&str; 16] = [
    ID,
    USER_ID,
    REVISION,
    TEXT,
    KIND,
    ORIGIN,
    SOURCE_CHAT,
    SOURCE_TURN,
    CREATED_AT,
    UPDATED_AT,
    STATE,
    VALID_FROM,
    VALID_TO,
    SUPERSEDED_BY,
    SPAN_START,
    SPAN_TEXT,
];

/// What reads look rows up by.
pub(crate) const INDEXED: [&str; 2] = [USER_ID, ID];

pub(crate) const META_LAYOUT: &str = "palavra.layout";
const META_MODEL: &str = "palavra.embedding_model";
const META_DIMENSIONS: &str = "palavra.embedding_dimensions";
/// The layout that [`schema`] makes. The first one had no state, validity or spans, and nothing was left of deleted
/// memories; [`crate::layouts`] brings its tables to this one.
pub(crate) const LAYOUT: u32 = 2;

/// The schema of a table of this space. Ids are hyphenated UUIDs, which sort as the UUIDs do; times are milliseconds since
/// 1970; the hash is the SHA-256 of the normalised text in hexadecimal.
///
/// A row without a state is of an instance of the release before, which goes on writing while others have been upgraded: a
/// memory that holds since it was made. What is left of a deleted memory has the state [`DELETED`], its id, user, hash and
/// turn, and when it was deleted as each of its times; its text is empty, its vector zeros.
pub(crate) fn schema(space: &EmbeddingSpace, dimensions: i32) -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let number = |name: &str| Field::new(name, DataType::Int64, false);
    let mut fields = vec![
        text(ID),
        text(USER_ID),
        number(REVISION),
        text(TEXT),
        text(TEXT_HASH),
        text(KIND),
        text(ORIGIN),
        Field::new(SOURCE_CHAT, DataType::Utf8, true),
        Field::new(SOURCE_TURN, DataType::Utf8, true),
        number(CREATED_AT),
        number(UPDATED_AT),
        Field::new(
            VECTOR,
            DataType::FixedSizeList(Arc::new(Field::new("item", DataType::Float32, true)), dimensions),
            false,
        ),
    ];
    fields.extend(since_layout_2());
    let metadata = HashMap::from([
        (META_LAYOUT.to_owned(), LAYOUT.to_string()),
        (META_MODEL.to_owned(), space.model.clone()),
        (META_DIMENSIONS.to_owned(), space.dimensions.to_string()),
    ]);
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// The columns that the first layout did not have, in their order.
pub(crate) fn since_layout_2() -> [Field; 6] {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let number = |name: &str| Field::new(name, DataType::Int64, true);
    [text(STATE), number(VALID_FROM), number(VALID_TO), text(SUPERSEDED_BY), number(SPAN_START), text(SPAN_TEXT)]
}

fn meta<'a>(stored: &'a Schema, name: &str) -> Result<&'a String, String> {
    stored.metadata().get(name).ok_or_else(|| format!("its schema has no {name}"))
}

/// The layout that a table says it has.
///
/// # Errors
/// What is missing or wrong, when the table is not one of ours.
pub(crate) fn stored_layout(stored: &Schema) -> Result<u32, String> {
    let layout = meta(stored, META_LAYOUT)?;
    layout.parse().ok().filter(|layout| *layout > 0).ok_or_else(|| format!("its layout is {layout:?}"))
}

/// The space that is written into a table's schema.
///
/// # Errors
/// What is missing or wrong, when the table is not one of ours.
pub(crate) fn stored_space(stored: &Schema) -> Result<EmbeddingSpace, String> {
    let dimensions = meta(stored, META_DIMENSIONS)?;
    let dimensions = dimensions.parse().map_err(|_| format!("its dimensions are {dimensions:?}"))?;
    Ok(EmbeddingSpace { model: meta(stored, META_MODEL)?.clone(), dimensions })
}

/// Whether a table has the columns that we read and write.
///
/// # Errors
/// Which column is missing or of another type.
pub(crate) fn check_columns(stored: &Schema, ours: &Schema) -> Result<(), String> {
    for field in ours.fields() {
        let name = field.name();
        match stored.field_with_name(name) {
            Ok(found) if found.data_type() == field.data_type() => {}
            Ok(found) => return Err(format!("its column {name} is {}, not {}", found.data_type(), field.data_type())),
            Err(_) => return Err(format!("it has no column {name}")),
        }
    }
    Ok(())
}
