//! What a [`UserRepository`] must do.

use crate::{
    Make,
    harness::{self, cases},
    samples::{self, TEXTS, at, bare_user, user, username},
    support::{Jitter, assert_form, race},
};
use libtest_mimic::Trial;
use palavra_domain::{
    DisplayName, Entity, PasswordHash, SealedKey, StoreError, Timestamp, User, ports::UserRepository,
};
use std::sync::Arc;

type Users = Arc<dyn UserRepository>;

/// The cases of the suite.
#[must_use]
pub fn trials(adapter: &str, make: Make<dyn UserRepository>) -> Vec<Trial> {
    let cases = cases![
        every_field_comes_back,
        texts_come_back_byte_for_byte,
        what_is_missing_is_not_found,
        names_are_kept_as_typed_and_found_ignoring_case,
        names_that_fold_alike_conflict,
        a_taken_id_conflicts,
        of_concurrent_inserts_of_one_name_one_succeeds,
        fifty_concurrent_inserts_are_all_found,
        update_replaces_and_counts_the_revision,
        update_clears_what_is_none,
        update_never_changes_identity,
        update_from_an_old_revision_is_stale,
        update_of_nobody_is_none,
        update_touches_one_user_only,
        of_concurrent_updates_from_one_revision_one_succeeds,
        dropped_updates_are_whole_or_nothing,
        changes_to_memories_are_counted_apart_from_the_revision,
        a_clearing_of_memories_is_dated,
        update_keeps_what_is_known_of_memories,
        changes_to_nobodys_memories_are_none,
        changes_to_memories_touch_one_user_only,
        concurrent_changes_to_memories_each_count,
        updates_and_changes_to_memories_do_not_disturb_each_other,
    ];
    harness::trials(adapter, "users", make, cases)
}

async fn every_field_comes_back(port: Users) {
    let cleared = User { memory_version: 1 << 40, memories_cleared_at: Some(at(77)), ..user("cleared") };
    let late = User { updated_at: Timestamp::MAX, memories_cleared_at: Some(Timestamp::MAX), ..user("late") };
    for user in [user("Ana.Maria"), bare_user("ze_-9"), cleared, late] {
        port.insert(&user).await.unwrap();
        assert_eq!(port.find(user.id).await.unwrap().as_ref(), Some(&user));
        assert_eq!(port.find_by_username(&user.username).await.unwrap().as_ref(), Some(&user));
    }
}

async fn texts_come_back_byte_for_byte(port: Users) {
    for (index, text) in TEXTS.into_iter().enumerate() {
        let user = User {
            display_name: Some(DisplayName::parse(text).unwrap()),
            password_hash: PasswordHash(text.into()),
            api_key: Some(SealedKey { sealed: text.as_bytes().to_vec(), hint: text.into() }),
            ..user(&format!("user-{index}"))
        };
        port.insert(&user).await.unwrap();
        assert_eq!(port.find(user.id).await.unwrap(), Some(user));
    }
}

async fn what_is_missing_is_not_found(port: Users) {
    port.insert(&user("somebody")).await.unwrap();
    assert_eq!(port.find(samples::user_id()).await.unwrap(), None);
    assert_eq!(port.find_by_username(&username("nobody")).await.unwrap(), None);
    // None of these may be taken for a pattern.
    for near in ["someb.dy", "someb_dy", "somebod", "somebody."] {
        assert_eq!(port.find_by_username(&username(near)).await.unwrap(), None, "{near}");
    }
}

async fn names_are_kept_as_typed_and_found_ignoring_case(port: Users) {
    let ana = user("AnaMaria");
    port.insert(&ana).await.unwrap();
    for name in ["anamaria", "ANAMARIA", "aNaMaRiA"] {
        let found = port.find_by_username(&username(name)).await.unwrap().unwrap();
        assert_eq!(found.username.as_str(), "AnaMaria", "found as {name}");
    }
}

