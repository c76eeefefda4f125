//! Judging.

use std::time::Duration;

use super::words;
use super::{Bound, Figure, Objective, Quantile, Should, Verdict};
use crate::activity::Kind;
use crate::family::Family;
use crate::pool::{Figures, Uptime};
use crate::stats::{ActivityStats, Attempts, Distribution, Signal};
use crate::units::percent;
use lanherd_net::bulk::UNSENT;
use lanherd_stream::rates::Rates;
use lanherd_types::bit_rate::told;

/// What became of an objective, and why.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// The objective as it was written.
    pub text: String,
    /// The bound of the objective.
    pub bound: Value,
    /// What the figure came to; `None` where there was nothing to judge by.
    pub value: Option<Value>,
    /// What became of it.
    pub verdict: Verdict,
    /// A sentence: what is so, what should be, and, where it is inconclusive, what the tester did.
    pub words: String,
    /// How late the tester was: of a time, at worst while each of them was taken; of all else, whenever it woke.
    pub tester: Distribution,
}

/// A figure, or a bound of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// The figure is a time.
    Time(Duration),
    /// A share, 0 to 1.
    Share(f64),
    /// The figure is a number.
    Number(u64),
    /// The figure is a rate, in bits a second.
    Rate(f64),
}

impl From<Bound> for Value {
    fn from(bound: Bound) -> Self {
        match bound {
            Bound::Time(time) => Self::Time(time),
            Bound::Share(share) => Self::Share(share),
            Bound::Number(number) => Self::Number(number),
            Bound::Rate(rate) => Self::Rate(rate.bits_per_second() as f64),
        }
    }
}

/// What a figure came to, and what it would without all that may be the tester's doing.
struct Evaluation {
    value: Value,
    without_tester: Value,
    /// The figure in words.
    said: String,
    /// What the tester may have done.
    tester: String,
    /// Further lines, for whoever looks for the cause.
    details: Vec<String>,
}

impl Objective {
    /// What became of it.
    pub fn judge(&self, figures: &Figures) -> Judgement {
        let tester = match self.figure {
            Figure::Time(_, signal) => figures.doubt.times.get(&signal),
            _ => None,
        };
        let judgement = Judgement {
            text: self.text.clone(),
            bound: self.bound.into(),
            value: None,
            verdict: Verdict::Failed,
            words: String::new(),
            tester: tester
                .map_or_else(|| figures.doubt.wakings.clone(), |times| times.late.clone()),
        };
        let Some(finding) = self.find(figures) else {
            return Judgement {
                words: self.nothing(),
                ..judgement
            };
        };
        let (verdict, ending) = if self.holds(finding.value) {
            (Verdict::Passed, String::new())
        } else if self.holds(finding.without_tester) {
            let ending = format!(
                "; but {}: inconclusive; take fewer clients or a faster machine",
                finding.tester
            );
            (Verdict::Inconclusive, ending)
        } else {
            (Verdict::Failed, String::new())
        };
        let (should, bound) = (self.should, self.bound);
        let held = match verdict {
            Verdict::Passed => format!(", {should} {bound}"),
            Verdict::Failed | Verdict::Inconclusive => format!(": it should be {should} {bound}"),
        };
        let details = match verdict {
            Verdict::Passed => String::new(),
            _ => finding
                .details
                .iter()
                .fold(String::new(), |all, line| all + "\n  " + line),
        };
        Judgement {
            value: Some(finding.value),
            verdict,
            words: format!("{}{held}{ending}{details}", finding.said),
            ..judgement
        }
    }

