//! Failures of clients that a scenario brings about itself: what is logged of them as a warning is no news.

use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::Level;

use crate::{client, pool};

/// How many scenarios that run now have done something that makes clients fail.
static EXPECTING: AtomicUsize = AtomicUsize::new(0);

/// From now on, until it is dropped, clients are expected to fail.
#[derive(Debug)]
pub(super) struct Expecting(());

impl Expecting {
    pub fn begin() -> Self {
        EXPECTING.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Expecting {
    fn drop(&mut self) {
        EXPECTING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether something that is logged tells of what a scenario has done to its own clients. What the tester itself could not do is
/// never expected.
pub fn is_expected(level: &Level, target: &str) -> bool {
    const OF_CLIENTS: [&str; 3] = [pool::LOGS_AS, client::LOGS_AS, "lanherd_net::linux::parent"];
    *level == Level::WARN
        && EXPECTING.load(Ordering::Relaxed) > 0
        && OF_CLIENTS.iter().any(|module| target.starts_with(module))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_scenario_does_to_its_clients_is_expected_while_it_runs_and_nothing_else_is() {
        let (herd, lan) = ("lanherd::pool::state::ending", "lanherd_net::linux");
        assert!(herd.starts_with(pool::LOGS_AS));
        let parent = std::any::type_name::<crate::lan::linux::ParentError>();
        let expecting = Expecting::begin();
        // As the module is called whose warnings are meant, whichever crate it stands in.
        assert!(is_expected(&Level::WARN, parent), "{parent}");
        assert!(is_expected(&Level::WARN, herd));
        assert!(!is_expected(&Level::ERROR, herd));
        assert!(!is_expected(&Level::WARN, lan));
        drop(expecting);
        assert!(!is_expected(&Level::WARN, herd));
    }
}
