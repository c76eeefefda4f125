//! One question before the first scenario: does a DHCP server answer here?
//!
//! A client of the pool asks (DHCPDISCOVER, as often as RFC 2131, 4.1 says), and goes without taking what it is offered: no
//! server keeps an address for it. Without this each scenario of a suite would find out for itself, and wait each time.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout_at};

use crate::clock::now;
use crate::dhcp::{self, Client, ClientId, Message, MessageType, Output, code};
use crate::identity::{ClientNumber, Identity, PoolName, Seed};
use crate::lan::{CleanupError, Lan, Port, PortEvent};
use crate::objective::Verdict;
use crate::objective::wait::Wait;
use crate::stats::Signal;
use crate::tester;

/// What the question came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeAnswer {
    /// A server offers an address.
    Offer {
        /// Its identifier (option 54), where it names one.
        server: Option<Ipv4Addr>,
        /// What it offers.
        address: Ipv4Addr,
    },
    /// No server has answered.
    Silence {
        /// How often it was asked.
        asked: u32,
        /// For how long.
        waited: Duration,
        /// How late the tester was at worst meanwhile, where that may be why nothing was heard.
        tester: Option<Duration>,
    },
    /// The question could not be asked.
    NotAsked(String),
}

/// How long is waited for an answer, where a client may take longer to get a lease: for four questions, of which the last is
/// half a minute after the first, when also a switch has opened its port that looks for loops first.
pub const PATIENCE: Duration = Duration::from_secs(45);

/// Where the tester was late, an answer is waited for so much longer, again and again.
const LONGER: Duration = Duration::from_millis(100);

/// The stream of random choices of this client.
const PROBE: u64 = 0x9_0be;

/// Asks as the first client of the pool until `stop` ends, for `patience`, or as much longer as the tester is late meanwhile. Also
/// returned is what could not be removed again.
pub async fn ask<L: Lan>(
    lan: &L,
    pool: &PoolName,
    seed: Seed,
    patience: Duration,
    tester: &tester::TesterFigures,
    stop: impl Future<Output = ()>,
) -> (ProbeAnswer, Vec<CleanupError>) {
    let identity = Identity::derive(pool, ClientNumber(1), seed);
    let (told, mut heard) = mpsc::unbounded_channel();
    let inbox = Box::new(move |event| {
        // Whoever asked may have gone.
        let _ = told.send(event);
    });
    let answer = match lan.attach(&identity, inbox).await {
        Ok(port) => {
            let answer = tokio::select! {
                answer = converse(&port, &identity, seed, patience, tester, &mut heard) => answer,
                () = stop => ProbeAnswer::NotAsked("interrupted".to_owned()),
            };
            // Its sockets would keep the namespace.
            drop(port);
            answer
        }
        Err(failure) => ProbeAnswer::NotAsked(failure.to_string()),
    };
    let left = lan.detach(&identity).await;
    lan.forget(&identity);
    (answer, left)
}

async fn converse<P: Port>(
    port: &P,
    identity: &Identity,
    seed: Seed,
    patience: Duration,
    tester: &tester::TesterFigures,
    heard: &mut mpsc::UnboundedReceiver<PortEvent>,
) -> ProbeAnswer {
    let config = dhcp::Config {
        start_delay: Duration::ZERO..=Duration::ZERO,
        client_id: ClientId::Mac,
        hostname: Some(identity.namespace.clone()),
        ..dhcp::Config::new(identity.mac)
    };
    let mut machine = Client::new(config, seed.rng(identity.number, PROBE));
    let begun = tokio::time::Instant::now();
    let wait = Wait::new(patience, Signal::Dhcp);
    let mut end = begun + patience;
    machine.start(now());
    let (mut asked, mut transaction) = (0, None);
    loop {
        while let Some(output) = machine.poll_output() {
            if let Output::Transmit(transmit) = output {
                transaction = Some(transmit.message.xid);
                asked += 1;
                if let Err(error) = port.transmit(&transmit) {
                    return ProbeAnswer::NotAsked(format!(
                        "a DHCPDISCOVER cannot be sent: {error}"
                    ));
                }
            }
        }
        let due = machine
            .poll_timeout()
            .map_or(end, |due| end.min(due.into()));
        let event = tokio::select! {
            event = timeout_at(end, heard.recv()) => event.ok().flatten(),
            () = sleep_until(due) => None,
        };
        match event {
            Some(PortEvent::Dhcp(bytes)) => {
                if let Some(answer) = offer(&bytes, transaction) {
                    return answer;
                }
            }
            Some(PortEvent::Gone(cause, why)) => {
                return ProbeAnswer::NotAsked(format!("{cause}: {why}"));
            }
            Some(_) => {}
            None if tokio::time::Instant::now() >= end => {
                let elapsed = begun.elapsed();
                let worst = tester.worst_of(elapsed);
                if wait.goes_on(elapsed, worst) {
                    end += LONGER;
                    continue;
                }
                return ProbeAnswer::Silence {
                    asked,
                    waited: patience.max(elapsed),
                    tester: (wait.missed(worst) == Verdict::Inconclusive).then_some(worst),
                };
            }
            None => machine.handle_timeout(now()),
        }
    }
}

