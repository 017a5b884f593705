//! What a [`SessionStore`] must do.

use crate::{
    Make,
    harness::{self, cases},
    samples::{at, refresh_hash, session, session_id, user_id},
    support::{GRACE, Jitter, assert_form, race},
};
use libtest_mimic::Trial;
use palavra_domain::{Entity, RefreshHash, RotateOutcome, Session, StoreError, Timestamp, ports::SessionStore};
use std::{collections::BTreeSet, sync::Arc};

type Sessions = Arc<dyn SessionStore>;

/// The cases of the suite.
#[must_use]
pub fn trials(adapter: &str, make: Make<dyn SessionStore>) -> Vec<Trial> {
    let cases = cases![
        every_field_comes_back,
        what_is_missing_is_not_found,
        a_taken_id_conflicts,
        of_concurrent_inserts_of_one_id_one_succeeds,
        fifty_concurrent_inserts_are_all_found,
        nobody_reaches_another_users_session,
        rotation_gives_the_session_the_next_token,
        a_spent_token_revokes_the_session,
        rotation_needs_a_live_session,
        of_concurrent_rotations_with_one_token_one_succeeds,
        revoking_happens_once,
        revoking_the_others_keeps_one,
        revoking_the_others_of_a_missing_one_ends_all,
        expired_sessions_are_forgotten,
        dropped_rotations_are_whole_or_nothing,
    ];
    harness::trials(adapter, "sessions", make, cases)
}

async fn inserted(port: &Sessions, session: Session) -> Session {
    port.insert(&session).await.unwrap();
    session
}

async fn stored(port: &Sessions, session: &Session) -> Option<Session> {
    port.find(session.user_id, session.id).await.unwrap()
}

async fn rotate(port: &Sessions, session: &Session, presented: RefreshHash, now: Timestamp) -> RotateOutcome {
    port.rotate(session.user_id, session.id, presented, refresh_hash(2), now, at(90_009)).await.unwrap()
}

async fn every_field_comes_back(port: Sessions) {
    let mut hash = [0; 32];
    for (byte, value) in hash.iter_mut().zip(240..=255) {
        *byte = value;
    }
    let first = Session { refresh_hash: RefreshHash(hash), last_used_at: at(11), ..session(user_id()) };
    let ended = Session { revoked_at: Some(at(3)), ..session(user_id()) };
    let endless = Session { expires_at: Timestamp::MAX, ..session(user_id()) };
    for session in [first, ended, endless] {
        let session = inserted(&port, session).await;
        assert_eq!(stored(&port, &session).await, Some(session));
    }
}

async fn what_is_missing_is_not_found(port: Sessions) {
    let session = inserted(&port, session(user_id())).await;
    assert_eq!(port.find(session.user_id, session_id()).await.unwrap(), None);
    assert!(!port.revoke(session.user_id, session_id(), at(1)).await.unwrap());
}

async fn a_taken_id_conflicts(port: Sessions) {
    let first = inserted(&port, session(user_id())).await;
    for user in [first.user_id, user_id()] {
        let second = Session { id: first.id, refresh_hash: refresh_hash(9), ..session(user) };
        assert_form!(port.insert(&second).await, Err(StoreError::Conflict(Entity::Session)));
    }
    assert_eq!(stored(&port, &first).await, Some(first));
}

