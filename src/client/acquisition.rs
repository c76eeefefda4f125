//! What was seen while a lease was asked for, so that a failure can say exactly why there is none.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::useless_replies::{UselessReplies, refusal};
use crate::dhcp::options::MessageType;
use crate::phase::{Cause, Failure, Stage};

/// One attempt to acquire a lease.
#[derive(Debug, Default)]
pub(super) struct Acquisition {
    /// When the first message was sent.
    began: Option<Instant>,
    /// When the server granted what is being probed for now.
    granted: Option<Instant>,
    /// Since the last refusal.
    discovers: u32,
    /// Since the last refusal.
    requests: u32,
    refusals: u32,
    last_refusal: Option<(Option<Ipv4Addr>, Option<String>)>,
    /// The useless answers since the last refusal or conflict.
    replies: UselessReplies,
    /// The latest conflict about an address that was given.
    conflict: Option<String>,
}

impl Acquisition {
    pub(super) fn sent(&mut self, kind: Option<MessageType>, now: Instant) {
        self.began.get_or_insert(now);
        match kind {
            Some(MessageType::Discover) => self.discovers += 1,
            Some(MessageType::Request) => self.requests += 1,
            _ => {}
        }
    }

    pub(super) fn replies(&mut self) -> &mut UselessReplies {
        &mut self.replies
    }

    pub(super) fn refused(&mut self, server_id: Option<Ipv4Addr>, message: Option<String>) {
        self.refusals += 1;
        self.discovers = 0;
        self.requests = 0;
        self.replies = UselessReplies::default();
        self.last_refusal = Some((server_id, message));
    }

    /// A server has granted an address; whether it is free is not known yet. Only the first word counts.
    pub(super) fn granted(&mut self, now: Instant) {
        self.granted.get_or_insert(now);
    }

    /// An address was given that somebody else has.
    pub(super) fn conflicted(&mut self, words: &str) {
        self.discovers = 0;
        self.requests = 0;
        self.granted = None;
        self.replies = UselessReplies::default();
        self.conflict = Some(words.to_owned());
    }

