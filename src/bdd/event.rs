//! What a run of feature files tells while it goes on.

use std::time::Duration;

use super::results::{FeatureResult, ScenarioResult};

/// Is told of what happens, as it happens.
pub type SuiteObserver = Box<dyn FnMut(&SuiteEvent<'_>)>;

/// What happens while feature files are run.
#[derive(Debug)]
pub enum SuiteEvent<'a> {
    /// A scenario has begun.
    Began {
        /// Its feature, as far as that has come.
        feature: &'a FeatureResult,
        /// The scenario itself.
        scenario: &'a ScenarioResult,
    },
    /// A scenario is still under way.
    Goes {
        /// Its feature, as far as that has come.
        feature: &'a FeatureResult,
        /// It; the last of its steps is being done.
        scenario: &'a ScenarioResult,
        /// For how long.
        since: Duration,
        /// How its clients stand, if it has any: `30 of 40 clients online`.
        clients: Option<&'a str>,
    },
    /// A scenario has ended.
    Ended {
        /// Its feature, as far as that has come.
        feature: &'a FeatureResult,
        /// The scenario itself.
        scenario: &'a ScenarioResult,
    },
}