async fn of_concurrent_inserts_of_one_id_one_succeeds(port: Sessions) {
    let first = session(user_id());
    let results = race(12, |index| {
        let session = Session { last_used_at: at(i64::try_from(index).unwrap()), ..first.clone() };
        let port = Arc::clone(&port);
        async move { (port.insert(&session).await, session) }
    })
    .await;
    let mut winners = Vec::new();
    for (result, session) in results {
        match result {
            Ok(()) => winners.push(session),
            Err(StoreError::Conflict(Entity::Session)) => (),
            Err(other) => panic!("expected a conflict, got {other:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(stored(&port, &first).await, winners.pop());
}

async fn fifty_concurrent_inserts_are_all_found(port: Sessions) {
    let sessions = race(50, |_| {
        let port = Arc::clone(&port);
        async move { inserted(&port, session(user_id())).await }
    })
    .await;
    for session in sessions {
        assert_eq!(stored(&port, &session).await, Some(session));
    }
}

async fn nobody_reaches_another_users_session(port: Sessions) {
    let session = inserted(&port, session(user_id())).await;
    let other = user_id();
    assert_eq!(port.find(other, session.id).await.unwrap(), None);
    for hash in [session.refresh_hash, refresh_hash(9)] {
        let outcome = port.rotate(other, session.id, hash, refresh_hash(2), at(1), at(2)).await.unwrap();
        assert_eq!(outcome, RotateOutcome::NotFound);
    }
    assert!(!port.revoke(other, session.id, at(1)).await.unwrap());
    assert_eq!(port.revoke_others(other, session_id(), at(1)).await.unwrap(), Vec::new());
    assert_eq!(port.revoke_others(other, session.id, at(1)).await.unwrap(), Vec::new());
    assert_eq!(stored(&port, &session).await, Some(session));
}

async fn rotation_gives_the_session_the_next_token(port: Sessions) {
    let first = inserted(&port, session(user_id())).await;
    let bystander = inserted(&port, session(first.user_id)).await;
    let expected =
        Session { refresh_hash: refresh_hash(2), last_used_at: at(5), expires_at: at(90_009), ..first.clone() };
    let outcome = rotate(&port, &first, refresh_hash(1), at(5)).await;
    assert_eq!(outcome, RotateOutcome::Rotated(expected.clone()));
    assert_eq!(stored(&port, &first).await, Some(expected));
    let outcome =
        port.rotate(first.user_id, first.id, refresh_hash(2), refresh_hash(3), at(6), at(90_010)).await.unwrap();
    assert_form!(outcome, RotateOutcome::Rotated(session) if session.refresh_hash == refresh_hash(3));
    assert_eq!(stored(&port, &bystander).await, Some(bystander));
}

async fn a_spent_token_revokes_the_session(port: Sessions) {
    let first = inserted(&port, session(user_id())).await;
    let bystander = inserted(&port, session(first.user_id)).await;
    assert_form!(rotate(&port, &first, refresh_hash(1), at(5)).await, RotateOutcome::Rotated(_));
    assert_eq!(rotate(&port, &first, refresh_hash(1), at(6)).await, RotateOutcome::Reused);
    assert_eq!(stored(&port, &first).await.unwrap().revoked_at, Some(at(6)));
    // The good token went down with it.
    assert_eq!(rotate(&port, &first, refresh_hash(2), at(7)).await, RotateOutcome::NotFound);
    assert_eq!(stored(&port, &first).await.unwrap().revoked_at, Some(at(6)));
    assert_eq!(stored(&port, &bystander).await, Some(bystander));
}

async fn rotation_needs_a_live_session(port: Sessions) {
    let missing = session(user_id());
    assert_eq!(rotate(&port, &missing, refresh_hash(1), at(5)).await, RotateOutcome::NotFound);
    let revoked = inserted(&port, Session { revoked_at: Some(at(3)), ..session(user_id()) }).await;
    let over = inserted(&port, session(user_id())).await;
    for hash in [refresh_hash(1), refresh_hash(9)] {
        assert_eq!(rotate(&port, &revoked, hash, at(5)).await, RotateOutcome::NotFound);
        for now in [over.expires_at, at(60_001)] {
            assert_eq!(rotate(&port, &over, hash, now).await, RotateOutcome::NotFound);
        }
    }
    assert_eq!(stored(&port, &revoked).await, Some(revoked));
    assert_eq!(stored(&port, &over).await.as_ref(), Some(&over));
    assert_form!(rotate(&port, &over, refresh_hash(1), at(59_999)).await, RotateOutcome::Rotated(_));
}

async fn of_concurrent_rotations_with_one_token_one_succeeds(port: Sessions) {
    for _ in 0..5 {
        let first = inserted(&port, session(user_id())).await;
        let outcomes = race(10, |index| {
            let (port, first) = (Arc::clone(&port), first.clone());
            async move {
                let next = refresh_hash(u8::try_from(100 + index).unwrap());
                port.rotate(first.user_id, first.id, refresh_hash(1), next, at(5), at(90_009)).await.unwrap()
            }
        })
        .await;
        let count = |wanted: fn(&RotateOutcome) -> bool| outcomes.iter().filter(|outcome| wanted(outcome)).count();
        assert_eq!(count(|outcome| matches!(outcome, RotateOutcome::Rotated(_))), 1, "{outcomes:?}");
        assert!(count(|outcome| *outcome == RotateOutcome::Reused) >= 1, "{outcomes:?}");
        assert_eq!(stored(&port, &first).await.unwrap().revoked_at, Some(at(5)));
    }
}

async fn revoking_happens_once(port: Sessions) {
    let session = inserted(&port, session(user_id())).await;
    assert!(port.revoke(session.user_id, session.id, at(5)).await.unwrap());
    assert!(!port.revoke(session.user_id, session.id, at(6)).await.unwrap());
    assert_eq!(stored(&port, &session).await, Some(Session { revoked_at: Some(at(5)), ..session }));
}

async fn revoking_the_others_keeps_one(port: Sessions) {
    let user = user_id();
    let keep = inserted(&port, session(user)).await;
    let before = inserted(&port, Session { revoked_at: Some(at(3)), ..session(user) }).await;
    let (one, two) = (inserted(&port, session(user)).await, inserted(&port, session(user)).await);
    let stranger = inserted(&port, session(user_id())).await;
    let ended = port.revoke_others(user, keep.id, at(5)).await.unwrap();
    assert_eq!(ended.len(), 2);
    assert_eq!(BTreeSet::from_iter(ended), BTreeSet::from([one.id, two.id]));
    for session in [one, two] {
        assert_eq!(stored(&port, &session).await.unwrap().revoked_at, Some(at(5)));
    }
    for unchanged in [keep.clone(), before, stranger] {
        assert_eq!(stored(&port, &unchanged).await, Some(unchanged));
    }
    assert_eq!(port.revoke_others(user, keep.id, at(6)).await.unwrap(), Vec::new());
}

async fn revoking_the_others_of_a_missing_one_ends_all(port: Sessions) {
    let session = inserted(&port, session(user_id())).await;
    assert_eq!(port.revoke_others(session.user_id, session_id(), at(5)).await.unwrap(), vec![session.id]);
    assert_eq!(stored(&port, &session).await.unwrap().revoked_at, Some(at(5)));
}

async fn expired_sessions_are_forgotten(port: Sessions) {
    let ends = |expires_at| Session { expires_at, ..session(user_id()) };
    let over = inserted(&port, ends(at(99))).await;
    let revoked = inserted(&port, Session { revoked_at: Some(at(1)), ..ends(at(99)) }).await;
    let just = inserted(&port, ends(at(100))).await;
    let live = inserted(&port, ends(at(101))).await;
    let ended = inserted(&port, Session { revoked_at: Some(at(1)), ..ends(at(101)) }).await;
    assert_eq!(port.delete_expired(at(100)).await.unwrap(), 2);
    for gone in [over, revoked] {
        assert_eq!(stored(&port, &gone).await, None);
    }
    for kept in [just, live, ended] {
        assert_eq!(stored(&port, &kept).await, Some(kept));
    }
    assert_eq!(port.delete_expired(at(100)).await.unwrap(), 0);
}

async fn dropped_rotations_are_whole_or_nothing(port: Sessions) {
    let mut jitter = Jitter::default();
    let mut dropped = Vec::new();
    for _ in 0..25 {
        let session = inserted(&port, session(user_id())).await;
        let (rotating, first) = (Arc::clone(&port), session.clone());
        let _ = jitter.cut_short(async move { rotate(&rotating, &first, refresh_hash(1), at(5)).await }).await;
        dropped.push(session);
    }
    tokio::time::sleep(GRACE).await;
    for first in dropped {
        let rotated =
            Session { refresh_hash: refresh_hash(2), last_used_at: at(5), expires_at: at(90_009), ..first.clone() };
        let session = stored(&port, &first).await.unwrap();
        assert!(session == first || session == rotated, "{session:?}");
        assert_form!(rotate(&port, &first, session.refresh_hash, at(6)).await, RotateOutcome::Rotated(_));
    }
}
