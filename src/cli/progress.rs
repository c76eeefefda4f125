//! What is told while a run goes on: bars to a person, lines to a log.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use lanherd::activity::ByKind;
use lanherd::phase::Phase;
use lanherd::pool::{self, Census};
use lanherd::soak::{self, TimelineEntry};
use lanherd::stats::Attempts;
use lanherd::units::percent;

use super::output;
use super::screen::{Audience, Screen};
use super::stderr_buffer::RunStage;
use super::words::clock;

/// How often a log is told of a herd that joins.
const WHILE_JOINING: Duration = Duration::from_secs(1);
/// How often a person is told of a herd that stands.
const FOR_A_PERSON: Duration = Duration::from_secs(1);

/// A run, as it is told of.
pub struct Progress {
    screen: Screen,
    started: Instant,
    /// When the last line was written.
    told: Instant,
    interval: Duration,
    is_drawn: bool,
}

/// The steps that a joining client takes, as bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JoinStep {
    Namespace,
    Link,
    Dhcp,
    Online,
}

impl JoinStep {
    const ALL: [Self; 4] = [Self::Namespace, Self::Link, Self::Dhcp, Self::Online];

    const fn label(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Link => "link",
            Self::Dhcp => "DHCP",
            Self::Online => "online",
        }
    }

    /// Whether a client in `phase` has this step behind it.
    const fn is_done_in(self, phase: Phase) -> bool {
        let done: u8 = match phase {
            Phase::Queued | Phase::Namespace | Phase::Backoff | Phase::Failed | Phase::Gone => 0,
            Phase::Link | Phase::NoCarrier => 1,
            Phase::Dhcp | Phase::Router | Phase::Dhcp6 => 2,
            Phase::Configure | Phase::Dad => 3,
            Phase::Online | Phase::Partial | Phase::Released | Phase::V6Only | Phase::Leaving => 4,
        };
        let needed = match self {
            Self::Namespace => 1,
            Self::Link => 2,
            Self::Dhcp => 3,
            Self::Online => 4,
        };
        done >= needed
    }

    fn count(self, census: &Census) -> u32 {
        Phase::ALL
            .iter()
            .filter(|phase| self.is_done_in(**phase))
            .map(|phase| census.of(*phase))
            .sum()
    }
}

impl Progress {
    /// Begins; a log is told of a standing herd every `interval`.
    pub fn start(screen: &Screen, started: Instant, interval: Duration) -> Self {
        Self {
            screen: screen.clone(),
            started,
            told: started,
            interval,
            is_drawn: false,
        }
    }

    /// The herd joins, and this is where it stands.
    pub fn joining(&mut self, census: &Census) {
        match self.screen.audience() {
            Audience::Person => self.draw(census),
            Audience::Log if self.told.elapsed() >= WHILE_JOINING => {
                self.tell(&HerdFigures::of_census(census));
            }
            Audience::Log | Audience::Watcher | Audience::Nobody => {}
        }
    }

    /// Nobody is on the way any more.
    pub fn joined(&mut self, census: &Census) {
        self.clear();
        if let Some(buffer) = self.screen.stderr_buffer() {
            buffer.enter(RunStage::Holding(self.started.elapsed()));
        }
        self.tell(&HerdFigures::of_census(census));
    }

    /// When a standing herd should be told of next; `None` where nobody wants to know.
    pub fn next(&self) -> Option<Instant> {
        match self.screen.audience() {
            Audience::Person => Some(self.told + FOR_A_PERSON),
            Audience::Log => Some(self.told + self.interval),
            Audience::Watcher | Audience::Nobody => None,
        }
    }

    /// When the bar of a standing herd should move; `None` where there is none.
    pub fn next_bar(&self) -> Option<Instant> {
        self.next()
            .filter(|_| self.screen.audience() == Audience::Person)
    }

    /// The herd was looked at.
    pub fn soaking(&mut self, look: &TimelineEntry, availability: Option<f64>) {
        let elapsed = self.started.elapsed();
        self.screen.say(&soak_line(elapsed, look, availability));
        self.told = Instant::now();
    }

    /// The herd stands.
    pub fn holding(&mut self, census: &Census, done: &pool::Figures) {
        let figures = HerdFigures::of_herd(census, done);
        match self.screen.audience() {
            Audience::Person => {
                let line = line(self.started.elapsed(), &figures);
                self.draw_all(vec![output::Bar::Words(line)]);
                self.told = Instant::now();
            }
            Audience::Log => self.tell(&figures),
            Audience::Watcher | Audience::Nobody => {}
        }
    }

