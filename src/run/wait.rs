//! What the loops of a run wait for, and how often they look.

use std::time::{Duration, Instant};

use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use crate::phase::Phase;
use crate::pool::Census;

/// How often a herd that joins is looked at.
pub(super) const GLANCE: Duration = Duration::from_millis(100);
/// How often a herd is looked at more closely.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// What a loaded tester may add to the time that an answer takes.
pub(super) const SLACK: Duration = Duration::from_millis(500);

/// The two ways in which others end a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signals {
    /// The run ends at once, and is torn down in order: Ctrl-C.
    pub(crate) interrupt: CancellationToken,
    /// The run ends as if its time were over: `lanherd stop`.
    pub(crate) stop: CancellationToken,
}

/// Returns at that moment; never where there is none.
pub(super) async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// Whether some clients have failed, and none will ever be online again. A herd of which all were told to leave is not
/// lost: whoever told them may add others.
pub(super) fn is_lost(census: &Census) -> bool {
    let failed = census.of(Phase::Failed);
    failed > 0 && failed + census.of(Phase::Gone) == census.total()
}
