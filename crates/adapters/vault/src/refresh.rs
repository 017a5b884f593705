//! Refresh tokens: base64url of user id(16) ‖ session id(16) ‖ random(32), without padding.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use palavra_domain::{
    RefreshHash, RefreshToken, SessionId, UserId, VaultError,
    ports::{IssuedRefresh, PresentedRefresh},
};
use secrecy::zeroize::Zeroizing;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

const ID: usize = 16;
const RANDOM: usize = 32;
const LENGTH: usize = 2 * ID + RANDOM;

/// Makes a token for a session.
pub(crate) fn issue(user: UserId, session: SessionId) -> Result<IssuedRefresh, VaultError> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    bytes[..ID].copy_from_slice(user.uuid().as_bytes());
    bytes[ID..2 * ID].copy_from_slice(session.uuid().as_bytes());
    getrandom::fill(&mut bytes[2 * ID..]).map_err(|error| VaultError::Failed { source: error.into() })?;
    Ok(IssuedRefresh { token: RefreshToken::new(URL_SAFE_NO_PAD.encode(*bytes)), hash: hash(&bytes) })
}

/// Takes a token apart. Only the one spelling that [`issue`] writes is read.
pub(crate) fn read(token: &RefreshToken) -> Option<PresentedRefresh> {
    let text = token.expose();
    // Checked first, so that no long text is decoded for nothing.
    if Some(text.len()) != base64::encoded_len(LENGTH, false) {
        return None;
    }
    let decoded = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
    let bytes: &[u8; LENGTH] = decoded.as_slice().try_into().ok()?;
    let (user, rest) = bytes.split_first_chunk::<ID>()?;
    let (session, _random) = rest.split_first_chunk::<ID>()?;
    Some(PresentedRefresh {
        user: UserId::new(Uuid::from_bytes(*user)),
        session: SessionId::new(Uuid::from_bytes(*session)),
        hash: hash(bytes),
    })
}

fn hash(bytes: &[u8; LENGTH]) -> RefreshHash {
    RefreshHash(Sha256::digest(bytes).into())
}