async fn names_that_fold_alike_conflict(port: Users) {
    let first = user("Taken.Name");
    port.insert(&first).await.unwrap();
    for name in ["Taken.Name", "taken.name", "TAKEN.NAME"] {
        let second = user(name);
        assert_form!(port.insert(&second).await, Err(StoreError::Conflict(Entity::Username)));
        assert_eq!(port.find(second.id).await.unwrap(), None);
    }
    assert_eq!(port.find_by_username(&first.username).await.unwrap(), Some(first));
}

async fn a_taken_id_conflicts(port: Users) {
    let first = user("first");
    port.insert(&first).await.unwrap();
    let second = User { id: first.id, ..user("second") };
    assert_form!(port.insert(&second).await, Err(StoreError::Conflict(Entity::User)));
    assert_eq!(port.find(first.id).await.unwrap(), Some(first));
    assert_eq!(port.find_by_username(&second.username).await.unwrap(), None);
}

async fn of_concurrent_inserts_of_one_name_one_succeeds(port: Users) {
    for round in 0..5 {
        let results = race(12, |index| {
            let name = format!("racer{round}");
            let name = if index % 2 == 0 { name } else { name.to_uppercase() };
            let (port, user) = (Arc::clone(&port), user(&name));
            async move { (user.id, port.insert(&user).await) }
        })
        .await;
        let mut winners = Vec::new();
        for (id, result) in results {
            match result {
                Ok(()) => winners.push(id),
                Err(StoreError::Conflict(Entity::Username)) => assert_eq!(port.find(id).await.unwrap(), None),
                Err(other) => panic!("expected a conflict, got {other:?}"),
            }
        }
        assert_eq!(winners.len(), 1);
        let found = port.find_by_username(&username(&format!("racer{round}"))).await.unwrap();
        assert_eq!(found.map(|user| user.id), winners.first().copied());
    }
}

async fn fifty_concurrent_inserts_are_all_found(port: Users) {
    let users = race(50, |index| {
        let (port, user) = (Arc::clone(&port), user(&format!("Crowd{index}")));
        async move {
            port.insert(&user).await.unwrap();
            user
        }
    })
    .await;
    for user in users {
        assert_eq!(port.find(user.id).await.unwrap().as_ref(), Some(&user));
        assert_eq!(port.find_by_username(&user.username).await.unwrap().as_ref(), Some(&user));
    }
}

async fn update_replaces_and_counts_the_revision(port: Users) {
    let first = bare_user("Changing");
    port.insert(&first).await.unwrap();
    let full = user("unused");
    let change = User {
        display_name: full.display_name,
        default_model: full.default_model,
        memory_enabled: true,
        password_hash: PasswordHash("another".into()),
        api_key: full.api_key,
        updated_at: at(3_003),
        ..first.clone()
    };
    let stored = port.update(&change).await.unwrap().unwrap();
    assert_eq!(stored, User { revision: 2, ..change });
    assert_eq!(port.find(first.id).await.unwrap().as_ref(), Some(&stored));
    let third = port.update(&stored).await.unwrap().unwrap();
    assert_eq!(third.revision, 3);
}

async fn update_clears_what_is_none(port: Users) {
    let full = user("Clearing");
    port.insert(&full).await.unwrap();
    let change = User { display_name: None, default_model: None, api_key: None, memory_enabled: false, ..full.clone() };
    let stored = port.update(&change).await.unwrap().unwrap();
    assert_eq!(stored, User { revision: 2, ..change });
    assert_eq!(port.find(full.id).await.unwrap(), Some(stored));
}

async fn update_never_changes_identity(port: Users) {
    let first = user("Original");
    port.insert(&first).await.unwrap();
    let change = User { username: username("Impostor"), created_at: at(999), ..first.clone() };
    let stored = port.update(&change).await.unwrap().unwrap();
    assert_eq!(stored, User { revision: 2, ..first.clone() });
    assert_eq!(port.find(first.id).await.unwrap().as_ref(), Some(&stored));
    assert_eq!(port.find_by_username(&first.username).await.unwrap().as_ref(), Some(&stored));
    assert_eq!(port.find_by_username(&username("Impostor")).await.unwrap(), None);
}

