//! Why a run did not come to an outcome.

use std::fmt;
use std::io;

use crate::chaos::PlanError;
use crate::http::{GuardError, HttpError};
use crate::lan::control_socket::ControlSocketError;
use crate::pool::PoolError;
use crate::report::ReportFileError;
use crate::sandbox::SandboxError;
use crate::scenario::Mistake;
use crate::testbed::TestbedError;

/// Why a run did not come to an outcome. Nothing of it is left on the host.
///
/// Its `Debug` form is the message, since that is what a program prints whose `main` returns the error.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The scenario makes no sense.
    #[error(transparent)]
    Scenario(#[from] Mistake),
    /// The plan of faults makes no sense.
    #[error(transparent)]
    Chaos(#[from] PlanError),
    /// The report or its page could not be written at the end.
    #[error(transparent)]
    Output(#[from] ReportFileError),
    /// Nobody could be let in to the metrics as the scenario says.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The metrics cannot be served.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The control socket cannot be made.
    #[error(transparent)]
    ControlSocket(#[from] ControlSocketError),
    /// The control socket cannot be listened on.
    #[error("the control socket cannot be served: {0}")]
    ControlServer(#[source] io::Error),
    /// Clients are to have IPv6, and the kernel does not speak it.
    #[error(
        "this kernel does not speak IPv6 (it was started with ipv6.disable=1, or built without it), and clients are to have it: \
         run with --family ipv4 (family = \"ipv4\" in a scenario file), or start the machine without ipv6.disable=1"
    )]
    NoIpv6,
    /// There is no sandbox for the lab.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The runtime could not be started.
    #[error("the runtime's threads could not be started: {0}")]
    Runtime(#[source] io::Error),
    /// The settings cannot be written into the report.
    #[error("the parameters could not be written as json: {0}")]
    Parameters(#[source] serde_json::Error),
    /// The testbed could not be opened.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
    /// The herd cannot be followed.
    #[error(transparent)]
    NotFollowed(PoolError),
    /// The pool ended, or did not answer, in the middle of the run.
    #[error("the run ended early: {0}")]
    EndedEarly(#[source] PoolError),
    /// A task of the run's own panicked.
    #[error("the run died: this is a bug in lanherd: {0}")]
    Died(#[source] tokio::task::JoinError),
}

impl fmt::Debug for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl RunError {
    /// Whether only another scenario could help: the environment is not to blame.
    pub const fn is_usage(&self) -> bool {
        match self {
            Self::Scenario(_)
            | Self::Chaos(_)
            | Self::Output(_)
            | Self::Guard(_)
            | Self::Http(HttpError::Unguarded(_)) => true,
            Self::NoIpv6
            | Self::Http(_)
            | Self::ControlSocket(_)
            | Self::ControlServer(_)
            | Self::Sandbox(_)
            | Self::Runtime(_)
            | Self::Parameters(_)
            | Self::Testbed(_)
            | Self::NotFollowed(_)
            | Self::EndedEarly(_)
            | Self::Died(_) => false,
        }
    }
}
