//! What stands in each message that a client sends (RFC 9915, 18.2.1 to 18.2.8).

use std::net::Ipv6Addr;

use super::exchange::Exchange;
use super::{Config, WantedIa};
use crate::lease::{Lease, LeasedIa};
use crate::options::code;
use crate::{Duid, Ia, IaAddress, IaKind, IaPrefix, Message, MessageType, Prefix};

impl Config {
    /// SOLICIT, which asks for what was held before.
    pub(super) fn solicit(&self, exchange: &Exchange, hint: Option<&Lease>) -> Message {
        let mut message = self.begin(MessageType::Solicit, exchange.xid, None);
        self.push_wanted(&mut message, hint);
        self.push_requests(&mut message);
        push_elapsed(&mut message, exchange);
        if self.rapid_commit {
            message.options.push(code::RAPID_COMMIT, []);
        }
        self.finish(message)
    }

    /// REQUEST to `server`, for what it offered.
    // RFC 9915, 18.2.2: REQUEST names the chosen server, and has all that is wanted with what it offered.
    pub(super) fn request(
        &self,
        exchange: &Exchange,
        server: &Duid,
        wish: Option<&Lease>,
    ) -> Message {
        self.ask(MessageType::Request, exchange, Some(server), wish)
    }

    /// RENEW to the lease's server.
    // RFC 9915, 18.2.4: RENEW names the lease's server, and has all that is wanted with what is held.
    pub(super) fn renew(&self, exchange: &Exchange, lease: &Lease) -> Message {
        self.ask(
            MessageType::Renew,
            exchange,
            Some(&lease.server),
            Some(lease),
        )
    }

    /// REBIND to any server.
    // RFC 9915, 18.2.5: REBIND is RENEW without a server.
    pub(super) fn rebind(&self, exchange: &Exchange, lease: &Lease) -> Message {
        self.ask(MessageType::Rebind, exchange, None, Some(lease))
    }

    /// CONFIRM: the addresses, with all times 0.
    // RFC 9915, 18.2.3: CONFIRM has the addresses that are held, without their times, and asks for nothing else.
    pub(super) fn confirm(&self, exchange: &Exchange, lease: &Lease) -> Message {
        let mut message = self.begin(MessageType::Confirm, exchange.xid, None);
        for ia in lease.ias.iter().filter(|ia| !ia.addresses.is_empty()) {
            message.options.push_ia(&written(ia));
        }
        push_elapsed(&mut message, exchange);
        self.arrange(message)
    }

    /// RELEASE of all that is leased.
    // RFC 9915, 18.2.7: RELEASE names the lease's server, and has what is given back.
    pub(super) fn release(&self, exchange: &Exchange, lease: &Lease) -> Message {
        self.release_with(exchange.xid, exchange.elapsed_time(), lease)
    }

    /// The RELEASE of a lease whose holder can no longer send it itself: once, and nobody waits for an answer.
    // Field practice: a lease is given back in the name of a client that is dead.
    pub fn release_of(&self, lease: &Lease, rng: &mut fastrand::Rng) -> Message {
        self.release_with(rng.u32(..=0xff_ffff), 0, lease)
    }

    fn release_with(&self, xid: u32, elapsed: u16, lease: &Lease) -> Message {
        let mut message = self.begin(MessageType::Release, xid, Some(&lease.server));
        for ia in &lease.ias {
            message.options.push_ia(&written(ia));
        }
        message
            .options
            .push(code::ELAPSED_TIME, elapsed.to_be_bytes());
        self.arrange(message)
    }

    /// DECLINE of `addresses`, each with the number of its identity association.
    // RFC 9915, 18.2.8: DECLINE names the lease's server, and has the addresses that somebody else has, and no prefix.
    pub(super) fn decline(
        &self,
        exchange: &Exchange,
        server: &Duid,
        addresses: &[(u32, Ipv6Addr)],
    ) -> Message {
        let mut message = self.begin(MessageType::Decline, exchange.xid, Some(server));
        let mut ias: Vec<Ia> = Vec::new();
        for (iaid, address) in addresses {
            let at = ias.iter().position(|ia| ia.iaid == *iaid);
            let at = at.unwrap_or_else(|| {
                ias.push(Ia::new(IaKind::Addresses, *iaid));
                ias.len() - 1
            });
            ias[at]
                .options
                .push_address(&IaAddress::new(*address, 0, 0));
        }
        for ia in &ias {
            message.options.push_ia(ia);
        }
        push_elapsed(&mut message, exchange);
        self.arrange(message)
    }

    /// INFORMATION-REQUEST; to `server` where a RECONFIGURE made it.
    // RFC 9915, 18.2.6: INFORMATION-REQUEST asks for options 32 and 83, and for nothing that is leased.
    pub(super) fn inform(&self, exchange: &Exchange, server: Option<&Duid>) -> Message {
        let mut message = Message::new(MessageType::InformationRequest, exchange.xid);
        if !self.is_anonymous {
            message.options.push(code::CLIENT_ID, self.duid.as_bytes());
        }
        if let Some(server) = server {
            message.options.push(code::SERVER_ID, server.as_bytes());
        }
        let own = [code::INFORMATION_REFRESH_TIME, code::INF_MAX_RT];
        message.options.push_requests(&self.requests_with(&own));
        push_elapsed(&mut message, exchange);
        self.finish(message)
    }