/// The offer that a message is, if it answers this transaction.
fn offer(bytes: &[u8], transaction: Option<u32>) -> Option<ProbeAnswer> {
    let message = Message::decode(bytes).ok()?;
    // A server that grants at once (RFC 4039) was not asked to.
    let is_offer = message.message_type() == Some(MessageType::Offer);
    (is_offer && Some(message.xid) == transaction).then(|| ProbeAnswer::Offer {
        server: message.options.address(code::SERVER_ID),
        address: message.yiaddr,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::LabConfig;
    use crate::lan::fake::{Behaviour, FakeLan};

    const SEED: Seed = Seed(7);

    fn mac() -> crate::identity::Mac {
        Identity::derive(&PoolName::default(), ClientNumber(1), SEED).mac
    }

    async fn asked(lan: &FakeLan) -> (ProbeAnswer, Vec<CleanupError>) {
        let (in_time, never) = (tester::TesterFigures::default(), std::future::pending());
        ask(lan, &PoolName::default(), SEED, PATIENCE, &in_time, never).await
    }

    #[tokio::test(start_paused = true)]
    async fn an_offer_is_told_and_not_taken() {
        let lan = FakeLan::new(&LabConfig::default());
        let (answer, left) = asked(&lan).await;
        assert!(
            matches!(
                answer,
                ProbeAnswer::Offer {
                    server: Some(_),
                    ..
                }
            ),
            "{answer:?}"
        );
        assert_eq!(left, []);
        assert_eq!(lan.leases(), 0);
        let sent: Vec<_> = lan
            .sent_by(mac())
            .into_iter()
            .map(|(kind, _)| kind)
            .collect();
        assert_eq!(
            sent,
            [MessageType::Discover],
            "it asks, and says nothing more"
        );
        assert!(lan.namespaces().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_silent_costs_the_patience_and_no_more() {
        let lan = FakeLan::new(&LabConfig::default());
        lan.behave(Behaviour::Mute);
        let begun = tokio::time::Instant::now();
        let (answer, left) = asked(&lan).await;
        let silence = ProbeAnswer::Silence {
            asked: 4,
            waited: PATIENCE,
            tester: None,
        };
        assert_eq!(answer, silence);
        assert_eq!(left, []);
        // The fake LAN takes a moment to plug in.
        assert!(begun.elapsed() < PATIENCE + Duration::from_secs(1));
        assert!(lan.namespaces().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_silence_that_the_tester_may_have_slept_through_is_not_the_servers() {
        let lan = FakeLan::new(&LabConfig::default());
        lan.behave(Behaviour::Mute);
        let late = tester::TesterFigures::late_by(Duration::from_secs(5));
        let (answer, left) = ask(
            &lan,
            &PoolName::default(),
            SEED,
            PATIENCE,
            &late,
            std::future::pending(),
        )
        .await;
        assert_eq!(left, []);
        let ProbeAnswer::Silence { waited, tester, .. } = answer else {
            panic!("{answer:?}");
        };
        assert!(tester >= Some(Duration::from_secs(5)), "{tester:?}");
        assert!(
            waited > PATIENCE && waited < PATIENCE * 2,
            "it goes on, and ends: {waited:?}"
        );
    }
}
