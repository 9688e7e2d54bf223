//! The gateway: its rules, before services that show what reaches them; and the whole arrangement behind it.

mod arrangement;
mod echo;
mod rules;
mod watched;

use std::net::Ipv4Addr;

/// An address in one of the networks that `ip_hash` tells apart: it looks at three octets.
const fn client(network: u8, number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, network, number)
}
