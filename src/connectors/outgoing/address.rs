//! Which addresses are public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressKind {
    /// To the internet.
    Public,
    /// To this machine or its network: a name may lead there where the settings list it.
    Private,
    /// To a neighbour such as a cloud's metadata service, to many, or to nobody: only a listed address leads there.
    Special,
}

impl AddressKind {
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let [a, b, c, _] = address.octets();
        match (a, b, c) {
            (10, ..) | (127, ..) | (172, 16..=31, _) | (192, 168, _) => Self::Private,
            // The network of an internet provider: RFC 6598.
            (100, 64..=127, _) => Self::Private,
            // "This network", link-local, assignments of protocols, measurements, multicast, reserved, broadcast.
            (0, ..) | (169, 254, _) | (192, 0, 0) | (198, 18..=19, _) | (224..=255, ..) => Self::Special,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        let segments = address.segments();
        let low = |high: u16, low: u16| Self::of_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
        match segments {
            [0, 0, 0, 0, 0, 0, 0, 0] => Self::Special,
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Private,
            // An IPv4 address in one of its forms: mapped, compatible, translated, NAT64, 6to4.
            [0, 0, 0, 0, 0, 0xffff | 0, high, then]
            | [0, 0, 0, 0, 0xffff, 0, high, then]
            | [0x64, 0xff9b, 0, 0, 0, 0, high, then]
            | [0x2002, high, then, ..] => low(high, then),
            // NAT64 of a network's own, and Teredo, whose IPv4 address is any.
            [0x64, 0xff9b, 1, ..] | [0x2001, 0, ..] => Self::Special,
            [first, ..] => match first {
                0xfc00..=0xfdff => Self::Private,
                // Link-local, and site-local, which is the same in old networks; multicast.
                0xfe80..=0xffff => Self::Special,
                _ => Self::Public,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(address: &str) -> AddressKind {
        AddressKind::of(address.parse().unwrap())
    }

    #[test]
    fn only_what_the_internet_routes_is_public() {
        for public in
            ["1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.2.1", "2606:4700::1", "64:ff9b::101:101"]
        {
            assert_eq!(kind(public), AddressKind::Public, "{public}");
        }
        for private in [
            "127.0.0.1",
            "127.255.255.254",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::127.0.0.1",
            "2002:7f00:1::",
        ] {
            assert_eq!(kind(private), AddressKind::Private, "{private}");
        }
        for special in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "2001::1",
        ] {
            assert_eq!(kind(special), AddressKind::Special, "{special}");
        }
    }
}