    /// A message that asks for what is leased.
    fn ask(
        &self,
        message_type: MessageType,
        exchange: &Exchange,
        server: Option<&Duid>,
        leased: Option<&Lease>,
    ) -> Message {
        let mut message = self.begin(message_type, exchange.xid, server);
        self.push_wanted(&mut message, leased);
        self.push_requests(&mut message);
        push_elapsed(&mut message, exchange);
        self.finish(message)
    }

    // RFC 9915, 11: the client's DUID is the same in all its messages.
    fn begin(&self, message_type: MessageType, xid: u32, server: Option<&Duid>) -> Message {
        let mut message = Message::new(message_type, xid);
        message.options.push(code::CLIENT_ID, self.duid.as_bytes());
        if let Some(server) = server {
            message.options.push(code::SERVER_ID, server.as_bytes());
        }
        message
    }

    /// All that is wanted, with what of it is `leased`.
    // RFC 9915, 18.2: all that is wanted is asked for in one message, and again when a server had only a part of it.
    fn push_wanted(&self, message: &mut Message, leased: Option<&Lease>) {
        for &wanted in &self.ias {
            let held = leased.and_then(|lease| lease.ia(wanted.kind, wanted.iaid));
            let ia = held.map_or_else(|| unleased(wanted), written);
            message.options.push_ia(&ia);
        }
    }

    // RFC 9915, 21.7: SOLICIT, REQUEST, RENEW and REBIND ask for option 82 and for what else is of use.
    fn push_requests(&self, message: &mut Message) {
        let exclude: &[u16] = if self.wants_prefixes() {
            &[code::SOL_MAX_RT, code::PREFIX_EXCLUDE]
        } else {
            &[code::SOL_MAX_RT]
        };
        message.options.push_requests(&self.requests_with(exclude));
    }

    /// What is asked for, with what this message must ask for, and without what it must not.
    fn requests_with(&self, own: &[u16]) -> Vec<u16> {
        let informs = own.contains(&code::INFORMATION_REFRESH_TIME);
        let is_allowed = |code: &u16| informs || !matches!(*code, code::INFORMATION_REFRESH_TIME);
        let mut requests: Vec<u16> = self.requests.iter().copied().filter(is_allowed).collect();
        for code in own {
            if !requests.contains(code) {
                requests.push(*code);
            }
        }
        requests
    }

    /// What says how the client is, in messages that ask for something.
    fn finish(&self, mut message: Message) -> Message {
        let options = &mut message.options;
        if self.reconfigure {
            options.push(code::RECONFIGURE_ACCEPT, []);
        }
        if !self.user_class.is_empty() {
            options.push(code::USER_CLASS, items(&self.user_class));
        }
        if let Some(class) = &self.vendor_class {
            let mut value = class.enterprise.to_be_bytes().to_vec();
            value.extend(items(&class.data));
            options.push(code::VENDOR_CLASS, value);
        }
        let mut set = Vec::new();
        for (code, value) in &self.extra {
            if Self::OWN_OPTIONS.contains(code) {
                continue;
            }
            // One that the client would send by itself is replaced, by all that are given.
            if !set.contains(code) {
                options.remove(*code);
                set.push(*code);
            }
            options.push(*code, value.as_slice());
        }
        self.arrange(message)
    }

    fn arrange(&self, mut message: Message) -> Message {
        message.options.arrange(&self.option_order);
        message
    }
}

// RFC 9915, 18.2.1: each message that a client sends says for how long it has been trying.
fn push_elapsed(message: &mut Message, exchange: &Exchange) {
    let elapsed = exchange.elapsed_time();
    message
        .options
        .push(code::ELAPSED_TIME, elapsed.to_be_bytes());
}

/// An identity association as it is sent: without times (RFC 9915, 21.4, 21.6, 21.22).
// RFC 9915, 21.4: a client sends all times as 0.
fn written(leased: &LeasedIa) -> Ia {
    let mut ia = Ia::new(leased.kind, leased.iaid);
    for held in &leased.addresses {
        ia.options.push_address(&IaAddress::new(held.address, 0, 0));
    }
    for held in &leased.prefixes {
        let prefix = IaPrefix::new(held.prefix, 0, 0);
        // RFC 6603, 6.1: what is given back of a prefix has its excluded part with it.
        ia.options.push_prefix(&match held.excluded {
            Some(excluded) => prefix.excluding(excluded),
            None => prefix,
        });
    }
    ia
}

/// One that has nothing; with the length of the prefix that it would like.
// RFC 9915, 21.22: a client that wants a prefix of some length asks for :: with that length.
fn unleased(wanted: WantedIa) -> Ia {
    let mut ia = Ia::new(wanted.kind, wanted.iaid);
    let length = wanted.prefix_length.filter(|length| *length > 0);
    let hint = length.and_then(|length| Prefix::new(Ipv6Addr::UNSPECIFIED, length));
    if let (IaKind::Prefixes, Some(hint)) = (wanted.kind, hint) {
        ia.options.push_prefix(&IaPrefix::new(hint, 0, 0));
    }
    ia
}

/// Each with its length before it, of at most 65,535 bytes.
fn items(items: &[Vec<u8>]) -> Vec<u8> {
    let mut value = Vec::new();
    for item in items {
        let item = &item[..item.len().min(usize::from(u16::MAX))];
        let length = u16::try_from(item.len()).unwrap_or(u16::MAX);
        value.extend(length.to_be_bytes());
        value.extend(item);
    }
    value
}
