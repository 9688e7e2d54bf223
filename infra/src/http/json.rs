//! The one way in for JSON bodies: bounded in size and depth, strict in form, and precise about what is wrong.

use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::form::Form;
use super::problem::FieldError;
use super::{Object, Problem};

/// The most bytes of a body, unless the route says otherwise with [`BodyBytesMax`].
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// The deepest that arrays and objects may be nested in a body.
pub const BODY_DEPTH_MAX: usize = 16;
/// The most characters of a reason: it may quote what was sent.
const REASON_CHARACTERS_MAX: usize = 200;

/// Another limit than [`BODY_BYTES_MAX`]: put it on a route with `.layer(Extension(BodyBytesMax(n)))`.
#[derive(Debug, Clone, Copy)]
pub struct BodyBytesMax(pub usize);

/// A JSON body, in or out.
///
/// Coming in, it answers with a [`Problem`]: 415 for another content type, 413 beyond the limit, 400 for what is not JSON in UTF-8
/// or is nested too deeply, 422 with a JSON pointer for a value that `T` refuses. It is an object, never an array. That unknown fields are refused is said by `T`
/// (`#[serde(deny_unknown_fields)]`).
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let why = "the body must come as Content-Type: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type-unsupported").detail(why));
        }
        let bytes_max = request.extensions().get::<BodyBytesMax>().map_or(BODY_BYTES_MAX, |limit| limit.0);
        let bytes = collect(request, bytes_max).await?;
        parse(&bytes).map(Self)
    }
}

/// `Option<Json<T>>`: for routes whose body may be left out altogether.
impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        let headers = request.headers();
        let announced = headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
        if headers.contains_key(header::CONTENT_TYPE) || announced || headers.contains_key(header::TRANSFER_ENCODING) {
            return <Self as FromRequest<S>>::from_request(request, state).await.map(Some);
        }
        Ok(None)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response(),
            Err(error) => Problem::internal(&error).into_response(),
        }
    }
}

/// `application/json`, with whatever parameters.
fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// Reads the body, but never more than `bytes_max` of it.
async fn collect(request: Request, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    let too_large =
        || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large").detail(format!("the body may have {bytes_max} bytes"));
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > bytes_max) {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(announced.unwrap_or(0));
    let mut chunks = request.into_body().into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| malformed("the body was cut off"))?;
        if bytes.len().saturating_add(chunk.len()) > bytes_max {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Reads `T` out of `bytes`, as the extractor does.
///
/// # Errors
/// `body-malformed` or `value-invalid`.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("the body is not UTF-8"))?;
    if nesting(text) > BODY_DEPTH_MAX {
        return Err(malformed(&format!("the body is nested deeper than {BODY_DEPTH_MAX} levels")));
    }
    // The whole form first: otherwise an early wrong value would hide that the rest is no JSON at all.
    serde_json::from_str::<Form>(text).map_err(|error| malformed(&error.to_string()))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read: Result<Object<T>, _> = serde_path_to_error::deserialize(&mut deserializer);
    read.map(|Object(body)| body).map_err(|error| {
        let reason = match error.inner().classify() {
            Category::Data => shortened(&error.inner().to_string()),
            // What serde_json says of a value that cannot be one of several names.
            Category::Syntax | Category::Eof | Category::Io => "it is of another type".to_owned(),
        };
        let errors = vec![FieldError { pointer: pointer(error.path()), reason: reason.clone() }];
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "value-invalid").detail(reason).errors(errors)
    })
}

fn malformed(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "body-malformed").detail(detail)
}

/// How deep arrays and objects are nested, outside of strings.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The path as an RFC 6901 JSON pointer.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let part = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            // A variant's name stands in no path of ours that a client could follow; an unknown segment neither.
            Segment::Enum { .. } | Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&shortened(&part));
    }
    pointer
}

