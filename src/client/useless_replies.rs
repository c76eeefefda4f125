//! What servers answered that was of no use, so that whatever ends without a lease can say exactly what came.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io;
use std::net::Ipv4Addr;

use crate::dhcp::options::MessageType;
use crate::dhcp::wire::DecodeError;
use crate::dhcp::{Ignored, Remark, ServerMessage};

/// How many options of messages that were of no use are named.
const MAX_REMARKS: usize = 4;

/// The useless answers of one exchange: of an acquisition, or of an extension. Bounded: by the closed lists that it counts by.
#[derive(Debug, Default)]
pub(super) struct UselessReplies(Option<Box<Replies>>);

/// What there was of them. Most clients have none, and keep no room for it.
#[derive(Debug, Default)]
struct Replies {
    ignored: BTreeMap<(Option<MessageType>, Ignored), u32>,
    /// The latest message with an address that no client can use.
    bad_address: Option<(Option<Ipv4Addr>, Ipv4Addr)>,
    unreadable: u32,
    last_unreadable: Option<DecodeError>,
    /// The first few malformed options, each code once.
    remarks: Vec<Remark>,
    not_sent: Option<String>,
}

impl UselessReplies {
    fn seen(&mut self) -> &mut Replies {
        self.0.get_or_insert_default()
    }

    pub(super) fn ignored(&mut self, reason: Ignored, message: Option<ServerMessage>) {
        let kind = message.and_then(|message| message.kind);
        let seen = self.seen();
        *seen.ignored.entry((kind, reason)).or_default() += 1;
        if let Some(message) = message.filter(|_| reason.is_bad_address()) {
            seen.bad_address = Some((message.server_id, message.address));
        }
    }

    pub(super) fn unreadable(&mut self, error: DecodeError) {
        let seen = self.seen();
        seen.unreadable += 1;
        seen.last_unreadable = Some(error);
    }

    pub(super) fn remarked(&mut self, remark: Remark) {
        if !remark.reason.is_malformed() {
            return;
        }
        let remarks = &mut self.seen().remarks;
        let is_known = remarks.iter().any(|seen| seen.option == remark.option);
        if !is_known && remarks.len() < MAX_REMARKS {
            remarks.push(remark);
        }
    }

    pub(super) fn not_sent(&mut self, error: &io::Error) {
        self.seen().not_sent = Some(error.to_string());
    }

    /// How many messages came with an address that no client can use.
    pub(super) fn bad_addresses(&self) -> u32 {
        self.count(Ignored::is_bad_address)
    }

    /// How many messages came that break the protocol.
    pub(super) fn malformed(&self) -> u32 {
        let unreadable = self.0.as_ref().map_or(0, |seen| seen.unreadable);
        unreadable + self.count(|reason| reason.is_malformed() && !reason.is_bad_address())
    }

    fn count(&self, which: impl Fn(Ignored) -> bool) -> u32 {
        let ignored = self.0.iter().flat_map(|seen| &seen.ignored);
        let of_them = ignored.filter(|((_, reason), _)| which(*reason));
        of_them.map(|(_, count)| count).sum()
    }
}

/// Each part begins with "; ": it follows what was asked in vain. Empty where nothing useless came.
impl fmt::Display for UselessReplies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(seen) = &self.0 else {
            return Ok(());
        };
        for ((kind, reason), count) in &seen.ignored {
            let (what, came) = named(*kind, *count);
            write!(f, "; {count} {what} {came} ignored: {}", reason.explain())?;
        }
        if let Some((server_id, address)) = seen.bad_address {
            write!(f, "; last {address}")?;
            if let Some(server_id) = server_id {
                write!(f, " by {server_id}")?;
            }
        }
        for remark in &seen.remarks {
            write!(f, "; {remark}")?;
        }
        if let Some(error) = &seen.last_unreadable {
            let (what, came) = match seen.unreadable {
                1 => ("message", "came and was malformed"),
                _ => ("messages", "came and were malformed"),
            };
            write!(f, "; {} {what} {came}, last: {error}", seen.unreadable)?;
        }
        if let Some(error) = &seen.not_sent {
            write!(f, "; could not send: {error}")?;
        }
        Ok(())
    }
}

