//! Status codes (RFC 9915, 21.13).

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a status code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "u16", into = "u16")]
pub enum StatusCode {
    /// The request succeeded (code 0).
    Success,
    /// 1: it failed, and the server does not say why.
    UnspecFail,
    /// 2: the server has no address for this IA.
    NoAddrsAvail,
    /// 3: the server does not know of this IA.
    NoBinding,
    /// 4: an address is wrong on this link.
    NotOnLink,
    /// 5: a message was unicast. RFC 9915 has done away with it, and servers of RFC 8415 still send it.
    UseMulticast,
    /// 6: the server has no prefix for this IA.
    NoPrefixAvail,
    /// Any other: a failure.
    Other(u16),
}

impl StatusCode {
    /// Its word, which is the label in metrics: the numbers that are not known here share one, so that there are few.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::UnspecFail => "unspec_fail",
            Self::NoAddrsAvail => "no_addrs_avail",
            Self::NoBinding => "no_binding",
            Self::NotOnLink => "not_on_link",
            Self::UseMulticast => "use_multicast",
            Self::NoPrefixAvail => "no_prefix_avail",
            Self::Other(_) => "other",
        }
    }
}

impl From<u16> for StatusCode {
    fn from(number: u16) -> Self {
        match number {
            0 => Self::Success,
            1 => Self::UnspecFail,
            2 => Self::NoAddrsAvail,
            3 => Self::NoBinding,
            4 => Self::NotOnLink,
            5 => Self::UseMulticast,
            6 => Self::NoPrefixAvail,
            // RFC 9915, 21.13: a status code that is not known is a failure.
            other => Self::Other(other),
        }
    }
}

impl From<StatusCode> for u16 {
    fn from(code: StatusCode) -> Self {
        match code {
            StatusCode::Success => 0,
            StatusCode::UnspecFail => 1,
            StatusCode::NoAddrsAvail => 2,
            StatusCode::NoBinding => 3,
            StatusCode::NotOnLink => 4,
            StatusCode::UseMulticast => 5,
            StatusCode::NoPrefixAvail => 6,
            StatusCode::Other(number) => number,
        }
    }
}

impl fmt::Display for StatusCode {
    /// Its name in RFC 9915.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.pad("Success"),
            Self::UnspecFail => f.pad("UnspecFail"),
            Self::NoAddrsAvail => f.pad("NoAddrsAvail"),
            Self::NoBinding => f.pad("NoBinding"),
            Self::NotOnLink => f.pad("NotOnLink"),
            Self::UseMulticast => f.pad("UseMulticast"),
            Self::NoPrefixAvail => f.pad("NoPrefixAvail"),
            Self::Other(number) => write!(f, "status {number}"),
        }
    }
}

/// How many characters of a server's message for a person are kept.
pub const MAX_MESSAGE_CHARS: usize = 128;

/// A status, with what the server says to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// What it says.
    pub code: StatusCode,
    /// The server's words, safe to print and of bounded length; `None` where there are none.
    pub message: Option<String>,
}

impl Status {
    /// What is meant where no status stands (RFC 9915, 21.13).
    pub const SUCCESS: Self = Self {
        code: StatusCode::Success,
        message: None,
    };

    /// The value of option 13; `None` where it is shorter than 2 bytes.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (number, text) = value.split_first_chunk()?;
        let text = printable(text);
        Some(Self {
            code: u16::from_be_bytes(*number).into(),
            message: (!text.is_empty()).then_some(text),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.code),
            None => write!(f, "{}", self.code),
        }
    }
}

/// A text off the wire: without the zeros at its end that some servers send, with control characters and what is no UTF-8 replaced
/// by U+FFFD, and cut to [`MAX_MESSAGE_CHARS`].
// RFC 9915, 21.13: a status message is shown to people, so it is made safe to print.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text
        .trim_end_matches('\0')
        .replace(char::is_control, "\u{fffd}");
    let length = text.chars().count();
    if length <= MAX_MESSAGE_CHARS {
        return text;
    }
    let kept: String = text.chars().take(MAX_MESSAGE_CHARS).collect();
    format!("{kept}… ({length} characters in all)")
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 9915, 21.13: a status code that is not known is a failure.
    #[test]
    fn every_number_is_a_status_and_reads_back() {
        for number in 0..=u16::MAX {
            let code = StatusCode::from(number);
            assert_eq!(u16::from(code), number);
            assert_eq!(code == StatusCode::Success, number == 0);
        }
        assert_eq!(StatusCode::from(7).to_string(), "status 7");
        assert_eq!(StatusCode::from(7).as_str(), "other");
    }

    // RFC 9915, 21.13: a status message is shown to people, so it is made safe to print.
    #[test]
    fn a_status_message_is_safe_to_print_and_bounded() {
        let read = |text: &[u8]| {
            Status::parse(&[&[0, 2], text].concat())
                .expect("a status")
                .message
        };
        assert_eq!(read(b""), None);
        assert_eq!(read(b"\0\0"), None);
        assert_eq!(
            read(b"go\x1b[2Jaway\xff\n\0"),
            Some("go\u{fffd}[2Jaway\u{fffd}\u{fffd}".to_owned())
        );
        let long = read(&[b'a'; 3000]).expect("a message");
        assert_eq!(
            long,
            format!("{}… (3000 characters in all)", "a".repeat(128))
        );
        assert_eq!(Status::parse(&[0]), None);
        let status = Status::parse(b"\0\x03who?").expect("a status");
        assert_eq!(status.to_string(), "NoBinding: who?");
    }
}
