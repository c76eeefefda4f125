//! What the user says of a run, such as the router's model and firmware: labels of `run_info`.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::SystemTime;

use serde::{Deserialize, Deserializer, Serialize};

use crate::identity::PoolName;

/// Labels that `run_info` has in any case, and those that Prometheus itself gives to what it scrapes.
const TAKEN: [&str; 4] = ["pool", "seed", "job", "instance"];

/// The label that is there in any case.
const RUN_ID: &str = "run_id";

/// One of them: `router_model=X`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLabel {
    name: String,
    value: String,
}

/// All of them, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct RunLabels(BTreeMap<String, String>);

/// What is wrong with one of them, or with all together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// There is no name.
    #[error("{0:?} is no label: write NAME=VALUE, as in router_model=X")]
    NotOne(String),
    /// The name is none for Prometheus.
    #[error(
        "{0:?} is no name of a label: use up to {MOST} letters, digits and underscores, not a digit first, nor two underscores",
        MOST = RunLabel::LONGEST_NAME
    )]
    Name(String),
    /// The name stands for something else.
    #[error("the label {0} is taken, by lanherd or by Prometheus: choose another name")]
    Taken(String),
    /// The value is empty, too long, or no line of text.
    #[error(
        "the value of label {0} is none: write 1 to {MOST} characters without control characters",
        MOST = RunLabel::LONGEST_VALUE
    )]
    Value(String),
    /// Two labels have one name.
    #[error("the label {0} is given twice: leave one of them out")]
    Twice(String),
    /// There are more labels than a run may have.
    #[error("{0} labels are too many: write {MOST} at most", MOST = RunLabels::MOST)]
    TooMany(usize),
}

impl RunLabel {
    /// How many characters a name may have.
    pub const LONGEST_NAME: usize = 64;
    /// How many characters a value may have.
    pub const LONGEST_VALUE: usize = 128;

    /// Checks name and value.
    pub fn new(name: &str, value: &str) -> Result<Self, LabelError> {
        // The data model of Prometheus; names that begin with two underscores are its own.
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let is_name = name.len() <= Self::LONGEST_NAME
            && name.bytes().all(is_letter)
            && name
                .bytes()
                .next()
                .is_some_and(|byte| !byte.is_ascii_digit())
            && !name.starts_with("__");
        if !is_name {
            return Err(LabelError::Name(name.to_owned()));
        }
        if TAKEN.contains(&name) {
            return Err(LabelError::Taken(name.to_owned()));
        }
        let length = value.chars().count();
        if !(1..=Self::LONGEST_VALUE).contains(&length) || value.chars().any(char::is_control) {
            return Err(LabelError::Value(name.to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

impl RunLabel {
    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for RunLabel {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| LabelError::NotOne(text.to_owned()))?;
        Self::new(name, value)
    }
}

impl RunLabels {
    /// More would be a table of their own.
    pub const MOST: usize = 16;

    /// Checks that they are not too many, and each there once.
    pub fn of(labels: Vec<RunLabel>) -> Result<Self, LabelError> {
        if labels.len() > Self::MOST {
            return Err(LabelError::TooMany(labels.len()));
        }
        let mut all = BTreeMap::new();
        for RunLabel { name, value } in labels {
            if all.contains_key(&name) {
                return Err(LabelError::Twice(name));
            }
            all.insert(name, value);
        }
        Ok(Self(all))
    }

    /// The same, with a `run_id` of this pool and time, unless they say one: `ns-20261125T040000Z`.
    ///
    /// So two runs are told apart of which nothing else is said.
    #[must_use]
    pub fn identified(mut self, pool: &PoolName, started: SystemTime) -> Self {
        let id = || {
            let mut time = humantime::format_rfc3339_seconds(started).to_string();
            time.retain(|sign| !matches!(sign, '-' | ':'));
            format!("{pool}-{time}")
        };
        self.0.entry(RUN_ID.to_owned()).or_insert_with(id);
        self
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Reads labels from a table: `{ router_model = "X" }`.
pub fn from_table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RunLabel>, D::Error> {
    BTreeMap::<String, String>::deserialize(deserializer)?
        .iter()
        .map(|(name, value)| RunLabel::new(name, value).map_err(serde::de::Error::custom))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_a_name_for_prometheus_and_a_line_as_its_value() {
        let label = |text: &str| text.parse::<RunLabel>();
        let name = |name: &str| Err(LabelError::Name(name.to_owned()));
        assert_eq!(
            label("firmware=7.59 = beta"),
            RunLabel::new("firmware", "7.59 = beta")
        );
        assert_eq!(label("X"), Err(LabelError::NotOne("X".to_owned())));
        for bad in ["", "7up", "router-model", "größe", "__name__", "a b"] {
            assert_eq!(label(&format!("{bad}=X")), name(bad));
        }
        assert!(label(&format!("{}=X", "a".repeat(64))).is_ok());
        let long = "a".repeat(65);
        assert_eq!(label(&format!("{long}=X")), name(&long));
        for taken in TAKEN {
            let refusal = LabelError::Taken(taken.to_owned());
            assert_eq!(label(&format!("{taken}=X")), Err(refusal));
        }
        assert!(label(&format!("a={}", "ü".repeat(128))).is_ok());
        for bad in [String::new(), "two\nlines".to_owned(), "ü".repeat(129)] {
            let refusal = LabelError::Value("a".to_owned());
            assert_eq!(label(&format!("a={bad}")), Err(refusal));
        }
    }

    #[test]
    fn a_run_has_the_id_that_the_user_gave_it_or_one_of_its_pool_and_time() {
        let started = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_790_000_000);
        let id_of = |said: &str| {
            let labels = RunLabels::of(vec![said.parse().expect("a label")]).expect("labels");
            let labels = labels.identified(&PoolName::default(), started);
            assert_eq!(
                labels
                    .clone()
                    .identified(&PoolName::default(), SystemTime::now()),
                labels
            );
            let id = labels.iter().find(|(name, _)| *name == "run_id");
            id.map(|(_, id)| id.to_owned())
        };
        assert_eq!(id_of("firmware=7").as_deref(), Some("ns-20260921T141320Z"));
        assert_eq!(id_of("run_id=4711").as_deref(), Some("4711"));
    }

    #[test]
    fn labels_are_few_and_each_is_given_once() {
        let label = |number: usize| RunLabel::new(&format!("a{number}"), "X").expect("a label");
        let most: Vec<_> = (0..RunLabels::MOST).map(label).collect();
        assert_eq!(
            RunLabels::of(most.clone()).map(|all| all.iter().count()),
            Ok(16)
        );
        let more = [most, vec![label(99)]].concat();
        assert_eq!(RunLabels::of(more), Err(LabelError::TooMany(17)));
        let twice = vec![label(1), label(1)];
        assert_eq!(
            RunLabels::of(twice),
            Err(LabelError::Twice("a1".to_owned()))
        );
    }
}
