//! Queries. Each is bounded in time.

use crate::{
    errors, filters,
    lineage::lineage,
    rows::{self, DISTANCE, Key},
    schema::{CREATED_AT, ID, MEMORY, TEXT_HASH, USER_ID, VECTOR},
};
use arrow_array::{Array as _, RecordBatch};
use futures::TryStreamExt as _;
use lancedb::{
    DistanceType, Table,
    expr::DfExpr,
    query::{ColumnOrdering, ExecutableQuery, QueryBase as _, Select},
};
use palavra_domain::{
    DeletedMemory, EmbeddedMemory, Memory, MemoryCursor, MemoryId, Page, ScoredMemory, StoreError, TurnId, UserId,
};
use std::{collections::HashSet, time::Duration};
use tokio::time::timeout;

/// More than this is never sought at once.
pub(crate) const MAX_LIMIT: usize = 100_000;

/// The table, and how long a query may take.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) table: Table,
    pub(crate) timeout: Duration,
    /// Whether other processes may have written.
    pub(crate) shared: bool,
}

impl Reader {
    pub(crate) async fn rows(&self, query: impl ExecutableQuery + Sync) -> Result<Vec<RecordBatch>, StoreError> {
        let run = async { query.execute().await?.try_collect().await };
        timeout(self.timeout, run).await.map_err(|_| errors::too_slow())?.map_err(errors::failed)
    }

    pub(crate) async fn find(&self, user: UserId, id: MemoryId) -> Result<Option<Memory>, StoreError> {
        let query = self.table.query().only_if_expr(filters::one(user, id)).select(Select::columns(&MEMORY)).limit(1);
        let found = decode(&self.rows(query).await?)?.into_iter().next();
        found.transpose().map_err(errors::corrupt)
    }

    pub(crate) async fn has_any(&self, user: UserId) -> Result<bool, StoreError> {
        self.any(filters::active(user)).await
    }

    /// Whether anything is left that came from this turn.
    pub(crate) async fn knows_turn(&self, user: UserId, turn: TurnId) -> Result<bool, StoreError> {
        self.any(filters::of_turn(user, turn)).await
    }

    async fn any(&self, which: DfExpr) -> Result<bool, StoreError> {
        let query = self.table.query().only_if_expr(which).select(Select::columns(&[ID])).limit(1);
        Ok(self.rows(query).await?.iter().any(|batch| batch.num_rows() > 0))
    }

    /// A memory and all that it took the place of.
    pub(crate) async fn history(&self, user: UserId, id: MemoryId) -> Result<Vec<Memory>, StoreError> {
        let query = self.table.query().only_if_expr(filters::lineage(user, id)).select(Select::columns(&MEMORY));
        let mut found = readable(decode(&self.rows(query).await?)?);
        let there = found.iter().any(|memory| memory.id == id);
        let superseded = found.iter().filter_map(|memory| Some((memory.id, memory.superseded_by?)));
        let ids = lineage(there.then_some(id), superseded);
        found.retain(|memory| ids.contains(&memory.id));
        found.sort_by_key(Memory::time_line);
        Ok(found)
    }

    /// A user's memories that do not hold any more.
    pub(crate) async fn past(&self, user: UserId) -> Result<Vec<Memory>, StoreError> {
        let query = self.table.query().only_if_expr(filters::past(user)).select(Select::columns(&MEMORY));
        Ok(readable(decode(&self.rows(query).await?)?))
    }

    /// What is left of a user's deleted memories.
    pub(crate) async fn deleted(&self, user: UserId) -> Result<Vec<DeletedMemory>, StoreError> {
        let columns: Vec<&str> = MEMORY.into_iter().chain([TEXT_HASH]).collect();
        let query = self.table.query().only_if_expr(filters::deleted(user)).select(Select::columns(&columns));
        let mut all = Vec::new();
        for batch in self.rows(query).await? {
            all.extend(readable(rows::deleted(&batch).map_err(errors::corrupt)?));
        }
        Ok(all)
    }

    pub(crate) async fn list(
        &self,
        user: UserId,
        before: Option<MemoryCursor>,
        limit: usize,
    ) -> Result<Page<Memory, MemoryCursor>, StoreError> {
        let limit = limit.min(MAX_LIMIT);
        let filter = before.map_or_else(|| filters::active(user), |cursor| filters::below(user, cursor));
        let order = [CREATED_AT, ID].map(|column| ColumnOrdering::desc_nulls_last(column.to_owned()));
        let query = self
            .table
            .query()
            .only_if_expr(filter)
            .select(Select::columns(&MEMORY))
            .order_by(Some(order.into()))
            .limit(limit + 1);
        let mut rows = decode(&self.rows(query).await?)?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let items = readable(rows);
        if more && items.is_empty() && limit > 0 {
            // There is nothing to continue from; an empty last page would hide what follows.
            return Err(errors::corrupt("no memory of a whole page can be read".to_owned()));
        }
        let next = if more { items.last().map(Memory::cursor) } else { None };
        Ok(Page { items, next })
    }

