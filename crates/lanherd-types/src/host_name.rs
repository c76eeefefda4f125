//! The name of a host, as people write it and resolvers are asked for it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A host's name (RFC 1123, 2.1), in lower case and without a dot at its end. Asked for as it stands: no search list is
/// applied. Clones share it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(Arc<str>);

impl HostName {
    /// The longest in text (RFC 1035, 2.3.4: 255 octets on the wire).
    const MAX_LEN: usize = 253;
    /// The longest part between two dots (RFC 1035, 2.3.4).
    const MAX_LABEL_LEN: usize = 63;

    /// The host name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has a part above its first: a single word is a name only where the resolver knows it.
    pub fn is_qualified(&self) -> bool {
        self.0.contains('.')
    }
}

crate::serde_as_text!(HostName);

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why a text is no host's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no host name: use letters, digits and hyphens, with dots between parts of 63 at most, as www.example.org"
)]
pub struct HostNameError(String);

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || HostNameError(text.to_owned());
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.len() > Self::MAX_LEN || !name.split('.').all(is_label) {
            return Err(refuse());
        }
        // What ends with a number is an address, or a slip in one (RFC 1123, 2.1).
        let last = name.rsplit('.').next().unwrap_or(name);
        if last.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refuse());
        }
        Ok(Self(name.to_ascii_lowercase().into()))
    }
}

fn is_label(label: &str) -> bool {
    (1..=HostName::MAX_LABEL_LEN).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_whatever_its_case_and_its_last_dot() {
        for text in [
            "www.lab.test",
            "WWW.Lab.test.",
            "3com.example",
            "xn--4ca.de",
        ] {
            let name: HostName = text.parse().expect(text);
            assert_eq!(
                name.as_str(),
                text.trim_end_matches('.').to_ascii_lowercase()
            );
            assert!(name.is_qualified());
        }
        let single: HostName = "nas".parse().expect("a single word");
        assert!(!single.is_qualified());
    }

    #[test]
    fn what_no_host_is_called_is_refused() {
        let label_of_64 = "a".repeat(64);
        let name_of_254 = ["a".repeat(63).as_str(); 4].join(".")[..254].to_owned();
        for bad in [
            "",
            ".",
            "a..b",
            "-a.de",
            "a-.de",
            "a b",
            "a_b.de",
            "späße.de",
            "a\n.de",
            "1.2.3",
            "::1",
            "7",
            &label_of_64,
            &name_of_254,
        ] {
            assert!(bad.parse::<HostName>().is_err(), "{bad:?} was accepted");
        }
    }
}
