//! The description of the API.

use utoipa::{
    Modify, OpenApi,
    openapi::security::{Flow, OAuth2, Password, Scopes, SecurityScheme},
};
use utoipa_actix_web::AppExt;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Palavra",
        description = "A self-hosted, multi-user chat API with memory over every model that OpenRouter serves."
    ),
    modifiers(&Login),
    tags(
        (name = "account", description = "Registration, logins, profile"),
        (name = "chat", description = "Prompts, answers, history"),
        (name = "memory", description = "What is remembered about you"),
        (name = "models", description = "The catalogue"),
        (name = "operations", description = "For whoever runs the server"),
    )
)]
struct Description;

/// The OAuth2 password flow, so that 'Authorize' on the documentation page works with the login form.
struct Login;

impl Modify for Login {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let flow = Flow::Password(Password::new("/login", Scopes::new()));
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("login", SecurityScheme::OAuth2(OAuth2::new([flow])));
    }
}

/// The description of all calls, as `/openapi.json` serves it.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let app = actix_web::App::new().into_utoipa_app().openapi(Description::openapi());
    app.configure(crate::routes::configure).split_for_parts().1
}
