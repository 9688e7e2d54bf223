//! The two listeners of every role: the public one, and the internal one that the gateway never routes to.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use axum::serve::ListenerExt as _;
use axum::{Extension, Router};
use infra::config::Config;
use infra::http::json::BodyBytesMax;
use infra::http::layers;
use infra::lifecycle::TaskResult;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::options;

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
    let router = layers::complete(router, options::limits(&config));
    // Answers are small and somebody waits for each; a connection that refuses the option still works.
    let listener = listener.tap_io(|connection| _ = connection.set_nodelay(true));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await?;
    Ok(())
}
