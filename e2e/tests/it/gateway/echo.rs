//! A service that answers with what reached it, or fails in a way of one's choice.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// How it treats a request that it has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Answers 200 with the request as JSON.
    Answers,
    /// Answers 503, as a service that is overloaded.
    Refuses,
    /// Closes the connection, as a process does that is killed.
    Dies,
}

/// A service at work, until it is dropped.
pub struct Echo {
    /// `ADDRESS:PORT`
    pub address: String,
    seen: Arc<Mutex<Vec<Value>>>,
    task: AbortHandle,
}

impl Echo {
    /// Starts one that calls itself `name`.
    pub async fn start(name: &'static str, manner: Manner) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    // What the peer breaks off is no concern of a test that asks what arrived.
                    let _ended = converse(stream, name, manner, &kept).await;
                });
            }
        });
        Ok(Self { address, seen, task: task.abort_handle() })
    }

    /// The requests that it has read.
    pub fn seen(&self) -> Vec<Value> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(stream: TcpStream, name: &str, manner: Manner, seen: &Mutex<Vec<Value>>) -> Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(mut request) = read(&mut stream).await? {
        if let Some(fields) = request.as_object_mut() {
            fields.insert("service".to_owned(), name.into());
        }
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        let (status, body) = match manner {
            Manner::Answers => ("200 OK", request.to_string()),
            Manner::Refuses => ("503 Service Unavailable", json!({ "code": "overloaded", "service": name }).to_string()),
            Manner::Dies => return Ok(()),
        };
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        stream.flush().await?;
    }
    Ok(())
}

/// A request, its headers' names in lower case; nothing at the end of the connection.
async fn read(stream: &mut BufReader<TcpStream>) -> Result<Option<Value>> {
    let mut first = String::new();
    if stream.read_line(&mut first).await? == 0 {
        return Ok(None);
    }
    let (method, target) = first.split_once(' ').context("no method")?;
    let target = target.split(' ').next().unwrap_or_default();
    let mut headers = serde_json::Map::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.into());
    }
    let length = headers.get("content-length").and_then(Value::as_str).unwrap_or("0").parse()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Some(json!({ "method": method, "target": target, "headers": headers, "body": body })))
}
