//! The host of an address in one form, in whatever way it is written.

use std::{fmt, net::IpAddr};

use url::{Host, Url};

/// A host: two that lead to the same place are equal. `127.1`, `0x7f.1`, `2130706433` and `::ffff:127.0.0.1` are all
/// 127.0.0.1; a name is in lower case and without the dot at its end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetHost {
    /// A name to look up.
    Name(String),
    /// An address.
    Address(IpAddr),
}

impl TargetHost {
    /// The host of a URL.
    pub fn of(url: &Url) -> Option<Self> {
        match url.host()? {
            // Only the hosts of http and https are normalised by the parser.
            Host::Domain(name) => Self::parse(name),
            Host::Ipv4(address) => Some(Self::Address(address.into())),
            Host::Ipv6(address) => Some(Self::Address(address.to_canonical())),
        }
    }

    /// A host as people write it. `None` for what is none.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_end_matches('.');
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self::Address(address.to_canonical()));
        }
        match Host::parse(text).ok()? {
            Host::Domain(name) => {
                let name = name.trim_end_matches('.');
                (!name.is_empty()).then(|| Self::Name(name.to_owned()))
            }
            Host::Ipv4(address) => Some(Self::Address(address.into())),
            Host::Ipv6(address) => Some(Self::Address(address.to_canonical())),
        }
    }
}

impl fmt::Display for TargetHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_the_same_however_it_is_written() {
        let loopback = TargetHost::parse("127.0.0.1").unwrap();
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0177.0.0.1/",
            "http://0x7f.0.0.1/",
            "http://2130706433/",
            "http://127.0.0.1./",
            "http://[::ffff:127.0.0.1]/",
            "http://%31%32%37.0.0.1/",
            "http://somebody@127.0.0.1:80/",
            "smtp://2130706433",
        ] {
            assert_eq!(TargetHost::of(&Url::parse(url).unwrap()), Some(loopback.clone()), "{url}");
        }
        let name = TargetHost::Name("example.com".to_owned());
        for text in ["example.com", "EXAMPLE.com", "example.com.", "ｅxample.com"] {
            assert_eq!(TargetHost::parse(text), Some(name.clone()), "{text}");
        }
        assert_eq!(TargetHost::parse("::1"), TargetHost::parse("[::1]"));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["", ".", "a b", "a/b", "a@b", "[fe80::1%25eth0]", "fe80::1%eth0", "1.2.3.4.5", "a:80"] {
            assert_eq!(TargetHost::parse(text), None, "{text}");
        }
        assert!(Url::parse("http://[fe80::1%25eth0]/").is_err());
    }
}
