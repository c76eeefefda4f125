//! The control socket of a run, for as long as the run lasts: made anew where somebody has removed it.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::RunError;
use super::remote::Remote;
use crate::Pool;
use crate::control;
use crate::identity::PoolName;
use crate::lan::Paths;
use crate::lan::control_socket::ControlSocket;
use lanherd_connections::Server;

/// From one look whether the socket is there to the next.
const UPKEEP: Duration = Duration::from_secs(3);

/// A socket, and the server that answers on it.
type Served = (ControlSocket, Server);

/// What answers on a control socket.
pub(super) struct Answering {
    pub(super) name: PoolName,
    pub(super) pool: Pool,
    pub(super) remote: Remote,
}

impl Answering {
    /// Makes the socket in the pool's folder, and answers on it.
    pub(super) fn open(&self) -> Result<Served, RunError> {
        self.serve(ControlSocket::beside(&Paths::default(), &self.name)?)
    }

    /// Answers on this socket. Within a runtime.
    pub(super) fn serve(&self, socket: ControlSocket) -> Result<Served, RunError> {
        let (name, pool, remote) = (self.name.clone(), self.pool.clone(), self.remote.clone());
        let server = socket
            .listener()
            .and_then(|listener| control::serve(listener, name, pool, remote))
            .map_err(RunError::ControlServer)?;
        Ok((socket, server))
    }
}

/// A served socket that is looked after.
pub(super) struct Kept {
    stop: CancellationToken,
    task: JoinHandle<Served>,
}

impl Kept {
    /// Looks after a socket from now on, and makes it anew by `answering`; `None`: it lies where this process cannot make another.
    pub(super) fn new(served: Served, answering: Option<Answering>) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(keep(served, answering, stop.clone()));
        Self { stop, task }
    }

    /// Ends that, and gives the socket back that is there now.
    pub(super) async fn end(self) -> Option<Served> {
        self.stop.cancel();
        self.task.await.ok()
    }
}

async fn keep(mut served: Served, answering: Option<Answering>, stop: CancellationToken) -> Served {
    let mut has_told = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return served,
            () = sleep(UPKEEP) => {}
        }
        // What cannot be looked at is not known to have gone.
        if served.0.is_there().unwrap_or(true) {
            continue;
        }
        let path = served.0.path().display().to_string();
        let Some(answering) = &answering else {
            tracing::warn!(
                "somebody has removed the control socket {path}: lanherd ps, exec, stop and their like do not reach this run any \
                 more; it goes on, and Ctrl-C or SIGTERM ends it"
            );
            stop.cancelled().await;
            return served;
        };
        // Its name is another's by now, if there is one.
        let _ = served.0.unlink();
        match answering.open() {
            Ok(anew) => {
                let (_, before) = std::mem::replace(&mut served, anew);
                before.shut_down().await;
                tracing::warn!(
                    "somebody had removed the control socket {path}: it has been made again"
                );
            }
            // The folder is made again first.
            Err(error) if !has_told => {
                has_told = true;
                tracing::debug!(%error, "the control socket {path} cannot be made again yet");
            }
            Err(_) => {}
        }
    }
}