/// So many messages of that type, in words.
fn named(kind: Option<MessageType>, count: u32) -> (&'static str, &'static str) {
    let (one, many) = match kind {
        Some(MessageType::Ack) => ("acknowledgement", "acknowledgements"),
        Some(MessageType::Offer) => ("offer", "offers"),
        Some(MessageType::Nak) => ("refusal", "refusals"),
        Some(_) | None => ("message", "messages"),
    };
    match count {
        1 => (one, "came and was"),
        _ => (many, "came and were"),
    }
}

/// A lease in use that is being extended or confirmed: how it went.
#[derive(Debug, Default)]
pub(super) struct ExtensionAttempt {
    requests: u32,
    replies: UselessReplies,
    refusal: Option<String>,
    conflict: Option<String>,
}

impl ExtensionAttempt {
    pub(super) fn sent(&mut self) {
        self.requests += 1;
    }

    pub(super) fn refused(&mut self, server_id: Option<Ipv4Addr>, message: Option<&str>) {
        self.refusal = Some(refusal(server_id, message));
    }

    pub(super) fn conflicted(&mut self, words: &str) {
        self.conflict = Some(words.to_owned());
    }

    pub(super) fn replies(&mut self) -> &mut UselessReplies {
        &mut self.replies
    }

    /// Why the lease was not kept.
    pub(super) fn told(&self) -> Option<String> {
        let mut told = match (&self.refusal, &self.conflict) {
            (Some(refusal), _) => refusal.clone(),
            (None, Some(conflict)) => conflict.clone(),
            (None, None) if self.requests == 0 => String::new(),
            (None, None) => match self.requests {
                1 => "1 request to extend it was sent".to_owned(),
                requests => format!("{requests} requests to extend it were sent"),
            },
        };
        // Writing to a String cannot fail.
        let _ = write!(told, "{}", self.replies);
        let told = told.trim_start_matches("; ");
        (!told.is_empty()).then(|| told.to_owned())
    }
}

/// Who refused, and with which words.
pub(super) fn refusal(server_id: Option<Ipv4Addr>, message: Option<&str>) -> String {
    let mut told = "refused".to_owned();
    if let Some(server_id) = server_id {
        let _ = write!(told, " by {server_id}");
    }
    if let Some(message) = message {
        let _ = write!(told, " ({message:?})");
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

    fn heard(kind: MessageType) -> ServerMessage {
        ServerMessage {
            kind: Some(kind),
            server_id: Some(SERVER),
            address: SERVER,
        }
    }

    #[test]
    fn acknowledgements_that_were_ignored_are_told_with_their_number_and_reason() {
        let mut extending = ExtensionAttempt::default();
        assert_eq!(extending.told(), None);
        for _ in 0..3 {
            extending.sent();
            extending
                .replies()
                .ignored(Ignored::NoLeaseTime, Some(heard(MessageType::Ack)));
        }
        assert_eq!(
            extending.told().as_deref(),
            Some(
                "3 requests to extend it were sent; 3 acknowledgements came and were ignored: option 51 is missing or malformed"
            )
        );
    }

    #[test]
    fn an_address_that_no_client_can_use_is_named_with_its_server() {
        let mut replies = UselessReplies::default();
        replies.ignored(Ignored::ServersAddress, Some(heard(MessageType::Offer)));
        assert_eq!(
            replies.to_string(),
            "; 1 offer came and was ignored: its address is the server's or the relay's own; last 10.0.0.1 by 10.0.0.1"
        );
        assert_eq!((replies.bad_addresses(), replies.malformed()), (1, 0));
    }

    #[test]
    fn what_was_of_no_use_is_malformed_only_if_it_breaks_the_protocol() {
        let mut replies = UselessReplies::default();
        replies.ignored(Ignored::ForeignXid, Some(heard(MessageType::Ack)));
        assert_eq!(replies.malformed(), 0);
        replies.ignored(Ignored::NoServerId, Some(heard(MessageType::Ack)));
        replies.unreadable(DecodeError::TooShort { length: 3 });
        assert_eq!(replies.malformed(), 2);
        assert!(replies.to_string().contains("3 bytes"), "{replies}");
    }

    #[test]
    fn whatever_options_are_malformed_only_a_few_are_named() {
        let mut replies = UselessReplies::default();
        for option in 0..=254 {
            replies.remarked(Remark {
                option,
                offset: Some(240),
                length: 1,
                reason: crate::dhcp::RemarkReason::Length,
            });
        }
        assert_eq!(replies.to_string().matches("option").count(), MAX_REMARKS);
    }
}
