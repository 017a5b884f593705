use super::present;
use palavra_application::Tokens;
use palavra_domain::User;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterRequest {
    /// 3–32 of A–Z, a–z, 0–9, dot, underscore, hyphen; unique ignoring case.
    #[schema(example = "ana")]
    pub(crate) username: String,
    /// 8–256 characters.
    #[schema(example = "correct horse battery", format = Password)]
    pub(crate) password: String,
    /// Your OpenRouter key; it can be handed over later.
    pub(crate) openrouter_api_key: Option<String>,
}

/// Name and password, as JSON or as an OAuth2 password form.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginRequest {
    #[schema(example = "ana")]
    pub(crate) username: String,
    #[schema(example = "correct horse battery", format = Password)]
    pub(crate) password: String,
    /// `password`, as OAuth2 clients send it.
    #[serde(default)]
    pub(crate) grant_type: Option<String>,
    #[serde(default, rename = "scope")]
    #[schema(ignore)]
    pub(crate) _scope: Option<String>,
    #[serde(default, rename = "client_id")]
    #[schema(ignore)]
    pub(crate) _client_id: Option<String>,
    #[serde(default, rename = "client_secret")]
    #[schema(ignore)]
    pub(crate) _client_secret: Option<String>,
}

/// A refresh token; it is spent by this.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshRequest {
    pub(crate) refresh_token: String,
}

/// A pair of tokens.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenResponse {
    pub(crate) access_token: String,
    #[schema(example = "bearer")]
    pub(crate) token_type: &'static str,
    /// How long the access token is good, in seconds.
    pub(crate) expires_in: u64,
    /// Good once, for POST /token/refresh.
    pub(crate) refresh_token: String,
}

impl From<Tokens> for TokenResponse {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access,
            token_type: "bearer",
            expires_in: tokens.expires_in.as_secs(),
            refresh_token: tokens.refresh.expose().to_owned(),
        }
    }
}

/// What to change; an absent field stays, null clears.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileUpdateRequest {
    /// 1–100 characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(crate) display_name: Option<Option<String>>,
    /// The model for prompts that name none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(crate) default_model: Option<Option<String>>,
    /// Whether memories are recalled and saved.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<bool>)]
    pub(crate) memory_enabled: Option<Option<bool>>,
    /// Your OpenRouter key.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(crate) openrouter_api_key: Option<Option<String>>,
    /// A new password, 8–256 characters. Your other sessions end.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = Password)]
    pub(crate) password: Option<Option<String>>,
    /// The password that is good now; needed to set another.
    #[serde(default)]
    #[schema(format = Password)]
    pub(crate) current_password: Option<String>,
}

/// An account. The key itself is never told.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProfileResponse {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) display_name: Option<String>,
    pub(crate) default_model: Option<String>,
    pub(crate) memory_enabled: bool,
    pub(crate) has_api_key: bool,
    /// The last four characters of the key.
    pub(crate) api_key_hint: Option<String>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

impl From<User> for ProfileResponse {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            username: user.username.into_string(),
            display_name: user.display_name.map(palavra_domain::DisplayName::into_string),
            default_model: user.default_model.map(palavra_domain::ModelId::into_string),
            memory_enabled: user.memory_enabled,
            has_api_key: user.api_key.is_some(),
            api_key_hint: user.api_key.map(|key| key.hint).filter(|hint| !hint.is_empty()),
            created_at: user.created_at.to_string(),
            updated_at: user.updated_at.to_string(),
        }
    }
}
