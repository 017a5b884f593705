//! All records of all users, in the order of their keys.

use crate::{
    LanceDbMemoryRepository, errors, filters,
    reads::{MAX_LIMIT, Reader},
    rows,
    schema::{ID, MEMORY, TEXT_HASH, USER_ID, VECTOR},
    writer::Write,
};
use async_trait::async_trait;
use lancedb::query::{ColumnOrdering, QueryBase as _, Select};
use palavra_domain::{
    MemoryKey, MemoryRecord, Page, StoreError, UserId,
    ports::{MemoryArchive, Scan},
};
use tokio::time::timeout;

#[async_trait]
impl MemoryArchive for LanceDbMemoryRepository {
    #[tracing::instrument(name = "db.scan", level = "debug", skip_all)]
    async fn scan(&self, after: Option<MemoryKey>, limit: usize) -> Result<Scan<MemoryRecord, MemoryKey>, StoreError> {
        self.reader().scan(after, limit).await
    }

    #[tracing::instrument(name = "db.import", level = "debug", skip_all)]
    async fn import(&self, records: Vec<MemoryRecord>) -> Result<(), StoreError> {
        records.iter().filter_map(MemoryRecord::kept).try_for_each(|kept| self.check(&kept.vector))?;
        if records.is_empty() {
            return Ok(());
        }
        self.write(|done| Write::Import { records, done }).await
    }

    #[tracing::instrument(name = "db.merge", level = "debug", skip_all)]
    async fn merge(&self, records: Vec<MemoryRecord>) -> Result<(), StoreError> {
        records.iter().filter_map(MemoryRecord::kept).try_for_each(|kept| self.check(&kept.vector))?;
        if records.is_empty() {
            return Ok(());
        }
        self.write(|done| Write::Merge { records, done }).await
    }

    #[tracing::instrument(name = "db.remove", level = "debug", skip_all)]
    async fn remove(&self, keys: Vec<MemoryKey>) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        self.write(|done| Write::Remove { keys, done }).await
    }

    #[tracing::instrument(name = "db.records", level = "debug", skip_all)]
    async fn records(&self, user: UserId) -> Result<Vec<MemoryRecord>, StoreError> {
        self.reader().records(user).await
    }

    #[tracing::instrument(name = "db.count", level = "debug", skip_all)]
    async fn count(&self) -> Result<u64, StoreError> {
        self.reader().count().await
    }
}

impl Reader {
    async fn records(&self, user: UserId) -> Result<Vec<MemoryRecord>, StoreError> {
        self.look().await?;
        let columns: Vec<&str> = MEMORY.into_iter().chain([TEXT_HASH]).collect();
        let query = self.table.query().only_if_expr(filters::of_user(user)).select(Select::columns(&columns));
        let mut all = Vec::new();
        for batch in self.rows(query).await? {
            let records = rows::bare_records(&batch).map_err(errors::corrupt)?;
            all.extend(records.into_iter().collect::<Result<Vec<_>, _>>().map_err(errors::corrupt)?);
        }
        Ok(all)
    }

    async fn count(&self) -> Result<u64, StoreError> {
        self.look().await?;
        let count = timeout(self.timeout, self.table.count_rows(None));
        Ok(count.await.map_err(|_| errors::too_slow())?.map_err(errors::failed)? as u64)
    }

    async fn scan(&self, after: Option<MemoryKey>, limit: usize) -> Result<Scan<MemoryRecord, MemoryKey>, StoreError> {
        let limit = limit.min(MAX_LIMIT);
        if limit == 0 {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let order = [USER_ID, ID].map(|column| ColumnOrdering::asc_nulls_first(column.to_owned()));
        let columns: Vec<&str> = MEMORY.into_iter().chain([TEXT_HASH, VECTOR]).collect();
        let mut query = self.table.query();
        if let Some(key) = after {
            query = query.only_if_expr(filters::above(key));
        }
        let query = query.select(Select::columns(&columns)).order_by(Some(order.into())).limit(limit + 1);

        // Each with its key, where that can be read.
        let mut met = Vec::new();
        for batch in self.rows(query).await? {
            let keys = rows::keys(&batch).map_err(errors::corrupt)?;
            let records = rows::records(&batch).map_err(errors::corrupt)?;
            for (key, record) in keys.into_iter().zip(records) {
                let key = key.ok().map(|(user, id)| MemoryKey { user, id });
                met.push((key, record.map_err(errors::corrupt)));
            }
        }
        let next = if met.len() > limit {
            met.truncate(limit);
            // The next page begins after a key that can be read, so this one ends there.
            let last = met.iter().rposition(|(key, _)| key.is_some());
            let last = last.ok_or_else(|| errors::corrupt("no key of a whole page can be read".to_owned()))?;
            met.truncate(last + 1);
            met.last().and_then(|(key, _)| *key)
        } else {
            None
        };
        Ok(Page { items: met.into_iter().map(|(_, item)| item).collect(), next })
    }
}
