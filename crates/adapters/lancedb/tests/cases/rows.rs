use super::{fresh, row, update};
use palavra_contracts::samples::{TEXTS, at, embedded, user_id, vector};
use palavra_domain::{EmbeddedMemory, StoreError, ports::MemoryRepository as _};
use std::sync::Arc;

pub(crate) async fn text_that_looks_like_a_query_is_only_text() {
    let (repository, _folder) = fresh().await;
    let (user, bystander) = (user_id(), user_id());
    repository.insert(vec![row(bystander, "untouched")]).await.unwrap();
    let odd =
        ["'; DELETE FROM memories; --", "x' OR 'a'='a", "`user_id` = 'x'", "\" OR 1=1 --", "__lancedb_binary_0__"];
    for text in odd.into_iter().chain(TEXTS) {
        let saved = row(user, text);
        repository.insert(vec![saved.clone()]).await.unwrap();
        let read = repository.find(user, saved.memory.id).await.unwrap().unwrap();
        assert_eq!(read.text.as_str(), text);
        let updated = update(&repository, saved.clone()).await.unwrap().unwrap();
        assert_eq!(updated.text.as_str(), text);
        assert_eq!(repository.find(user, saved.memory.id).await.unwrap(), Some(updated));
        assert!(repository.delete(user, saved.memory.id, at(9)).await.unwrap());
    }
    assert!(!repository.has_any(user).await.unwrap());
    assert_eq!(repository.list(bystander, None, 10).await.unwrap().items.len(), 1);
}

pub(crate) async fn a_search_stays_with_its_user() {
    let (repository, _folder) = fresh().await;
    let users: Vec<_> = (0..20).map(|_| user_id()).collect();
    for part in 0..4 {
        let rows = users.iter().flat_map(|user| {
            (0..25).map(move |index| embedded(*user, &format!("{user} {part} {index}"), 4, (index * 3) as f32))
        });
        repository.insert(rows.collect()).await.unwrap();
    }
    for user in &users {
        let found = repository.search(*user, &vector(4, 0.0), 150, -1.0).await.unwrap();
        assert_eq!(found.len(), 100);
        assert!(found.iter().all(|scored| scored.memory.user_id == *user));
        assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score));
        let nearest = repository.search(*user, &vector(4, 0.0), 8, 0.5).await.unwrap();
        assert_eq!(nearest.len(), 8);
        assert!(nearest.iter().all(|scored| scored.memory.text.as_str().starts_with(&user.to_string())));
    }
    assert!(repository.search(user_id(), &vector(4, 0.0), 8, -1.0).await.unwrap().is_empty());
    assert!(repository.search(users[0], &vector(4, 0.0), 0, -1.0).await.unwrap().is_empty());
}

pub(crate) async fn vectors_without_numbers_are_refused() {
    let (repository, _folder) = fresh().await;
    let user = user_id();
    for wrong in [f32::NAN, f32::INFINITY] {
        let odd = EmbeddedMemory { vector: vec![wrong, 0.0, 0.0, 0.0], ..row(user, "odd") };
        assert!(matches!(repository.insert(vec![odd.clone()]).await, Err(StoreError::Unexpected { .. })));
        assert!(matches!(update(&repository, odd.clone()).await, Err(StoreError::Unexpected { .. })));
        assert!(matches!(repository.search(user, &odd.vector, 1, -1.0).await, Err(StoreError::Unexpected { .. })));
    }
    assert!(matches!(repository.search(user, &[1.0], 1, -1.0).await, Err(StoreError::Unexpected { .. })));
    // One without direction is near to nothing.
    repository.insert(vec![EmbeddedMemory { vector: vec![0.0; 4], ..row(user, "nowhere") }]).await.unwrap();
    repository.insert(vec![row(user, "somewhere")]).await.unwrap();
    let found = repository.search(user, &vector(4, 0.0), 10, -1.0).await.unwrap();
    assert_eq!(found.iter().map(|scored| scored.memory.text.as_str()).collect::<Vec<_>>(), ["somewhere"]);
}

pub(crate) async fn order_of_queued_writes_is_kept() {
    let (repository, _folder) = fresh().await;
    let repository = Arc::new(repository);
    for _ in 0..10 {
        let user = user_id();
        let rows = ["a", "b", "c"].map(|text| row(user, text));
        // Queued one after the other, without waiting for any.
        let first = repository.insert(vec![rows[0].clone()]);
        let erased = repository.delete_all(user);
        let second = repository.insert(vec![rows[1].clone(), rows[1].clone()]);
        let deleted = repository.delete(user, rows[1].memory.id, at(9));
        let third = repository.insert(vec![rows[2].clone()]);
        let (first, erased, second, deleted, third) = tokio::join!(biased; first, erased, second, deleted, third);
        first.unwrap();
        second.unwrap();
        third.unwrap();
        assert_eq!(erased.unwrap(), 1);
        assert!(deleted.unwrap());
        let left = repository.list(user, None, 10).await.unwrap().items;
        assert_eq!(left, vec![rows[2].memory.clone()]);
        assert!(repository.has_any(user).await.unwrap());
    }
}

pub(crate) async fn a_page_without_places_is_empty() {
    let (repository, _folder) = fresh().await;
    let user = user_id();
    repository.insert(vec![row(user, "one"), row(user, "two")]).await.unwrap();
    let page = repository.list(user, None, 0).await.unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
    let mut dated = row(user, "three");
    dated.memory.created_at = at(5);
    repository.insert(vec![dated.clone()]).await.unwrap();
    let page = repository.list(user, None, usize::MAX).await.unwrap();
    assert_eq!(page.items.len(), 3);
    assert_eq!(page.items[0], dated.memory);
}
