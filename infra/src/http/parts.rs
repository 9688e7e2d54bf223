//! Path and query parameters, refused as problems.

use axum::extract::FromRequestParts;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::Problem;

/// Parameters of the path; 400 `path-invalid` where one is not of its form.
#[derive(Debug, Clone)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path: Result<axum::extract::Path<T>, PathRejection> =
            <axum::extract::Path<T> as FromRequestParts<S>>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|rejection| match rejection {
            PathRejection::FailedToDeserializePathParams(error) if error.status() == StatusCode::BAD_REQUEST => {
                Problem::new(StatusCode::BAD_REQUEST, "path-invalid").detail(error.body_text())
            }
            // The handler asks for other parameters than its route has: a defect.
            other => Problem::internal(&other),
        })
    }
}

/// Parameters after `?`; 400 `query-invalid` where one is not of its form, or unknown if `T` denies unknown fields.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query: Result<axum::extract::Query<T>, QueryRejection> = axum::extract::Query::from_request_parts(parts, state).await;
        query
            .map(|query| Self(query.0))
            .map_err(|rejection| Problem::new(StatusCode::BAD_REQUEST, "query-invalid").detail(rejection.body_text()))
    }
}
