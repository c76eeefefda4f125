//! A soak in lines: one for each look, and for a long soak one for several.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::work::share;
use super::{SoakSpan, WorkSpan};
use crate::activity::kind::TimeLayout;
use crate::activity::{ByKind, Kind};
use crate::stats::milliseconds;

/// How the herd was, and what happened since the line before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// When, counted from the moment at which the herd had joined.
    pub at_ms: f64,
    /// Clients that should have been online: all but those told to go.
    pub wanted: u64,
    /// Clients that were online. Of several looks, the fewest.
    pub online: u64,
    /// Clients that had been given up. Of several looks, the most.
    pub failed: u64,
    /// For how long clients should have been usable since the line before, all together.
    #[serde(default)]
    pub wanted_ms: f64,
    /// For how long of that they were.
    #[serde(default)]
    pub usable_ms: f64,
    /// Restarts since the line before.
    pub restarts: u64,
    /// What clients did since the line before, by kind; `None` where nothing of it was to be done.
    #[serde(flatten, with = "by_kind")]
    pub activities: ByKind<Option<AttemptCounts>>,
    /// The tester's resident memory in bytes. Of several looks, the most.
    pub resident_bytes: u64,
    /// The tester's open file descriptors. Of several looks, the most.
    pub descriptors: u64,
}

/// What clients did since the line before, of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct AttemptCounts {
    /// Attempts that succeeded.
    pub succeeded: u64,
    /// Attempts that did not, those that were never made included.
    pub failed: u64,
    /// The median time, in milliseconds, of those that came to an answer; `None` where none did. Of several looks, the
    /// mean.
    pub p50_ms: Option<f64>,
    /// The time that 99 of 100 did not exceed. Of several looks, the longest.
    pub p99_ms: Option<f64>,
}

impl From<WorkSpan> for AttemptCounts {
    fn from(span: WorkSpan) -> Self {
        let time = span.time.tally();
        Self {
            succeeded: span.succeeded,
            failed: span.failed,
            p50_ms: time.quantile(0.50).map(milliseconds),
            p99_ms: time.quantile(0.99).map(milliseconds),
        }
    }
}

impl AttemptCounts {
    /// The share of attempts that failed, 0 to 1; `None` where there were none.
    pub fn failures(&self) -> Option<f64> {
        share(self.failed, self.succeeded)
    }

    /// Both as one.
    fn with(self, next: Self) -> Self {
        let succeeded = self.succeeded + next.succeeded;
        let weigh = |of: Self| of.p50_ms.map(|ms| (ms, of.succeeded as f64));
        let p50_ms = match (weigh(self), weigh(next)) {
            (Some((one, much)), Some((another, more))) if much + more > 0.0 => {
                Some((one * much + another * more) / (much + more))
            }
            // What was answered and did not succeed has a time, and no weight.
            (one, another) => one.or(another).map(|(ms, _)| ms),
        };
        Self {
            succeeded,
            failed: self.failed + next.failed,
            p50_ms,
            // None is less than any.
            p99_ms: if self.p99_ms > next.p99_ms {
                self.p99_ms
            } else {
                next.p99_ms
            },
        }
    }
}

/// The attempts of each kind as fields of a line: most as an object, `lookups`; those of the first kinds as four fields.
mod by_kind {
    use serde::de::{DeserializeOwned, Error as _};
    use serde::ser::SerializeMap as _;
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::{Map, Value};

    use super::{AttemptCounts, ByKind, Kind, TimeLayout};

    /// The keys of what succeeded and failed, of the median and of what 99 of 100 do not exceed; `None`: it is an object.
    fn keys(kind: Kind) -> Option<[String; 4]> {
        let (many, layout) = (kind.about().many, &kind.about().layout);
        match layout.times {
            TimeLayout::Apart => None,
            TimeLayout::Beside(time) => Some([
                format!("{many}_{}", layout.succeeded),
                format!("{many}_{}", layout.failed),
                format!("{time}_p50_ms"),
                format!("{time}_p99_ms"),
            ]),
        }
    }

