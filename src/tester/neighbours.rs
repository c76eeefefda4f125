//! Whether the kernel's tables of neighbours overflow while the tester runs: what finds no room there is lost on this host, and
//! looks as if the network had lost it.

use std::io;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::lan::neighbour_tables;
use lanherd_types::family::Family;

/// From one look at the tables to the next.
const LOOK: Duration = Duration::from_secs(1);
/// Whoever asks is told by a look that is no older.
const FRESH: Duration = Duration::from_millis(100);

/// How often there was no room in the kernel's tables of neighbours since the tester began; `None` of a family: this network
/// namespace does not show it, as that of the lab's sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NeighbourOverflows {
    /// In the ARP table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<u64>,
    /// In that of IPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<u64>,
}

impl NeighbourOverflows {
    /// Whether nothing can be said.
    pub const fn is_unknown(&self) -> bool {
        self.ipv4.is_none() && self.ipv6.is_none()
    }

    /// How often there was no room, in both tables.
    pub fn sum(&self) -> u64 {
        self.ipv4.unwrap_or_default() + self.ipv6.unwrap_or_default()
    }

    /// What a person is told; `None`: nothing overflowed, as far as is known.
    pub fn told(&self) -> Option<String> {
        let full = [
            ("ARP table", self.ipv4),
            ("neighbour table of IPv6", self.ipv6),
        ];
        let full: Vec<_> = full
            .into_iter()
            .filter_map(|(table, times)| {
                let times = times.filter(|times| *times > 0)?;
                Some(format!("this host's {table} was full {times} times"))
            })
            .collect();
        (!full.is_empty()).then(|| full.join(", "))
    }
}

/// The looks at the tables: when the last was, and when one was last found to have overflowed.
#[derive(Debug, Default)]
pub(super) struct NeighbourWatch {
    /// How often each table was full when the tester began, as far as it could be read.
    first: [Option<u64>; 2],
    overflows: NeighbourOverflows,
    looked: Option<Instant>,
    overflowed: Option<Instant>,
}

impl NeighbourWatch {
    /// That of a tester of whom a table was full at that moment.
    #[cfg(test)]
    pub(super) fn full_at(now: Instant) -> Self {
        Self {
            overflowed: Some(now),
            ..Self::default()
        }
    }

    /// What is known.
    pub(super) const fn overflows(&self) -> NeighbourOverflows {
        self.overflows
    }

    /// Looks at the tables if it is time to; returns whether one has overflowed for the first time.
    pub(super) fn look(&mut self, now: Instant) -> bool {
        self.look_after(LOOK, now, read)
    }

    /// Whether a table has overflowed within `span` before `now`, or a moment before that.
    pub(super) fn has_overflowed_within(&mut self, span: Duration, now: Instant) -> bool {
        self.look_after(FRESH, now, read);
        self.is_recent(span, now)
    }

    fn is_recent(&self, span: Duration, now: Instant) -> bool {
        self.overflowed
            .is_some_and(|at| now.saturating_duration_since(at) <= span + LOOK)
    }

    fn look_after(
        &mut self,
        pause: Duration,
        now: Instant,
        read: impl Fn(Family) -> io::Result<u64>,
    ) -> bool {
        if self
            .looked
            .is_some_and(|at| now.saturating_duration_since(at) < pause)
        {
            return false;
        }
        self.looked = Some(now);
        let before = self.overflows.sum();
        let [first4, first6] = &mut self.first;
        for (family, first, overflows) in [
            (Family::Ipv4, first4, &mut self.overflows.ipv4),
            (Family::Ipv6, first6, &mut self.overflows.ipv6),
        ] {
            // What cannot be read now, as there are no files left to be opened, stays as it was last known.
            if let Ok(count) = read(family) {
                *overflows = Some(count.saturating_sub(*first.get_or_insert(count)));
            }
        }
        if self.overflows.sum() <= before {
            return false;
        }
        self.overflowed = Some(now);
        before == 0
    }
}

fn read(family: Family) -> io::Result<u64> {
    neighbour_tables::overflows(family)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_overflows_is_told_once_and_is_in_what_was_measured_meanwhile_only() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut watch = NeighbourWatch::default();
        let counts = |ipv4: u64, ipv6: u64| {
            move |family| {
                Ok(match family {
                    Family::Ipv4 => ipv4,
                    Family::Ipv6 => ipv6,
                })
            }
        };
        // What was before is not the run's.
        assert!(!watch.look_after(LOOK, at(0), counts(40, 0)));
        assert!(!watch.is_recent(Duration::from_secs(2), at(0)));
        assert_eq!(watch.overflows().told(), None);
        assert!(
            !watch.look_after(LOOK, at(0), counts(50, 0)),
            "it is too early"
        );
        assert!(watch.look_after(LOOK, at(5), counts(43, 0)));
        assert!(!watch.look_after(LOOK, at(6), counts(43, 2)), "it is known");
        assert!(watch.is_recent(Duration::from_secs(2), at(8)));
        assert!(!watch.is_recent(Duration::from_secs(2), at(10)));
        assert_eq!(
            watch.overflows().told().as_deref(),
            Some(
                "this host's ARP table was full 3 times, this host's neighbour table of IPv6 was full 2 times"
            )
        );
    }

    #[test]
    fn a_look_that_fails_is_not_taken_for_tables_that_were_never_full() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut watch = NeighbourWatch::default();
        let failing = |_| Err(nix::errno::Errno::EMFILE.into());
        assert!(!watch.look_after(LOOK, at(0), |_| Ok(7)));
        assert!(watch.look_after(LOOK, at(1), |_| Ok(9)));
        assert!(!watch.look_after(LOOK, at(2), failing));
        assert_eq!(watch.overflows().ipv4, Some(2));
        assert!(!watch.look_after(LOOK, at(9), |_| Ok(9)), "nothing is new");
        assert!(!watch.is_recent(Duration::from_secs(2), at(9)));
    }

    #[test]
    fn where_a_namespace_shows_nothing_nothing_is_said() {
        let mut watch = NeighbourWatch::default();
        let now = Instant::now();
        let hidden = |_| Err(io::ErrorKind::NotFound.into());
        assert!(!watch.look_after(LOOK, now, hidden));
        assert!(watch.overflows().is_unknown() && watch.overflows().told().is_none());
        let nothing = serde_json::to_string(&watch.overflows()).expect("JSON");
        assert_eq!(nothing, "{}");
    }
}
