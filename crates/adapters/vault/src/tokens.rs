//! Access tokens: JWT, HS256, with the key's id in the header.

use crate::{KeyRing, refresh};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use palavra_domain::{
    Claims, RefreshToken, SessionId, Timestamp, UserId, VaultError,
    ports::{IssuedRefresh, PresentedRefresh, TokenIssuer},
};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, fmt, time::Duration};
use uuid::Uuid;

/// Ours have about 400 bytes. Longer ones are not looked at.
const MAX_TOKEN: usize = 2048;

/// What access tokens say and how long they are good.
#[derive(Debug)]
pub struct JwtOptions {
    /// The first signs, all verify.
    pub keys: KeyRing,
    /// The `iss` claim: who signs. Tokens of other issuers are refused.
    pub issuer: String,
    /// The `aud` claim: whom they are for. Tokens for others are refused.
    pub audience: String,
    /// How long an access token is good; whole seconds are kept, parts of one are rounded up.
    pub access_ttl: Duration,
}

/// Issues and verifies tokens. Only HS256 is accepted, with no leeway, against the time that the caller gives.
pub struct JwtIssuer {
    header: Header,
    signing: EncodingKey,
    verifying: HashMap<String, DecodingKey>,
    validation: Validation,
    issuer: String,
    audience: String,
    access_ttl: Duration,
}

#[derive(Serialize, Deserialize)]
struct AccessClaims {
    iss: String,
    aud: String,
    sub: Uuid,
    sid: Uuid,
    /// Seconds since 1970, as are the others.
    iat: u64,
    exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
}

impl JwtIssuer {
    /// An issuer with these keys and claims.
    #[must_use]
    pub fn new(options: JwtOptions) -> Self {
        let JwtOptions { keys, issuer, audience, access_ttl } = options;
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(keys.first().id.clone());
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        validation.set_issuer(&[&issuer]);
        validation.set_audience(&[&audience]);
        // The crate would take the system's clock; times are checked against the caller's instead.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.leeway = 0;
        let verifying =
            keys.keys().map(|key| (key.id.clone(), DecodingKey::from_secret(key.secret.expose_secret()))).collect();
        let signing = EncodingKey::from_secret(keys.first().secret.expose_secret());
        Self { header, signing, verifying, validation, issuer, audience, access_ttl }
    }
}

impl fmt::Debug for JwtIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("JwtIssuer");
        shown.field("issuer", &self.issuer).field("audience", &self.audience).field("access_ttl", &self.access_ttl);
        shown.finish_non_exhaustive()
    }
}

impl TokenIssuer for JwtIssuer {
    fn access_ttl(&self) -> Duration {
        self.access_ttl
    }

    fn issue_access(&self, claims: Claims, now: Timestamp) -> Result<String, VaultError> {
        let claims = AccessClaims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: claims.user.uuid(),
            sid: claims.session.uuid(),
            iat: now.as_secs(),
            exp: secs_rounded_up(now.plus(self.access_ttl)),
            nbf: None,
        };
        encode(&self.header, &claims, &self.signing).map_err(|error| VaultError::Failed { source: error.into() })
    }

    fn verify_access(&self, token: &str, now: Timestamp) -> Option<Claims> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let header = decode_header(token).ok()?;
        // No extension is understood, so none may be critical (RFC 7515, 4.1.11).
        if header.crit.is_some() {
            return None;
        }
        let key = self.verifying.get(header.kid.as_deref()?)?;
        let claims: AccessClaims = decode(token, key, &self.validation).ok()?.claims;
        let good = now.as_secs() < claims.exp && claims.nbf.is_none_or(|from| from <= now.as_secs());
        good.then(|| Claims { user: UserId::new(claims.sub), session: SessionId::new(claims.sid) })
    }

    fn issue_refresh(&self, user: UserId, session: SessionId) -> Result<IssuedRefresh, VaultError> {
        refresh::issue(user, session)
    }

    fn read_refresh(&self, token: &RefreshToken) -> Option<PresentedRefresh> {
        refresh::read(token)
    }
}

fn secs_rounded_up(time: Timestamp) -> u64 {
    time.plus(Duration::from_millis(999)).as_secs()
}
