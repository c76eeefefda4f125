//! What is not leased: INFORMATION-REQUEST, alone or beside a lease (RFC 9915, 18.2.6, 21.23).

use std::time::{Duration, Instant};

use super::event::{Event, Information};
use super::exchange::{Exchange, Retransmission, SeenWaits};
use super::state::{Beside, Delaying, Informing, Next, State};
use super::{Client, has_come};
use crate::grant::Refusal;
use crate::lease::ServerKey;
use crate::options::code;
use crate::{Duid, Message, Parameters, StatusCode};

/// When information is asked for again, in seconds, where no server says (RFC 9915, 7.6: `IRT_DEFAULT`), and at the earliest
/// (`IRT_MINIMUM`).
const REFRESH_DEFAULT: u32 = 86_400;
const REFRESH_MINIMUM: u32 = 600;

impl Client {
    // RFC 9915, 18.2.6: an INFORMATION-REQUEST that refreshes waits a random time, too.
    pub(super) fn wait_to_inform(&mut self, known: Option<Information>, now: Instant) -> State {
        let at = self.after_start_delay(now);
        let next = Next::Inform(known);
        State::Delaying(Delaying { next, at })
    }

    pub(super) fn ask_for_information(
        &mut self,
        known: Option<Information>,
        server: Option<Duid>,
        now: Instant,
    ) -> State {
        let retransmission = Retransmission::inform(self.waits);
        let exchange = Exchange::new(self.xid(), retransmission, now);
        self.inform_again(
            Informing {
                exchange,
                known,
                server,
            },
            now,
        )
    }

    pub(super) fn inform_again(&mut self, mut informing: Informing, now: Instant) -> State {
        informing.exchange.retransmission = Retransmission::inform(self.waits);
        let server = informing.server.as_ref();
        self.send(&mut informing.exchange, now, |config, exchange| {
            config.inform(exchange, server)
        });
        State::Informing(informing)
    }

    pub(super) fn informed(
        &mut self,
        informing: Informing,
        message: &Message,
        server: Duid,
        now: Instant,
    ) -> State {
        match self.read_information(informing.known.as_ref(), message, server, now) {
            Some(information) => {
                self.event(Event::Informed(information.clone()));
                State::Informed(information)
            }
            None => State::Informing(informing),
        }
    }

    /// What the answer says; `None`: the server could not do what was asked, and is asked again.
    fn read_information(
        &mut self,
        known: Option<&Information>,
        message: &Message,
        server: Duid,
        now: Instant,
    ) -> Option<Information> {
        self.waits.take(message, &mut SeenWaits::default());
        let status = message.options.status();
        if status.code != StatusCode::Success {
            self.refused(Refusal { ia: None, status }, &server);
            return None;
        }
        // RFC 9915, 18.2.10.5: what a server does not tell any more is used no more.
        let (parameters, remarks) = Parameters::read(&message.options);
        self.remark(&remarks);
        let known_key = known
            .filter(|known| known.server == server)
            .and_then(|known| known.reconfigure);
        Some(Information {
            server,
            parameters,
            refresh_at: refresh_after(message).and_then(|after| now.checked_add(after)),
            reconfigure: ServerKey::read(&message.options, known_key),
        })
    }

    /// Asks for information beside the lease; one that still waits for its answer is given up for the new one.
    pub(super) fn inform_beside(
        &mut self,
        mut state: State,
        server: Option<Duid>,
        now: Instant,
    ) -> State {
        let retransmission = Retransmission::inform(self.waits);
        let xid = self.xid();
        if let Some(held) = state.held_mut() {
            let mut beside = Beside {
                exchange: Exchange::new(xid, retransmission, now),
                server,
            };
            self.send_beside(&mut beside, now);
            held.informing = Some(beside);
        }
        state
    }

    fn send_beside(&mut self, beside: &mut Beside, now: Instant) {
        let server = beside.server.as_ref();
        self.send(&mut beside.exchange, now, |config, exchange| {
            config.inform(exchange, server)
        });
    }

    /// The answer to it: the lease's other contents are as the server now says.
    pub(super) fn informed_beside(&mut self, message: &Message, server: Duid) {
        let mut state = self.state.take();
        if let Some(held) = state.held_mut() {
            self.waits.take(message, &mut SeenWaits::default());
            let status = message.options.status();
            if status.code == StatusCode::Success {
                let (parameters, remarks) = Parameters::read(&message.options);
                self.remark(&remarks);
                held.informing = None;
                held.lease.parameters = parameters.clone();
                self.event(Event::Informed(Information {
                    server,
                    parameters,
                    refresh_at: None,
                    reconfigure: None,
                }));
            } else {
                self.refused(Refusal { ia: None, status }, &server);
            }
        }
        self.state.set(state);
    }

    /// What is due beside the state.
    pub(super) fn tend(&mut self, now: Instant) {
        let mut state = self.state.take();
        if let Some(held) = state.held_mut()
            && let Some(mut beside) = held.informing.take()
        {
            if has_come(Some(beside.exchange.deadline()), now) {
                self.send_beside(&mut beside, now);
            }
            held.informing = Some(beside);
        }
        self.state.set(state);
    }
}

/// After which time information is asked for again; `None`: never.
// RFC 9915, 21.23: information is refreshed after option 32, 600 s at least, or a day where there is none.
fn refresh_after(message: &Message) -> Option<Duration> {
    let seconds = message.options.seconds(code::INFORMATION_REFRESH_TIME);
    match seconds.unwrap_or(REFRESH_DEFAULT) {
        u32::MAX => None,
        seconds => Some(Duration::from_secs(seconds.max(REFRESH_MINIMUM).into())),
    }
}
