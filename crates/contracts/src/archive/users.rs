//! What a [`UserArchive`] must do.

use super::readable;
use crate::{
    Make,
    harness::{self, cases},
    samples::{at, bare_user, user, username},
    support::assert_form,
};
use libtest_mimic::Trial;
use palavra_domain::{Entity, PasswordHash, StoreError, User, UserId, ports::UserArchive};
use std::sync::Arc;

type Users = Arc<dyn UserArchive>;

/// The cases of the suite.
#[must_use]
pub fn trials(adapter: &str, make: Make<dyn UserArchive>) -> Vec<Trial> {
    let cases = cases![
        a_scan_meets_everyone_once,
        a_scan_goes_on_while_others_come,
        what_is_imported_is_as_it_was,
        importing_again_changes_nothing,
        an_import_replaces_what_is_there,
        an_import_does_not_take_anothers_name,
    ];
    harness::trials(adapter, "archive-users", make, cases)
}

async fn scan(port: &Users, after: Option<UserId>, limit: usize) -> (Vec<User>, Option<UserId>) {
    let page = readable(port.scan(after, limit).await.unwrap());
    (page.items, page.next)
}

async fn inserted(port: &Users, count: usize) -> Vec<User> {
    let users: Vec<User> = (0..count).map(|index| user(&format!("user-{index}"))).collect();
    // Their ids count, not the order in which they came.
    for user in users.iter().rev() {
        port.insert(user).await.unwrap();
    }
    users
}

async fn a_scan_meets_everyone_once(port: Users) {
    assert_eq!(scan(&port, None, 3).await, (Vec::new(), None));
    let users = inserted(&port, 7).await;
    assert_eq!(scan(&port, None, 100).await, (users.clone(), None));
    assert_eq!(scan(&port, None, 7).await, (users.clone(), None));
    assert_eq!(scan(&port, None, 3).await, (users[..3].to_vec(), Some(users[2].id)));
    assert_eq!(scan(&port, Some(users[2].id), 3).await, (users[3..6].to_vec(), Some(users[5].id)));
    assert_eq!(scan(&port, Some(users[5].id), 3).await, (users[6..].to_vec(), None));
    assert_eq!(scan(&port, Some(users[6].id), 3).await, (Vec::new(), None));
}

async fn a_scan_goes_on_while_others_come(port: Users) {
    let users = inserted(&port, 6).await;
    let (mut seen, mut next) = scan(&port, None, 2).await;
    let mut round = 0;
    while let Some(after) = next {
        round += 1;
        if round < 4 {
            port.insert(&user(&format!("late-{round}"))).await.unwrap();
        }
        let (more, following) = scan(&port, Some(after), 2).await;
        seen.extend(more);
        next = following;
    }
    assert_eq!(seen[..6], users);
}

async fn what_is_imported_is_as_it_was(port: Users) {
    let changed = User {
        revision: 41,
        updated_at: at(77),
        memory_version: 12,
        memories_cleared_at: Some(at(33)),
        ..user("Changed")
    };
    for user in [changed, bare_user("Bare")] {
        port.import(&user).await.unwrap();
        assert_eq!(port.find(user.id).await.unwrap().as_ref(), Some(&user));
        assert_eq!(port.find_by_username(&user.username).await.unwrap().as_ref(), Some(&user));
        let next = port.update(&user).await.unwrap().unwrap();
        assert_eq!(next, User { revision: user.revision + 1, ..user.clone() });
        let counted = port.memories_changed(user.id, None).await.unwrap();
        assert_eq!(counted, Some(user.memory_version + 1));
    }
}

async fn importing_again_changes_nothing(port: Users) {
    let user = user("Twice");
    port.import(&user).await.unwrap();
    port.import(&user).await.unwrap();
    assert_eq!(scan(&port, None, 10).await, (vec![user], None));
}

async fn an_import_replaces_what_is_there(port: Users) {
    let before = user("Before");
    port.insert(&before).await.unwrap();
    port.memories_changed(before.id, Some(at(3))).await.unwrap();
    let after = User {
        revision: 9,
        username: username("After"),
        display_name: None,
        default_model: None,
        api_key: None,
        memory_enabled: false,
        password_hash: PasswordHash("another".into()),
        memory_version: 7,
        memories_cleared_at: None,
        created_at: at(5),
        ..before.clone()
    };
    port.import(&after).await.unwrap();
    assert_eq!(port.find(before.id).await.unwrap().as_ref(), Some(&after));
    assert_eq!(port.find_by_username(&before.username).await.unwrap(), None);
    assert_eq!(port.find_by_username(&after.username).await.unwrap(), Some(after));
}

async fn an_import_does_not_take_anothers_name(port: Users) {
    let owner = user("Taken");
    port.insert(&owner).await.unwrap();
    let other = user("other");
    port.insert(&other).await.unwrap();
    for import in [user("TAKEN"), User { username: username("taken"), ..other.clone() }] {
        assert_form!(port.import(&import).await, Err(StoreError::Conflict(Entity::Username)));
    }
    assert_eq!(scan(&port, None, 10).await, (vec![owner, other], None));
}
