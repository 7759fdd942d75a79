//! Networks of addresses, for `cidr`.

use std::net::{IpAddr, Ipv6Addr};

/// Addresses with a common prefix. IPv4 is part of IPv6, so that both ways of writing an address are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    prefix: u128,
    bits: u32,
}

/// No network is written in more bytes.
const LENGTH_MAX: usize = 64;

/// The bits before an IPv4 address in IPv6.
const MAPPED_BITS: u32 = 96;

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32`, or an address alone.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > LENGTH_MAX {
            return None;
        }
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => {
                // `parse` would accept a sign.
                let plain = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
                (address, Some(bits.parse::<u32>().ok().filter(|_| plain)?))
            }
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (whole, before) = match address {
            IpAddr::V4(_) => (32, MAPPED_BITS),
            IpAddr::V6(_) => (128, 0),
        };
        let bits = bits.unwrap_or(whole);
        (bits <= whole).then(|| {
            let bits = bits + before;
            Self { prefix: number(address) & mask(bits), bits }
        })
    }

    /// Whether an address, or another network, is inside it.
    pub fn contains(self, other: Self) -> bool {
        other.bits >= self.bits && other.prefix & mask(self.bits) == self.prefix
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => Ipv6Addr::to_bits(address),
    }
}

fn mask(bits: u32) -> u128 {
    u128::MAX.checked_shl(128 - bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: Network, text: &str) -> bool {
        Network::parse(text).is_some_and(|other| network.contains(other))
    }

    #[test]
    fn a_network_contains_its_addresses_and_the_networks_inside_it() {
        let ten = Network::parse("10.0.0.0/8").unwrap();
        for inside in ["10.0.0.0", "10.255.255.255", "10.1.0.0/16", "10.0.0.0/8", "::ffff:10.1.2.3"] {
            assert!(contains(ten, inside), "{inside}");
        }
        for outside in ["11.0.0.0", "0.0.0.0/0", "10.0.0.0/7", "::10.0.0.1", "10.0.0", "", "x", "10.0.0.1 "] {
            assert!(!contains(ten, outside), "{outside}");
        }
        let documentation = Network::parse("2001:db8::/32").unwrap();
        assert!(contains(documentation, "2001:DB8:1::1") && !contains(documentation, "2001:db9::1"));
        let all = Network::parse("::/0").unwrap();
        assert!(contains(all, "1.2.3.4") && contains(all, "::1"));
        assert!(
            Network::parse("0.0.0.0/0").is_some_and(|all| contains(all, "8.8.8.8") && !contains(all, "::1"))
        );
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "::/129", "10/8", "a/8", "::/-1"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