    fn holds(&self, value: Value) -> bool {
        let order = match (value, self.bound) {
            (Value::Time(value), Bound::Time(bound)) => value.cmp(&bound),
            (Value::Share(value), Bound::Share(bound)) => value.total_cmp(&bound),
            (Value::Number(value), Bound::Number(bound)) => value.cmp(&bound),
            (Value::Rate(value), Bound::Rate(bound)) => {
                value.total_cmp(&(bound.bits_per_second() as f64))
            }
            // A bound is of its figure's kind.
            _ => return false,
        };
        match self.should {
            Should::BeBelow => order.is_lt(),
            Should::BeAtMost => order.is_le(),
            Should::BeAtLeast => order.is_ge(),
            Should::BeAbove => order.is_gt(),
        }
    }

    /// That there is nothing to judge by, and what to do.
    fn nothing(&self) -> String {
        let (figure, bound) = (self.figure, self.bound);
        let remedy = match figure {
            Figure::Time(_, Signal::Activity(kind))
            | Figure::Failed(kind)
            | Figure::Rate(_, kind, _)
            | Figure::Counted(kind, _) => kind.about().none,
            Figure::Time(_, Signal::Join) => "nobody came online",
            Figure::Time(_, Signal::Dhcp) => "nobody got a lease",
            Figure::Availability => "nobody came online, and nobody failed",
            Figure::FamilyAvailability(_) => {
                "no client is to have it (--family), or nobody came online and nobody failed"
            }
            Figure::StalePrefix => "no client is to have IPv6 (--family)",
            Figure::Restarts | Figure::Outages => "there were no clients",
            Figure::MalformedMessages => "no server granted anything",
        };
        format!("there is no {figure} to compare with {bound}: {remedy}")
    }

    /// What the figure is; `None` where there is nothing to judge by.
    fn find(&self, figures: &Figures) -> Option<Evaluation> {
        match self.figure {
            Figure::Time(quantile, signal) => self.find_time(figures, quantile, signal),
            Figure::Availability => availability(&figures.uptime, "the availability"),
            Figure::FamilyAvailability(family) => {
                let uptime = match (figures.uptime_by_family.get(&family), family) {
                    // Of a herd that is to have only IPv4 nothing is told by family.
                    (None, Family::Ipv4) if figures.uptime_by_family.is_empty() => &figures.uptime,
                    (uptime, _) => uptime?,
                };
                availability(uptime, &format!("the availability of {}", family.name()))
            }
            Figure::StalePrefix => {
                if figures.uptime_by_family.is_empty() {
                    return None;
                }
                let stale = figures.stale_prefix;
                let longest = words::time(stale.longest);
                let said = match stale.count {
                    0 => "no client used a prefix that its router had replaced".to_owned(),
                    count => format!(
                        "a client used a prefix that its router had replaced for {longest}, the longest of {count}"
                    ),
                };
                Some(Evaluation::plain(Value::Time(stale.longest), said))
            }
            Figure::Failed(kind) => {
                let all: Attempts = figures.of(kind).sum();
                match self.bound {
                    Bound::Share(_) => share(all, figures, kind),
                    Bound::Time(_) | Bound::Number(_) | Bound::Rate(_) => {
                        number(all, figures, kind)
                    }
                }
            }
            Figure::Rate(quantile, kind, rate) => {
                let mut rates = Rates::default();
                for stats in figures.of(kind) {
                    (rate.of)(&stats.detail, &mut rates);
                }
                self.find_rate(quantile, kind, rate.name, &rates, figures)
            }
            Figure::Restarts => {
                let (all, testers) = (figures.restarts, figures.doubt.restarts);
                Some(Evaluation {
                    value: Value::Number(all),
                    without_tester: Value::Number(all.saturating_sub(testers)),
                    said: format!("there were {all} restarts"),
                    tester: format!("{testers} of them were the tester's own failures"),
                    details: Vec::new(),
                })
            }
            Figure::Counted(kind, objective) => {
                let counts = kind.about().counts.iter();
                let mut counts = counts.filter(|count| count.objective.as_ref() == Some(objective));
                let of = counts.next()?.of;
                if figures.of(kind).map(ActivityStats::attempts).sum::<u64>() == 0 {
                    return None;
                }
                let number = figures.of(kind).map(|stats| of(&stats.detail)).sum();
                let said = format!("there were {number} {}", objective.what);
                Some(Evaluation::plain(Value::Number(number), said))
            }
            Figure::MalformedMessages => {
                let malformed = figures.malformed_count();
                if malformed == 0 && figures.dhcp.count() == 0 {
                    return None;
                }
                let said = format!("there were {malformed} malformed DHCP messages");
                Some(Evaluation::plain(Value::Number(malformed), said))
            }
            Figure::Outages => {
                let outages = figures.outages;
                let said = format!("there were {outages} outages");
                Some(Evaluation::plain(Value::Number(outages), said))
            }
        }
    }

