//! Whether a request comes from this machine: the one guard of a sign-in without a password.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use infra::http::Problem;

/// Headers by which a proxy names those for whom it speaks.
const FORWARDED_FOR: [&str; 2] = ["x-forwarded-for", "x-real-ip"];

/// A request made on this machine, by a page of this machine; 403 `local-only` otherwise.
///
/// Three things are checked, because each alone can be had from afar: the peer's address (a proxy on this machine would pass), the
/// addresses that a proxy names (a proxy may name none), and `Host` (a foreign name that was made to resolve to 127.0.0.1 would bring a
/// foreign page's requests here as same-origin ones).
#[derive(Debug, Clone, Copy)]
pub struct Local;

impl<S: Send + Sync> FromRequestParts<S> for Local {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else {
            return Err(Problem::internal(&"the listener does not tell the addresses of its peers"));
        };
        if is_loopback(peer.ip()) && names_only_local_clients(&parts.headers) && is_local_host(&parts.headers) {
            return Ok(Self);
        }
        Err(Problem::new(StatusCode::FORBIDDEN, "local-only"))
    }
}

/// Loopback, also where an IPv6 socket took an IPv4 peer.
fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn names_only_local_clients(headers: &HeaderMap) -> bool {
    // The standard's `Forwarded` is refused whole: nobody on this machine needs it.
    !headers.contains_key(header::FORWARDED)
        && FORWARDED_FOR.iter().flat_map(|name| headers.get_all(*name)).all(|value| {
            let all_local = |list: &str| list.split(',').all(|one| one.trim().parse().is_ok_and(is_loopback));
            value.to_str().is_ok_and(all_local)
        })
}

/// Whether `Host` is a name that no name server can give to somebody else.
fn is_local_host(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    let without_port = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(address, _)| address),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    without_port.eq_ignore_ascii_case("localhost") || without_port.parse().is_ok_and(is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn local(peer: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = axum::http::Request::builder().extension(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        Local::from_request_parts(&mut parts, &()).await.is_ok()
    }

    #[tokio::test]
    async fn only_this_machine_is_local() {
        let host = ("host", "localhost:8080");
        for (peer, headers) in [
            ("127.0.0.1:5", vec![host]),
            ("[::1]:5", vec![host]),
            ("[::ffff:127.0.0.1]:5", vec![("host", "127.0.0.1")]),
            ("127.0.0.1:5", vec![("host", "[::1]:8080")]),
            ("127.0.0.1:5", vec![host, ("x-forwarded-for", "127.0.0.1, ::1")]),
        ] {
            assert!(local(peer, &headers).await, "{peer} {headers:?}");
        }
        for (peer, headers) in [
            ("192.168.0.4:5", vec![host]),
            ("[::ffff:192.168.0.4]:5", vec![host]),
            ("127.0.0.1:5", vec![]),
            ("127.0.0.1:5", vec![("host", "evil.example:8080")]),
            ("127.0.0.1:5", vec![("host", "localhost.evil.example")]),
            ("127.0.0.1:5", vec![host, ("x-forwarded-for", "203.0.113.9, 127.0.0.1")]),
            ("127.0.0.1:5", vec![host, ("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "203.0.113.9")]),
            ("127.0.0.1:5", vec![host, ("x-real-ip", "203.0.113.9")]),
            ("127.0.0.1:5", vec![host, ("x-forwarded-for", "unknown")]),
            ("127.0.0.1:5", vec![host, ("forwarded", "for=127.0.0.1")]),
        ] {
            assert!(!local(peer, &headers).await, "{peer} {headers:?}");
        }
    }
}
