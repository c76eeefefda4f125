//! What was told already of messages that are not as they should be.

use super::Ipv6Event;
use crate::dhcp6;
use crate::ndp::slaac;

/// So many are told in one life of a client.
const MOST_NOTED: usize = 16;

/// What was told of messages: each kind once.
#[derive(Debug, Default)]
pub(in crate::client) struct Noted(Vec<(&'static str, &'static str)>);

impl Noted {
    /// Whether it is new, and there is room.
    pub(in crate::client) fn note(&mut self, event: &Ipv6Event) -> bool {
        let word = match event {
            Ipv6Event::Refused(refused) => refused.reason.as_str(),
            Ipv6Event::Undecodable { error, .. } => error.as_str(),
            Ipv6Event::Unsound { .. } => "unsound",
            Ipv6Event::Host(slaac::Event::Ignored { reason, .. }) => reason.as_str(),
            Ipv6Event::Host(slaac::Event::Remarked { remark, .. }) => remark.reason.as_str(),
            Ipv6Event::Dhcp6(dhcp6::Event::Ignored { reason, .. }) => reason.as_str(),
            Ipv6Event::Dhcp6(dhcp6::Event::Remarked { remark, .. }) => remark.reason.as_str(),
            Ipv6Event::NoNat64 | Ipv6Event::Host(_) | Ipv6Event::Dhcp6(_) => "",
        };
        let key = (event.kind().as_str(), word);
        let is_new = self.0.len() < MOST_NOTED && !self.0.contains(&key);
        if is_new {
            self.0.push(key);
        }
        is_new
    }
}
