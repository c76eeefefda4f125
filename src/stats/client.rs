//! Figures of one client, shared by those who record and those who read.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::{ActivityStats, Distribution, Precision};
use crate::activity::{AttemptOutcome, Kind, Subject};

/// What became of all attempts of one client, over all its lives.
///
/// The tasks of the client record here, whoever shows figures reads here, and neither needs the other to be alive: what was
/// recorded is not lost with a client that is killed.
// A list, since there are few activities and a map would take kilobytes for the first. Each entry is shared with whoever reads it,
// and copied only while somebody does.
#[derive(Debug, Default)]
pub struct ClientStats(Mutex<Vec<Arc<ActivityStats>>>);

impl ClientStats {
    /// Counts what became of an attempt.
    pub fn record(&self, subject: &Subject, outcome: &AttemptOutcome) {
        let mut all = self.lock();
        let at = all.iter().position(|stats| stats.subject == *subject);
        let at = at.unwrap_or_else(|| {
            all.reserve_exact(1);
            let stats = ActivityStats::of_client(subject.clone());
            all.push(Arc::new(stats));
            all.len() - 1
        });
        Arc::make_mut(&mut all[at]).record(outcome);
    }

    /// The figures of each activity as they are now, in the order of what it was done to.
    pub fn activities(&self) -> Vec<Arc<ActivityStats>> {
        let mut activities = self.lock().clone();
        activities.sort_by(|one, other| one.subject.cmp(&other.subject));
        activities
    }

    /// Of the times of all its attempts of a kind; `None` where none came to an answer.
    pub fn median(&self, kind: Kind) -> Option<Duration> {
        // Who counts an attempt holds the figures of the whole herd meanwhile, so nothing is added up under the lock.
        let all = self.lock().clone();
        let mut times = Distribution::new(Precision::Fixed);
        for stats in all.iter().filter(|stats| stats.kind() == kind) {
            times.add(&stats.time);
        }
        times.quantile(0.5)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<ActivityStats>>> {
        self.0.lock()
    }
}
