//! The packets of a client: DHCP messages and ARP, sent and received.

use tracing::{debug, trace};

use super::{ClientEvent, ClientState, now};
use crate::dhcp::{self, Arp, Flaw, Message, MessageType, Transmit};
use crate::lan::{Lan, Port};
use crate::metrics::Direction;

impl<L: Lan> ClientState<L> {
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        match Message::decode(bytes) {
            Ok(message) => {
                trace!(client = %self.identity.namespace, ?message, "received");
                self.metrics
                    .dhcp_message(Direction::Received, message.options.message_type());
                self.machine.handle_message(&message, now());
                if matches!(self.machine.state(), dhcp::State::Probing(_)) {
                    self.acquisition.granted(now());
                }
            }
            Err(error) => {
                debug!(client = %self.identity.namespace, %error, "dropped a malformed DHCP message");
                self.metrics.dhcp_message(Direction::Received, None);
                self.flawed(Flaw::of_error(&error), error.to_string());
                self.replies().unreadable(error);
            }
        }
    }

    pub(super) fn transmit(&mut self, transmit: &Transmit) {
        let Some(port) = &self.port else { return };
        let kind = transmit.message.options.message_type();
        trace!(client = %self.identity.namespace, message = ?transmit.message, to = %transmit.destination, "sending");
        let sent = port.transmit(transmit);
        match &sent {
            Ok(()) => self.metrics.dhcp_message(Direction::Sent, kind),
            // The state machine sends again by the RFC's schedule; the failure at the deadline names the error.
            Err(error) => {
                debug!(client = %self.identity.namespace, %error, "could not send a DHCP message");
                self.replies().not_sent(error);
            }
        }
        if is_release(transmit) {
            self.tell(ClientEvent::Released(
                sent.map_err(|error| error.to_string()),
            ));
        }
        match (kind, self.machine.lease()) {
            (Some(MessageType::Request), Some(_)) => {
                self.extension_began.get_or_insert_with(now);
                self.extending.sent();
            }
            (Some(MessageType::Discover | MessageType::Request), None) => {
                self.asks_after_v6_only();
                self.acquisition.sent(kind, now());
            }
            _ => {}
        }
    }

    pub(super) fn transmit_arp(&self, arp: &Arp) {
        let Some(port) = &self.port else { return };
        trace!(client = %self.identity.namespace, ?arp, "sending");
        if let Err(error) = port.transmit_arp(arp) {
            debug!(client = %self.identity.namespace, %error, "could not send an ARP packet");
        }
    }

    /// Has the port hand on what the state machine wants to hear.
    pub(super) fn listen(&mut self) {
        let wanted = self.machine.listens_for();
        if self.listens_for != wanted
            && let Some(port) = &self.port
        {
            port.listen_arp(wanted);
            self.listens_for = wanted;
        }
    }
}

pub(super) fn is_release(transmit: &Transmit) -> bool {
    transmit.message.options.message_type() == Some(MessageType::Release)
}