    /// A rate may be low since the tester, or the sink, was slow: of one that should be high those are looked at without.
    fn find_rate(
        &self,
        quantile: Option<Quantile>,
        kind: Kind,
        name: &str,
        rates: &Rates,
        figures: &Figures,
    ) -> Option<Evaluation> {
        let (value, without, what) = match quantile {
            Some(quantile) => (
                rates.quantile(quantile.share)?,
                rates.quantile_without_own(quantile.share),
                format!("the {} {name}", quantile.name),
            ),
            None => (
                rates.mean()?,
                rates.mean_without_own(),
                format!("the {name}"),
            ),
        };
        let (count, own) = (rates.count(), rates.own());
        let said = format!("{what} is {}, of {count} streams", told(value));
        let is_high = matches!(self.should, Should::BeAtLeast | Should::BeAbove);
        if !is_high {
            return Some(Evaluation::plain(Value::Rate(value), said));
        }
        // Who comes so late to send sends as much at least, each time, as may wait to be sent: what is slower has other reasons.
        let late = in_all(&figures.doubt.wakings, 0.99, Signal::Activity(kind));
        if value / 8.0 * late.as_secs_f64() >= f64::from(UNSENT) {
            return Some(Evaluation {
                value: Value::Rate(value),
                without_tester: Value::Rate(f64::INFINITY),
                said,
                tester: format!(
                    "the tester itself woke up to {} late (p99), in which more could be sent than waits to be",
                    words::time(late)
                ),
                details: Vec::new(),
            });
        }
        if own == 0 {
            return Some(Evaluation::plain(Value::Rate(value), said));
        }
        Some(Evaluation {
            value: Value::Rate(value),
            without_tester: Value::Rate(without),
            said,
            tester: format!(
                "by what TCP itself says, the tester or the sink was the limit of {own} of them"
            ),
            details: Vec::new(),
        })
    }

    fn find_time(
        &self,
        figures: &Figures,
        quantile: Quantile,
        signal: Signal,
    ) -> Option<Evaluation> {
        let all = distribution(figures, signal);
        let value = all.quantile(quantile.share)?;
        let said = format!(
            "the {} {signal} is {}, of {}",
            quantile.name,
            words::time(value),
            all.count()
        );
        let Some(times) = figures.doubt.times.get(&signal) else {
            return Some(Evaluation::plain(Value::Time(value), said));
        };
        if matches!(self.should, Should::BeAtLeast | Should::BeAbove) {
            // Lateness only adds.
            return Some(Evaluation::plain(Value::Time(value), said));
        }
        let rest = times.rest.quantile(quantile.share).unwrap_or(value);
        let late = in_all(&figures.doubt.wakings, quantile.share, signal);
        let without_tester = rest.min(signal.without_tester(value, late));
        let at = |share| words::time(times.late.quantile(share).unwrap_or_default());
        let tester = format!(
            "the tester itself woke up to {} late (p95; at worst {}) in that time",
            at(0.95),
            at(1.0)
        );
        Some(Evaluation {
            value: Value::Time(value),
            without_tester: Value::Time(without_tester),
            said,
            tester,
            details: Vec::new(),
        })
    }
}

