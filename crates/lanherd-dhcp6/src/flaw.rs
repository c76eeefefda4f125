//! What is wrong with servers' messages, by kind: what a herd counts and tells of it.

use std::fmt;

use super::{DecodeError, Ignored, Remark, RemarkReason};

/// One kind of flaw of a server's message: a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flaw {
    /// The message could not be read; the word is that of the [`DecodeError`].
    Unreadable(&'static str),
    /// It could be read, and breaks the protocol.
    Message(Ignored),
    /// One of its options was not used as it stands.
    Option(u16, RemarkReason),
}

impl serde::Serialize for Flaw {
    /// Writes the text that it is shown as.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Flaw {
    /// The flaw of a message that could not be read.
    pub const fn of_error(error: &DecodeError) -> Self {
        Self::Unreadable(error.as_str())
    }

    /// The flaw of a message that was ignored; `None`: it has none, but was not for this client or not for this moment.
    pub const fn of_ignored(reason: Ignored) -> Option<Self> {
        if reason.is_malformed() {
            Some(Self::Message(reason))
        } else {
            None
        }
    }

    /// The flaw of an option.
    pub const fn of_option(remark: &Remark) -> Self {
        Self::Option(remark.option, remark.reason)
    }

    /// Whether the message is malformed: it breaks an RFC, and that costs the client something. What is only more than is kept
    /// is not.
    pub const fn is_malformed(self) -> bool {
        match self {
            Self::Unreadable(_) | Self::Message(_) => true,
            Self::Option(_, reason) => reason.is_malformed(),
        }
    }

    /// The option that it is about.
    pub const fn option(self) -> Option<u16> {
        match self {
            Self::Option(option, _) => Some(option),
            Self::Unreadable(_) | Self::Message(_) => None,
        }
    }

    /// Its word, without the option.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Unreadable(word) => word,
            Self::Message(reason) => reason.as_str(),
            Self::Option(_, reason) => reason.as_str(),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.option() {
            Some(option) => write!(f, "option {option}: {}", self.reason()),
            None => write!(f, "{}", self.reason()),
        }
    }
}
