//! What a token says.

use domain::{Scope, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Whom our tokens are for.
pub const AUDIENCE: &str = "sarangbang";

/// The claims of a token. Times are whole seconds since 1970, as RFC 7519 has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    pub sub: UserId,
    pub iss: String,
    pub aud: String,
    pub iat: i64,
    pub exp: i64,
    pub jti: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
}

/// The scope in a token's words, separated by blanks. Unknown words allow nothing: a newer auth-api may know more.
#[must_use]
pub fn parse_scope(words: &str) -> Scope {
    let mut scope = Scope::default();
    for word in words.split(' ') {
        match word {
            "import" => scope.import = true,
            "admin" => scope.admin = true,
            "service" => scope.service = true,
            _ => {}
        }
    }
    scope
}

/// The words of a scope.
#[must_use]
pub fn write_scope(scope: Scope) -> String {
    [(scope.import, "import"), (scope.admin, "admin"), (scope.service, "service")]
        .into_iter()
        .filter_map(|(has, word)| has.then_some(word))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_back_and_unknown_words_allow_nothing() {
        let scope = Scope { import: true, admin: false, service: true };
        assert_eq!(write_scope(scope), "import service");
        assert_eq!(parse_scope("import service"), scope);
        assert_eq!(parse_scope("importer ADMIN  chat:write"), Scope::default());
    }
}