    /// Looks for what other processes wrote.
    pub(crate) async fn look(&self) -> Result<(), StoreError> {
        if self.shared {
            let look = timeout(self.timeout, self.table.checkout_latest());
            look.await.map_err(|_| errors::too_slow())?.map_err(errors::failed)?;
        }
        Ok(())
    }

    /// A user's memories that hold, with their vectors, newest first; as they are now, whoever wrote them.
    pub(crate) async fn embedded(&self, user: UserId, limit: usize) -> Result<Vec<EmbeddedMemory>, StoreError> {
        self.look().await?;
        let order = [CREATED_AT, ID].map(|column| ColumnOrdering::desc_nulls_last(column.to_owned()));
        let columns: Vec<&str> = MEMORY.into_iter().chain([VECTOR]).collect();
        let query = self
            .table
            .query()
            .only_if_expr(filters::active(user))
            .select(Select::columns(&columns))
            .order_by(Some(order.into()))
            .limit(limit.min(MAX_LIMIT));
        let mut all = Vec::new();
        for batch in self.rows(query).await? {
            let vectors = rows::vectors(&batch).map_err(errors::corrupt)?;
            let memories = rows::memories(&batch).map_err(errors::corrupt)?;
            for (memory, vector) in memories.into_iter().zip(vectors) {
                all.extend(
                    readable([memory]).into_iter().map(|memory| EmbeddedMemory { memory, vector: vector.clone() }),
                );
            }
        }
        Ok(all)
    }

    pub(crate) async fn search(
        &self,
        user: UserId,
        vector: &[f32],
        limit: usize,
        min_score: f32,
    ) -> Result<Vec<ScoredMemory>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let columns: Vec<&str> = MEMORY.into_iter().chain([DISTANCE]).collect();
        let query = self
            .table
            .query()
            .nearest_to(vector)
            .map_err(errors::failed)?
            .column(VECTOR)
            .distance_type(DistanceType::Cosine)
            .bypass_vector_index()
            .only_if_expr(filters::active(user))
            .select(Select::columns(&columns))
            .limit(limit.min(MAX_LIMIT));
        let mut found = Vec::new();
        for batch in self.rows(query).await? {
            let distances = rows::distances(&batch).map_err(errors::corrupt)?;
            let memories = rows::memories(&batch).map_err(errors::corrupt)?;
            for (row, memory) in memories.into_iter().enumerate() {
                // A vector of zeros has no direction, and no score. Rounding can carry a score a little beyond its range.
                let distance = if distances.is_null(row) { f32::NAN } else { distances.value(row) };
                let score = (1.0 - distance).clamp(-1.0, 1.0);
                if score >= min_score {
                    found.extend(readable([memory]).into_iter().map(|memory| ScoredMemory { memory, score }));
                }
            }
        }
        found.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| b.memory.cursor().cmp(&a.memory.cursor())));
        Ok(found)
    }

    /// Which of these memories there are, deleted ones too.
    pub(crate) async fn existing(&self, keys: &[Key]) -> Result<HashSet<Key>, StoreError> {
        let query = self.table.query().only_if_expr(filters::any_of(keys)).select(Select::columns(&[USER_ID, ID]));
        let mut found = HashSet::new();
        for batch in self.rows(query).await? {
            // A row whose key cannot be read is none of these.
            found.extend(rows::keys(&batch).map_err(errors::corrupt)?.into_iter().flatten());
        }
        Ok(found)
    }
}

fn decode(batches: &[RecordBatch]) -> Result<Vec<Result<Memory, String>>, StoreError> {
    let mut all = Vec::new();
    for batch in batches {
        all.extend(rows::memories(batch).map_err(errors::corrupt)?);
    }
    Ok(all)
}

/// The rows that can be read; the others are reported and left out.
fn readable<T>(rows: impl IntoIterator<Item = Result<T, String>>) -> Vec<T> {
    let readable = rows.into_iter().filter_map(|row| match row {
        Ok(row) => Some(row),
        Err(reason) => {
            tracing::error!(%reason, "a stored memory cannot be read and is left out");
            None
        }
    });
    readable.collect()
}