async fn update_from_an_old_revision_is_stale(port: Users) {
    let first = user("Stale");
    port.insert(&first).await.unwrap();
    let second = port.update(&first).await.unwrap().unwrap();
    let late = User { memory_enabled: false, ..first.clone() };
    assert_form!(port.update(&late).await, Err(StoreError::Stale(Entity::User)));
    let early = User { revision: 7, ..late };
    assert_form!(port.update(&early).await, Err(StoreError::Stale(Entity::User)));
    assert_eq!(port.find(first.id).await.unwrap(), Some(second));
}

async fn update_of_nobody_is_none(port: Users) {
    let nobody = user("nobody");
    assert_eq!(port.update(&nobody).await.unwrap(), None);
    assert_eq!(port.find(nobody.id).await.unwrap(), None);
    assert_eq!(port.find_by_username(&nobody.username).await.unwrap(), None);
}

async fn update_touches_one_user_only(port: Users) {
    let (one, other) = (user("one"), user("other"));
    port.insert(&one).await.unwrap();
    port.insert(&other).await.unwrap();
    port.update(&User { display_name: None, ..one }).await.unwrap().unwrap();
    assert_eq!(port.find(other.id).await.unwrap(), Some(other));
}

async fn of_concurrent_updates_from_one_revision_one_succeeds(port: Users) {
    let first = user("Contended");
    port.insert(&first).await.unwrap();
    let results = race(12, |index| {
        let change = User { display_name: Some(DisplayName::parse(format!("{index}")).unwrap()), ..first.clone() };
        let port = Arc::clone(&port);
        async move { port.update(&change).await }
    })
    .await;
    let mut winners = Vec::new();
    for result in results {
        match result {
            Ok(Some(user)) => winners.push(user),
            Err(StoreError::Stale(Entity::User)) => (),
            other => panic!("expected a success or Stale, got {other:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(winners[0].revision, 2);
    assert_eq!(port.find(first.id).await.unwrap().as_ref(), winners.first());
}

async fn dropped_updates_are_whole_or_nothing(port: Users) {
    let first = user("Dropped");
    port.insert(&first).await.unwrap();
    let mut jitter = Jitter::default();
    for round in 0..25 {
        let current = port.find(first.id).await.unwrap().unwrap();
        let text = format!("{round}");
        let change = User {
            display_name: Some(DisplayName::parse(text.clone()).unwrap()),
            password_hash: PasswordHash(text),
            ..current
        };
        let updating = Arc::clone(&port);
        let _ = jitter.cut_short(async move { updating.update(&change).await }).await;
        let now = port.find(first.id).await.unwrap().unwrap();
        if now.revision > 1 {
            assert_eq!(now.display_name.as_ref().map(DisplayName::as_str), Some(now.password_hash.0.as_str()));
        }
    }
    // A call that was dropped must not hold up those that follow.
    loop {
        let current = port.find(first.id).await.unwrap().unwrap();
        match port.update(&current).await {
            Ok(updated) => break assert_eq!(updated.unwrap().revision, current.revision + 1),
            Err(StoreError::Stale(Entity::User)) => (),
            Err(other) => panic!("expected a success, got {other:?}"),
        }
    }
}

async fn changes_to_memories_are_counted_apart_from_the_revision(port: Users) {
    let first = user("Counted");
    port.insert(&first).await.unwrap();
    for version in 1..4 {
        assert_eq!(port.memories_changed(first.id, None).await.unwrap(), Some(version));
        let expected = User { memory_version: version, ..first.clone() };
        assert_eq!(port.find(first.id).await.unwrap().as_ref(), Some(&expected));
        assert_eq!(port.find_by_username(&first.username).await.unwrap(), Some(expected));
    }
    // The revision that was read before is the stored one still.
    assert_eq!(port.update(&first).await.unwrap().unwrap().revision, 2);
}

async fn a_clearing_of_memories_is_dated(port: Users) {
    let first = user("Clearing");
    port.insert(&first).await.unwrap();
    // One that is not a clearing leaves the date of the last one.
    let changes = [(Some(at(50)), at(50)), (None, at(50)), (Some(at(90)), at(90)), (None, at(90))];
    for (version, (cleared_at, stored)) in (1..).zip(changes) {
        assert_eq!(port.memories_changed(first.id, cleared_at).await.unwrap(), Some(version));
        let expected = User { memory_version: version, memories_cleared_at: Some(stored), ..first.clone() };
        assert_eq!(port.find(first.id).await.unwrap(), Some(expected));
    }
}

async fn update_keeps_what_is_known_of_memories(port: Users) {
    let first = user("Kept");
    port.insert(&first).await.unwrap();
    port.memories_changed(first.id, None).await.unwrap();
    port.memories_changed(first.id, Some(at(50))).await.unwrap();
    let kept = User { memory_version: 2, memories_cleared_at: Some(at(50)), ..first.clone() };
    // From a read before the changes, and with what was never so.
    let invented = User { memory_version: 99, memories_cleared_at: Some(at(7)), revision: 2, ..first.clone() };
    for (revision, change) in (2..).zip([first, invented]) {
        let stored = port.update(&User { memory_enabled: false, ..change }).await.unwrap().unwrap();
        assert_eq!(stored, User { revision, memory_enabled: false, ..kept.clone() });
        assert_eq!(port.find(kept.id).await.unwrap(), Some(stored));
    }
}

async fn changes_to_nobodys_memories_are_none(port: Users) {
    port.insert(&user("somebody")).await.unwrap();
    for cleared_at in [None, Some(at(50))] {
        let nobody = samples::user_id();
        assert_eq!(port.memories_changed(nobody, cleared_at).await.unwrap(), None);
        assert_eq!(port.find(nobody).await.unwrap(), None);
    }
}

async fn changes_to_memories_touch_one_user_only(port: Users) {
    let (one, other) = (user("one"), user("other"));
    port.insert(&one).await.unwrap();
    port.insert(&other).await.unwrap();
    port.memories_changed(one.id, Some(at(50))).await.unwrap();
    assert_eq!(port.find(other.id).await.unwrap(), Some(other));
}

async fn concurrent_changes_to_memories_each_count(port: Users) {
    let first = user("Contended");
    port.insert(&first).await.unwrap();
    let mut versions = race(24, |index| {
        let (port, cleared_at) = (Arc::clone(&port), (index == 7).then(|| at(50)));
        async move { port.memories_changed(first.id, cleared_at).await.unwrap().unwrap() }
    })
    .await;
    versions.sort_unstable();
    assert_eq!(versions, (1..=24).collect::<Vec<u64>>());
    let expected = User { memory_version: 24, memories_cleared_at: Some(at(50)), ..first.clone() };
    assert_eq!(port.find(first.id).await.unwrap(), Some(expected));
}

async fn updates_and_changes_to_memories_do_not_disturb_each_other(port: Users) {
    let first = user("Busy");
    port.insert(&first).await.unwrap();
    race(2, |index| {
        let (port, mut user) = (Arc::clone(&port), first.clone());
        async move {
            for round in 0..20 {
                if index == 0 {
                    let display_name = Some(DisplayName::parse(format!("{round}")).unwrap());
                    user = port.update(&User { display_name, ..user }).await.unwrap().unwrap();
                } else {
                    assert_eq!(port.memories_changed(user.id, None).await.unwrap(), Some(round + 1));
                }
            }
        }
    })
    .await;
    let stored = port.find(first.id).await.unwrap().unwrap();
    assert_eq!((stored.revision, stored.memory_version), (21, 20));
    assert_eq!(stored.display_name.as_ref().map(DisplayName::as_str), Some("19"));
}
