//! What is fetched over HTTP.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use crate::host_name::HostName;
use crate::target::is_nobody_else;
use hyper::Uri;

/// A URL of the scheme `http` (RFC 9110, 4.2.1), with a host name or an address. Clones share it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Url(Arc<Parts>);

#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Parts {
    host: Host,
    port: u16,
    path: String,
}

/// Whom a URL names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A name, which has to be looked up.
    Name(HostName),
    /// An IPv4 address, which needs no resolver.
    Address(IpAddr),
}

impl Url {
    /// The port where none is given.
    const PORT: u16 = 80;
    /// The longest, in bytes; what any server takes (RFC 9110, 4.1, wants 8000).
    const MAX_LEN: usize = 8_000;

    /// Who serves it.
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// On which port.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// Path and query.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// Host and port as they stand in it: the value of the header `Host` (RFC 9110, 7.2).
    pub fn authority(&self) -> String {
        match self.0.port {
            Self::PORT => self.0.host.to_string(),
            port => format!("{}:{port}", self.0.host),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            // In a URL an address of IPv6 stands in brackets (RFC 3986, 3.2.2).
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

lanherd_types::serde_as_text!(Url);

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("http://{}{}", self.authority(), self.0.path))
    }
}

/// Why a text is no URL that can be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It is encrypted.
    #[error(
        "{0:?} is fetched over TLS, which lanherd does not speak: run a command, as curl -sS {0}"
    )]
    Tls(String),
    /// It is none.
    #[error(
        "{0:?} is no URL to fetch: use http://, a host name or address, and a path, as http://www.example.org/"
    )]
    Malformed(String),
    /// The client itself would answer, or nobody.
    #[error("{0:?} names no other host: use its name, or its address on the network")]
    NoHost(String),
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || UrlError::Malformed(text.to_owned());
        if text.len() > Self::MAX_LEN {
            return Err(refuse());
        }
        let uri: Uri = text.parse().map_err(|_| refuse())?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(UrlError::Tls(text.to_owned())),
            Some(_) | None => return Err(refuse()),
        }
        let authority = uri.authority().ok_or_else(refuse)?;
        // A password in a report would be one too many.
        if authority.as_str().contains('@') {
            return Err(refuse());
        }
        let in_brackets = authority.host().strip_prefix('[');
        let literal = match in_brackets.and_then(|rest| rest.strip_suffix(']')) {
            Some(inside) => inside.parse::<Ipv6Addr>().map(IpAddr::from),
            // Without brackets an address of IPv6 could not be told from a port.
            None => authority.host().parse::<Ipv4Addr>().map(IpAddr::from),
        };
        let host = match literal {
            Ok(address) if is_nobody_else(address) => {
                return Err(UrlError::NoHost(text.to_owned()));
            }
            Ok(address) => Host::Address(address),
            Err(_) => Host::Name(authority.host().parse().map_err(|_| refuse())?),
        };
        let port = match authority.port() {
            Some(port) => Some(port.as_u16())
                .filter(|port| *port > 0)
                .ok_or_else(refuse)?,
            // What stands behind the host is a port, and this is none.
            None if authority.as_str() != authority.host() => return Err(refuse()),
            None => Self::PORT,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        Ok(Self(Arc::new(Parts { host, port, path })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_reads_back_as_it_is_printed() {
        for (text, printed) in [
            ("http://www.lab.test/", "http://www.lab.test/"),
            ("http://WWW.lab.test", "http://www.lab.test/"),
            ("http://10.77.0.1:8080/a?b=c", "http://10.77.0.1:8080/a?b=c"),
            ("http://nas:80/x", "http://nas/x"),
            ("http://nas?q", "http://nas/?q"),
            ("http://[2001:DB8::1]:80/x", "http://[2001:db8::1]/x"),
            ("http://[fe80::1]:8080", "http://[fe80::1]:8080/"),
        ] {
            let url: Url = text.parse().expect(text);
            assert_eq!(url.to_string(), printed);
            assert_eq!(printed.parse(), Ok(url));
        }
    }

    #[test]
    fn what_is_encrypted_is_refused_with_a_remedy_and_what_is_none_too() {
        let error = "https://a.test/".parse::<Url>().expect_err("TLS");
        assert!(
            error.to_string().contains("curl -sS https://a.test/"),
            "{error}"
        );
        for bad in [
            "",
            "www.lab.test",
            "/path",
            "ftp://a.test/",
            "http://",
            "http:///x",
            "http://a_b/",
            "http://[::1]/",
            "http://[::]/",
            "http://[ff02::1]/",
            "http://[::ffff:192.0.2.1]/",
            "http://[fe80::1%25lan0]/",
            "http://[192.0.2.1]/",
            "http://[2001:db8::1]:/",
            "http://2001:db8::1/",
            "http://user:word@a.test/",
            "http://a.test:0/",
            "http://a.test:/",
            "http://a.test:99999/",
            "http://a.test/a b",
            "http://a.test/\r\nX: y",
            "http://127.0.0.1/",
            "http://127.8.8.8:8080/x",
            "http://0.0.0.0/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
        ] {
            assert!(bad.parse::<Url>().is_err(), "{bad:?} was accepted");
        }
    }
}
