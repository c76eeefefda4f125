//! What is kept of a soak while it goes on, and handed to its report.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::timeline::HerdCounts;
use super::{Comparison, Footprint, SoakSpan, SoakSpans, SoakTimeline, TimelineEntry};
use crate::identity::ClientNumber;
use crate::phase::Phase;
use crate::pool::{ClientStatus, Figures, HerdStatus};

/// How many clients came and went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Turnover {
    /// Clients that left in order, in storms or alone.
    pub left: u64,
    /// New clients that were made in their place.
    pub came: u64,
    /// Clients that fell silent.
    pub vanished: u64,
    /// How many storms there were.
    pub storms: u64,
    /// Clients that were to leave and could not: nobody was there, or the pool refused.
    pub skipped: u64,
}

/// What is known of a soak at one moment.
#[derive(Debug, Clone)]
pub struct SoakRecord {
    /// How many clients came and went.
    pub turnover: Turnover,
    /// The herd's sums since the run began.
    pub figures: Figures,
    /// The soak in lines.
    pub timeline: Vec<TimelineEntry>,
    /// The first hour against the last, as far as it has come.
    pub comparison: Option<Comparison>,
}

/// Keeps a soak's record. Times are counted from the moment at which the herd had joined.
#[derive(Debug, Default)]
pub struct SoakRecorder {
    before: (Duration, Figures),
    spans: SoakSpans,
    timeline: SoakTimeline,
    storm: StormWatch,
    /// How many clients came and went.
    pub turnover: Turnover,
}

/// Whether the times to join that are seen next are those of a storm's clients.
#[derive(Debug, Default)]
struct StormWatch {
    /// Storms whose clients have not come back yet.
    under_way: u32,
    /// One came to its end since the last look.
    ended: bool,
    /// Clients that came in a storm and have not shown themselves yet.
    newcomers: BTreeSet<ClientNumber>,
}

impl SoakRecorder {
    /// Begins, with the figures that the herd has when it has joined: what was before is in no window.
    pub fn new(figures: Figures) -> Self {
        Self {
            before: (Duration::ZERO, figures),
            ..Self::default()
        }
    }

    /// A storm's clients are told to leave.
    pub fn storm_begins(&mut self) {
        self.turnover.storms += 1;
        self.storm.under_way += 1;
    }

    /// A storm's clients have left, and these were made in their place.
    pub fn storm_returns(&mut self, newcomers: &[ClientNumber]) {
        self.storm.under_way = self.storm.under_way.saturating_sub(1);
        self.storm.ended = true;
        self.storm.newcomers.extend(newcomers);
    }

    /// Looks at the herd, and returns what happened since the last look.
    pub fn look(
        &mut self,
        now: Duration,
        herd: &HerdStatus,
        figures: Figures,
        footprint: Footprint,
    ) -> TimelineEntry {
        let (from, before) = &self.before;
        let storm = self.storm.was_there(herd);
        let span = SoakSpan::between((*from, before), (now, &figures), storm, footprint);
        let line = TimelineEntry::of(&span, HerdCounts::of(herd));
        self.spans.push(span);
        self.timeline.push(line);
        self.before = (now, figures);
        line
    }

    /// Takes the sums as they are when the last clients have come back, after the last look: in no window.
    pub fn end(&mut self, figures: Figures) {
        self.before.1 = figures;
    }

    /// The herd's sums at the last look.
    pub const fn figures(&self) -> &Figures {
        &self.before.1
    }

    /// What is known at the last look.
    pub fn record(&self) -> SoakRecord {
        SoakRecord {
            turnover: self.turnover,
            figures: self.before.1.clone(),
            timeline: self.timeline.lines().to_vec(),
            comparison: Comparison::of(&self.spans),
        }
    }
}

impl StormWatch {
    /// Whether any of a storm's clients was on its way since the last look.
    fn was_there(&mut self, herd: &HerdStatus) -> bool {
        let was_there = self.under_way > 0 || self.ended || !self.newcomers.is_empty();
        self.ended = false;
        // Those that are not told of any more have left again.
        let waiting: BTreeSet<_> = herd
            .clients
            .iter()
            .filter(|client| is_on_its_first_way(client))
            .map(|client| client.identity.number)
            .collect();
        self.newcomers.retain(|number| waiting.contains(number));
        was_there
    }
}

