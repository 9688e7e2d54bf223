//! A way through which connections go, and which can be slow, silent or cut.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What is read at once, and so delayed as one.
const CHUNK_BYTES: usize = 64 * 1024;

/// How the way is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Everything passes.
    Open,
    /// Everything passes, that much later; in order, as TCP has it.
    Slow(Duration),
    /// Nothing passes and nobody is told. What was said meanwhile arrives when the way is open again.
    Silent,
    /// What a client says passes. What it is answered waits until the way is open again, and is lost when the way is cut.
    Unanswered,
    /// Connections are closed, and new ones at once.
    Cut,
}

/// Listens at one port and leads to another. Dropping it cuts everything.
pub struct Proxy {
    way: watch::Sender<Way>,
    /// Where it listens.
    pub port: u16,
    _connections: JoinSet<()>,
}

impl Proxy {
    /// From `port` (0: any that is free) to `target`, both on loopback.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(port: u16, target: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.with_context(|| format!("port {port}"))?;
        let port = listener.local_addr()?.port();
        let (way, watched) = watch::channel(Way::Open);
        let mut connections = JoinSet::new();
        connections.spawn(accept(listener, target, watched));
        Ok(Self { way, port, _connections: connections })
    }

    /// Changes the way, for the connections that are there too.
    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

async fn accept(listener: TcpListener, target: u16, way: watch::Receiver<Way>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        if *way.borrow() != Way::Cut {
            connections.spawn(connect(client, target, way.clone()));
        }
    }
}

async fn connect(client: TcpStream, target: u16, way: watch::Receiver<Way>) {
    let mut opened = way.clone();
    // Whoever connects to a silent way waits.
    if opened.wait_for(|way| *way != Way::Silent).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    let _without_delay = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let mut cut = way.clone();
    // When either direction ends both do: half-closed connections are not a fault that is wanted here.
    tokio::select! {
        _ = cut.wait_for(|way| *way == Way::Cut) => {}
        () = pump(from_client, to_server, way.clone(), |way| way == Way::Silent) => {}
        () = pump(from_server, to_client, way, |way| matches!(way, Way::Silent | Way::Unanswered)) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: watch::Receiver<Way>, waits: fn(Way) -> bool) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(bytes @ 1..) = from.read(&mut chunk).await {
        let now = way.wait_for(|way| !waits(*way)).await.map(|way| *way);
        if let Ok(Way::Slow(delay)) = now {
            tokio::time::sleep(delay).await;
        }
        // What waited when the way was cut is lost.
        if matches!(now, Err(_) | Ok(Way::Cut)) || to.write_all(chunk.get(..bytes).unwrap_or_default()).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// A server that repeats what it hears, and a client that comes to it through a proxy.
    async fn echo() -> (Proxy, TcpStream) {
        let server = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let target = server.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = server.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.into_split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        let proxy = Proxy::start(0, target).await.unwrap();
        let client = TcpStream::connect(("127.0.0.1", proxy.port)).await.unwrap();
        (proxy, client)
    }

    async fn say(client: &mut TcpStream) -> std::io::Result<u8> {
        client.write_all(&[7]).await?;
        client.read_u8().await
    }

    #[tokio::test]
    async fn a_slow_way_delays_and_a_silent_one_delivers_later() {
        let (proxy, mut client) = echo().await;
        assert_eq!(say(&mut client).await.unwrap(), 7);
        proxy.set(Way::Slow(Duration::from_millis(50)));
        let began = Instant::now();
        assert_eq!(say(&mut client).await.unwrap(), 7);
        assert!(began.elapsed() >= Duration::from_millis(100), "there and back, each 50 ms");
        proxy.set(Way::Silent);
        let silence = tokio::time::timeout(Duration::from_millis(200), say(&mut client)).await;
        assert!(silence.is_err(), "nothing passes");
        proxy.set(Way::Open);
        assert_eq!(client.read_u8().await.unwrap(), 7, "and arrives in the end");
    }

    #[tokio::test]
    async fn an_answer_that_waits_when_the_way_is_cut_is_lost() {
        let (proxy, mut client) = echo().await;
        assert_eq!(say(&mut client).await.unwrap(), 7);
        proxy.set(Way::Unanswered);
        let silence = tokio::time::timeout(Duration::from_millis(200), say(&mut client)).await;
        assert!(silence.is_err(), "no answer passes");
        proxy.set(Way::Cut);
        assert!(client.read_u8().await.is_err());
    }

    #[tokio::test]
    async fn a_cut_way_closes_connections_old_and_new() {
        let (proxy, mut client) = echo().await;
        assert_eq!(say(&mut client).await.unwrap(), 7);
        proxy.set(Way::Cut);
        assert!(client.read_u8().await.is_err());
        let mut again = TcpStream::connect(("127.0.0.1", proxy.port)).await.unwrap();
        assert!(say(&mut again).await.is_err());
        proxy.set(Way::Open);
        let mut again = TcpStream::connect(("127.0.0.1", proxy.port)).await.unwrap();
        assert_eq!(say(&mut again).await.unwrap(), 7);
    }
}
