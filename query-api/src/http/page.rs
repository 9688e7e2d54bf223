//! What all pages share: the limit, and the cursors' way in and out.

use axum::http::StatusCode;
use infra::http::Problem;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cursor::Binding;
use crate::dto::Page;

/// The most rows of a page.
pub const LIMIT_MAX: u32 = 200;
/// The rows of a page that asks for no number.
pub const LIMIT_DEFAULT: u32 = 50;

/// What a list is asked for that takes nothing else.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<u32>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// A bad parameter.
pub fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "query-invalid").detail(detail)
}

/// The page's size.
///
/// # Errors
/// 400 outside 1 to [`LIMIT_MAX`].
pub fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked.unwrap_or(LIMIT_DEFAULT) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        _ => Err(invalid(format!("limit is 1 to {LIMIT_MAX}"))),
    }
}

/// The key of the cursor, if there is one.
///
/// # Errors
/// 400 for one that is not of this query.
pub fn key<K: DeserializeOwned>(binding: &Binding, cursor: Option<&str>) -> Result<Option<K>, Problem> {
    cursor.map(|cursor| binding.key(cursor)).transpose().map_err(|error| invalid(error.to_string()))
}

/// A page of a list that is walked forwards: `key` tells a row's place in it.
pub fn forwards<V, T: From<V>, K: Serialize>(
    binding: &Binding,
    page: infra::read_model::Page<V>,
    key: impl Fn(&V) -> K,
) -> Page<T> {
    let next = page.items.last().filter(|_| page.more).map(|last| binding.cursor(&key(last)));
    Page { items: page.items.into_iter().map(T::from).collect(), next, prev: None }
}
