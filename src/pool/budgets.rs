//! How much of their restart budgets a group's clients have used, kept as they restart and as restarts age. Pure.
//!
//! What is asked is the share of whoever has used most. To look through a whole herd for it at each restart would take a storm of N
//! restarts N² looks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::identity::ClientNumber;

/// What is counted of a group as its clients change.
#[derive(Debug, Clone, Default)]
pub(super) struct GroupCounts {
    /// All that are known, those that have left among them until they are forgotten.
    pub(super) clients: u32,
    /// Those that have not left.
    pub(super) wanted: u32,
    pub(super) budgets: Budgets,
}

/// The restarts that still count, of all clients of one group.
#[derive(Debug, Clone, Default)]
pub(super) struct Budgets {
    /// Oldest first. Clients without one have no entry.
    restarts: BTreeMap<ClientNumber, Vec<Instant>>,
    /// How many clients have so many.
    by_count: BTreeMap<usize, usize>,
    /// The oldest of each client.
    oldest: BTreeSet<(Instant, ClientNumber)>,
}

impl Budgets {
    /// A client has these restarts now, oldest first, in place of those that it had.
    pub(super) fn set(&mut self, number: ClientNumber, restarts: impl Iterator<Item = Instant>) {
        self.forget(number);
        let restarts: Vec<Instant> = restarts.collect();
        if let Some(oldest) = restarts.first() {
            *self.by_count.entry(restarts.len()).or_default() += 1;
            self.oldest.insert((*oldest, number));
            self.restarts.insert(number, restarts);
        }
    }

    /// A client has none, or is no more.
    pub(super) fn forget(&mut self, number: ClientNumber) {
        let Some(restarts) = self.restarts.remove(&number) else {
            return;
        };
        if let Some(oldest) = restarts.first() {
            self.oldest.remove(&(*oldest, number));
        }
        if let Some(clients) = self.by_count.get_mut(&restarts.len()) {
            *clients -= 1;
            if *clients == 0 {
                self.by_count.remove(&restarts.len());
            }
        }
    }

    /// The most restarts within `period` before `now` that a client has. Those that are older are forgotten.
    pub(super) fn most(&mut self, period: Duration, now: Instant) -> usize {
        while let Some((oldest, number)) = self.oldest.first().copied()
            && now.saturating_duration_since(oldest) >= period
        {
            let mut restarts = self.restarts.get(&number).cloned().unwrap_or_default();
            restarts.retain(|restart| now.saturating_duration_since(*restart) < period);
            self.set(number, restarts.into_iter());
        }
        self.by_count
            .last_key_value()
            .map_or(0, |(count, _)| *count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::phase::Cause;
    use crate::pool::restart::{End, RestartHistory, RestartPolicy};

    #[derive(Debug, Clone)]
    enum Change {
        Restart(u32),
        Forgive(u32, u64),
        Leave(u32),
        Pass(u64),
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            4 => (0..4_u32).prop_map(Change::Restart),
            1 => (0..4_u32, 0..90_u64).prop_map(|(client, seconds)| Change::Forgive(client, seconds)),
            1 => (0..4_u32).prop_map(Change::Leave),
            4 => (0..40_u64).prop_map(Change::Pass),
        ]
    }

    proptest! {
        #[test]
        fn what_is_kept_is_what_a_look_at_all_clients_says(
            changes in proptest::collection::vec(change(), 0..60),
        ) {
            let policy = RestartPolicy {
                intensity: 5,
                period: Duration::from_secs(60),
                ..RestartPolicy::default()
            };
            let start = Instant::now();
            let mut now = start;
            let mut rng = fastrand::Rng::with_seed(1);
            let mut histories = vec![RestartHistory::default(); 4];
            let mut budgets = Budgets::default();
            for change in changes {
                match change {
                    Change::Restart(client) => {
                        let end = End::Failed(Cause::NoOffer);
                        histories[client as usize].decide(&policy, end, now, &mut rng);
                        budgets.set(ClientNumber(client), histories[client as usize].restarts());
                    }
                    Change::Forgive(client, seconds) => {
                        let since = start + (now - start).saturating_sub(Duration::from_secs(seconds));
                        histories[client as usize].forgive(since);
                        budgets.set(ClientNumber(client), histories[client as usize].restarts());
                    }
                    Change::Leave(client) => {
                        histories[client as usize] = RestartHistory::default();
                        budgets.forget(ClientNumber(client));
                    }
                    Change::Pass(seconds) => now += Duration::from_secs(seconds),
                }
                let ratios = histories.iter().map(|it| it.used_ratio(&policy, now));
                let scanned = ratios.fold(0.0, f64::max);
                let kept = policy.used_ratio(budgets.most(policy.period, now));
                prop_assert!((scanned - kept).abs() < f64::EPSILON, "{scanned} {kept}");
            }
        }
    }
}
