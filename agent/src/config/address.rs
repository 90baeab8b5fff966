//! Where something listens: a name or an address, and a port.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use serde::{Deserialize, Serialize};

/// Longest name that DNS knows.
const HOST_BYTES_MAX: usize = 253;
const ALLOWED: &str = "write a name or an address and a port, e.g. pantau.example.go.id:7411, \
                       10.0.0.7:7411 or [2001:db8::7]:7411";

/// Host and port. The host is a name, an IPv4 address, or an IPv6 address without brackets: nothing
/// in it can end a line or a header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// As [`FromStr`], of its parts.
    pub(super) fn new(host: &str, port: u16) -> Option<Address> {
        let is_v6 = host.parse::<Ipv6Addr>().is_ok();
        let is_name = (1..=HOST_BYTES_MAX).contains(&host.len())
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        ((is_v6 || is_name) && port > 0).then(|| Address { host: host.to_owned(), port })
    }

    /// Name or address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Never 0.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Address, &'static str> {
        let (host, port) = text.rsplit_once(':').ok_or(ALLOWED)?;
        let port = port.parse().map_err(|_| ALLOWED)?;
        let bare = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(v6) if v6.parse::<Ipv6Addr>().is_ok() => v6,
            _ if host.contains(':') => return Err(ALLOWED),
            _ => host,
        };
        Address::new(bare, port).ok_or(ALLOWED)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Address { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl TryFrom<String> for Address {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Address, &'static str> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.to_string()
    }
}

impl From<std::net::SocketAddr> for Address {
    fn from(address: std::net::SocketAddr) -> Address {
        Address { host: address.ip().to_string(), port: address.port() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_name_or_a_number_with_a_port_and_keeps_its_text() {
        for text in ["pantau.example.go.id:7411", "10.0.0.7:1", "[2001:db8::7]:7411", "a_b-c:65535"]
        {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn what_could_end_a_line_or_name_nothing_is_no_address() {
        for text in [
            "",
            "host",
            "host:",
            "host:0",
            "host:70000",
            ":7411",
            "::1:7411",
            "[host]:1",
            "a b:1",
            "a\r\nb:1",
            "http://a:1",
            "user@a:1",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}
