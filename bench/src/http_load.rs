//! A load over HTTP that costs little itself: requests written beforehand, connections that stay open.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::load::Operation;

/// The most bytes of an answer that is looked at.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Requests, each sent once, over a pool of connections.
pub struct Requests {
    requests: Vec<Vec<u8>>,
    at: SocketAddr,
    free: Mutex<VecDeque<TcpStream>>,
}

impl Requests {
    /// `requests` towards `at`.
    pub fn new(at: SocketAddr, requests: Vec<Vec<u8>>) -> Self {
        Self { requests, at, free: Mutex::default() }
    }

    /// Opens connections, so that none is opened while the time runs.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn connect(&self, count: usize) -> Result<()> {
        for _ in 0..count {
            let connection = self.open().await?;
            self.give_back(connection);
        }
        Ok(())
    }

    async fn open(&self) -> Result<TcpStream> {
        let connection = TcpStream::connect(self.at).await?;
        connection.set_nodelay(true)?;
        Ok(connection)
    }

    fn give_back(&self, connection: TcpStream) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push_back(connection);
    }
}

impl Operation for Requests {
    async fn run(&self, index: usize) -> Result<()> {
        let request = self.requests.get(index).context("there are no more requests")?;
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let mut connection = match free {
            Some(connection) => connection,
            None => self.open().await?,
        };
        connection.write_all(request).await?;
        let mut answer = Vec::with_capacity(1_024);
        while !is_whole(&answer)? {
            ensure!(connection.read_buf(&mut answer).await? > 0, "the connection was closed");
        }
        ensure!(answer.starts_with(b"HTTP/1.1 201"), "answered: {}", String::from_utf8_lossy(&answer));
        self.give_back(connection);
        Ok(())
    }
}

/// Whether head and body are there.
fn is_whole(answer: &[u8]) -> Result<bool> {
    ensure!(answer.len() < ANSWER_BYTES_MAX, "an answer is too long");
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(false) };
    let head = std::str::from_utf8(answer.get(..end).unwrap_or_default())?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    Ok(answer.len() >= end + 4 + length.trim().parse::<usize>()?)
}
