//! What a report says of activities, in the form that each kind says itself; and what is summed up of each kind.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::activity::kind::{About, TimeLayout as Layout};
use crate::activity::{ByKind, Kind};
use crate::family::Family;
use crate::stats::{ActivityStats, Attempts, Distribution, milliseconds};

/// How long things took, in milliseconds; `None` of nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct TimeSummary {
    /// The shortest of them.
    pub min: Option<f64>,
    /// What half of them do not exceed.
    pub median: Option<f64>,
    /// What 99 of 100 do not exceed.
    pub p99: Option<f64>,
    /// The longest of them.
    pub max: Option<f64>,
}

impl From<&Distribution> for TimeSummary {
    fn from(times: &Distribution) -> Self {
        Self {
            min: times.min().map(milliseconds),
            median: times.quantile(0.5).map(milliseconds),
            p99: times.quantile(0.99).map(milliseconds),
            max: times.max().map(milliseconds),
        }
    }
}

/// One client's attempts of one activity, or those of a herd.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivityEntry {
    /// Of what kind.
    pub kind: Kind,
    /// What it was done to.
    pub subject: String,
    /// Attempts that were wanted.
    pub attempts: u64,
    /// Attempts that succeeded.
    pub succeeded: u64,
    /// Attempts that came to an answer by what was answered, where the kind tells answers apart.
    pub answers: BTreeMap<String, u64>,
    /// Attempts that came to none by cause, those that were never made among them.
    pub failed: BTreeMap<String, u64>,
    /// How long those took that came to an answer; of more than 32 not exact, see the module.
    pub time_ms: TimeSummary,
    /// How long each phase took, where it came to its end.
    pub phases_ms: BTreeMap<String, TimeSummary>,
    /// Attempts by the family that they went over, where some went over IPv6.
    pub families: BTreeMap<Family, FamilyAttempts>,
    /// The particulars of the latest that failed, where the kind tells them here.
    pub last_failure: Option<String>,
    /// What only the kind knows, by its own names.
    pub detail: Map<String, Value>,
}

impl From<&ActivityStats> for ActivityEntry {
    fn from(stats: &ActivityStats) -> Self {
        let is_told = stats.kind().about().layout.times == Layout::Apart;
        let detail = match serde_json::to_value(&stats.detail) {
            Ok(Value::Object(detail)) => detail,
            // Details are objects, whose keys are texts.
            Ok(_) | Err(_) => Map::new(),
        };
        let phases = stats.phases.iter();
        Self {
            kind: stats.kind(),
            subject: stats.subject.to_string(),
            attempts: stats.attempts(),
            succeeded: stats.successes(),
            answers: by_text(&stats.answers),
            failed: by_text(&stats.failed),
            time_ms: TimeSummary::from(&stats.time),
            phases_ms: phases
                .map(|(phase, times)| ((*phase).to_owned(), times.into()))
                .collect(),
            families: by_family(stats),
            last_failure: stats.last_failure().filter(|_| is_told).map(str::to_owned),
            detail,
        }
    }
}

/// Attempts over one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FamilyAttempts {
    /// Attempts that were wanted.
    pub attempts: u64,
    /// Attempts that succeeded.
    pub succeeded: u64,
}

/// Attempts by family; none where all went over IPv4, as reports have always had it.
fn by_family(stats: &ActivityStats) -> BTreeMap<Family, FamilyAttempts> {
    if stats.over(Family::Ipv6).all == 0 {
        return BTreeMap::new();
    }
    let all = Family::ALL.iter().map(|family| {
        let over = stats.over(*family);
        let attempts = FamilyAttempts {
            attempts: over.all,
            succeeded: over.succeeded,
        };
        (*family, attempts)
    });
    all.filter(|(_, over)| over.attempts > 0).collect()
}

fn by_text<T: ToString>(counts: &BTreeMap<T, u64>) -> BTreeMap<String, u64> {
    let texts = counts.iter();
    texts
        .map(|(word, count)| (word.to_string(), *count))
        .collect()
}

impl ActivityEntry {
    /// What it is, as tables name it: `ping router`, `resolve www.lab.test`.
    pub fn what(&self) -> String {
        format!("{} {}", self.kind.about().verb, self.subject)
    }

    /// Whether it was wanted, and did not succeed once.
    pub const fn never_succeeded(&self) -> bool {
        self.attempts > 0 && self.succeeded == 0
    }

    /// What is to be said of one that never succeeded.
    pub fn complaint(&self) -> String {
        self.last_failure.clone().unwrap_or_else(|| {
            let causes: Vec<&str> = self.failed.keys().map(String::as_str).collect();
            format!("no answer from {}: {}", self.subject, causes.join(", "))
        })
    }

    /// Reads an entry of a report.
    fn read(kind: Kind, mut entry: Map<String, Value>) -> serde_json::Result<Self> {
        let layout = &kind.about().layout;
        let entry = &mut entry;
        let subject: String = needed(entry, layout.subject)?;
        // As it is printed; of what a later version can do it stays as it was written.
        let subject = match kind.read(&subject) {
            Ok(read) => read.to_string(),
            Err(_) => subject,
        };
        let failed: BTreeMap<String, u64> = needed(entry, layout.failed)?;
        let succeeded = needed(entry, layout.succeeded)?;
        let (attempts, time_ms, last_failure) = match layout.times {
            Layout::Apart => (
                needed(entry, "attempts")?,
                needed(entry, "time_ms")?,
                if_there(entry, "last_failure")?,
            ),
            Layout::Beside(_) => {
                let times = TimeSummary {
                    min: if_there(entry, "min_ms")?,
                    median: if_there(entry, "median_ms")?,
                    p99: if_there(entry, "p99_ms")?,
                    max: if_there(entry, "max_ms")?,
                };
                (succeeded + failed.values().sum::<u64>(), times, None)
            }
        };
        let answers = match layout.answers {
            Some(key) => needed(entry, key)?,
            None => BTreeMap::new(),
        };
        let phases_ms = if layout.has_phases {
            needed(entry, "phases_ms")?
        } else {
            BTreeMap::new()
        };
        Ok(Self {
            kind,
            subject,
            attempts,
            succeeded,
            answers,
            failed,
            time_ms,
            phases_ms,
            families: if_there(entry, "families")?,
            last_failure,
            detail: std::mem::take(entry),
        })
    }
}