    pub fn serialize<S: Serializer>(
        all: &ByKind<Option<AttemptCounts>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for (kind, attempts) in all.iter() {
            match keys(kind) {
                None => map.serialize_entry(kind.about().many, attempts)?,
                Some([succeeded, failed, p50, p99]) => {
                    let attempts = attempts.unwrap_or_default();
                    map.serialize_entry(&succeeded, &attempts.succeeded)?;
                    map.serialize_entry(&failed, &attempts.failed)?;
                    map.serialize_entry(&p50, &attempts.p50_ms)?;
                    map.serialize_entry(&p99, &attempts.p99_ms)?;
                }
            }
        }
        map.end()
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<ByKind<Option<AttemptCounts>>, D::Error> {
        fn take<T: DeserializeOwned + Default>(
            fields: &mut Map<String, Value>,
            key: &str,
        ) -> serde_json::Result<T> {
            let value = fields.remove(key);
            value.map_or(Ok(T::default()), serde_json::from_value)
        }
        let mut fields = Map::<String, Value>::deserialize(from)?;
        let mut read = |kind: Kind| match keys(kind) {
            None => take(&mut fields, kind.about().many),
            Some([succeeded, failed, p50, p99]) => {
                let attempts = AttemptCounts {
                    succeeded: take(&mut fields, &succeeded)?,
                    failed: take(&mut fields, &failed)?,
                    p50_ms: take(&mut fields, &p50)?,
                    p99_ms: take(&mut fields, &p99)?,
                };
                Ok((attempts.succeeded + attempts.failed > 0).then_some(attempts))
            }
        };
        let mut all = ByKind::default();
        for kind in Kind::ALL {
            all[*kind] = read(*kind).map_err(D::Error::custom)?;
        }
        Ok(all)
    }
}

/// Where only one of two looks had some, that one.
fn both(one: Option<AttemptCounts>, next: Option<AttemptCounts>) -> Option<AttemptCounts> {
    match (one, next) {
        (Some(one), Some(next)) => Some(one.with(next)),
        (one, next) => one.or(next),
    }
}

/// How many clients were what at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HerdCounts {
    /// Clients that should have been online: all but those told to go.
    pub wanted: u64,
    /// Clients that were online.
    pub online: u64,
    /// Clients that had been given up.
    pub failed: u64,
}

impl TimelineEntry {
    /// What a span was like, and how the herd stood at its end.
    pub fn of(span: &SoakSpan, standing: HerdCounts) -> Self {
        Self {
            at_ms: milliseconds(span.to),
            wanted: standing.wanted,
            online: standing.online,
            failed: standing.failed,
            wanted_ms: milliseconds(span.uptime.wanted()),
            usable_ms: milliseconds(span.uptime.usable),
            restarts: span.restarts,
            activities: ByKind::new(|kind| span.all(kind).map(AttemptCounts::from)),
            resident_bytes: span.footprint.resident_bytes,
            descriptors: span.footprint.descriptors,
        }
    }

    /// Which share of the time in which clients should have been usable they were, 0 to 1; `None` where none was wanted, and
    /// in a line from before this was told.
    pub fn availability(&self) -> Option<f64> {
        (self.wanted_ms > 0.0).then(|| self.usable_ms / self.wanted_ms)
    }

    /// One line for this one and the next.
    fn with(&self, next: &Self) -> Self {
        Self {
            at_ms: next.at_ms,
            wanted: next.wanted,
            online: self.online.min(next.online),
            failed: self.failed.max(next.failed),
            wanted_ms: self.wanted_ms + next.wanted_ms,
            usable_ms: self.usable_ms + next.usable_ms,
            restarts: self.restarts + next.restarts,
            activities: self
                .activities
                .map(|kind, attempts| both(*attempts, next.activities[kind])),
            resident_bytes: self.resident_bytes.max(next.resident_bytes),
            descriptors: self.descriptors.max(next.descriptors),
        }
    }
}

/// All lines of a soak; never more than [`SoakTimeline::MOST`].
#[derive(Debug, Clone, Default)]
pub struct SoakTimeline {
    lines: Vec<TimelineEntry>,
    /// How many looks one line stands for.
    looks: LooksPerLine,
    /// The looks that the last line stands for so far.
    filled: u32,
}

#[derive(Debug, Clone, Copy)]
struct LooksPerLine(u32);

impl Default for LooksPerLine {
    fn default() -> Self {
        Self(1)
    }
}

impl SoakTimeline {
    /// When there are so many, every two become one.
    pub const MOST: usize = 2_000;

