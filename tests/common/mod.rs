//! The test house: pretend machines with a router on their LAN, real DHCP servers, captures, and a way to see what is
//! left behind. Everything runs in namespaces that die with the test; nothing is sent outside of them.

pub mod capture;
pub mod host;
pub mod process;
pub mod report;
pub mod router;
pub mod scripted;
pub mod snapshot;
pub mod terminal;

use std::time::{Duration, Instant};

/// Polls `condition` until it gives something; fails the test, naming `what`, after `deadline`.
#[track_caller]
pub fn wait_for<T>(what: &str, deadline: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + deadline;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < until, "{what}: not within {deadline:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Seconds, for deadlines.
pub const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}
