//! Two archives side by side, in the order of their keys.

use super::CopyError;
use futures::{
    StreamExt as _, TryStreamExt as _,
    stream::{self, BoxStream, Peekable},
};
use palavra_domain::{StoreError, ports::Scan};
use std::{future::Future, pin::Pin};

/// Records that are read at once.
pub(super) const PAGE: usize = 200;

/// Records of an archive; one that cannot be read is its error, in its place.
pub(super) type Records<'a, T> = BoxStream<'a, Result<Result<T, StoreError>, StoreError>>;

/// All records, page by page.
pub(super) fn records<'a, T, C, F>(page: impl Fn(Option<C>) -> F + Send + 'a) -> Records<'a, T>
where
    T: Send + 'a,
    C: Send + 'a,
    F: Future<Output = Result<Scan<T, C>, StoreError>> + Send + 'a,
{
    let pages = stream::try_unfold(Some(None), move |after: Option<Option<C>>| {
        let reading = after.map(&page);
        async move {
            let Some(reading) = reading else { return Ok(None) };
            let page = reading.await?;
            Ok(Some((stream::iter(page.items.into_iter().map(Ok)), page.next.map(Some))))
        }
    });
    pages.try_flatten().boxed()
}

/// What stands under one key.
pub(super) enum Pair<T> {
    /// Only in the source.
    Source(T),
    /// In both.
    Both(T, T),
    /// Only in the target.
    Target,
    /// A record of the source that cannot be read.
    Unreadable(StoreError),
}

/// Walks through a source and a target together.
pub(super) struct Pairs<'a, T, K> {
    source: Pin<Box<Peekable<Records<'a, T>>>>,
    target: Pin<Box<Peekable<Records<'a, T>>>>,
    key: fn(&T) -> K,
}

impl<'a, T: Send, K: Ord> Pairs<'a, T, K> {
    pub(super) fn new(source: Records<'a, T>, target: Records<'a, T>, key: fn(&T) -> K) -> Self {
        Self { source: Box::pin(source.peekable()), target: Box::pin(target.peekable()), key }
    }

    /// What stands under the next key. A record of the target that cannot be read counts as not there: its place is written
    /// again from the source.
    pub(super) async fn next(&mut self) -> Result<Option<Pair<T>>, CopyError> {
        loop {
            let source = match self.source.as_mut().peek().await {
                Some(Ok(Ok(record))) => Some((self.key)(record)),
                Some(Ok(Err(_))) => {
                    let unreadable = take(self.source.as_mut(), CopyError::Source).await?;
                    return Ok(unreadable.and_then(Result::err).map(Pair::Unreadable));
                }
                Some(Err(_)) | None => None,
            };
            let target = match self.target.as_mut().peek().await {
                Some(Ok(Ok(record))) => Some((self.key)(record)),
                Some(Ok(Err(_))) => {
                    take(self.target.as_mut(), CopyError::Target).await?;
                    continue;
                }
                Some(Err(_)) | None => None,
            };
            // A side that has ended, or failed, is asked all the same: its failure has to be told.
            let (from_source, from_target) = match (&source, &target) {
                (Some(source), Some(target)) => (source <= target, target <= source),
                _ => (true, true),
            };
            let source = if from_source { take(self.source.as_mut(), CopyError::Source).await? } else { None };
            let target = if from_target { take(self.target.as_mut(), CopyError::Target).await? } else { None };
            return Ok(match (source, target) {
                (Some(Ok(source)), Some(Ok(target))) => Some(Pair::Both(source, target)),
                (Some(Ok(source)), _) => Some(Pair::Source(source)),
                (Some(Err(error)), _) => Some(Pair::Unreadable(error)),
                (None, Some(_)) => Some(Pair::Target),
                (None, None) => None,
            });
        }
    }
}

async fn take<T>(
    mut records: Pin<&mut Peekable<Records<'_, T>>>,
    failed: fn(StoreError) -> CopyError,
) -> Result<Option<Result<T, StoreError>>, CopyError> {
    records.next().await.transpose().map_err(failed)
}
