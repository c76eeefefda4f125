//! A connection to a host that may have an address of each family.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;

use super::ClientContext;
use super::socket_error::SocketError;
use crate::family::Family;
use crate::lan::{Connected, Port};

/// How long the first address is tried alone: the Connection Attempt Delay that RFC 8305 (5) recommends.
pub(super) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// What came of it.
pub(super) struct Dialed<S> {
    /// The address that answered; of none, the one that was tried first.
    pub(super) server: SocketAddr,
    /// The connection, and how long it took from the first segment of the first try; or why there is none.
    pub(super) result: Result<Connected<S>, Undialed>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Undialed {
    /// What the sockets said.
    Failed(SocketError, String),
    /// The client has lost the family meanwhile.
    Lost(Family),
}

/// Connects within `timeout` to the first of these that answers: the second is tried when the first has failed, or has said nothing
/// for [`ATTEMPT_DELAY`]. There are two at most, and of two families.
pub(super) async fn dial<P: Port>(
    client: &ClientContext<P>,
    first: SocketAddr,
    second: Option<SocketAddr>,
    timeout: Duration,
) -> Dialed<P::Stream> {
    let began = Instant::now();
    let mut one = pin!(try_one(client, first, timeout));
    let Some(second) = second else {
        return Dialed {
            server: first,
            result: one.await,
        };
    };
    let alone = ATTEMPT_DELAY.min(timeout);
    let mut failed = match tokio::time::timeout(alone, one.as_mut()).await {
        Ok(Ok(connected)) => return reached(first, connected, Duration::ZERO),
        Ok(Err(error)) => Some(error),
        Err(_) => None,
    };
    let waited = began.elapsed();
    let mut two = pin!(try_one(client, second, timeout.saturating_sub(waited)));
    let mut other = None;
    loop {
        tokio::select! {
            biased;
            ended = one.as_mut(), if failed.is_none() => match ended {
                Ok(connected) => return reached(first, connected, Duration::ZERO),
                Err(error) => failed = Some(error),
            },
            ended = two.as_mut(), if other.is_none() => match ended {
                Ok(connected) => return reached(second, connected, waited),
                Err(error) => other = Some(error),
            },
        }
        match (failed, other) {
            (Some(failed), Some(other)) => {
                return Dialed {
                    server: first,
                    result: Err(of_both(failed, second, other)),
                };
            }
            one_at_most => (failed, other) = one_at_most,
        }
    }
}

/// One try, which ends when the client loses what it goes over.
async fn try_one<P: Port>(
    client: &ClientContext<P>,
    server: SocketAddr,
    timeout: Duration,
) -> Result<Connected<P::Stream>, Undialed> {
    let family = Family::of(server.ip());
    let connecting = pin!(client.port.connect(server, timeout));
    match client.while_unchanged(family, connecting).await {
        Some(Ok(connected)) => Ok(connected),
        Some(Err(error)) => Err(Undialed::Failed((&error).into(), error.to_string())),
        None => Err(Undialed::Lost(family)),
    }
}

fn reached<S>(server: SocketAddr, mut connected: Connected<S>, waited: Duration) -> Dialed<S> {
    connected.took += waited;
    Dialed {
        server,
        result: Ok(connected),
    }
}

/// Of two tries that failed: the first one says why, unless the tester was what kept the second from being made.
fn of_both(first: Undialed, server: SocketAddr, second: Undialed) -> Undialed {
    match (first, second) {
        (Undialed::Failed(cause, why), Undialed::Failed(other, reason)) => {
            let cause = match other {
                SocketError::Tester => other,
                _ => cause,
            };
            Undialed::Failed(cause, format!("{why}; {server}: {reason}"))
        }
        (Undialed::Lost(_), failed @ Undialed::Failed(..)) => failed,
        (first, Undialed::Lost(_)) => first,
    }
}
