//! Who asks: the address of the client, as far as somebody says it whom we believe.
//!
//! A peer is believed only if its address is in one of the networks of `http.trusted_proxies`. Everybody else may write into
//! `X-Forwarded-For` what they like, and is taken for what the connection shows.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};

/// The header in which each proxy adds whom it speaks for.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Networks whose word about a client's address is taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedProxies(Arc<[Network]>);

/// Addresses with the same first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

/// A text that names no networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an address nor a network such as 10.0.0.0/8")]
pub struct NotANetwork(String);

impl FromStr for TrustedProxies {
    type Err = NotANetwork;

    /// Addresses and networks, separated by commas.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        Ok(Self(parts.map(Network::from_str).collect::<Result<_, _>>()?))
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let refused = || NotANetwork(text.to_owned());
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = prefix.map_or(Ok(bits_max), str::parse).map_err(|_| refused())?;
        if prefix_bits > bits_max { Err(refused()) } else { Ok(Self { address, prefix_bits }) }
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => same_bits(own.to_bits().into(), other.to_bits().into(), self.prefix_bits, 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => same_bits(own.to_bits(), other.to_bits(), self.prefix_bits, 128),
            _ => false,
        }
    }
}

/// Whether the first `prefix` of `width` bits are the same.
fn same_bits(one: u128, other: u128, prefix: u32, width: u32) -> bool {
    (one ^ other).checked_shr(width - prefix).unwrap_or(0) == 0
}

impl TrustedProxies {
    fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The client's address: that of the connection, or the last one in `X-Forwarded-For` that is no proxy of ours, if the
    /// connection comes from one. What stands further left was said by the client itself.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.contain(peer) {
            return peer.to_canonical();
        }
        let values = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
        let named: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
        let mut client = peer;
        for name in named.iter().rev() {
            // What is no address is nobody's; who handed it on is the last whom we know.
            let Ok(address) = name.parse::<IpAddr>() else { break };
            client = address;
            if !self.contain(address) {
                break;
            }
        }
        client.to_canonical()
    }
}

/// The client of a request, as its listener tells it; shown as `-` where that does not tell addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

impl ClientAddress {
    /// Of a request with these extensions and headers.
    #[must_use]
    pub fn of(extensions: &Extensions, headers: &HeaderMap) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let trusted = extensions.get::<TrustedProxies>();
        Self(peer.map(|peer| trusted.map_or_else(|| peer.to_canonical(), |trusted| trusted.client(peer, headers))))
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        forwarded.iter().for_each(|value| _ = headers.append(FORWARDED_FOR, value.parse().unwrap()));
        trusted.parse::<TrustedProxies>().unwrap().client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_a_proxy_of_ours_is_believed_and_only_what_it_saw_itself() {
        assert_eq!(client("", "192.0.2.1", &["203.0.113.9"]), "192.0.2.1", "nobody is a proxy");
        assert_eq!(client("10.0.0.0/8", "192.0.2.1", &["203.0.113.9"]), "192.0.2.1", "a stranger is not believed");
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(
            client("10.0.0.0/8", "10.1.2.3", &["1.1.1.1, 203.0.113.9"]),
            "203.0.113.9",
            "the client's own words are left of it"
        );
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", &["1.1.1.1, 203.0.113.9", "10.9.9.9"]), "203.0.113.9", "two proxies of ours");
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", &[]), "10.1.2.3");
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", &["203.0.113.9, nonsense"]), "10.1.2.3");
        assert_eq!(client("10.0.0.0/8", "::ffff:10.1.2.3", &["2001:db8::1"]), "2001:db8::1");
        assert_eq!(client("2001:db8::/32,127.0.0.1", "2001:db8:1::5", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("127.0.0.1", "127.0.0.2", &["198.51.100.7"]), "127.0.0.2", "an address alone is a network of one");
        assert_eq!(client("0.0.0.0/0", "127.0.0.2", &["198.51.100.7"]), "198.51.100.7");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in ["10.0.0.0/33", "::/129", "gateway", "10.0.0.0/", "10.0.0/8", "10.0.0.0/-1"] {
            assert_eq!(bad.parse::<TrustedProxies>(), Err(NotANetwork(bad.to_owned())));
        }
    }
}