fn needed<T: serde::de::DeserializeOwned>(
    entry: &mut Map<String, Value>,
    key: &'static str,
) -> serde_json::Result<T> {
    let missing = || serde_json::Error::missing_field(key);
    serde_json::from_value(entry.remove(key).ok_or_else(missing)?)
}

/// What stands there, or what stands for nothing.
fn if_there<T: serde::de::DeserializeOwned + Default>(
    entry: &mut Map<String, Value>,
    key: &str,
) -> serde_json::Result<T> {
    entry
        .remove(key)
        .map_or(Ok(T::default()), serde_json::from_value)
}

impl Serialize for ActivityEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let layout = &self.kind.about().layout;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(layout.subject, &self.subject)?;
        if layout.times == Layout::Apart {
            map.serialize_entry("attempts", &self.attempts)?;
        }
        map.serialize_entry(layout.succeeded, &self.succeeded)?;
        if let Some(key) = layout.answers {
            map.serialize_entry(key, &self.answers)?;
        }
        map.serialize_entry(layout.failed, &self.failed)?;
        if layout.has_phases {
            map.serialize_entry("phases_ms", &self.phases_ms)?;
        }
        match layout.times {
            Layout::Apart => map.serialize_entry("time_ms", &self.time_ms)?,
            Layout::Beside(_) => {
                map.serialize_entry("min_ms", &self.time_ms.min)?;
                map.serialize_entry("median_ms", &self.time_ms.median)?;
                map.serialize_entry("p99_ms", &self.time_ms.p99)?;
                map.serialize_entry("max_ms", &self.time_ms.max)?;
            }
        }
        if !self.families.is_empty() {
            map.serialize_entry("families", &self.families)?;
        }
        for (key, value) in &self.detail {
            map.serialize_entry(key, value)?;
        }
        if layout.times == Layout::Apart {
            map.serialize_entry("last_failure", &self.last_failure)?;
        }
        map.end()
    }
}

/// Activities as lists among other fields, one list for each kind.
pub(super) mod lists {
    use super::{
        ActivityEntry, Deserialize, Deserializer, Kind, Map, SerializeMap, Serializer, Value,
    };
    use serde::de::Error as _;

    pub fn serialize<S: Serializer>(
        all: &[ActivityEntry],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Kind::ALL.len()))?;
        for kind in Kind::ALL {
            let of_kind = all.iter().filter(|activity| activity.kind == *kind);
            map.serialize_entry(kind.about().many, &of_kind.collect::<Vec<_>>())?;
        }
        map.end()
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<ActivityEntry>, D::Error> {
        let mut fields = Map::<String, Value>::deserialize(from)?;
        let mut all = Vec::new();
        for kind in Kind::ALL {
            let Some(list) = fields.remove(kind.about().many) else {
                continue;
            };
            let list: Vec<Map<String, Value>> =
                serde_json::from_value(list).map_err(D::Error::custom)?;
            for entry in list {
                all.push(ActivityEntry::read(*kind, entry).map_err(D::Error::custom)?);
            }
        }
        Ok(all)
    }
}

/// All attempts of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Total {
    /// How many there were.
    pub attempts: Attempts,
    /// What else is counted, in the order in which the kind says it.
    pub counts: Vec<u64>,
}

impl Total {
    /// Of these figures, which are of one kind.
    pub(super) fn of<'a>(
        all: &(impl Iterator<Item = &'a ActivityStats> + Clone),
        about: &About,
    ) -> Self {
        let counts = about.counts.iter();
        Self {
            attempts: all.clone().sum(),
            counts: counts
                .map(|count| all.clone().map(|stats| (count.of)(&stats.detail)).sum())
                .collect(),
        }
    }
}

/// Sums among other fields, several for each kind.
pub(super) mod totals {
    use super::{
        About, Attempts, ByKind, Deserialize, Deserializer, Kind, Map, SerializeMap, Serializer,
        Total, Value, if_there,
    };
    use serde::de::Error as _;

    fn succeeded(about: &About) -> String {
        format!("{}_{}", about.many, about.layout.succeeded)
    }

    pub fn serialize<S: Serializer>(all: &ByKind<Total>, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (kind, total) in all.iter() {
            let about = kind.about();
            map.serialize_entry(about.many, &total.attempts.all)?;
            map.serialize_entry(&succeeded(about), &total.attempts.succeeded)?;
            for (count, value) in about.counts.iter().zip(&total.counts) {
                map.serialize_entry(count.total, value)?;
            }
        }
        map.end()
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ByKind<Total>, D::Error> {
        let mut fields = Map::<String, Value>::deserialize(from)?;
        let mut all = ByKind::<Total>::default();
        for kind in Kind::ALL {
            let about = kind.about();
            let mut take = |key: &str| if_there(&mut fields, key).map_err(D::Error::custom);
            let attempts = Attempts {
                all: take(about.many)?,
                succeeded: take(&succeeded(about))?,
            };
            let counts = about.counts.iter().map(|count| take(count.total));
            let counts = counts.collect::<Result<_, _>>()?;
            all[*kind] = Total { attempts, counts };
        }
        Ok(all)
    }
}
