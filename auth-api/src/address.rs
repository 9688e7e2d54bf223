//! Where a request comes from, for counting failures.

use std::net::{IpAddr, Ipv6Addr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use infra::http::{Problem, client};

use super::Identity;

/// The bits of an IPv6 address that one household has in common: counting single ones would count nothing.
const IPV6_PREFIX_BITS: u32 = 64;

/// The address that failures are counted for. What a client says about it is believed from our gateways alone
/// (`http.trusted_proxies`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAddress(pub String);

impl FromRequestParts<Identity> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Identity) -> Result<Self, Problem> {
        let client::ClientAddress(address) = client::ClientAddress::of(&parts.extensions, &parts.headers);
        let address = address.ok_or_else(|| Problem::internal(&"the listener does not tell the addresses of its peers"))?;
        Ok(Self(counted(address)))
    }
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
    fn neighbours_in_one_network_of_ipv6_are_one() {
        let of = |address: &str| counted(address.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:aaaa::1"), "2001:db8:1:2::/64");
        assert_eq!(of("2001:db8:1:2::ffff"), "2001:db8:1:2::/64");
        assert_ne!(of("2001:db8:1:3::1"), of("2001:db8:1:2::1"));
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
