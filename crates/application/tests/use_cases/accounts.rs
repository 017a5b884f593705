//! Registration and profiles.

use crate::{
    cached::GatedCache,
    world::{KEY, PASSWORD, World, api_key, password, registration, soon, until},
};
use palavra_application::{AccountError, LoginError, PasswordChange, ProfileChange, decorators::CachedUserRepository};
use palavra_domain::{ApiKey, Claims, DisplayName, ModelError, UserId, ports::KeyStatus};
use palavra_inmem::{
    InMemoryUserRepository, MokaCache,
    fakes::{Gate, Mood},
};
use std::{sync::Arc, time::Duration};

async fn login(world: &World, name: &str, password: &str) -> Claims {
    let tokens = world.app.auth.login(name, password, None).await.unwrap();
    world.app.auth.authenticate(&tokens.access).await.unwrap()
}

async fn opened_key(world: &World, user: UserId) -> Option<ApiKey> {
    let user = world.app.accounts.profile(user).await.unwrap();
    user.api_key.map(|sealed| world.ports.vault.open(user.id, &sealed).unwrap())
}

#[tokio::test]
async fn a_name_is_taken_in_any_case() {
    let world = World::new();
    let user = world.app.accounts.register(registration("Ana", None)).await.unwrap();
    assert_eq!((user.username.as_str(), user.memory_enabled, user.api_key.is_some()), ("Ana", true, false));
    for name in ["Ana", "ana", "ANA"] {
        let again = world.app.accounts.register(registration(name, None)).await;
        assert!(matches!(again, Err(AccountError::UsernameTaken)), "{name}: {again:?}");
    }
}

#[tokio::test]
async fn of_two_registrations_at_once_one_succeeds() {
    let world = World::new();
    let one = world.app.accounts.register(registration("ana", None));
    let other = world.app.accounts.register(registration("ANA", None));
    let (one, other) = tokio::join!(one, other);
    assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1);
}

#[tokio::test]
async fn a_key_is_looked_up_sealed_and_never_kept_in_the_clear() {
    let world = World::new();
    let user = world.user("ana").await;
    let stored = world.app.accounts.profile(user).await.unwrap();
    let sealed = stored.api_key.as_ref().unwrap();
    assert_eq!(sealed.hint, "4567");
    assert!(!sealed.sealed.windows(KEY.len()).any(|part| part == KEY.as_bytes()));
    assert_eq!(opened_key(&world, user).await.unwrap().expose(), KEY);
    assert_eq!(world.inspector.inspected().len(), 1);
}

#[tokio::test]
async fn a_bad_key_makes_no_account() {
    let world = World::new();
    world.inspector.set(KeyStatus::Rejected);
    let rejected = world.app.accounts.register(registration("ana", Some(KEY))).await;
    assert!(matches!(rejected, Err(AccountError::KeyRejected)), "{rejected:?}");
    world.inspector.set(KeyStatus::Management);
    let management = world.app.accounts.register(registration("ana", Some(KEY))).await;
    assert!(
        matches!(&management, Err(AccountError::Invalid(invalid)) if invalid.field == "openrouter_api_key"),
        "{management:?}"
    );
    // Nothing is left behind: the name is free.
    world.app.accounts.register(registration("ana", None)).await.unwrap();
}

#[tokio::test]
async fn a_key_is_kept_when_it_cannot_be_looked_up() {
    let world = World::new();
    world.inspector.set_mood(Mood::Fails(|| ModelError::Timeout));
    let user = world.user("ana").await;
    assert_eq!(opened_key(&world, user).await.unwrap().expose(), KEY);
}

#[tokio::test]
async fn a_bad_key_leaves_the_profile_as_it_was() {
    let world = World::new();
    let user = world.user("ana").await;
    let claims = login(&world, "ana", PASSWORD).await;
    world.inspector.set(KeyStatus::Rejected);
    let change = ProfileChange {
        display_name: Some(Some(DisplayName::parse("Other").unwrap())),
        api_key: Some(Some(api_key("sk-or-v1-other-0000"))),
        ..ProfileChange::default()
    };
    let refused = world.app.accounts.change(claims, change).await;
    assert!(matches!(refused, Err(AccountError::KeyRejected)), "{refused:?}");
    assert_eq!(world.app.accounts.profile(user).await.unwrap().display_name, None);
    assert_eq!(opened_key(&world, user).await.unwrap().expose(), KEY);
}