    /// The herd leaves.
    pub fn leaving(&mut self, clients: u32) {
        self.clear();
        let said = format!("{clients} clients hand their leases back and leave");
        if let Some(buffer) = self.screen.stderr_buffer() {
            buffer.enter(RunStage::Leaving);
            self.screen.say(&said);
        } else if self.screen.audience() == Audience::Person {
            self.draw_all(vec![output::Bar::Words(said)]);
        }
    }

    /// Takes away what was drawn.
    fn clear(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            self.screen.draw(Vec::new());
        }
    }

    fn draw(&mut self, census: &Census) {
        let failed = census.of(Phase::Failed) + census.of(Phase::Backoff);
        let bar = |stage: JoinStep| output::Bar::Steps {
            label: stage.label(),
            done: stage.count(census).into(),
            all: census.total().into(),
            message: match stage {
                JoinStep::Online if failed > 0 => format!("{failed} failed"),
                _ => String::new(),
            },
        };
        self.draw_all(JoinStep::ALL.map(bar).to_vec());
    }

    fn draw_all(&mut self, bars: Vec<output::Bar>) {
        self.screen.draw(bars);
        self.is_drawn = true;
    }

    fn tell(&mut self, figures: &HerdFigures) {
        self.screen.say(&line(self.started.elapsed(), figures));
        self.told = Instant::now();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A herd in a line.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct HerdFigures {
    wanted: u32,
    online: u32,
    /// Usable in one of two families.
    partial: u32,
    joining: u32,
    failed: u32,
    /// What a census does not know.
    history: Option<HerdSums>,
}

/// Since the pool began, of all clients that it ever had.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct HerdSums {
    availability: Option<f64>,
    restarts: u64,
    activities: ByKind<Attempts>,
}

impl HerdFigures {
    fn of_census(census: &Census) -> Self {
        Self {
            wanted: census.total(),
            online: census.of(Phase::Online),
            partial: census.of(Phase::Partial),
            joining: Phase::ALL
                .iter()
                .filter(|phase| is_on_the_way(**phase))
                .map(|phase| census.of(*phase))
                .sum(),
            failed: census.of(Phase::Failed),
            history: None,
        }
    }

    fn of_herd(census: &Census, done: &pool::Figures) -> Self {
        let gone = census.of(Phase::Gone) + census.of(Phase::Leaving);
        let figures = Self::of_census(census);
        let history = HerdSums {
            availability: done.availability(),
            restarts: done.restarts,
            activities: ByKind::new(|kind| done.of(kind).sum()),
        };
        Self {
            wanted: figures.wanted.saturating_sub(gone),
            history: Some(history),
            ..figures
        }
    }
}

/// Whether a client in this phase will come online if nothing goes wrong.
const fn is_on_the_way(phase: Phase) -> bool {
    matches!(phase, Phase::Queued | Phase::Backoff) || phase.is_joining()
}

fn line(elapsed: Duration, figures: &HerdFigures) -> String {
    let partial = match figures.partial {
        0 => String::new(),
        partial => format!(", {partial} partial (one of two families)"),
    };
    let mut line = format!(
        "{:7.1} s: {} of {} online{partial}, {} joining, {} failed",
        elapsed.as_secs_f64(),
        figures.online,
        figures.wanted,
        figures.joining,
        figures.failed
    );
    if let Some(history) = &figures.history {
        // Writing to a string cannot fail.
        if let Some(share) = history.availability {
            let _ = write!(line, ", availability {}", percent(share));
        }
        let _ = write!(line, ", {} restarts", history.restarts);
        for (kind, attempts) in history.activities.iter() {
            let (Attempts { all, succeeded }, about) = (attempts, kind.about());
            if *all > 0 {
                let (many, well) = (about.many, about.succeeded);
                let _ = write!(line, ", {succeeded} of {all} {many} {well}");
            }
        }
    }
    line
}

/// `71:59:00: 199 of 200 online, 1 failed, 3 restarts, 0.02 % of pings lost, 0.08 ms (99 %: 0.41 ms), 24.1 MiB, 812 files`.
fn soak_line(elapsed: Duration, look: &TimelineEntry, availability: Option<f64>) -> String {
    let mut line = format!(
        "{}: {} of {} online, {} failed, {} restarts",
        clock(elapsed),
        look.online,
        look.wanted,
        look.failed,
        look.restarts
    );
    // Writing to a string cannot fail.
    if let Some(share) = availability {
        let _ = write!(line, ", availability {}", percent(share));
    }
    for (kind, attempts) in look.activities.iter() {
        let about = kind.about();
        let failures = attempts.as_ref().and_then(soak::AttemptCounts::failures);
        if let Some(failures) = failures {
            let (many, failed, percent) = (about.many, about.failed, failures * 100.0);
            let _ = write!(line, ", {percent:.2} % of {many} {failed}");
        }
        let times = attempts.and_then(|attempts| attempts.p50_ms.zip(attempts.p99_ms));
        if let Some((p50, p99)) = times {
            let _ = write!(line, ", {p50:.2} ms (99 %: {p99:.2} ms)");
        }
    }
    let mib = look.resident_bytes as f64 / 1_048_576.0;
    let _ = write!(line, ", {mib:.1} MiB, {} files", look.descriptors);
    line
}

