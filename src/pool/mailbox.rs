//! The pool's mailbox: it has no bound, so how many messages wait in it is counted.

use std::time::Duration;

use ractor::rpc::CallResult;
use ractor::{ActorRef, RpcReplyPort};

use super::PoolError;
use super::actor::PoolMsg;
use crate::metrics::MailboxMetrics;

/// What the pool's actor receives: a message, counted for as long as it waits.
#[derive(Debug)]
pub(super) struct Envelope {
    message: PoolMsg,
    waits: Waits,
}

impl Envelope {
    /// The message, which waits no longer.
    pub(super) fn open(self) -> PoolMsg {
        self.waits.0.taken();
        self.message
    }
}

/// One message that waits; also one that nobody will ever take, as the actor ends, waits no longer when it is dropped.
#[derive(Debug)]
struct Waits(MailboxMetrics);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.left();
    }
}

/// Where messages to a pool are put. Clones put them into the same mailbox.
#[derive(Debug, Clone)]
pub(super) struct Mailbox {
    pub(super) actor: ActorRef<Envelope>,
    pub(super) metrics: MailboxMetrics,
}

impl Mailbox {
    fn envelope(&self, message: PoolMsg) -> Envelope {
        self.metrics.entered();
        Envelope {
            message,
            waits: Waits(self.metrics.clone()),
        }
    }

    /// Puts a message in.
    ///
    /// # Errors
    /// If the pool has ended.
    pub(super) fn cast(&self, message: PoolMsg) -> Result<(), PoolError> {
        let sent = self.actor.cast(self.envelope(message));
        sent.map_err(|_| PoolError::Ended)
    }

    /// Puts a request in, and waits for the answer.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        timeout: Duration,
        message: impl FnOnce(RpcReplyPort<T>) -> PoolMsg,
    ) -> Result<T, PoolError> {
        let envelope = |reply| self.envelope(message(reply));
        match self.actor.call(envelope, Some(timeout)).await {
            Ok(CallResult::Success(answer)) => Ok(answer),
            Ok(CallResult::Timeout) => Err(PoolError::Timeout(timeout)),
            Ok(CallResult::SenderError) | Err(_) => Err(PoolError::Ended),
        }
    }
}
