//! Where a request comes from, for counting failures.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use infra::http::Problem;

use super::Identity;

/// The header in which each proxy adds whom it speaks for.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// The bits of an IPv6 address that one household has in common: counting single ones would count nothing.
const IPV6_PREFIX_BITS: u32 = 64;

/// The address that failures are counted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAddress(pub String);

impl FromRequestParts<Identity> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, identity: &Identity) -> Result<Self, Problem> {
        let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else {
            return Err(Problem::internal(&"the listener does not tell the addresses of its peers"));
        };
        Ok(Self(counted(client(peer.ip(), &parts.headers, identity.0.options.proxies))))
    }
}

/// The address that the outermost of `proxies` saw. What stands further left in the header was said by the client itself, and
/// anybody can say anything.
fn client(peer: IpAddr, headers: &HeaderMap, proxies: usize) -> IpAddr {
    let Some(index) = proxies.checked_sub(1) else { return peer };
    let list = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<&str> = list.flat_map(|value| value.split(',')).map(str::trim).collect();
    named.iter().rev().nth(index).and_then(|address| address.parse().ok()).unwrap_or(peer)
}

fn counted(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let prefix = Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - IPV6_PREFIX_BITS)));
            format!("{prefix}/{IPV6_PREFIX_BITS}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_proxy_of_ours_says_is_believed() {
        let of = |forwarded: &[&str], proxies| {
            let mut headers = HeaderMap::new();
            forwarded.iter().for_each(|value| _ = headers.append(FORWARDED_FOR, value.parse().unwrap()));
            counted(client("192.0.2.1".parse().unwrap(), &headers, proxies))
        };
        assert_eq!(of(&["203.0.113.9"], 0), "192.0.2.1", "without a proxy the header is the client's own words");
        assert_eq!(of(&["1.1.1.1, 203.0.113.9"], 1), "203.0.113.9");
        assert_eq!(of(&["1.1.1.1, 203.0.113.9", "10.0.0.1"], 2), "203.0.113.9");
        assert_eq!(of(&[], 1), "192.0.2.1");
        assert_eq!(of(&["nonsense"], 1), "192.0.2.1");
    }

    #[test]
    fn neighbours_in_one_network_of_ipv6_are_one() {
        let of = |address: &str| counted(address.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:aaaa::1"), "2001:db8:1:2::/64");
        assert_eq!(of("2001:db8:1:2::ffff"), "2001:db8:1:2::/64");
        assert_ne!(of("2001:db8:1:3::1"), of("2001:db8:1:2::1"));
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
