//! Signing in with a password, over HTTP, with its sessions and its audit on disk. The limit is Argon2id alone on as many threads.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use e2e::person::{PASSWORD, Person};
use e2e::process::Node;
use e2e::system::Addresses;
use serde_json::json;

use crate::limits::argon2::BareArgon2;
use crate::load::{self, Operation};
use crate::row::{Line, On, Row, Target, Unit};
use crate::runs::in_turns;
use crate::scale::Scale;

/// Threads that hash: the default of `auth.hashing_threads`.
const THREADS: usize = 2;
/// Sign-ins at once.
const IN_FLIGHT: usize = 16;
/// People who sign in, each with some sessions.
const PEOPLE: usize = 20;
/// Sign-ins a second at the steady rate: about a third of what goes.
const RATE: f64 = 15.0;
/// The share of the limit that is to be reached.
const SHARE: f64 = 0.7;

/// The row.
pub struct Login;

/// Signs somebody in.
struct SignIns {
    http: reqwest::Client,
    url: String,
    names: Vec<String>,
}

impl Operation for SignIns {
    async fn run(&self, index: usize) -> Result<()> {
        let name = self.names.get(index % self.names.len()).context("nobody")?;
        let answer = self.http.post(&self.url).json(&json!({ "userId": name, "password": PASSWORD })).send().await?;
        ensure!(answer.status() == 200, "{}", answer.text().await?);
        answer.bytes().await?;
        Ok(())
    }
}

#[async_trait(?Send)]
impl Row for Login {
    fn name(&self) -> &'static str {
        "login"
    }

    fn on(&self) -> &'static [On] {
        &[On::Embedded]
    }

    async fn measure(&self, _: On, scale: Scale) -> Result<Vec<Line>> {
        let folder = tempfile::tempdir()?;
        let mut node = Node::new("all", "all", folder.path(), &[("auth.hashing_threads", THREADS.to_string())])?;
        node.start().await?;
        let url = node.public_url();
        let at = Addresses { command: url.clone(), query: url.clone(), auth: url.clone() };
        let names: Vec<_> = (0..PEOPLE).map(|number| format!("person-{number}")).collect();
        for name in &names {
            Person::sign_in(&at, name).await?;
        }
        let ours = Arc::new(SignIns { http: reqwest::Client::new(), url: format!("{url}/user/login"), names });
        let bare = Arc::new(BareArgon2::new(THREADS)?);
        let count = scale.pick(400, 16);
        let throughput = in_turns(
            scale,
            async || Ok(vec![load::closed(&ours, count, IN_FLIGHT).await?]),
            async || Ok(vec![load::closed(&bare, count, IN_FLIGHT).await?]),
        )
        .await?;
        let steady = in_turns(
            scale,
            async || Ok(vec![load::paced(&ours, count, RATE).await?.quantile(0.99)?]),
            async || Ok(vec![load::paced(&bare, count, RATE).await?.quantile(0.99)?]),
        )
        .await?;
        node.stop().await?;
        Ok(vec![
            Line {
                what: format!("sign-ins, {IN_FLIGHT} in flight"),
                unit: Unit::PerSecond,
                figure: throughput.ours.median(0)?,
                limit: Some(throughput.limit.median(0)?),
                target: Target::LimitTimesAtLeast(SHARE),
                load: throughput.load,
            },
            Line {
                what: format!("a sign-in at {RATE} a second, 99th percentile"),
                unit: Unit::Seconds,
                figure: steady.ours.median(0)?,
                limit: Some(steady.limit.median(0)?),
                target: Target::Reported,
                load: steady.load,
            },
        ])
    }
}
