//! The clock of clients, pool and chaos.

use std::time::Instant;

/// Now, by tokio's clock: it stands still where a test pauses it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