fn is_on_its_first_way(client: &ClientStatus) -> bool {
    client.join.is_none() && (client.phase == Phase::Queued || client.phase.is_joining())
}

impl HerdCounts {
    /// How a herd stands.
    pub fn of(herd: &HerdStatus) -> Self {
        let mut standing = Self::default();
        for client in &herd.clients {
            standing.wanted += u64::from(client.phase.is_wanted());
            standing.online += u64::from(client.phase == Phase::Online);
            standing.failed += u64::from(client.phase == Phase::Failed);
        }
        standing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::dns::{DnsAnswer, Lookup, Rcode};
    use crate::activity::http::{Fetch, HttpPhase};
    use crate::activity::ping::{self, PingDetail};
    use crate::activity::{AttemptOutcome, Kind, Subject};
    use crate::host_name::HostName;
    use crate::identity::{Identity, PoolName, Seed};
    use crate::lan::{PingCause, PingOutcome};
    use crate::pool::GroupName;
    use crate::soak::{ComparedFigure, Verdict};
    use crate::stats::ActivityStats;
    use crate::target::Target;
    use crate::url::Url;

    const MINUTE: Duration = Duration::from_secs(60);
    const CALM: Footprint = Footprint {
        resident_bytes: 20 << 20,
        descriptors: 800,
    };

    fn herd(joining: Option<u32>) -> HerdStatus {
        let client = |number| {
            let joins = joining == Some(number);
            ClientStatus {
                identity: Identity::derive(&PoolName::default(), ClientNumber(number), Seed(7)),
                group: GroupName::from(&PoolName::default()),
                phase: if joins { Phase::Dhcp } else { Phase::Online },
                failure: None,
                lease: None,
                families: crate::family::Families::Ipv4,
                by_family: crate::family::ByFamily::default(),
                ipv6: None,
                stale_prefix: Duration::ZERO,
                join: (!joins).then_some(Duration::from_millis(9)),
                dhcp: None,
                restarts: 0,
                wanted: Duration::ZERO,
                usable: Duration::ZERO,
                activities: Vec::new(),
            }
        };
        let clients = (1..=3).map(client).collect();
        HerdStatus {
            clients,
            ..HerdStatus::default()
        }
    }

    fn did(figures: &mut Figures, subject: &Subject, outcome: &AttemptOutcome) {
        let new = || ActivityStats::new(subject.clone());
        let stats = figures.activities.entry(subject.clone());
        stats.or_insert_with(new).record(outcome);
    }

    fn pinged(figures: &mut Figures, of_port: PingOutcome) {
        let outcome = ping::outcome(&Target::Router, of_port, PingDetail::default());
        did(figures, &Target::Router.into(), &outcome);
    }

    fn looked_up(figures: &mut Figures, name: &str, micros: u64) {
        let name: HostName = name.parse().expect("a name");
        let answer = DnsAnswer {
            rcode: Rcode::NoError,
            addresses: Vec::new(),
            took: Duration::from_micros(micros),
        };
        let lookup = Lookup {
            server: None,
            was_sent: true,
            result: Ok(answer),
        };
        did(figures, &name.clone().into(), &lookup.outcome(&name));
    }

    fn fetched(figures: &mut Figures, status: u16, micros: u64) {
        let url: Url = "http://a.test/".parse().expect("a URL");
        let fetch = Fetch {
            server: None,
            phases: vec![(HttpPhase::FirstByte, Duration::from_micros(micros))],
            status: Some(status),
            bytes: 0,
            failure: None,
        };
        did(figures, &url.clone().into(), &fetch.outcome(&url));
    }

    /// Twelve hours, looked at each minute, of a router that needs `ping(minute)` µs and `dhcp(minute)` ms.
    fn twelve_hours(
        ping: impl Fn(u32) -> u64,
        dhcp: impl Fn(u32) -> u64,
        lost: impl Fn(u32) -> u32,
        footprint: impl Fn(u32) -> Footprint,
    ) -> Comparison {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut figures = Figures::default();
        let mut recorder = SoakRecorder::new(figures.clone());
        for minute in 1..=720_u32 {
            for _ in 0..200 {
                let rtt = Duration::from_micros(ping(minute) * rng.u64(80..160) / 100);
                pinged(&mut figures, PingOutcome::Reply(rtt));
            }
            for _ in 0..lost(minute) {
                pinged(&mut figures, PingOutcome::Lost(PingCause::Timeout));
            }
            for _ in 0..5 {
                let took = Duration::from_millis(dhcp(minute) * rng.u64(50..200) / 100);
                figures.dhcp.record(took);
                figures.join.record(took + Duration::from_millis(4));
            }
            recorder.look(
                minute * MINUTE,
                &herd(None),
                figures.clone(),
                footprint(minute),
            );
        }
        recorder.record().comparison.expect("two windows")
    }

    fn drifts(comparison: &Comparison) -> Vec<ComparedFigure> {
        comparison.drifts().map(|row| row.figure).collect()
    }

    #[test]
    fn a_router_that_stays_as_it_was_is_steady_in_every_figure() {
        let comparison = twelve_hours(|_| 900, |_| 40, |minute| minute % 2, |_| CALM);
        assert!(!comparison.drifted);
        let hours = |ms: f64| format!("{} h", ms / 3_600_000.0);
        assert_eq!(hours(comparison.window_ms), "1 h");
        assert_eq!(hours(comparison.last_at_ms), "11 h");
        assert_eq!(comparison.rows.len(), 7);
        for row in &comparison.rows {
            assert_eq!(row.verdict, Verdict::Steady, "{row:?}");
        }
    }

    #[test]
    fn a_router_that_gets_slower_by_a_twentieth_an_hour_has_drifted_after_twelve() {
        let slower = |base: u64| move |minute: u32| base * u64::from(1_200 + minute) / 1_200;
        let comparison = twelve_hours(slower(900), slower(40), |_| 0, |_| CALM);
        assert_eq!(
            drifts(&comparison),
            [
                ComparedFigure::JoinTime,
                ComparedFigure::DhcpTime,
                ComparedFigure::Time(Kind::Ping)
            ]
        );
    }

    #[test]
    fn loss_that_creeps_in_and_a_tester_that_grows_have_drifted() {
        let comparison = twelve_hours(
            |_| 900,
            |_| 40,
            |minute| minute / 200,
            |minute| Footprint {
                resident_bytes: CALM.resident_bytes + u64::from(minute) * 8_192,
                descriptors: CALM.descriptors + u64::from(minute) / 8,
            },
        );
        assert_eq!(
            drifts(&comparison),
            [
                ComparedFigure::Failures(Kind::Ping),
                ComparedFigure::ResidentMemory,
                ComparedFigure::Descriptors
            ]
        );
    }

    #[test]
    fn lookups_that_get_slower_and_fetches_that_begin_to_fail_have_drifted_each_under_its_name() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut figures = Figures::default();
        let mut recorder = SoakRecorder::new(figures.clone());
        let (slow, steady) = ("slow.test", "steady.test");
        for minute in 1..=720_u32 {
            for (name, millis) in [(slow, 20 + u64::from(minute) / 24), (steady, 20)] {
                for _ in 0..20 {
                    looked_up(&mut figures, name, millis * rng.u64(80..160) * 10);
                }
            }
            for number in 0..20 {
                let status = if number == 0 && minute > 300 {
                    503
                } else {
                    200
                };
                fetched(&mut figures, status, rng.u64(3_000..6_000));
            }
            recorder.look(minute * MINUTE, &herd(None), figures.clone(), CALM);
        }
        let comparison = recorder.record().comparison.expect("two windows");
        let verdicts = |figure| {
            let rows = comparison
                .rows
                .iter()
                .filter(move |row| row.figure == figure);
            rows.map(|row| (row.target.as_deref().unwrap_or_default(), row.verdict))
                .collect::<Vec<_>>()
        };
        let (drifted, well) = (Verdict::Drifted, Verdict::Steady);
        assert_eq!(
            verdicts(ComparedFigure::Time(Kind::Dns)),
            [(slow, drifted), (steady, well)]
        );
        assert_eq!(
            verdicts(ComparedFigure::Failures(Kind::Dns)),
            [(slow, well), (steady, well)]
        );
        assert_eq!(
            verdicts(ComparedFigure::Time(Kind::Http)),
            [("http://a.test/", well)]
        );
        assert_eq!(
            verdicts(ComparedFigure::Failures(Kind::Http)),
            [("http://a.test/", drifted)]
        );
        let said: Vec<_> = comparison.drifts().map(ToString::to_string).collect();
        assert!(
            said[0].starts_with("dns_time of slow.test: median 2"),
            "{said:?}"
        );
        assert_eq!(
            said[1],
            "http_failures of http://a.test/: mean 0.00 %, then mean 5.00 %"
        );
    }

