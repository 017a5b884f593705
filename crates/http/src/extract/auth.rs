//! Who asks.

use crate::{
    problem::{Code, Problem},
    state::AppState,
};
use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web};
use futures::future::LocalBoxFuture;
use palavra_application::AuthError;
use palavra_domain::Claims;

/// The bearer of a good access token of a live session. A handler without it is open to all.
pub(crate) struct Authenticated(pub(crate) Claims);

impl FromRequest for Authenticated {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let token = bearer(request);
        let state = request.app_data::<web::Data<AppState>>().cloned();
        Box::pin(async move {
            let state = state.ok_or_else(|| Problem::new(Code::Internal))?;
            let token = token.ok_or_else(|| Problem::new(Code::Unauthenticated))?;
            state.app.auth.authenticate(&token).await.map(Self).map_err(Problem::from)
        })
    }
}

fn bearer(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Unauthenticated => Self::new(Code::Unauthenticated),
            AuthError::Store(error) => error.into(),
            AuthError::Vault(error) => error.into(),
        }
    }
}
