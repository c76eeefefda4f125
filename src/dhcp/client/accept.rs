//! Which messages are for this client at all (RFC 2131, 4.4.1).

use super::{Config, State};
use crate::dhcp::options::code;
use crate::dhcp::{Ignored, Message, MessageType, Op};

/// A server's answer to the transaction under way.
pub(super) enum Reply<'a> {
    Offer(&'a Message),
    Ack(&'a Message),
    Nak(&'a Message),
}

/// The checks that do not depend on what a message grants.
pub(super) fn accept<'a>(
    message: &'a Message,
    config: &Config,
    state: &State,
) -> Result<Reply<'a>, Ignored> {
    if message.op != Op::Reply {
        return Err(Ignored::NotAReply);
    }
    if message.chaddr != config.mac {
        return Err(Ignored::ForeignMac);
    }
    let reply = match message.message_type().ok_or(Ignored::NoMessageType)? {
        MessageType::Offer => Reply::Offer(message),
        MessageType::Ack => Reply::Ack(message),
        MessageType::Nak => Reply::Nak(message),
        MessageType::Discover
        | MessageType::Request
        | MessageType::Decline
        | MessageType::Release
        | MessageType::Inform => return Err(Ignored::Unexpected),
    };
    if state.xid().ok_or(Ignored::Unexpected)? != message.xid {
        return Err(Ignored::ForeignXid);
    }
    // A server need not echo the client identifier, but where it does it must be ours (RFC 6842, 3).
    let ours = config.client_id.value(config.mac);
    match message.options.get(code::CLIENT_ID) {
        Some(theirs) if ours.as_deref() != Some(&*theirs) => Err(Ignored::ForeignClientId),
        Some(_) | None => Ok(reply),
    }
}
