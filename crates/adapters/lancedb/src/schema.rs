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

/// What a [`palavra_domain::Memory`] is made from: all columns but the vector and the hash.
pub(crate) const RECORD: [&str; 10] =
    [ID, USER_ID, REVISION, TEXT, KIND, ORIGIN, SOURCE_CHAT, SOURCE_TURN, CREATED_AT, UPDATED_AT];

/// What reads look rows up by.
pub(crate) const INDEXED: [&str; 2] = [USER_ID, ID];

const META_LAYOUT: &str = "palavra.layout";
const META_MODEL: &str = "palavra.embedding_model";
const META_DIMENSIONS: &str = "palavra.embedding_dimensions";
const LAYOUT: &str = "1";

/// The schema of a table of this space. Ids are hyphenated UUIDs, which sort as the UUIDs do; times are milliseconds since
/// 1970; the hash is the SHA-256 of the normalised text in hexadecimal.
pub(crate) fn schema(space: &EmbeddingSpace, dimensions: i32) -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let number = |name: &str| Field::new(name, DataType::Int64, false);
    let fields = vec![
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
    let metadata = HashMap::from([
        (META_LAYOUT.to_owned(), LAYOUT.to_owned()),
        (META_MODEL.to_owned(), space.model.clone()),
        (META_DIMENSIONS.to_owned(), space.dimensions.to_string()),
    ]);
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// The space that is written into a table's schema.
///
/// # Errors
/// What is missing or wrong, when the table has not the layout that [`schema`] makes.
pub(crate) fn stored_space(stored: &Schema) -> Result<EmbeddingSpace, String> {
    let meta = |name: &str| stored.metadata().get(name).ok_or_else(|| format!("its schema has no {name}"));
    let layout = meta(META_LAYOUT)?;
    if layout != LAYOUT {
        return Err(format!("its layout is {layout:?}, not {LAYOUT:?}"));
    }
    let dimensions = meta(META_DIMENSIONS)?;
    let dimensions = dimensions.parse().map_err(|_| format!("its dimensions are {dimensions:?}"))?;
    Ok(EmbeddingSpace { model: meta(META_MODEL)?.clone(), dimensions })
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
