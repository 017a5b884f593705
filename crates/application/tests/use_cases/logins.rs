//! Logins and tokens.

use crate::world::{PASSWORD, World};
use palavra_application::{AuthError, LoginError, Tokens};
use palavra_domain::RefreshToken;
use std::{net::IpAddr, time::Duration};

fn address(last: u8) -> Option<IpAddr> {
    Some(IpAddr::from([192, 0, 2, last]))
}

async fn login(world: &World) -> Tokens {
    world.app.auth.login("ana", PASSWORD, address(1)).await.unwrap()
}

async fn admits(world: &World, tokens: &Tokens) -> bool {
    match world.app.auth.authenticate(&tokens.access).await {
        Ok(_) => true,
        Err(AuthError::Unauthenticated) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn the_right_password_admits_and_nothing_else_does() {
    let world = World::new();
    let user = world.user("Ana").await;
    let tokens = world.app.auth.login("aNA", PASSWORD, address(1)).await.unwrap();
    assert_eq!(world.app.auth.authenticate(&tokens.access).await.unwrap().user, user);
    assert_eq!(tokens.expires_in, Duration::from_secs(3600));
    let long = "x".repeat(10_000);
    for (name, password) in [
        ("ana", "wrong password"),
        ("ana", ""),
        ("nobody", PASSWORD),
        ("not a name", PASSWORD),
        ("", ""),
        ("ana\0", &long),
    ] {
        let refused = world.app.auth.login(name, password, address(2)).await;
        assert!(matches!(refused, Err(LoginError::WrongCredentials)), "{name:?}: {refused:?}");
    }
}

#[tokio::test]
async fn five_wrong_guesses_are_the_limit() {
    let world = World::new();
    world.user("ana").await;
    world.user("bia").await;
    for _ in 0..5 {
        let wrong = world.app.auth.login("ana", "wrong password", address(1)).await;
        assert!(matches!(wrong, Err(LoginError::WrongCredentials)), "{wrong:?}");
    }
    // Also with the right password, in another case, or it would tell which one is right.
    match world.app.auth.login("ANA", PASSWORD, address(1)).await {
        Err(LoginError::Limited { retry_after }) => {
            assert!(retry_after > Duration::from_secs(25) && retry_after <= Duration::from_secs(30), "{retry_after:?}");
        }
        other => panic!("{other:?}"),
    }
    // Neither the owner elsewhere nor others here are kept out.
    world.app.auth.login("ana", PASSWORD, address(2)).await.unwrap();
    world.app.auth.login("bia", PASSWORD, address(1)).await.unwrap();
}

#[tokio::test]
async fn a_right_guess_forgives_the_wrong_ones() {
    let world = World::new();
    world.user("ana").await;
    for _ in 0..3 {
        for _ in 0..4 {
            let wrong = world.app.auth.login("ana", "wrong password", address(1)).await;
            assert!(matches!(wrong, Err(LoginError::WrongCredentials)), "{wrong:?}");
        }
        login(&world).await;
    }
}

#[tokio::test]
async fn guesses_from_everywhere_count_together_too() {
    let world = World::with(|_, policy| policy.login.per_name.burst = 7);
    world.user("ana").await;
    for last in 0..7 {
        let wrong = world.app.auth.login("ana", "wrong password", address(last)).await;
        assert!(matches!(wrong, Err(LoginError::WrongCredentials)), "{wrong:?}");
    }
    let limited = world.app.auth.login("ana", PASSWORD, address(99)).await;
    assert!(matches!(limited, Err(LoginError::Limited { .. })), "{limited:?}");
}

#[tokio::test]
async fn a_refresh_token_is_good_once() {
    let world = World::new();
    world.user("ana").await;
    let first = login(&world).await;
    let second = world.app.auth.refresh(&first.refresh).await.unwrap();
    assert_ne!(first.refresh.expose(), second.refresh.expose());
    assert!(admits(&world, &first).await && admits(&world, &second).await);
    let third = world.app.auth.refresh(&second.refresh).await.unwrap();

    // The thief or the owner comes with the spent one: both are out.
    let reused = world.app.auth.refresh(&first.refresh).await;
    assert!(matches!(reused, Err(AuthError::Unauthenticated)), "{reused:?}");
    for tokens in [&first, &second, &third] {
        assert!(!admits(&world, tokens).await);
    }
    assert!(world.app.auth.refresh(&third.refresh).await.is_err());
    // Other logins go on.
    let fresh = login(&world).await;
    assert!(admits(&world, &fresh).await);
}

#[tokio::test]
async fn a_refresh_token_of_nobody_is_refused() {
    let world = World::new();
    for text in ["", "x", "refresh.a_b_1.0"] {
        let refused = world.app.auth.refresh(&RefreshToken::new(text.into())).await;
        assert!(matches!(refused, Err(AuthError::Unauthenticated)), "{text}: {refused:?}");
    }
}

#[tokio::test]
async fn logging_out_ends_one_session() {
    let world = World::new();
    world.user("ana").await;
    let (here, there) = (login(&world).await, login(&world).await);
    let claims = world.app.auth.authenticate(&here.access).await.unwrap();
    world.app.auth.logout(claims).await.unwrap();
    assert!(!admits(&world, &here).await && admits(&world, &there).await);
    assert!(world.app.auth.refresh(&here.refresh).await.is_err());
    world.app.auth.logout(claims).await.unwrap();
}

#[tokio::test]
async fn tokens_and_sessions_end_with_time() {
    let world = World::new();
    world.user("ana").await;
    let tokens = login(&world).await;
    world.clock.advance(Duration::from_secs(3599));
    assert!(admits(&world, &tokens).await);
    world.clock.advance(Duration::from_secs(1));
    assert!(!admits(&world, &tokens).await);

    let renewed = world.app.auth.refresh(&tokens.refresh).await.unwrap();
    assert!(admits(&world, &renewed).await);
    world.clock.advance(world.policy.session_ttl);
    assert!(world.app.auth.refresh(&renewed.refresh).await.is_err());
}
