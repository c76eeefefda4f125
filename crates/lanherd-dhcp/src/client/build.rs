//! What stands in each message that a client sends (RFC 2131, 4.3.2, 4.3.6, 4.4.3 and table 5).

use std::net::Ipv4Addr;

use super::config::VendorOptions;
use super::offers::Offer;
use super::state::Sent;
use super::{Config, Transmit};
use crate::options::code;
use crate::{Lease, Message, MessageType};

/// The smallest value of option 57 (RFC 2132, 9.10).
const MIN_MESSAGE_SIZE: u16 = 576;

impl Config {
    /// DISCOVER; option 50 for an address that it would like to have again.
    pub(super) fn discover(&self, sent: &Sent, hint: Option<Ipv4Addr>) -> Message {
        let mut message = self.unbound(MessageType::Discover, sent);
        // RFC 2131, 4.4.1: DISCOVER asks for the address that was held before.
        if let Some(address) = hint {
            message
                .options
                .push(code::REQUESTED_ADDRESS, address.octets());
        }
        if self.rapid_commit {
            message.options.push(code::RAPID_COMMIT, []);
        }
        self.finish(message)
    }

    /// REQUEST in SELECTING: options 50 and 54, `ciaddr` 0.
    // RFC 2131, 4.3.2: a REQUEST for an offer has options 50 and 54, and ciaddr 0.
    pub(super) fn request_offered(&self, sent: &Sent, offer: &Offer) -> Message {
        let mut message = self.unbound(MessageType::Request, sent);
        message
            .options
            .push(code::REQUESTED_ADDRESS, offer.address.octets());
        message
            .options
            .push(code::SERVER_ID, offer.server_id.octets());
        self.finish(message)
    }

    /// REQUEST in INIT-REBOOT: option 50 without 54, `ciaddr` 0.
    // RFC 2131, 4.4.2: a REQUEST for a remembered address has option 50, and not 54.
    pub(super) fn request_remembered(&self, sent: &Sent, address: Ipv4Addr) -> Message {
        let mut message = self.unbound(MessageType::Request, sent);
        message
            .options
            .push(code::REQUESTED_ADDRESS, address.octets());
        self.finish(message)
    }

    /// REQUEST in RENEWING and REBINDING: `ciaddr`, neither 50 nor 54.
    // RFC 2131, 4.4.5: RENEWING asks the lease's server, with ciaddr and neither 50 nor 54.
    pub(super) fn extend(&self, xid: u32, secs: u16, address: Ipv4Addr) -> Message {
        let mut message = self.identified(MessageType::Request, xid);
        message.secs = secs;
        message.ciaddr = address;
        self.finish(message)
    }

    /// The RELEASE of a lease whose holder can no longer send it itself.
    pub fn release_of(&self, lease: &Lease, rng: &mut fastrand::Rng) -> Transmit {
        Transmit {
            message: self.release(rng.u32(..), lease.address, lease.server_id),
            source: lease.address,
            destination: lease.server_id,
        }
    }

    /// RELEASE: `ciaddr` and 54, and nothing that asks for anything. The client identifier stays: "if the client used a
    /// 'client identifier' when it obtained the lease, it MUST use the same" (RFC 2131, 3.1(6)).
    // RFC 2131, table 5: RELEASE goes to the server, with ciaddr and 54, and asks for nothing.
    pub(super) fn release(&self, xid: u32, address: Ipv4Addr, server_id: Ipv4Addr) -> Message {
        let mut message = self.identified(MessageType::Release, xid);
        message.ciaddr = address;
        message.options.push(code::SERVER_ID, server_id.octets());
        self.arranged(message)
    }

    /// DECLINE: options 50 and 54, `ciaddr` and `secs` 0, and nothing that asks for anything.
    // RFC 2131, 4.4.4: a conflict makes the client DECLINE, to everybody, with 50 and 54 and ciaddr 0.
    pub(super) fn decline(&self, xid: u32, address: Ipv4Addr, server_id: Ipv4Addr) -> Message {
        let mut message = self.identified(MessageType::Decline, xid);
        message
            .options
            .push(code::REQUESTED_ADDRESS, address.octets())
            .push(code::SERVER_ID, server_id.octets());
        self.arranged(message)
    }