    #[test]
    fn times_that_grew_with_the_testers_own_lateness_say_nothing_of_the_router() {
        // Twelve hours, in the last of which the tester is later, and so are all times, by `more` ms.
        let last_hour = |more: u64, late: u64| {
            let mut rng = fastrand::Rng::with_seed(7);
            let mut figures = Figures::default();
            let mut recorder = SoakRecorder::new(figures.clone());
            for minute in 1..=720_u32 {
                let (more, late) = if minute > 660 { (more, late) } else { (0, 0) };
                for _ in 0..20 {
                    let took = Duration::from_millis(40 * rng.u64(80..120) / 100 + more);
                    figures.dhcp.record(took);
                    figures.doubt.wakings.record(Duration::from_millis(late));
                }
                recorder.look(minute * MINUTE, &herd(None), figures.clone(), CALM);
            }
            let comparison = recorder.record().comparison.expect("two windows");
            let row = comparison
                .rows
                .iter()
                .find(|row| row.figure == ComparedFigure::DhcpTime)
                .expect("times");
            (row.verdict, comparison.drifted)
        };
        assert_eq!(last_hour(50, 0), (Verdict::Drifted, true));
        assert_eq!(last_hour(50, 20), (Verdict::Inconclusive, false));
        // More than the tester can have added.
        assert_eq!(last_hour(500, 20), (Verdict::Drifted, true));
    }

