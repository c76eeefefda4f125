//! When clients leave and others come: a schedule without end, the same for the same seed.

use std::time::Duration;

use super::SoakSettings;
use crate::identity::Seed;
use crate::units::Rate;
use lanherd_types::words;

words! {
    /// How clients leave.
    TurnKind {
        /// One leaves in order, releasing its lease; a new one takes its place.
        Churn = "churn",
        /// Many leave in order at once; as many new ones come together when they have gone.
        Storm = "storm",
        /// One falls silent without releasing its lease; a new one takes its place.
        Vanish = "vanish",
    }
}

/// Something that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// When, counted from the moment at which the herd had joined.
    pub at: Duration,
    /// How the clients leave.
    pub kind: TurnKind,
    /// How many of them.
    pub clients: u32,
}

/// All turns of a soak, in order of time; without end, and empty where nothing is asked for.
///
/// Churn and vanishing are Poisson processes: people come and go at random, each gap as likely to be short as the
/// last one was, so that clients do not fall into step with their leases' timers. Storms come at even intervals.
#[derive(Debug, Clone)]
pub struct ChurnSchedule(Vec<TurnStream>);

/// The turns of one kind.
#[derive(Debug, Clone)]
struct TurnStream {
    next: Turn,
    gaps: Gaps,
}

#[derive(Debug, Clone)]
enum Gaps {
    Even(Duration),
    Random { mean: Duration, rng: fastrand::Rng },
}

impl Gaps {
    fn next(&mut self) -> Duration {
        match self {
            Self::Even(gap) => *gap,
            // The exponential distribution by its inverse: 1 - f64() is above 0, so the logarithm is finite.
            Self::Random { mean, rng } => mean.mul_f64(-(1.0 - rng.f64()).ln()),
        }
    }
}

impl ChurnSchedule {
    /// The schedule that `settings` ask for.
    pub fn new(settings: &SoakSettings, seed: Seed) -> Self {
        let random = |kind: TurnKind, rate: Option<Rate>| {
            // One stream a kind, so that one kind more does not change the others' times.
            let rng = seed.rng(SoakSettings::NOBODY, kind as u64);
            rate.map(|rate| {
                let mean = rate.interval();
                (kind, 1, Gaps::Random { mean, rng })
            })
        };
        let storm = settings.storm.map(|storm| {
            (
                TurnKind::Storm,
                storm.clients.get(),
                Gaps::Even(storm.every),
            )
        });
        let streams = [
            random(TurnKind::Churn, settings.churn),
            storm,
            random(TurnKind::Vanish, settings.vanish),
        ];
        let begin = |(kind, clients, mut gaps): (TurnKind, u32, Gaps)| {
            let at = gaps.next();
            let next = Turn { at, kind, clients };
            TurnStream { next, gaps }
        };
        Self(streams.into_iter().flatten().map(begin).collect())
    }

    /// When the next turn is due; `None` if there never is one.
    pub fn next_at(&self) -> Option<Duration> {
        self.0.iter().map(|stream| stream.next.at).min()
    }

    /// The next turn that is due at `now`, if there is one; ask again, for there may be more.
    pub fn due(&mut self, now: Duration) -> Option<Turn> {
        let first = self.0.iter_mut().min_by_key(|stream| stream.next.at)?;
        (first.next.at <= now).then(|| {
            let turn = first.next;
            first.next.at = turn.at.saturating_add(first.gaps.next());
            turn
        })
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::super::Storm;
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn settings(
        churn: Option<&str>,
        storm: Option<(u32, u64)>,
        vanish: Option<&str>,
    ) -> SoakSettings {
        let rate = |text: &str| text.parse().expect("a rate");
        SoakSettings {
            churn: churn.map(rate),
            storm: storm.map(|(clients, every)| Storm {
                clients: NonZeroU32::new(clients).expect("some"),
                every: Duration::from_secs(every),
            }),
            vanish: vanish.map(rate),
            ..SoakSettings::default()
        }
    }

    fn turns(settings: &SoakSettings, seed: u64, until: Duration) -> Vec<Turn> {
        let mut schedule = ChurnSchedule::new(settings, Seed(seed));
        std::iter::from_fn(|| schedule.due(until)).collect()
    }

    #[test]
    fn nothing_asked_for_is_nothing_due() {
        let mut schedule = ChurnSchedule::new(&SoakSettings::default(), Seed(7));
        assert_eq!((schedule.next_at(), schedule.due(HOUR)), (None, None));
    }

    #[test]
    fn a_rate_is_kept_in_the_long_run_and_no_two_gaps_are_alike() {
        let hundred_hours = turns(&settings(Some("10/m"), None, None), 7, 100 * HOUR);
        // 60,000 of a Poisson process are within 2 % of it, but for one run in a million.
        assert!(
            (58_800..61_200).contains(&hundred_hours.len()),
            "{}",
            hundred_hours.len()
        );
        let gaps: Vec<_> = hundred_hours
            .windows(2)
            .map(|two| two[1].at.saturating_sub(two[0].at))
            .collect();
        assert!(gaps.iter().any(|gap| *gap < Duration::from_secs(1)));
        assert!(gaps.iter().any(|gap| *gap > Duration::from_secs(30)));
    }

    #[test]
    fn storms_come_at_even_intervals_beginning_after_the_first() {
        let storms = turns(&settings(None, Some((50, 600)), None), 7, HOUR);
        let times: Vec<_> = storms.iter().map(|turn| turn.at.as_secs()).collect();
        assert_eq!(times, [600, 1_200, 1_800, 2_400, 3_000, 3_600]);
        assert!(
            storms
                .iter()
                .all(|turn| turn.clients == 50 && turn.kind == TurnKind::Storm)
        );
    }

    #[test]
    fn one_kind_more_does_not_change_the_times_of_the_others() {
        let alone = turns(&settings(Some("5/m"), None, None), 7, HOUR);
        let mut among = turns(&settings(Some("5/m"), Some((9, 60)), Some("5/m")), 7, HOUR);
        among.retain(|turn| turn.kind == TurnKind::Churn);
        assert_eq!(alone, among);
    }

    proptest! {
        #[test]
        fn the_same_seed_gives_the_same_schedule_in_order_of_time_however_it_is_asked(
            seed: u64, steps in proptest::collection::vec(0_u64..600, 1..20),
        ) {
            let settings = settings(Some("10/m"), Some((50, 250)), Some("2/m"));
            let mut schedule = ChurnSchedule::new(&settings, Seed(seed));
            let (mut now, mut seen) = (Duration::ZERO, Vec::new());
            for step in steps {
                now += Duration::from_secs(step);
                while let Some(turn) = schedule.due(now) {
                    seen.push(turn);
                }
                prop_assert!(schedule.next_at() > Some(now));
            }
            prop_assert!(seen.is_sorted_by_key(|turn| turn.at));
            prop_assert_eq!(seen, turns(&settings, seed, now));
        }
    }
}
