//! Requests to an Elasticsearch cluster (8.19 or 9), by the official client: for the search index, and for whatever else is written there.
//!
//! It knows no index and no document. What is to be tried again later is [`Unavailable`], and everything else an [`Answer`].

use std::time::Duration;

use elasticsearch::auth::Credentials;
pub use elasticsearch::http::Method;
use elasticsearch::http::headers::{CONTENT_TYPE, HeaderMap, HeaderValue};
use elasticsearch::http::response::Response;
use elasticsearch::http::transport::{SingleNodeConnectionPool, Transport, TransportBuilder};
use serde_json::Value;

/// The most characters of an answer that are shown in a fault.
const SHOWN_MAX: usize = 300;

/// There is no answer, or one that says to try again later.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// A cluster.
pub struct Client {
    transport: Transport,
}

/// What the cluster answered.
#[derive(Debug)]
pub struct Answer {
    /// The status of HTTP: below 500, and not 429.
    pub status: u16,
    /// The body; null where there is none.
    pub body: Value,
}

impl Client {
    /// A client of the cluster at `url`, which may hold user and password. Nothing is asked yet. A request takes `request_max` at most.
    ///
    /// # Errors
    /// [`Unavailable`] for what is no URL.
    pub fn new(url: &str, request_max: Duration) -> Result<Self, Unavailable> {
        let mut url =
            reqwest::Url::parse(url).map_err(|error| Unavailable(format!("the URL of Elasticsearch cannot be read: {error}")))?;
        let credentials = url.password().map(|password| Credentials::Basic(decoded(url.username()), decoded(password)));
        // Both belong into a header, and not into what the client may log.
        let _cannot_fail = (url.set_username(""), url.set_password(None));
        let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(url)).disable_proxy().timeout(request_max);
        if let Some(credentials) = credentials {
            builder = builder.auth(credentials);
        }
        let transport = builder.build().map_err(|error| Unavailable(error.to_string()))?;
        Ok(Self { transport })
    }

    /// Sends JSON, or nothing, and reads JSON.
    ///
    /// # Errors
    /// [`Unavailable`] where there is no answer, or one that says to try again later (429 and 5xx).
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Unavailable> {
        self.exchange(method, path, "application/json", body.map(Value::to_string)).await
    }

    /// Sends lines of JSON.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_lines(&self, path: &str, lines: String) -> Result<Answer, Unavailable> {
        self.exchange(Method::Post, path, "application/x-ndjson", Some(lines)).await
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        content: &'static str,
        body: Option<String>,
    ) -> Result<Answer, Unavailable> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
        let sent = self.transport.send(method, path, headers, None::<&()>, body, None).await;
        let answer = read(sent.map_err(|error| Unavailable(error.to_string()))?).await?;
        if answer.status == 429 || answer.status >= 500 {
            return Err(Unavailable(answer.told()));
        }
        Ok(answer)
    }

    /// As [`Self::send`], where nothing but a success will do.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn must(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Unavailable> {
        let answer = self.send(method, path, body).await?;
        if answer.status >= 400 { Err(Unavailable(answer.told())) } else { Ok(answer.body) }
    }
}

async fn read(response: Response) -> Result<Answer, Unavailable> {
    let status = response.status_code().as_u16();
    let bytes = response.bytes().await.map_err(|error| Unavailable(error.to_string()))?;
    // What is no JSON is none of Elasticsearch's: a proxy that says that it is away.
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    if body.is_null() && status < 400 && !bytes.is_empty() {
        return Err(Unavailable(format!("the answer with status {status} is not JSON")));
    }
    Ok(Answer { status, body })
}

impl Answer {
    /// The answer for people: its status and what the cluster says about it.
    fn told(&self) -> String {
        let reason =
            self.body.pointer("/error/reason").or_else(|| self.body.get("error")).map(ToString::to_string).unwrap_or_default();
        format!("Elasticsearch answered {}: {}", self.status, reason.chars().take(SHOWN_MAX).collect::<String>())
    }
}

/// A part of a URL without its percent signs.
fn decoded(part: &str) -> String {
    let query = format!("x={part}");
    let pair = reqwest::Url::parse(&format!("http://x/?{}", query.replace('+', "%2B"))).ok();
    pair.and_then(|url| url.query_pairs().next().map(|(_, value)| value.into_owned())).unwrap_or_else(|| part.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_read_as_they_were_meant() {
        assert_eq!(decoded("p%40ss+word%2F"), "p@ss+word/");
        assert_eq!(decoded("plain"), "plain");
    }
}