/// Without serde_json's ` at line 1 column 7`, and bounded.
fn shortened(reason: &str) -> String {
    let reason = reason.rsplit_once(" at line ").map_or(reason, |(reason, _)| reason);
    if reason.chars().count() <= REASON_CHARACTERS_MAX {
        return reason.to_owned();
    }
    reason.chars().take(REASON_CHARACTERS_MAX).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Mood {
        Good,
        Bad,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[expect(dead_code, reason = "only the way in is tested")]
    struct Send {
        text: domain::text::MessageText,
        #[serde(default)]
        mentions: Vec<domain::UserId>,
        mood: Option<Mood>,
    }

    fn refused(body: &[u8]) -> (u16, &'static str, String) {
        let problem = parse::<Send>(body).unwrap_err();
        let response = format!("{problem:?}");
        let pointer = response.split("pointer: \"").nth(1).map_or("", |rest| rest.split('"').next().unwrap()).to_owned();
        (problem.status().as_u16(), problem.code(), pointer)
    }

    #[test]
    fn a_wrong_value_is_pointed_to() {
        for (body, pointer) in [
            (r#"{"text": ""}"#, "/text"),
            (r#"{"text": 5}"#, "/text"),
            (r#"{"text": "hi", "mentions": ["a", "b/c"]}"#, "/mentions/1"),
            (r#"{"text": "hi", "mood": "so-so"}"#, "/mood"),
            (r#"{"text": "hi", "mood": 5}"#, "/mood"),
            (r#"{"text": "hi", "mood": ["good"]}"#, "/mood"),
            (r#"{"text": "hi", "more": 1}"#, "/more"),
            (r#"{"text": "hi", "a/b~": 1}"#, "/a~1b~0"),
            (r#"{"mentions": []}"#, ""),
            ("[]", ""),
            (r#"["hi", []]"#, ""),
            ("null", ""),
        ] {
            assert_eq!(refused(body.as_bytes()), (422, "value-invalid", pointer.to_owned()), "{body}");
        }
    }

    #[test]
    fn what_is_no_json_is_malformed_wherever_it_breaks() {
        let deep = format!(r#"{{"text": {}"x"{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        for body in [
            b"".as_slice(),
            b"{",
            br#"{"text": 5, "#,
            br#"{"text": "hi"} x"#,
            b"{\"text\": \"\xff\"}",
            br#"{"text": "\ud800"}"#,
            br#"{"text": "hi", "nobody's": "\ud800"}"#,
            br#"{"text": "hi", "nobody's": 1e999}"#,
            b"{\"text\": \"a\nb\"}",
            deep.as_bytes(),
        ] {
            let (status, code, _) = refused(body);
            assert_eq!(
                (status, code),
                (400, "body-malformed"),
                "{}",
                String::from_utf8_lossy(body).chars().take(50).collect::<String>()
            );
        }
    }

    #[test]
    fn brackets_within_strings_do_not_nest() {
        let text = format!(r#"{{"text": "{}\"{}"}}"#, "[".repeat(50), "[".repeat(50));
        assert_eq!(nesting(&text), 1);
        assert!(parse::<Send>(text.as_bytes()).is_ok());
    }

    #[tokio::test]
    async fn size_and_content_type_are_checked_before_the_body_is_read() {
        let extract = async |content_type: &str, bytes: usize| {
            let body = format!(r#"{{"text":"{}"}}"#, "x".repeat(bytes));
            // A stream announces no length, so that the limit must hold while reading too.
            let stream = futures_util::stream::iter(
                body.into_bytes().chunks(1000).map(|c| Ok::<_, std::io::Error>(c.to_vec())).collect::<Vec<_>>(),
            );
            let request = Request::builder()
                .header(header::CONTENT_TYPE, content_type)
                .body(axum::body::Body::from_stream(stream))
                .unwrap();
            <Json<Send> as FromRequest<()>>::from_request(request, &())
                .await
                .map(drop)
                .map_err(|problem| problem.status().as_u16())
        };
        assert_eq!(extract("application/json; charset=utf-8", 10).await, Ok(()));
        assert_eq!(extract("text/plain", 10).await, Err(415));
        assert_eq!(extract("application/json", BODY_BYTES_MAX).await, Err(413));
    }
}