    #[test]
    fn an_outage_in_the_last_hour_is_no_drift() {
        let outage = |minute| if minute == 700 { 200 } else { 0 };
        let comparison = twelve_hours(|_| 900, |_| 40, outage, |_| CALM);
        assert_eq!(drifts(&comparison), []);
        let loss = comparison
            .rows
            .iter()
            .find(|row| row.figure == ComparedFigure::Failures(Kind::Ping));
        assert!(loss.and_then(|row| row.last.mean) > Some(0.005));
    }

    #[test]
    fn what_joins_in_a_storm_is_told_apart_until_the_last_of_it_has_shown_itself() {
        let mut figures = Figures::default();
        let mut recorder = SoakRecorder::new(figures.clone());
        let mut minute = 0;
        let mut look = |recorder: &mut SoakRecorder, joining| {
            minute += 1;
            figures.join.record(Duration::from_millis(5));
            recorder.look(minute * MINUTE, &herd(joining), figures.clone(), CALM);
        };
        look(&mut recorder, None);
        recorder.storm_begins();
        look(&mut recorder, None);
        recorder.storm_returns(&[ClientNumber(2), ClientNumber(3)]);
        look(&mut recorder, Some(3));
        look(&mut recorder, Some(3));
        look(&mut recorder, None);
        look(&mut recorder, None);
        let joins =
            |part: fn(&SoakSpan) -> u64| recorder.spans.iter().map(part).collect::<Vec<_>>();
        assert_eq!(joins(|span| span.storm.joins.count()), [0, 1, 1, 1, 1, 0]);
        assert_eq!(joins(|span| span.calm.joins.count()), [1, 0, 0, 0, 0, 1]);
        assert_eq!(recorder.record().turnover.storms, 1);
    }

    #[test]
    fn how_the_herd_joined_is_in_the_sums_and_in_no_window() {
        let mut figures = Figures::default();
        (0..200).for_each(|_| figures.join.record(Duration::from_secs(9)));
        let mut recorder = SoakRecorder::new(figures.clone());
        for minute in 1..=9 {
            recorder.look(minute * MINUTE, &herd(None), figures.clone(), CALM);
        }
        let record = recorder.record();
        assert_eq!(record.figures.join.count(), 200);
        let rows = record.comparison.expect("windows").rows;
        assert!(
            rows.iter()
                .all(|row| row.figure != ComparedFigure::JoinTime),
            "{rows:?}"
        );
    }
}