    /// INFORM: `ciaddr`, and none of 50, 51 and 54.
    // RFC 2131, 4.4.3: INFORM has ciaddr, and none of 50, 51 and 54.
    pub(super) fn inform(&self, sent: &Sent, address: Ipv4Addr) -> Message {
        let mut message = self.identified(MessageType::Inform, sent.xid);
        message.secs = sent.secs;
        message.ciaddr = address;
        let mut message = self.finish(message);
        // Somebody who wants a lease for so long may have put it among the others.
        message.options.remove(code::LEASE_TIME);
        message
    }

    /// A message of a client without an address, which may have to ask for broadcast replies (RFC 2131, 4.1).
    fn unbound(&self, message_type: MessageType, sent: &Sent) -> Message {
        let mut message = self.identified(message_type, sent.xid);
        message.secs = sent.secs;
        // RFC 2131, 4.1: the broadcast flag is set only when asked for, and only without an address.
        message.broadcast = self.broadcast;
        message
    }

    // RFC 2131, table 5: secs is the time since the client began, and 0 in RELEASE and DECLINE.
    fn identified(&self, message_type: MessageType, xid: u32) -> Message {
        let mut message = Message::request(message_type, self.mac, xid);
        // RFC 2131, 3.1(6): RELEASE has the client identifier under which the lease was won.
        if let Some(client_id) = self.client_id.value(self.mac) {
            message.options.push(code::CLIENT_ID, client_id);
        }
        message
    }

    /// What stands in every message that asks for something.
    fn finish(&self, mut message: Message) -> Message {
        // RFC 2132, 9.10: option 57 says how long a message may be, and never less than 576.
        let size = self
            .max_message_size
            .map(|size| size.max(MIN_MESSAGE_SIZE).to_be_bytes().to_vec());
        let of_its_own = [
            (code::MAX_MESSAGE_SIZE, size.unwrap_or_default()),
            (code::HOST_NAME, bytes(self.hostname.as_deref())),
            (code::PARAMETER_REQUESTS, self.wanted()),
            (code::VENDOR_CLASS, bytes(self.vendor_class.as_deref())),
            (code::USER_CLASS, self.user_classes()),
            (code::VENDOR_OPTIONS, self.vendors_options()),
        ];
        // None of them has an empty value.
        let is_sent = |(code, value): &(u8, Vec<u8>)| {
            !value.is_empty() && self.extra.iter().all(|(extra, _)| extra != code)
        };
        for (code, value) in of_its_own.into_iter().filter(is_sent) {
            message.options.push(code, value);
        }
        for (code, value) in &self.extra {
            if !Self::OWN_OPTIONS.contains(code) {
                message.options.push(*code, value.as_slice());
            }
        }
        self.arranged(message)
    }

    // RFC 2131, 4.4.1: the list of wanted parameters is the same in all messages.
    fn wanted(&self) -> Vec<u8> {
        let mut wanted = self.parameter_requests.clone();
        if self.v6_only && !wanted.contains(&code::V6_ONLY) {
            wanted.push(code::V6_ONLY);
        }
        wanted
    }

    fn user_classes(&self) -> Vec<u8> {
        let with_length = |class: &String| with_length(class.as_bytes());
        self.user_class.iter().flat_map(with_length).collect()
    }

    fn vendors_options(&self) -> Vec<u8> {
        let of_one = |vendor: &VendorOptions| {
            let data = with_length(&vendor.data);
            [vendor.enterprise.to_be_bytes().as_slice(), &data].concat()
        };
        self.vendor_options.iter().flat_map(of_one).collect()
    }

    fn arranged(&self, mut message: Message) -> Message {
        message.options.arrange(&self.option_order);
        message
    }
}

fn bytes(text: Option<&str>) -> Vec<u8> {
    text.unwrap_or_default().into()
}

/// `value` behind one byte that says how long it is; as much of it as that byte can say.
fn with_length(value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
    [&[length], &value[..usize::from(length)]].concat()
}