#[tokio::test]
async fn absent_fields_stay_and_empty_ones_are_cleared() {
    let world = World::new();
    let user = world.user("ana").await;
    let claims = login(&world, "ana", PASSWORD).await;
    let name = DisplayName::parse("Ana C.").unwrap();
    let change = ProfileChange {
        display_name: Some(Some(name.clone())),
        default_model: Some(Some(crate::world::model("vendor/mine"))),
        memory_enabled: Some(false),
        ..ProfileChange::default()
    };
    let changed = world.app.accounts.change(claims, change).await.unwrap();
    assert_eq!(changed.display_name, Some(name));
    assert!(changed.api_key.is_some() && !changed.memory_enabled);

    let cleared = ProfileChange { default_model: Some(None), api_key: Some(None), ..ProfileChange::default() };
    let cleared = world.app.accounts.change(claims, cleared).await.unwrap();
    assert_eq!((cleared.default_model, cleared.api_key), (None, None));
    assert_eq!(cleared.display_name.unwrap().as_str(), "Ana C.");
    assert!(!world.app.accounts.profile(user).await.unwrap().memory_enabled);
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_other_sessions() {
    let world = World::new();
    world.user("ana").await;
    world.user("bia").await;
    let (here, there) = (login(&world, "ana", PASSWORD).await, login(&world, "ana", PASSWORD).await);
    let other = login(&world, "bia", PASSWORD).await;
    let change = |current: &str| ProfileChange {
        password: Some(PasswordChange { new: password("another password"), current: current.into() }),
        ..ProfileChange::default()
    };
    let live = async |claims: Claims| {
        let session = world.ports.sessions.find(claims.user, claims.session).await.unwrap().unwrap();
        session.is_live(world.ports.clock.now())
    };

    let refused = world.app.accounts.change(here, change("wrong password")).await;
    assert!(
        matches!(&refused, Err(AccountError::Invalid(invalid)) if invalid.field == "current_password"),
        "{refused:?}"
    );
    assert!(live(here).await && live(there).await);

    world.app.accounts.change(here, change(PASSWORD)).await.unwrap();
    assert!(live(here).await && !live(there).await && live(other).await);
    let old = world.app.auth.login("ana", PASSWORD, None).await;
    assert!(matches!(old, Err(LoginError::WrongCredentials)), "{old:?}");
    login(&world, "ana", "another password").await;
}

#[tokio::test]
async fn guesses_of_the_current_password_are_limited() {
    let world = World::new();
    world.user("ana").await;
    let claims = login(&world, "ana", PASSWORD).await;
    let guess = || {
        let change = PasswordChange { new: password("another password"), current: "wrong password".into() };
        world.app.accounts.change(claims, ProfileChange { password: Some(change), ..ProfileChange::default() })
    };
    for _ in 0..5 {
        assert!(matches!(guess().await, Err(AccountError::Invalid(_))));
    }
    assert!(matches!(guess().await, Err(AccountError::Limited { .. })));
}

#[tokio::test]
async fn a_client_who_goes_away_does_not_leave_half_a_password_change() {
    let gate = Gate::new();
    let world = World::with(|ports, _| {
        let cache = GatedCache { inner: MokaCache::new(1 << 20), gate: gate.clone() };
        let users = Arc::new(InMemoryUserRepository::new());
        ports.users = Arc::new(CachedUserRepository::new(users, Arc::new(cache), Duration::from_secs(60)));
    });
    world.user("ana").await;
    let (here, there) = (login(&world, "ana", PASSWORD).await, login(&world, "ana", PASSWORD).await);
    let changing = tokio::spawn({
        let accounts = world.app.accounts.clone();
        let change = PasswordChange { new: password("another password"), current: PASSWORD.into() };
        async move { accounts.change(here, ProfileChange { password: Some(change), ..ProfileChange::default() }).await }
    });
    // The new password is saved, the other session has not ended yet.
    soon(gate.reached()).await;
    changing.abort();
    drop(changing.await);
    gate.open();
    until(|| async {
        let session = world.ports.sessions.find(there.user, there.session).await.unwrap().unwrap();
        !session.is_live(world.ports.clock.now())
    })
    .await;
}
