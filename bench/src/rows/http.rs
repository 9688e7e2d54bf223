//! `SendMessage` over HTTP with tokens, as the server serves it: all layers, answers in full. The limit is a handler of axum that
//! verifies the token and produces. One load client in the same process for both, connections kept open.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use axum::Router;
use axum::serve::ListenerExt as _;
use command_api::http::{LogReadPositions, Options, Parts};
use infra::clock::SystemClock;
use infra::http::layers;
use infra::tokens::Signer;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::http_load::Requests;
use crate::limits::kafka::BareProducer;
use crate::load;
use crate::row::{Line, On, Row, Target, Unit};
use crate::runs::in_turns;
use crate::scale::Scale;
use crate::world::World;

/// Connections, each with one request at a time.
const CONNECTIONS: [usize; 2] = [64, 256];
/// The share of the limit that is to be reached.
const SHARE: f64 = 0.7;

/// The row.
pub struct Http;

#[async_trait(?Send)]
impl Row for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn on(&self) -> &'static [On] {
        &[On::Kafka1, On::Kafka3]
    }

    async fn measure(&self, on: On, scale: Scale) -> Result<Vec<Line>> {
        let world = World::start(on, scale).await?;
        let messages = scale.pick(40_000, 500);
        load::closed(&world.messages(messages)?, messages, 256).await?;
        let producer = Arc::new(BareProducer::start(&world.place, world.records(messages).await?).await?);
        let signer = Signer::generate("bench", Arc::new(SystemClock))?;
        let verifier = Arc::new(signer.verifier());
        let (ours, _served) = listen(router(&world, Arc::clone(&verifier))).await?;
        let (bare, _served) = crate::limits::http::serve(verifier, producer).await?;
        let mut lines = Vec::new();
        for connections in CONNECTIONS {
            let run = async |at: SocketAddr| {
                let requests = Arc::new(Requests::new(at, world.requests(&signer, messages)?));
                requests.connect(connections).await?;
                Ok(vec![load::closed(&requests, messages, connections).await?])
            };
            let turns = in_turns(scale, async || run(ours).await, async || run(bare).await).await?;
            lines.push(Line {
                what: format!("SendMessage over HTTP, {connections} connections"),
                unit: Unit::PerSecond,
                figure: turns.ours.median(0)?,
                limit: Some(turns.limit.median(0)?),
                target: Target::LimitTimesAtLeast(SHARE),
                load: turns.load,
            });
        }
        world.stop().await;
        Ok(lines)
    }
}

/// The routes of the write side with everything that the server puts around them. No person is slowed down: a bench has few.
fn router(world: &World, verifier: Arc<infra::tokens::Verifier>) -> Router {
    let many = NonZeroU32::MIN.saturating_add(1_000_000);
    let options = Options { commands_per_second: many, commands_burst: many, ..Options::default() };
    let parts = Parts {
        bus: Arc::clone(&world.cluster) as Arc<dyn command_api::bus::CommandBus>,
        reads: Arc::new(LogReadPositions::new(Arc::clone(&world.place.log))),
        verifier,
        clock: Arc::new(SystemClock),
        options,
    };
    layers::complete(command_api::router(parts), layers::Limits::default())
}

/// Serves `router` on a free port.
///
/// # Errors
/// When no port is free.
pub async fn listen(router: Router) -> Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let at = listener.local_addr()?;
    let listener = listener.tap_io(|connection| _ = connection.set_nodelay(true));
    // It serves until the process ends, and fails at nothing that a connection could do.
    let served = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
    Ok((at, served))
}
