//! `sarangbang health`: is the process with these settings ready? For container engines and scripts, where there is no curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use infra::config::Config;

/// How long the answer may take.
const ANSWER_DURATION_MAX: Duration = Duration::from_secs(4);

/// Succeeds when it is.
///
/// # Errors
/// When it does not answer; or what it still waits for.
pub async fn run(config: &Config) -> Result<()> {
    let address = reachable(&config.node.internal_listen)?;
    let http = reqwest::Client::builder().timeout(ANSWER_DURATION_MAX).build()?;
    let answer = http.get(format!("http://{address}/health/ready")).send().await;
    let answer = answer.with_context(|| format!("nothing answers at node.internal_listen, {address}"))?;
    let (status, body) = (answer.status(), answer.text().await?);
    ensure!(status.is_success(), "not ready: {}", body.trim());
    Ok(())
}

/// Where a listener is reached from this machine: one that takes all addresses is reached at the loopback one.
fn reachable(listen: &str) -> Result<SocketAddr> {
    let mut address: SocketAddr = listen.parse().context("node.internal_listen")?;
    if address.ip().is_unspecified() {
        let loopback: IpAddr = if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_of_all_addresses_is_asked_at_the_loopback_one() {
        let at = |listen| reachable(listen).unwrap().to_string();
        assert_eq!(at("0.0.0.0:8081"), "127.0.0.1:8081");
        assert_eq!(at("[::]:8081"), "[::1]:8081");
        assert_eq!(at("192.0.2.1:8081"), "192.0.2.1:8081");
    }

    #[tokio::test]
    async fn nobody_there_is_a_failure() {
        let mut config = Config::default();
        // Port 0 is never listened on.
        "127.0.0.1:0".clone_into(&mut config.node.internal_listen);
        assert!(run(&config).await.unwrap_err().to_string().contains("nothing answers at node.internal_listen"));
    }
}
