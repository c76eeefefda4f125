//! What a run tells whoever watches it.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use crate::Pool;
use crate::identity::PoolName;
use crate::lab::LabHandle;
use crate::lan::leftovers::Cleared;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::phase::Phase;
use crate::pool::{Census, Figures};
use crate::soak::TimelineEntry;
use crate::testbed::CloseReport;
use crate::tester;

/// Watches a run: is told what happens, and may say when it wants to be told how the herd stands.
///
/// Every closure that takes a [`RunEvent`] is an observer. Observers are called between the steps of the run, so they
/// must not block for long.
pub trait Observer: Send {
    /// Called for each event, in the order in which they happen.
    fn observe(&mut self, event: &RunEvent<'_>);

    /// When the observer wants the next [`RunEvent::Holding`] of a herd that has joined; `None`: it wants none. Asked
    /// again after each event.
    fn next_look(&self) -> Option<Instant> {
        None
    }

    /// Whether the observer follows every single client; if so, [`OpenedRun::live`] is there.
    fn wants_live(&self) -> bool {
        false
    }
}

impl<F: FnMut(&RunEvent<'_>) + Send> Observer for F {
    fn observe(&mut self, event: &RunEvent<'_>) {
        self(event);
    }
}

/// The observer of a run that nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn observe(&mut self, _: &RunEvent<'_>) {}
}

/// Something that happened in a run. Its text is a sentence for people, without a full stop.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunEvent<'a> {
    /// What a killed run of the same pool had left was removed, or taken over.
    Cleared {
        /// The pool's name.
        pool: &'a PoolName,
        /// Whether taking over was wanted.
        adopt: bool,
        /// What became of each thing.
        cleared: &'a Cleared,
    },
    /// The testbed and its servers are open; clients begin to join.
    Opened(OpenedRun<'a>),
    /// Some clients are still on their way. Told ten times a second.
    Joining(&'a Census),
    /// Every client has come online or failed.
    Joined(&'a Census),
    /// How a herd stands that has joined; told when [`Observer::next_look`] says.
    Holding {
        /// How many clients are in which phase.
        census: &'a Census,
        /// What the herd has done since the run began.
        figures: &'a Figures,
    },
    /// The soak has looked at its herd.
    Looked {
        /// What happened since the look before.
        line: &'a TimelineEntry,
        /// The availability since the run began, 0 to 1; `None`: nothing can be said of it yet.
        availability: Option<f64>,
    },
    /// So many clients were told to leave at once.
    StormBegan {
        /// How many clients.
        clients: u32,
    },
    /// Clients that were to leave and be replaced were not.
    NotReplaced {
        /// Why it could not be done.
        why: String,
    },
    /// Every client has failed for good: the run ends early.
    EveryClientFailed,
    /// The report that is renewed during a soak could not be renewed. Told once until it can be again.
    ReportNotRenewed {
        /// Why it could not be done.
        why: String,
    },
    /// The report is renewed again.
    ReportRenewed,
    /// The run is over, and every client releases its lease and leaves.
    Leaving {
        /// How many clients the run was to have.
        clients: u32,
    },
    /// Everything is closed.
    Closed(&'a CloseReport),
}

/// A run whose testbed is open.
#[derive(Debug)]
pub struct OpenedRun<'a> {
    /// When the run began.
    pub started: Instant,
    /// The pool, for whoever wants more of it than the run does.
    pub pool: &'a Pool,
    /// The metrics of the run.
    pub metrics: &'a Metrics,
    /// The name of the pool, with which the clients' names begin.
    pub name: &'a PoolName,
    /// How many clients join.
    pub clients: u32,
    /// The interface on which they join.
    pub parent: &'a str,
    /// The faults of the lab, if the clients are on one.
    pub lab: Option<LabHandle>,
    /// The herd as it is followed; there if the observer wants it, or metrics are served.
    pub live: Option<Arc<Live>>,
    /// How late the tester itself is.
    pub tester: tester::TesterFigures,
    /// Where the live page is served; metrics are at `/metrics` below it.
    pub url: Option<String>,
}

impl fmt::Display for RunEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cleared { pool, cleared, .. } => write!(
                f,
                "a killed run of pool {pool} had left {} things, and {} are taken over",
                cleared.removed.len(),
                cleared.adopted
            ),
            Self::Opened(OpenedRun {
                name,
                clients,
                parent,
                ..
            }) => write!(
                f,
                "{clients} clients join on {parent} as {name}1 to {name}{clients}"
            ),
            Self::Joining(census) | Self::Joined(census) | Self::Holding { census, .. } => write!(
                f,
                "{} of {} online, {} failed",
                census.of(Phase::Online),
                census.total() - census.of(Phase::Gone),
                census.of(Phase::Failed)
            ),
            Self::Looked { line, .. } => write!(
                f,
                "{} of {} online, {} failed, {} restarts",
                line.online, line.wanted, line.failed, line.restarts
            ),
            Self::StormBegan { clients } => write!(f, "storm: {clients} clients leave at once"),
            Self::NotReplaced { why } => write!(f, "clients were not exchanged: {why}"),
            Self::EveryClientFailed => f.write_str("every client has failed for good: leaving"),
            Self::ReportNotRenewed { why } => f.write_str(why),
            Self::ReportRenewed => f.write_str("the report is written again"),
            Self::Leaving { clients } => {
                write!(f, "{clients} clients hand their leases back and leave")
            }
            Self::Closed(report) => write!(f, "closed, with {} errors", report.troubles.len()),
        }
    }
}

/// The observer of a run, as the tasks of the run share it.
#[derive(Clone)]
pub(crate) struct Announcer(Arc<Mutex<Box<dyn Observer>>>);

impl Announcer {
    pub(crate) fn new(observer: Box<dyn Observer>) -> Self {
        Self(Arc::new(Mutex::new(observer)))
    }

    /// Tells the observer of an event.
    pub(crate) fn tell(&self, event: &RunEvent<'_>) {
        self.with(|observer| observer.observe(event));
    }

    /// When the observer wants to be told next how the herd stands.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        self.with(|observer| observer.next_look())
    }

    /// Whether the observer follows every single client.
    pub(crate) fn wants_live(&self) -> bool {
        self.with(|observer| observer.wants_live())
    }

    fn with<T>(&self, work: impl FnOnce(&mut dyn Observer) -> T) -> T {
        // An observer that panicked once ended the task of the run by that; it is still told of the end.
        let mut observer = self.0.lock();
        work(observer.as_mut())
    }
}

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcer").finish_non_exhaustive()
    }
}
