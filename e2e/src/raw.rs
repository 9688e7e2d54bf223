//! HTTP and WebSocket by hand, byte by byte: a client library would refuse to send what these tests must send.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// How long a server may take to answer whatever it was sent.
const ANSWER: Duration = Duration::from_secs(40);
/// More than any answer of ours has.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What came back.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    /// The status; 0 when the connection was closed without an answer.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As it came, without the framing of chunks.
    pub body: Vec<u8>,
}

impl RawAnswer {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `null` when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A request whose parts may be anything.
#[derive(Debug, Clone, Default)]
pub struct RawRequest {
    /// The method.
    pub method: String,
    /// Path and query, as they go over the wire.
    pub target: Vec<u8>,
    /// Headers besides `Host`, `Content-Length` and `Connection`.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, if there is one.
    pub body: Option<Vec<u8>>,
}

impl RawRequest {
    /// One without headers and body.
    #[must_use]
    pub fn new(method: &str, target: impl Into<Vec<u8>>) -> Self {
        Self { method: method.to_owned(), target: target.into(), ..Self::default() }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// As it goes over the wire.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes =
            [self.method.as_bytes(), b" ", &self.target, b" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"].concat();
        for (name, value) in &self.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        if let Some(body) = &self.body {
            bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).into_bytes());
            bytes.extend(body);
        } else {
            bytes.extend(b"\r\n");
        }
        bytes
    }
}

/// Sends `bytes` to the server at `url` (`http://host:port`) and reads its answer, over a connection of its own.
///
/// # Errors
/// When there is no connection, or neither an answer nor an end comes soon.
pub async fn ask(url: &str, bytes: &[u8]) -> Result<RawAnswer> {
    exchange(connect(url, None).await?, bytes).await
}

/// As [`ask`], from an address of this machine's choice: all of 127.0.0.0/8 is this machine.
///
/// # Errors
/// As [`ask`].
pub async fn ask_from(from: Ipv4Addr, url: &str, bytes: &[u8]) -> Result<RawAnswer> {
    exchange(connect(url, Some(from)).await?, bytes).await
}

async fn exchange(mut stream: TcpStream, bytes: &[u8]) -> Result<RawAnswer> {
    let answered = async {
        // A server that refuses early may close before it has read all: what it said still counts.
        let _ = stream.write_all(bytes).await;
        let _ = stream.flush().await;
        let mut answer = Vec::new();
        let _ = (&mut stream).take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await;
        answer
    };
    let answer = tokio::time::timeout(ANSWER, answered).await.with_context(|| format!("no answer within {ANSWER:?}"))?;
    parse(&answer)
}

async fn connect(url: &str, from: Option<Ipv4Addr>) -> Result<TcpStream> {
    let address: SocketAddr = url.strip_prefix("http://").context("not an http URL")?.parse()?;
    let socket = TcpSocket::new_v4()?;
    if let Some(from) = from {
        socket.bind(SocketAddr::from((from, 0)))?;
    }
    socket.connect(address).await.with_context(|| format!("nobody listens on {address}"))
}

fn parse(bytes: &[u8]) -> Result<RawAnswer> {
    if bytes.is_empty() {
        return Ok(RawAnswer { status: 0, headers: Vec::new(), body: Vec::new() });
    }
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").context("an answer without an end of its head")?;
    let (head, body) = bytes.split_at(end);
    let head = std::str::from_utf8(head).context("a head that is not UTF-8")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let answer = RawAnswer { status: status.context("no status")?, headers: headers.collect(), body: Vec::new() };
    let body = body.get(4..).unwrap_or_default();
    let chunked = answer.header("transfer-encoding") == Some("chunked");
    Ok(RawAnswer { body: if chunked { unchunked(body)? } else { body.to_vec() }, ..answer })
}

fn unchunked(mut body: &[u8]) -> Result<Vec<u8>> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let (size, rest) = body.split_at(end);
        let size = usize::from_str_radix(std::str::from_utf8(size)?, 16)?;
        if size == 0 {
            return Ok(whole);
        }
        whole.extend(rest.get(2..2 + size).context("a chunk that was cut off")?);
        body = rest.get(size + 4..).context("a chunk that was cut off")?;
    }
    bail!("chunks without an end")
}

