//! Which messages are for this client at all (RFC 9915, 16).

use super::event::{Arrival, ReconfigureKind};
use super::{Config, State};
use crate::auth::Authentication;
use crate::lease::ServerKey;
use crate::options::code;
use crate::{Duid, Ignored, Message, MessageType};

/// What a message is to this client, and which server it is from.
pub(super) enum Accepted {
    /// An ADVERTISE to the exchange of its state.
    Advertise(Duid),
    /// A REPLY to it.
    Reply(Duid),
    /// A REPLY to the INFORMATION-REQUEST that goes on beside a lease.
    Beside(Duid),
    /// A RECONFIGURE that is genuine.
    Reconfigure(ReconfigureKind, Duid),
}

/// The checks that do not depend on what a message leases. A RECONFIGURE that passes is remembered, so that it passes once.
pub(super) fn accept(
    message: &Message,
    arrival: Arrival,
    config: &Config,
    state: &mut State,
) -> Result<Accepted, Ignored> {
    // RFC 9915, 16.2: a message that clients send is dropped.
    if !message.message_type.is_servers() {
        return Err(Ignored::NotForClients);
    }
    // RFC 9915, 16: a message to a group of hosts is dropped.
    if arrival.destination.is_multicast() {
        return Err(Ignored::Multicast);
    }
    if message.message_type == MessageType::Reconfigure {
        let server = server(message)?;
        check_client(message, config, true)?;
        return reconfigure(message, server, config, state);
    }
    let beside = state.held().and_then(|held| held.informing.as_ref());
    let is_own = state
        .exchange()
        .is_some_and(|exchange| exchange.xid == message.xid);
    let is_beside = beside.is_some_and(|beside| beside.exchange.xid == message.xid);
    // RFC 9915, 16.3: an answer with another transaction id is dropped.
    if !is_own && !is_beside {
        let is_awaited = state.exchange().is_some() || beside.is_some();
        return Err(if is_awaited {
            Ignored::ForeignXid
        } else {
            Ignored::Unexpected
        });
    }
    let server = server(message)?;
    let is_information = is_beside || matches!(state, State::Informing(_));
    check_client(message, config, !(is_information && config.is_anonymous))?;
    let asked = match (is_own, beside) {
        (true, _) => state.asked(),
        (false, Some(beside)) => beside.server.as_ref(),
        (false, None) => None,
    };
    if asked.is_some_and(|asked| *asked != server) {
        return Err(Ignored::ForeignServer);
    }
    match (message.message_type, is_own) {
        (MessageType::Advertise, true) => Ok(Accepted::Advertise(server)),
        (MessageType::Reply, true) => Ok(Accepted::Reply(server)),
        (MessageType::Reply, false) => Ok(Accepted::Beside(server)),
        _ => Err(Ignored::Unexpected),
    }
}

// RFC 9915, 16.10: a server's message without its DUID, or without the client's, is dropped.
fn server(message: &Message) -> Result<Duid, Ignored> {
    let server = message.options.duid(code::SERVER_ID);
    server.ok_or(Ignored::NoServerId)
}

/// Whether the client's DUID stands in the message, if one was sent, and does not, if none was.
fn check_client(message: &Message, config: &Config, was_sent: bool) -> Result<(), Ignored> {
    match message.options.duid(code::CLIENT_ID) {
        Some(client) if was_sent && client == config.duid => Ok(()),
        None if !was_sent => Ok(()),
        None => Err(Ignored::NoClientId),
        Some(_) => Err(Ignored::ForeignClientId),
    }
}

/// The checks of RFC 9915, 16.11, 20.3 and 20.4.
// RFC 9915, 16.11: a RECONFIGURE counts only where it is accepted, says what to do, and is authentic.
fn reconfigure(
    message: &Message,
    server: Duid,
    config: &Config,
    state: &mut State,
) -> Result<Accepted, Ignored> {
    if !config.reconfigure {
        return Err(Ignored::ReconfigureRefused);
    }
    let kind = message
        .options
        .byte(code::RECONFIGURE_MESSAGE)
        .and_then(ReconfigureKind::from_number)
        .ok_or(Ignored::NoReconfigureMessage)?;
    let known: Option<&mut ServerKey> = match state {
        State::Informed(information) if information.server == server => {
            information.reconfigure.as_mut()
        }
        _ => state
            .held_mut()
            .filter(|held| held.lease.server == server)
            .and_then(|held| held.lease.reconfigure.as_mut()),
    };
    let (Some(known), Some(Authentication::Digest { replay, .. })) =
        (known, Authentication::read(&message.options))
    else {
        return Err(Ignored::Unauthenticated);
    };
    if !known.key.verifies(message) {
        return Err(Ignored::WrongDigest);
    }
    // RFC 9915, 20.3: a RECONFIGURE that is no newer than the last of its server is dropped.
    if config.detects_replay && replay <= known.replay {
        return Err(Ignored::Replayed);
    }
    known.replay = replay;
    Ok(Accepted::Reconfigure(kind, server))
}