    /// The time from the first message until the server granted the address; until now, where it did not.
    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        let now = self.granted.unwrap_or(now);
        self.began
            .map_or(Duration::ZERO, |began| now.saturating_duration_since(began))
    }

    /// How the attempt stood at its end. One message after a refusal may still be about to be answered; a second one was
    /// sent because the first was not. Answers that are of no use say more than that the useful one is missing.
    fn cause(&self) -> Cause {
        let is_last_word = self.discovers < 2 && self.requests < 2;
        if is_last_word && self.conflict.is_some() {
            Cause::AddressConflict
        } else if is_last_word && self.refusals > 0 {
            Cause::Nak
        } else if self.replies.bad_addresses() > 0 {
            Cause::BadLease
        } else if self.replies.malformed() > 0 {
            Cause::Malformed
        } else if self.requests > 0 {
            Cause::NoAck
        } else {
            Cause::NoOffer
        }
    }

    /// The failure when the deadline passed without a lease.
    pub(super) fn failure(&self, deadline: Duration) -> Failure {
        let cause = self.cause();
        let mut detail = match cause {
            Cause::AddressConflict => "no address that is free".to_owned(),
            Cause::Nak => format!("refused with DHCPNAK {} times", self.refusals),
            _ if self.requests > 0 => {
                let useless = Self::adjective(cause);
                let requests = self.requests;
                format!("offers, but no {useless}DHCPACK for {requests} DHCPREQUESTs")
            }
            _ if self.refusals > 0 => format!(
                "refused with DHCPNAK {} times, then no {}offer for {} DHCPDISCOVERs",
                self.refusals,
                Self::adjective(cause),
                self.discovers
            ),
            _ => {
                let useless = Self::adjective(cause);
                format!("no {useless}offer for {} DHCPDISCOVERs", self.discovers)
            }
        };
        // Writing to a String cannot fail.
        let _ = write!(detail, " within {}", humantime::format_duration(deadline));
        if let Some((server_id, message)) = &self.last_refusal {
            let _ = write!(detail, ", last {}", refusal(*server_id, message.as_deref()));
        }
        if let Some(words) = &self.conflict {
            let _ = write!(detail, "; {words}");
        }
        let _ = write!(detail, "{}", self.replies);
        Failure::new(Stage::Dhcp, cause, detail)
    }

    /// What was missing of the answers that came.
    const fn adjective(cause: Cause) -> &'static str {
        match cause {
            Cause::BadLease | Cause::Malformed => "usable ",
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dhcp::wire::DecodeError;
    use crate::dhcp::{Ignored, ServerMessage};

    const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const DEADLINE: Duration = Duration::from_secs(120);

    #[test]
    fn a_refusal_that_is_followed_by_silence_is_not_the_cause() {
        let (now, mut seen) = (Instant::now(), Acquisition::default());
        seen.sent(Some(MessageType::Request), now);
        seen.refused(None, None);
        seen.sent(Some(MessageType::Discover), now);
        assert_eq!(seen.failure(DEADLINE).cause, Cause::Nak);
        seen.sent(Some(MessageType::Discover), now);
        let failure = seen.failure(DEADLINE);
        assert_eq!(failure.cause, Cause::NoOffer);
        assert!(failure.detail.contains("DHCPNAK 1 times"), "{failure}");
    }

    #[test]
    fn the_cause_is_the_farthest_that_the_exchange_came() {
        let now = Instant::now();
        let mut seen = Acquisition::default();
        seen.sent(Some(MessageType::Discover), now);
        assert_eq!(seen.failure(DEADLINE).cause, Cause::NoOffer);
        seen.sent(Some(MessageType::Request), now);
        assert_eq!(seen.failure(DEADLINE).cause, Cause::NoAck);
        seen.refused(
            Some(Ipv4Addr::new(192, 0, 2, 1)),
            Some("go away".to_owned()),
        );
        let failure = seen.failure(DEADLINE);
        assert_eq!(failure.cause, Cause::Nak);
        assert!(failure.detail.contains("192.0.2.1"), "{failure}");
        assert!(failure.detail.contains("go away"), "{failure}");
    }

    #[test]
    fn answers_that_are_of_no_use_are_the_cause_rather_than_that_there_was_none() {
        let now = Instant::now();
        let heard = |kind| {
            Some(ServerMessage {
                kind: Some(kind),
                server_id: Some(SERVER),
                address: SERVER,
            })
        };
        let mut seen = Acquisition::default();
        seen.sent(Some(MessageType::Discover), now);
        seen.replies()
            .ignored(Ignored::ForeignXid, heard(MessageType::Offer));
        assert_eq!(seen.failure(DEADLINE).cause, Cause::NoOffer);
        seen.replies()
            .unreadable(DecodeError::MagicCookie([0, 1, 2, 3]));
        let failure = seen.failure(DEADLINE);
        assert_eq!(failure.cause, Cause::Malformed);
        assert!(failure.detail.contains("magic cookie"), "{failure}");

        seen.replies()
            .ignored(Ignored::ServersAddress, heard(MessageType::Offer));
        let failure = seen.failure(DEADLINE);
        assert_eq!(failure.cause, Cause::BadLease);
        assert!(
            failure.detail.contains("no usable offer for 1"),
            "{failure}"
        );
        assert!(
            failure.detail.contains("192.0.2.1 by 192.0.2.1"),
            "{failure}"
        );

        // A server that has refused since is judged by what it said since.
        seen.refused(None, None);
        assert_eq!(seen.failure(DEADLINE).cause, Cause::Nak);

        let mut seen = Acquisition::default();
        seen.sent(Some(MessageType::Request), now);
        seen.replies()
            .ignored(Ignored::NoLeaseTime, heard(MessageType::Ack));
        let failure = seen.failure(DEADLINE);
        assert_eq!(failure.cause, Cause::Malformed);
        assert!(
            failure
                .detail
                .contains("1 acknowledgement came and was ignored: option 51"),
            "{failure}"
        );
    }

    #[test]
    fn the_time_counts_from_the_first_message() {
        let (start, mut seen) = (Instant::now(), Acquisition::default());
        assert_eq!(seen.elapsed(start), Duration::ZERO);
        seen.sent(Some(MessageType::Discover), start);
        seen.sent(Some(MessageType::Discover), start + Duration::from_secs(4));
        assert_eq!(
            seen.elapsed(start + Duration::from_secs(5)),
            Duration::from_secs(5)
        );
    }
}
