//! The documents of the interfaces: `/openapi.json` for HTTP, `/asyncapi.json` for events and the live feed, `/docs` to look at.

mod asyncapi;
mod openapi;

use axum::http::header;
use axum::routing::get;
use axum::{Router, response::IntoResponse};
use serde::Serialize;
use utoipa_swagger_ui::SwaggerUi;

pub use asyncapi::asyncapi;
pub use openapi::openapi;

/// The routes. `/openapi.json` belongs to the viewer.
pub fn router() -> Router {
    let events = text(&asyncapi());
    let asyncapi = get(async move || ([(header::CONTENT_TYPE, "application/json")], events.clone()).into_response());
    Router::from(SwaggerUi::new("/docs").url("/openapi.json", openapi())).route("/asyncapi.json", asyncapi)
}

/// A document as it is committed and printed.
pub fn text(document: &impl Serialize) -> String {
    // Our own documents always serialise: their maps have string keys and no serialiser of theirs fails.
    serde_json::to_string_pretty(document).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE_DOCS=1` writes the files instead of comparing them.
    #[test]
    fn the_committed_documents_are_what_the_code_says() {
        for (name, document) in [("openapi", text(&openapi())), ("asyncapi", text(&asyncapi()))] {
            let file = format!("{}/../docs/{name}.json", env!("CARGO_MANIFEST_DIR"));
            if std::env::var_os("UPDATE_DOCS").is_some() {
                std::fs::write(&file, &document).unwrap();
            }
            let committed = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(committed == document, "docs/{name}.json is out of date: UPDATE_DOCS=1 cargo test -p server documents");
        }
    }
}