#[cfg(test)]
mod tests {
    use lanherd::activity::Kind;

    use super::*;

    #[test]
    fn a_line_says_how_the_herd_stands_and_of_pings_only_where_there_are_some() {
        let mut figures = HerdFigures {
            wanted: 10,
            online: 7,
            partial: 0,
            joining: 2,
            failed: 1,
            history: None,
        };
        let after = Duration::from_millis(12_340);
        assert_eq!(
            line(after, &figures),
            "   12.3 s: 7 of 10 online, 2 joining, 1 failed"
        );
        let in_one = HerdFigures {
            online: 4,
            partial: 3,
            ..figures
        };
        assert_eq!(
            line(after, &in_one),
            "   12.3 s: 4 of 10 online, 3 partial (one of two families), 2 joining, 1 failed"
        );
        figures.history = Some(HerdSums {
            restarts: 3,
            ..HerdSums::default()
        });
        assert_eq!(
            line(after, &figures),
            "   12.3 s: 7 of 10 online, 2 joining, 1 failed, 3 restarts"
        );
        figures.history = Some(HerdSums {
            availability: Some(0.932),
            restarts: 3,
            activities: ByKind::new(|kind| match kind {
                Kind::Ping => Attempts {
                    all: 20,
                    succeeded: 19,
                },
                Kind::Http => Attempts {
                    all: 5,
                    succeeded: 5,
                },
                _ => Attempts::default(),
            }),
        });
        assert!(
            line(after, &figures)
                .ends_with("1 failed, availability 93.2 %, 3 restarts, 19 of 20 pings answered, 5 of 5 fetches succeeded")
        );
    }

    #[test]
    fn a_look_at_a_soak_is_a_line_that_is_still_readable_after_days() {
        let mut look = TimelineEntry {
            at_ms: 0.0,
            wanted: 200,
            online: 199,
            failed: 1,
            wanted_ms: 0.0,
            usable_ms: 0.0,
            restarts: 3,
            activities: ByKind::new(|kind| {
                (kind == Kind::Ping).then_some(soak::AttemptCounts {
                    succeeded: 9_998,
                    failed: 2,
                    p50_ms: Some(0.08),
                    p99_ms: Some(0.41),
                })
            }),
            resident_bytes: 25_270_682,
            descriptors: 812,
        };
        assert_eq!(
            soak_line(Duration::from_secs(72 * 3_600 - 60), &look, None),
            "71:59:00: 199 of 200 online, 1 failed, 3 restarts, 0.02 % of pings lost, 0.08 ms (99 %: 0.41 ms), 24.1 MiB, \
             812 files"
        );
        look.activities[Kind::Ping] = None;
        assert!(
            soak_line(Duration::ZERO, &look, None).ends_with("3 restarts, 24.1 MiB, 812 files")
        );
        look.activities[Kind::Dns] = Some(soak::AttemptCounts {
            succeeded: 399,
            failed: 1,
            p50_ms: Some(0.3),
            p99_ms: Some(2.0),
        });
        look.activities[Kind::Command] = Some(soak::AttemptCounts {
            failed: 2,
            ..soak::AttemptCounts::default()
        });
        assert!(soak_line(Duration::ZERO, &look, None).ends_with(
            "3 restarts, 0.25 % of lookups failed, 0.30 ms (99 %: 2.00 ms), 100.00 % of commands failed, 24.1 MiB, 812 files"
        ));
    }

    #[test]
    fn a_client_counts_for_every_bar_behind_it_and_a_failed_one_for_none() {
        let behind = |phase: Phase| {
            JoinStep::ALL
                .iter()
                .filter(|stage| stage.is_done_in(phase))
                .count()
        };
        for (phase, bars) in [
            (Phase::Queued, 0),
            (Phase::Namespace, 0),
            (Phase::Link, 1),
            (Phase::Dhcp, 2),
            (Phase::Configure, 3),
            (Phase::Online, 4),
            (Phase::Backoff, 0),
            (Phase::Failed, 0),
        ] {
            assert_eq!(behind(phase), bars, "{phase}");
        }
    }
}
