//! RECONFIGURE (RFC 9915, 18.3.11 and 20.4): the keys that clients have, and what is sent with them.

use std::collections::HashMap;
use std::net::Ipv6Addr;

use super::{Dhcp6Server, Origin};
use lanherd_dhcp6::{Duid, Message, MessageType, ReconfigureKey, code};
use lanherd_types::identity::Mac;

/// As many as a herd has clients.
const MOST: usize = 1 << 16;

/// A message to a client that has not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing6 {
    pub(crate) mac: Mac,
    pub(crate) to: Ipv6Addr,
    pub(crate) message: Message,
}

/// The clients that accept RECONFIGURE.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    known: HashMap<Duid, (ReconfigureKey, Mac, Ipv6Addr)>,
    /// A number that only grows, whatever is forgotten.
    replay: u64,
}

impl Dhcp6Server {
    /// Says that RECONFIGURE is known here where the client accepts it, and gives it a key with its first REPLY.
    // By RFC 9915 (20.4.2): the key is sent in a REPLY, and kept.
    pub(super) fn add_reconfiguration(
        &mut self,
        answer: &mut Message,
        question: &Message,
        (duid, origin): (&Duid, Origin),
        rng: &mut fastrand::Rng,
    ) {
        if !self.config.reconfigure || !question.options.contains(code::RECONFIGURE_ACCEPT) {
            return;
        }
        answer.options.push(code::RECONFIGURE_ACCEPT, []);
        let is_given = matches!(
            question.message_type,
            MessageType::Solicit
                | MessageType::Request
                | MessageType::Renew
                | MessageType::Rebind
                | MessageType::InformationRequest
        );
        let contacts = &mut self.contacts;
        let has_room = contacts.known.len() < MOST || contacts.known.contains_key(duid);
        if answer.message_type != MessageType::Reply || !is_given || !has_room {
            return;
        }
        let known = contacts.known.get(duid).map(|(key, ..)| *key);
        let key = known.unwrap_or_else(|| {
            let mut key = [0; 16];
            rng.fill(&mut key);
            ReconfigureKey(key)
        });
        contacts
            .known
            .insert(duid.clone(), (key, origin.mac, origin.source));
        contacts.replay += 1;
        answer.options.push_option(key.to_option(contacts.replay));
    }

    /// Has every client that accepts it send a message of that type: RENEW, REBIND or INFORMATION-REQUEST.
    pub(crate) fn reconfigure(&mut self, kind: MessageType) -> Vec<Outgoing6> {
        let mut messages = Vec::new();
        for (duid, (key, mac, to)) in &self.contacts.known {
            let mut message = Message::new(MessageType::Reconfigure, 0);
            message
                .options
                .push(code::CLIENT_ID, duid.as_bytes())
                .push(code::SERVER_ID, self.duid.as_bytes())
                .push(code::RECONFIGURE_MESSAGE, [kind.number()]);
            self.contacts.replay += 1;
            // It is never too long.
            if key.sign(&mut message, self.contacts.replay).is_ok() {
                let (mac, to) = (*mac, *to);
                messages.push(Outgoing6 { mac, to, message });
            }
        }
        // In an order of their own, so that a run with a seed is the same again.
        messages.sort_by_key(|outgoing| outgoing.mac);
        self.counters.reconfigures += messages.len() as u64;
        messages
    }

    /// Forgets every lease and every key, as a server without a memory does when it is started again.
    pub(crate) fn forget_everything(&mut self) {
        self.addresses.clear();
        self.prefixes.clear();
        self.contacts.known.clear();
    }
}
