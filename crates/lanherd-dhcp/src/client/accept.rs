//! Which messages are for this client at all (RFC 2131, 4.4.1).

use super::{Config, State};
use crate::options::code;
use crate::{Ignored, Message, MessageType, Op};

/// A server's answer to the transaction under way.
pub(super) enum Reply<'a> {
    Offer(&'a Message),
    Ack(&'a Message),
    Nak(&'a Message),
}

/// What a message is to this client.
pub(super) enum Accepted<'a> {
    /// An answer to the transaction of its state.
    Reply(Reply<'a>),
    /// An ACK to the INFORM, which goes on beside that.
    Informed(&'a Message),
}

/// The checks that do not depend on what a message grants.
pub(super) fn accept<'a>(
    message: &'a Message,
    config: &Config,
    state: &State,
) -> Result<Accepted<'a>, Ignored> {
    // RFC 2131, 2: a reply has op 2 and the client's own chaddr.
    if message.op != Op::Reply {
        return Err(Ignored::NotAReply);
    }
    if message.chaddr != config.mac {
        return Err(Ignored::ForeignMac);
    }
    let Some(kind) = message.message_type() else {
        return Err(if message.options.contains(code::MESSAGE_TYPE) {
            Ignored::UnknownMessageType
        } else {
            Ignored::NoMessageType
        });
    };
    let informing = state.held().and_then(|held| held.informing);
    // RFC 2131, 4.4.1: a reply with another xid is not for this client.
    let is_own = state.xid() == Some(message.xid);
    let is_informing = informing.is_some_and(|sent| sent.xid == message.xid);
    let accepted = match kind {
        MessageType::Offer if is_own => Accepted::Reply(Reply::Offer(message)),
        MessageType::Ack if is_own => Accepted::Reply(Reply::Ack(message)),
        MessageType::Nak if is_own => Accepted::Reply(Reply::Nak(message)),
        MessageType::Ack if is_informing => Accepted::Informed(message),
        MessageType::Offer | MessageType::Ack | MessageType::Nak
            if !is_informing && (state.xid().is_some() || informing.is_some()) =>
        {
            return Err(Ignored::ForeignXid);
        }
        MessageType::Offer
        | MessageType::Ack
        | MessageType::Nak
        | MessageType::Discover
        | MessageType::Request
        | MessageType::Decline
        | MessageType::Release
        | MessageType::Inform => return Err(Ignored::Unexpected),
    };
    // A server need not echo the client identifier, but where it does it must be ours (RFC 6842, 3).
    // RFC 6842, 3: a client identifier that a server echoes must be the own one.
    let ours = config.client_id.value(config.mac);
    match message.options.get(code::CLIENT_ID) {
        Some(theirs) if ours.as_deref() != Some(&*theirs) => Err(Ignored::ForeignClientId),
        Some(_) | None => Ok(accepted),
    }
}