/// A WebSocket whose frames may be anything.
pub struct RawSocket {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A frame that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawFrame {
    /// Text.
    Text(String),
    /// A close frame with its code, 1005 where there was none.
    Close(u16),
    /// A ping, a pong, or something binary.
    Other(u8),
    /// The connection ended.
    End,
}

impl RawSocket {
    /// Opens one with `token`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn open(url: &str, token: &str) -> Result<Self> {
        Self::upgrade(connect(url, None).await?, "/chat/ws", &format!("authorization: Bearer {token}\r\n")).await
    }

    /// Opens one with a one-time ticket, from an address of this machine's choice.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn open_by_ticket(from: Ipv4Addr, url: &str, ticket: &str) -> Result<Self> {
        Self::upgrade(connect(url, Some(from)).await?, &format!("/chat/ws?ticket={ticket}"), "").await
    }

    async fn upgrade(mut stream: TcpStream, target: &str, header: &str) -> Result<Self> {
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: localhost\r\n{header}connection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut socket = Self { stream, read: Vec::new() };
        let head = loop {
            if let Some(end) = socket.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break socket.read.drain(..end + 4).collect::<Vec<u8>>();
            }
            ensure!(socket.fill().await?, "the socket was closed at once");
        };
        ensure!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Ok(socket)
    }

    /// Sends bytes as they are; whether they were taken is seen in what comes back.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Sends a whole text frame.
    pub async fn send_text(&mut self, text: &str) {
        self.send_bytes(&frame(0x81, text.as_bytes())).await;
    }

    /// The next frame, or the end.
    ///
    /// # Errors
    /// When neither comes soon.
    pub async fn next(&mut self) -> Result<RawFrame> {
        tokio::time::timeout(ANSWER, self.next_frame()).await.with_context(|| format!("no frame within {ANSWER:?}"))?
    }

    async fn next_frame(&mut self) -> Result<RawFrame> {
        let Some(head) = self.take(2).await? else { return Ok(RawFrame::End) };
        let (first, second) = (head.first().copied().unwrap_or_default(), head.get(1).copied().unwrap_or_default());
        ensure!(second < 0x80, "a server's frame must not be masked");
        let long = match second {
            126 => self.take(2).await?,
            127 => self.take(8).await?,
            _ => Some(vec![second]),
        };
        let Some(long) = long else { return Ok(RawFrame::End) };
        let length = long.iter().fold(0_usize, |length, byte| (length << 8) | usize::from(*byte));
        let Some(payload) = self.take(length).await? else { return Ok(RawFrame::End) };
        Ok(match first & 0x0f {
            1 => RawFrame::Text(String::from_utf8(payload)?),
            8 => RawFrame::Close(match payload.as_slice() {
                [high, low, ..] => u16::from_be_bytes([*high, *low]),
                _ => 1005,
            }),
            opcode => RawFrame::Other(opcode),
        })
    }

    async fn take(&mut self, bytes: usize) -> Result<Option<Vec<u8>>> {
        while self.read.len() < bytes {
            if !self.fill().await? {
                return Ok(None);
            }
        }
        Ok(Some(self.read.drain(..bytes).collect()))
    }

    /// Reads on; `false` at the end, which a reset is too.
    async fn fill(&mut self) -> Result<bool> {
        let mut buffer = [0_u8; 4096];
        let count = self.stream.read(&mut buffer).await.unwrap_or(0);
        self.read.extend(buffer.get(..count).context("more than there is room for")?);
        Ok(count > 0)
    }
}

/// A client's frame: `first` is its first byte (final bit, reserved bits, opcode). Masked with zeros, so that it reads as it is.
#[must_use]
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | u8::try_from(length).unwrap_or_default()),
        length @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(length).unwrap_or_default().to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend(u64::try_from(length).unwrap_or_default().to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}