    /// Adds the line of one look.
    pub fn push(&mut self, line: TimelineEntry) {
        match self.lines.last_mut() {
            Some(last) if self.filled < self.looks.0 => {
                *last = last.with(&line);
                self.filled += 1;
            }
            Some(_) | None => {
                if self.lines.len() == Self::MOST {
                    self.halve();
                }
                self.lines.push(line);
                self.filled = 1;
            }
        }
    }

    fn halve(&mut self) {
        let pairs = self.lines.chunks(2).map(|pair| match pair {
            [one, next] => one.with(next),
            rest => rest[0],
        });
        self.lines = pairs.collect();
        self.looks.0 = self.looks.0.saturating_mul(2);
    }

    /// The lines, in order of time.
    pub fn lines(&self) -> &[TimelineEntry] {
        &self.lines
    }

    /// When the last line was, counted from the moment at which the herd had joined.
    pub fn end(&self) -> Duration {
        self.lines.last().map_or(Duration::ZERO, |line| {
            Duration::from_secs_f64(line.at_ms / 1_000.0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: u32) -> TimelineEntry {
        TimelineEntry {
            at_ms: f64::from(at),
            wanted: 200,
            online: if at == 77 { 3 } else { 200 },
            failed: 0,
            wanted_ms: 200.0,
            usable_ms: if at == 77 { 3.0 } else { 200.0 },
            restarts: 1,
            activities: ByKind::new(|kind| match kind {
                Kind::Ping => Some(AttemptCounts {
                    succeeded: 10,
                    failed: u64::from(at == 77),
                    p50_ms: Some(0.1),
                    p99_ms: Some(if at == 77 { 9.0 } else { 0.5 }),
                }),
                Kind::Dns => (at == 77).then_some(AttemptCounts {
                    succeeded: 3,
                    failed: 2,
                    p50_ms: Some(0.4),
                    p99_ms: Some(4.0),
                }),
                Kind::Http => Some(AttemptCounts {
                    succeeded: u64::from(at % 2),
                    failed: 1,
                    p50_ms: (at % 2 == 1).then_some(2.0),
                    p99_ms: None,
                }),
                _ => None,
            }),
            resident_bytes: 1_000 + u64::from(at),
            descriptors: 800,
        }
    }

    #[test]
    fn a_long_soak_has_fewer_lines_and_loses_no_count_and_no_dip() {
        for looks in [1_u32, 1_999, 2_000, 2_001, 4_320, 4_321, 100_000] {
            let mut timeline = SoakTimeline::default();
            (1..=looks).for_each(|at| timeline.push(line(at)));
            let lines = timeline.lines();
            assert!(
                lines.len() <= SoakTimeline::MOST,
                "{looks}: {}",
                lines.len()
            );
            assert!(
                lines.len() >= (looks as usize).min(SoakTimeline::MOST / 2),
                "{looks}"
            );
            assert_eq!(
                lines.iter().map(|line| line.restarts).sum::<u64>(),
                u64::from(looks)
            );
            let fetches = || lines.iter().filter_map(|line| line.activities[Kind::Http]);
            let failed: u64 = fetches().map(|fetches| fetches.failed).sum();
            assert_eq!(failed, u64::from(looks));
            assert!(
                fetches().all(|fetches| (fetches.succeeded > 0) == (fetches.p50_ms == Some(2.0)))
            );
            assert!(lines.is_sorted_by(|one, next| one.at_ms < next.at_ms));
            assert_eq!(timeline.end(), Duration::from_millis(u64::from(looks)));
            if looks > 77 {
                let dip = lines.iter().find(|line| line.online == 3).expect("the dip");
                let pings = dip.activities[Kind::Ping].expect("some");
                assert_eq!((pings.p99_ms, pings.failed), (Some(9.0), 1));
                assert!(pings.p50_ms.is_some_and(|ms| (ms - 0.1).abs() < 1e-9));
                let lookups = dip.activities[Kind::Dns].expect("some");
                assert_eq!(
                    (lookups.succeeded, lookups.failed, lookups.p99_ms),
                    (3, 2, Some(4.0))
                );
                let others = lines
                    .iter()
                    .filter(|line| line.activities[Kind::Dns].is_some());
                assert_eq!((others.count(), dip.activities[Kind::Command]), (1, None));
            }
        }
    }
}
