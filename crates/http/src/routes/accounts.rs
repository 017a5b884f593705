use super::unknown_user;
use crate::{
    dto::{LoginRequest, ProfileResponse, ProfileUpdateRequest, RefreshRequest, RegisterRequest, TokenResponse},
    extract::{Authenticated, Body, LoginBody},
    problem::{Code, Problem, ProblemBody},
    state::AppState,
};
use actix_web::{HttpRequest, HttpResponse, get, post, put, web};
use palavra_application::{AccountError, LoginError, PasswordChange, ProfileChange, Registration};
use palavra_domain::{ApiKey, DisplayName, InvalidValue, ModelId, Password, RefreshToken, Username};

/// Make an account.
#[utoipa::path(tag = "account", responses(
    (status = 201, body = ProfileResponse),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "409 username_taken, 422 validation_failed, 424 api_key_rejected"),
))]
#[post("/register")]
pub(super) async fn register(state: web::Data<AppState>, body: Body<RegisterRequest>) -> Result<HttpResponse, Problem> {
    let mut problems = FieldProblems::default();
    let username = problems.check(Username::parse(body.0.username));
    let password = problems.check(Password::parse(body.0.password));
    let api_key = problems.check(body.0.openrouter_api_key.map(ApiKey::parse).transpose());
    let (Some(username), Some(password), Some(api_key)) = (username, password, api_key) else {
        return Err(problems.into_problem());
    };
    let user = state.app.accounts.register(Registration { username, password, api_key }).await?;
    Ok(HttpResponse::Created().json(ProfileResponse::from(user)))
}

/// Log in with JSON, or with the OAuth2 password form.
#[utoipa::path(tag = "account",
    request_body(content((LoginRequest = "application/json"), (LoginRequest = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, body = TokenResponse),
        (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "401 invalid_credentials, 429 rate_limited after failed logins"),
    )
)]
#[post("/login")]
pub(super) async fn login(
    state: web::Data<AppState>,
    request: HttpRequest,
    body: LoginBody<LoginRequest>,
) -> Result<web::Json<TokenResponse>, Problem> {
    let body = body.0;
    if body.grant_type.as_deref().is_some_and(|grant| grant != "password") {
        return Err(Problem::invalid("grant_type", "must be password"));
    }
    let address = request.peer_addr().map(|address| address.ip());
    let tokens = state.app.auth.login(&body.username, &body.password, address).await?;
    Ok(web::Json(tokens.into()))
}

/// Exchange a refresh token for a new pair of tokens. One that was spent before ends the session.
#[utoipa::path(tag = "account", responses(
    (status = 200, body = TokenResponse),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "401 unauthenticated"),
))]
#[post("/token/refresh")]
pub(super) async fn refresh(
    state: web::Data<AppState>,
    body: Body<RefreshRequest>,
) -> Result<web::Json<TokenResponse>, Problem> {
    let tokens = state.app.auth.refresh(&RefreshToken::new(body.0.refresh_token)).await?;
    Ok(web::Json(tokens.into()))
}

/// End this session: its tokens are good no more.
#[utoipa::path(tag = "account", security(("login" = [])), responses(
    (status = 204),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "401 unauthenticated"),
))]
#[post("/logout")]
pub(super) async fn logout(state: web::Data<AppState>, user: Authenticated) -> Result<HttpResponse, Problem> {
    state.app.auth.logout(user.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Your account.
#[utoipa::path(tag = "account", security(("login" = [])), responses(
    (status = 200, body = ProfileResponse),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "401 unauthenticated"),
))]
#[get("/user/profile")]
pub(super) async fn profile(
    state: web::Data<AppState>,
    user: Authenticated,
) -> Result<web::Json<ProfileResponse>, Problem> {
    Ok(web::Json(state.app.accounts.profile(user.0.user).await?.into()))
}

/// Change your account: an absent field stays, null clears.
#[utoipa::path(tag = "account", security(("login" = [])), responses(
    (status = 200, body = ProfileResponse),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "401 unauthenticated, 409 stale, 422 validation_failed, 424 api_key_rejected"),
))]
#[put("/user/profile")]
pub(super) async fn update_profile(
    state: web::Data<AppState>,
    user: Authenticated,
    body: Body<ProfileUpdateRequest>,
) -> Result<web::Json<ProfileResponse>, Problem> {
    let change = profile_change(body.0)?;
    Ok(web::Json(state.app.accounts.change(user.0, change).await?.into()))
}

fn profile_change(body: ProfileUpdateRequest) -> Result<ProfileChange, Problem> {
    let mut problems = FieldProblems::default();
    let mut change = ProfileChange::default();
    if let Some(name) = body.display_name {
        change.display_name = problems.check(name.map(DisplayName::parse).transpose());
    }
    if let Some(model) = body.default_model {
        let model = model.map(ModelId::parse).transpose();
        change.default_model =
            problems.check(model.map_err(|invalid| InvalidValue { field: "default_model", ..invalid }));
    }
    if let Some(key) = body.openrouter_api_key {
        change.api_key = problems.check(key.map(ApiKey::parse).transpose());
    }
    match body.memory_enabled {
        Some(None) => problems.add("memory_enabled", "must be true or false"),
        Some(enabled @ Some(_)) => change.memory_enabled = enabled,
        None => {}
    }
    match (body.password, body.current_password) {
        (None, None) => {}
        (None, Some(_)) => problems.add("password", "is required with current_password"),
        (Some(None), _) => problems.add("password", "cannot be cleared"),
        (Some(Some(_)), None) => problems.add("current_password", "is required to set another password"),
        (Some(Some(new)), Some(current)) => {
            change.password = problems.check(Password::parse(new)).map(|new| PasswordChange { new, current });
        }
    }
    if problems.is_empty() { Ok(change) } else { Err(problems.into_problem()) }
}

/// Collects what is wrong with the fields of a body, to tell all of it at once.
#[derive(Default)]
struct FieldProblems(Vec<InvalidValue>);

impl FieldProblems {
    fn check<T>(&mut self, value: Result<T, InvalidValue>) -> Option<T> {
        value.map_err(|invalid| self.0.push(invalid)).ok()
    }

    fn add(&mut self, field: &'static str, message: &str) {
        self.0.push(InvalidValue::new(field, message));
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn into_problem(self) -> Problem {
        let problem = Problem::new(Code::ValidationFailed);
        self.0.into_iter().fold(problem, |problem, invalid| problem.field(invalid.field, invalid.message))
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::UsernameTaken => Self::new(Code::UsernameTaken),
            AccountError::Unknown => unknown_user(),
            AccountError::KeyRejected => Self::new(Code::ApiKeyRejected),
            AccountError::Invalid(invalid) => invalid.into(),
            AccountError::Limited { retry_after } => Self::new(Code::RateLimited).retry_after(Some(retry_after)),
            AccountError::Store(error) => error.into(),
            AccountError::Vault(error) => error.into(),
        }
    }
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::WrongCredentials => Self::new(Code::InvalidCredentials),
            LoginError::Limited { retry_after } => Self::new(Code::RateLimited)
                .retry_after(Some(retry_after))
                .detail("Too many failed logins. Wait as long as the Retry-After header says."),
            LoginError::Store(error) => error.into(),
            LoginError::Vault(error) => error.into(),
        }
    }
}
