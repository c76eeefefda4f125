//! What a server may say to a client that asked for it: have the address at once (RFC 4039), or do without one (RFC 8925).

use std::time::{Duration, Instant};

use super::event::{Event, LossReason};
use super::state::{Selecting, State, V6Only};
use super::{Client, Config};
use crate::options::code;
use crate::{Ignored, Lease, Message};

/// The shortest time without IPv4 (RFC 8925, 3.4).
const MIN_V6ONLY_WAIT: Duration = Duration::from_secs(300);

impl Config {
    /// How long `message` wants the client to do without IPv4, if the client asked. RFC 8925 (3.1): a value that is not four
    /// bytes long is none.
    pub(super) fn v6_only_wait(&self, message: &Message) -> Option<Duration> {
        // RFC 8925, 3.1: option 108 is nothing to a client that did not ask, or of another length.
        if !self.v6_only {
            return None;
        }
        let seconds = message.options.seconds(code::V6_ONLY)?;
        // RFC 8925, 3.4: the time without IPv4 is 300 s at least.
        Some(Duration::from_secs(seconds.into()).max(MIN_V6ONLY_WAIT))
    }
}

impl Client {
    /// An ACK to a DISCOVER counts only with option 80 (RFC 4039, 3.1). It ends the choice among offers at once: the address
    /// is taken already. As nothing was requested, the lease counts from the first DISCOVER.
    // RFC 4039, 3.1: an ACK to a DISCOVER counts with option 80, where that was asked for.
    pub(super) fn commit(&mut self, selecting: Selecting, ack: &Message, now: Instant) -> State {
        if !self.config.rapid_commit || !ack.options.contains(code::RAPID_COMMIT) {
            self.ignore(Ignored::Unexpected);
            return State::Selecting(selecting);
        }
        match self.grant(ack, ack.yiaddr, selecting.sent.first_at, now) {
            Ok(lease) => match self.config.v6_only_wait(ack) {
                Some(wait) => self.return_unused(&lease, wait, now),
                None => self.granted(lease, false, now),
            },
            Err(reason) => {
                self.ignore(reason);
                if reason == Ignored::LeaseRunOut {
                    return self.discover(selecting.acquisition, now);
                }
                State::Selecting(selecting)
            }
        }
    }

    /// No IPv4 until `wait` is over.
    pub(super) fn wait_without_v4(&mut self, wait: Duration, now: Instant) -> State {
        self.event(Event::V6Only { wait });
        State::V6Only(V6Only { until: now + wait })
    }

    /// The same with a lease just granted: it goes back, since saving addresses is what the option is for.
    pub(super) fn return_unused(&mut self, lease: &Lease, wait: Duration, now: Instant) -> State {
        self.send_release(lease.address, lease.server_id);
        self.wait_without_v4(wait, now)
    }

    /// The same with a lease in use.
    pub(super) fn stop_using(&mut self, lease: &Lease, wait: Duration, now: Instant) -> State {
        self.send_release(lease.address, lease.server_id);
        self.event(Event::Lost(LossReason::V6Only));
        self.wait_without_v4(wait, now)
    }
}
