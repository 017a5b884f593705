//! What only this vault promises.

mod passwords;
mod sealing;
mod tokens;

use libtest_mimic::Trial;
use palavra_vault::KeyRing;
use secrecy::ExposeSecret as _;

/// Two keys, and rings with one or both of them: before, while and after the first is replaced by the second.
pub(crate) struct Rotation {
    pub(crate) before: KeyRing,
    pub(crate) during: KeyRing,
    pub(crate) after: KeyRing,
}

impl Rotation {
    pub(crate) fn new() -> Self {
        let (old, new) = (KeyRing::generate("old").unwrap(), KeyRing::generate("new").unwrap());
        let both = format!("{},{}", new.to_settings().expose_secret(), old.to_settings().expose_secret());
        Self { before: old, during: KeyRing::parse("keys", &both.into()).unwrap(), after: new }
    }
}

/// Makes trials of async functions, named after them.
macro_rules! trials {
    ($module:ident: $($case:ident),* $(,)?) => {
        vec![$(Trial::test(concat!(stringify!($module), "::", stringify!($case)), || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            runtime.block_on($module::$case());
            Ok(())
        })),*]
    };
}

/// The cases.
pub(crate) fn trials() -> Vec<Trial> {
    let mut all = trials![sealing: an_old_master_key_still_opens, a_lost_master_key_is_named, the_layout_is_as_documented,
        other_layouts_do_not_open];
    all.extend(trials![tokens: an_old_key_still_verifies, other_algorithms_are_refused, other_claims_are_refused,
        headers_that_are_not_ours_are_refused, a_token_is_good_until_its_last_millisecond, refresh_tokens_have_one_spelling]);
    all.extend(trials![passwords: stored_parameters_are_used, an_unknown_user_takes_as_long, only_so_many_at_once,
        a_dropped_call_gives_its_place_back, bad_parameters_are_refused, the_default_is_owasps]);
    all
}
