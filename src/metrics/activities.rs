//! The families of activities, as each kind says them. Their series appear with the first activity of their kind.

use prometheus::{HistogramVec, IntCounterVec, Registry};

use super::registering::{counter, histogram};
use super::{LEASE_BUCKETS, RTT_BUCKETS};
use crate::activity::kind::{About, Buckets, Observed};
use crate::activity::{AttemptOutcome, Ending, FamilyChoice, Kind, Subject};
use crate::family::{Families, Family};

/// The families of every kind, in the order of the kinds.
#[derive(Debug, Clone)]
pub(super) struct ActivityFamilies(Vec<KindFamilies>);

/// The families of one kind.
#[derive(Debug, Clone)]
struct KindFamilies {
    about: &'static About,
    time: HistogramVec,
    answers: Option<IntCounterVec>,
    failures: IntCounterVec,
    counts: Vec<IntCounterVec>,
}

impl ActivityFamilies {
    pub(super) fn new(r: &Registry) -> prometheus::Result<Self> {
        let kinds = Kind::ALL
            .iter()
            .map(|kind| KindFamilies::new(r, kind.about()));
        kinds.collect::<prometheus::Result<_>>().map(Self)
    }

    fn of(&self, subject: &Subject) -> Option<&KindFamilies> {
        self.0.get(subject.kind() as usize)
    }

    /// There will be attempts of this: its series appear now, since `rate()` does not see one that begins with an event.
    pub(super) fn expect(&self, subject: &Subject, families: Families) {
        if let Some(of_kind) = self.of(subject) {
            match subject.family_choice(families) {
                FamilyChoice::Only(family) => of_kind.expect(subject, family),
                FamilyChoice::Either | FamilyChoice::All => {
                    for family in Family::ALL {
                        of_kind.expect(subject, *family);
                    }
                }
            }
        }
    }

    /// An attempt came to its end.
    pub(super) fn did(&self, subject: &Subject, outcome: &AttemptOutcome) {
        if let Some(families) = self.of(subject) {
            families.did(subject, outcome);
        }
    }
}

impl KindFamilies {
    fn new(r: &Registry, about: &'static About) -> prometheus::Result<Self> {
        let families = &about.metrics;
        let with = |label: &'static str| [families.labels, &[label]].concat();
        let failures = &families.failures;
        let failures = counter(r, failures.name, failures.help, &with(failures.label))?;
        let answers = match &families.answers {
            None => None,
            Some(answers) if answers.name == families.failures.name => Some(failures.clone()),
            Some(answers) => {
                let labels = with(answers.label);
                Some(counter(r, answers.name, answers.help, &labels)?)
            }
        };
        let time = &families.time;
        let buckets = match time.buckets {
            Buckets::RoundTrips => RTT_BUCKETS,
            Buckets::Long => LEASE_BUCKETS,
        };
        let labels = match time.observed {
            Observed::Whole => families.labels.to_vec(),
            Observed::Under(label, _) | Observed::Phases(label, _) => with(label),
        };
        let counts = about.counts.iter().map(|count| {
            let (name, help) = count.metric;
            counter(r, name, help, families.labels)
        });
        Ok(Self {
            about,
            time: histogram(r, time.name, time.help, buckets, &labels)?,
            answers,
            failures,
            counts: counts.collect::<prometheus::Result<_>>()?,
        })
    }

    fn expect(&self, subject: &Subject, family: Family) {
        let (about, families) = (self.about, &self.about.metrics);
        let values = (families.values)(subject, family);
        match families.time.observed {
            Observed::Whole => drop(self.time.with_label_values(&values)),
            Observed::Under(_, value) => drop(self.time.with_label_values(&and(&values, value))),
            Observed::Phases(_, phases) => {
                for phase in phases {
                    self.time.with_label_values(&and(&values, phase));
                }
            }
        }
        for cause in about.causes {
            self.failures.with_label_values(&and(&values, cause.word));
        }
        if let (Some(family), Some(answers)) = (&self.answers, &families.answers) {
            for value in answers.values {
                family.with_label_values(&and(&values, value));
            }
        }
        for family in &self.counts {
            family.with_label_values(&values);
        }
    }

    fn did(&self, subject: &Subject, outcome: &AttemptOutcome) {
        let (about, families) = (self.about, &self.about.metrics);
        // What came to no address went over none: it counts with what names none.
        let family = outcome.family.unwrap_or_else(|| usual_family(subject));
        let values = (families.values)(subject, family);
        let observe = |values: &[&str], took: std::time::Duration| {
            let histogram = self.time.with_label_values(values);
            histogram.observe(took.as_secs_f64());
        };
        match families.time.observed {
            Observed::Whole => {
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                outcome.took.iter().for_each(|took| observe(&values, *took));
            }
            Observed::Under(_, value) => {
                let values = and(&values, value);
                outcome.took.iter().for_each(|took| observe(&values, *took));
            }
            Observed::Phases(..) => {
                for (phase, took) in &outcome.phases {
                    observe(&and(&values, phase), *took);
                }
            }
        }
        match &outcome.ending {
            Ending::Failed(cause) => {
                let family = &self.failures;
                family.with_label_values(&and(&values, cause)).inc();
            }
            Ending::Answered { answer, .. } => {
                if let (Some(family), Some(answers)) = (&self.answers, &families.answers) {
                    let value = (answers.value)(answer.as_deref().unwrap_or_default());
                    family.with_label_values(&and(&values, &value)).inc();
                }
            }
        }
        for (family, count) in self.counts.iter().zip(about.counts) {
            let counted = (count.of)(&outcome.detail);
            family.with_label_values(&values).inc_by(counted);
        }
    }
}

/// The family of what is done to this by a client that has nothing else.
fn usual_family(subject: &Subject) -> Family {
    match subject.family_choice(Families::Ipv4) {
        FamilyChoice::Only(family) => family,
        FamilyChoice::Either | FamilyChoice::All => Family::Ipv4,
    }
}

/// The values of a family's labels: those of the subject, and one more.
fn and<'a>(values: &'a [String], value: &'a str) -> Vec<&'a str> {
    let values = values.iter().map(String::as_str);
    values.chain([value]).collect()
}