/// As late as so few wakings were later that all of these together could lie behind the times beyond a quantile: if no more
/// than a share of `1 - quantile` of times may be longer, and each waits so often, one in so many waits may be later.
///
/// Only where the tester was late in general: more than one waking in a hundred was. One stall is not behind the times that were not
/// taken while it lasted.
fn in_all(wakings: &Distribution, quantile: f64, signal: Signal) -> Duration {
    if wakings.quantile(0.99) < Some(Signal::ON_TIME) {
        return Duration::ZERO;
    }
    let share = 1.0 - (1.0 - quantile) / f64::from(signal.waits());
    wakings.quantile(share).unwrap_or_default()
}

fn distribution(figures: &Figures, signal: Signal) -> Distribution {
    match signal {
        Signal::Join => figures.join.clone(),
        Signal::Dhcp => figures.dhcp.clone(),
        Signal::Activity(kind) => figures.of(kind).map(|stats| &stats.time).sum(),
    }
}

impl Evaluation {
    /// In which the tester can have no part.
    fn plain(value: Value, said: String) -> Self {
        Self {
            value,
            without_tester: value,
            said,
            tester: String::new(),
            details: Vec::new(),
        }
    }
}

/// The share of time in which clients were usable, without what the tester failed to do, and by cause.
fn availability(uptime: &Uptime, what: &str) -> Option<Evaluation> {
    let value = uptime.availability()?;
    // The time in which the tester stood still is in it neither way; what it failed to do otherwise is.
    let testers = uptime.unavailable.iter();
    let testers = testers
        .filter(|(cause, _)| cause.is_of_the_tester())
        .map(|(_, lasted)| *lasted)
        .sum::<Duration>();
    let without = uptime.availability_without_tester().unwrap_or(1.0);
    let by = uptime.unavailable.iter();
    let details = by.map(|(cause, lasted)| {
        format!("{cause}: {} of all clients together", words::time(*lasted))
    });
    Some(Evaluation {
        value: Value::Share(value),
        without_tester: Value::Share(without),
        said: format!("{what} is {}", percent(value)),
        tester: format!(
            "{} of what clients were not usable was the tester's own doing",
            words::time(testers)
        ),
        details: details.collect(),
    })
}

/// How many of the attempts that failed are the tester's doing, and that in words.
fn testers(all: Attempts, figures: &Figures, kind: Kind) -> (u64, String) {
    let testers = figures.doubt.failures.get(&Signal::Activity(kind)).copied();
    let testers = testers.unwrap_or_default().min(all.failed());
    let words = format!("the tester itself failed {testers} of them, or slept through their time");
    (testers, words)
}

fn share(all: Attempts, figures: &Figures, kind: Kind) -> Option<Evaluation> {
    let (about, failed) = (kind.about(), all.failed());
    let (testers, tester) = testers(all, figures, kind);
    let of = |failed: u64| failed as f64 / all.all as f64;
    // Where a share is all that is asked for, by what cause is told.
    let details = figures.of(kind).filter(|_| !about.failures.are_counted);
    let details = details.flat_map(|stats| {
        let causes = stats.failed.iter();
        causes.map(|(cause, count)| format!("{}: {cause} {count} times", stats.subject))
    });
    (all.all > 0).then(|| Evaluation {
        value: Value::Share(of(failed)),
        without_tester: Value::Share(of(failed - testers)),
        said: format!(
            "{} is {}, {failed} of {} {}",
            about.failures.share,
            words::share(of(failed)),
            all.all,
            about.many
        ),
        tester,
        details: details.collect(),
    })
}

fn number(all: Attempts, figures: &Figures, kind: Kind) -> Option<Evaluation> {
    let (testers, tester) = testers(all, figures, kind);
    let (failed, many) = (all.failed(), kind.about().many);
    (all.all > 0).then(|| Evaluation {
        value: Value::Number(failed),
        without_tester: Value::Number(failed - testers),
        said: format!("{failed} of {} {many} failed", all.all),
        tester,
        details: Vec::new(),
    })
}
