//! What the reports of a run say of the run itself.

use std::time::{Instant, SystemTime};

use crate::identity::Seed;
use crate::objective::Objective;
use crate::pool::Figures;
use crate::report::{self, Ended, RunSummary};
use crate::tester;

/// When a run began, by both clocks, and what its reports say of its settings.
#[derive(Debug, Clone)]
pub(super) struct RunInfo {
    pub(super) began_at: SystemTime,
    pub(super) started: Instant,
    pub(super) seed: Seed,
    pub(super) parameters: serde_json::Value,
    pub(super) tester: tester::TesterFigures,
    pub(super) objectives: Vec<Objective>,
    /// Whether it is a soak, or was to become one once the herd had joined.
    pub(super) is_soak: bool,
}

impl RunInfo {
    /// What a report says of the run: how it `ended`, or that it has not.
    pub(super) fn summary(
        &self,
        ended: Option<Ended>,
        leaked_objects: u64,
        soak: Option<report::Soak>,
        figures: &Figures,
    ) -> RunSummary {
        let complete = match ended {
            None => false,
            // A herd that is held until somebody has seen enough has come to its end by that; a soak has not.
            Some(Ended::Interrupted) => !self.is_soak,
            Some(Ended::TimeOver | Ended::Stopped | Ended::EveryClientFailed) => true,
        };
        let objectives = self.objectives.iter();
        RunSummary {
            parameters: self.parameters.clone(),
            seed: self.seed,
            started: self.began_at,
            duration: self.started.elapsed(),
            leaked_objects,
            ended,
            complete,
            lag: self.tester.now(),
            objectives: objectives
                .map(|objective| objective.judge(figures))
                .collect(),
            soak,
        }
    }
}
