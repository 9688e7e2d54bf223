//! The two listeners of every role: the public one, and the internal one that the gateway never routes to.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::body::Body;
use axum::http::Request;
use axum::{Extension, Router};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use infra::config::Config;
use infra::http::json::BodyBytesMax;
use infra::http::layers;
use infra::lifecycle::TaskResult;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Service as _, ServiceExt as _};

use super::options;

/// How long the head of a request may take, also of the next one on a connection that is kept: longer than a gateway keeps one that it
/// does not use (nginx: 60 s), so that none is closed under a request.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(75);
/// Connections at once on one listener, sockets of the live feed aside: those have left it.
const CONNECTIONS_MAX: usize = 65_536;
/// The pause after a connection could not be taken.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// Both listeners, bound before anything else begins: a port that is taken must stop a start at once.
pub struct Listeners {
    /// For people and the gateway.
    pub public: TcpListener,
    /// For health, metrics, other nodes, and tools.
    pub internal: TcpListener,
}

impl Listeners {
    /// Takes the two addresses.
    pub async fn bind(config: &Config) -> Result<Self> {
        let public = bind(&config.node.public_listen, "node.public_listen", "--listen").await?;
        let internal = bind(&config.node.internal_listen, "node.internal_listen", "--internal-listen").await?;
        Ok(Self { public, internal })
    }
}

async fn bind(address: &str, setting: &str, flag: &str) -> Result<TcpListener> {
    let hint = || format!("{setting}: cannot listen on {address} (is another process there? {flag} takes another address)");
    TcpListener::bind(address).await.with_context(hint)
}

/// Serves `router` until `stop`, then finishes what was begun.
pub async fn serve(listener: TcpListener, router: Router, config: Config, stop: CancellationToken) -> TaskResult {
    let router = router.layer(Extension(BodyBytesMax(options::body_bytes_max(&config))));
    let router = layers::complete(router, options::limits(&config)).layer(Extension(options::trusted_proxies(&config)));
    accept(listener, router, HEAD_WAIT_MAX, stop).await;
    Ok(())
}

/// Takes connections until `stop`. By hand and not by `axum::serve`, which waits for the head of a request for ever: whoever sends half
/// of one would hold a connection for nothing.
async fn accept(listener: TcpListener, router: Router, head_wait_max: Duration, stop: CancellationToken) {
    let mut services = router.into_make_service_with_connect_info::<SocketAddr>();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = TaskTracker::new();
    loop {
        // Where no place is free, further connections wait in the kernel's queue, which is bounded too.
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = async { (Arc::clone(&places).acquire_owned().await, listener.accept().await) } => accepted,
        };
        let ((stream, peer), place) = match accepted {
            (Ok(place), Ok(connection)) => (connection, place),
            (Ok(_), Err(error)) => {
                // A connection that was gone before it was taken concerns nobody; anything else (no file left) may pass.
                if !matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) {
                    tracing::error!(%error, "no connection can be taken now; trying again");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
                continue;
            }
            // Nobody closes the semaphore.
            (Err(_), _) => break,
        };
        // Answers are small and somebody waits for each; a connection that refuses the option still works.
        _ = stream.set_nodelay(true);
        let Ok(service) = services.call(peer).await;
        let (stop, service) = (stop.clone(), service.map_request(|request: Request<Incoming>| request.map(Body::new)));
        connections.spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(head_wait_max)
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
                .with_upgrades();
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    async fn service(head_wait_max: Duration) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let peer = |axum::extract::ConnectInfo(peer): axum::extract::ConnectInfo<SocketAddr>| async move { peer.to_string() };
        let task = tokio::spawn(accept(listener, Router::new().route("/", get(peer)), head_wait_max, stop.clone()));
        (address, stop, task)
    }

    async fn answered(connection: &mut TcpStream) -> String {
        connection.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 4096];
        let bytes = connection.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(answer.get(..bytes).unwrap()).into_owned()
    }

    /// Waits until the server closes.
    async fn closed(mut connection: TcpStream) {
        let end = tokio::time::timeout(PATIENCE, connection.read_to_end(&mut Vec::new())).await;
        assert!(end.is_ok(), "the connection is still open");
    }

    #[tokio::test]
    async fn half_a_head_is_not_waited_for_without_end() {
        let (address, stop, task) = service(Duration::from_millis(200)).await;
        let mut whole = TcpStream::connect(address).await.unwrap();
        let peer = whole.local_addr().unwrap().to_string();
        for _ in 0..3 {
            let answer = answered(&mut whole).await;
            assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(&peer), "{answer}");
        }
        let mut half = TcpStream::connect(address).await.unwrap();
        half.write_all(b"GET / HTTP/1.1\r\nhost: he").await.unwrap();
        closed(half).await;
        stop.cancel();
        task.await.unwrap();
    }

    #[tokio::test]
    async fn a_stop_ends_idle_connections_and_takes_no_more() {
        let (address, stop, task) = service(PATIENCE * 10).await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        assert!(answered(&mut idle).await.starts_with("HTTP/1.1 200"));
        stop.cancel();
        closed(idle).await;
        tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
