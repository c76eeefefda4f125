//! Which events are failures to be told of, and how often: two hundred clients that fail for one cause are one message.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use lanherd::pool::{Event, EventKind};
use serde_json::{Value, json};

/// How long the same is not told of again.
const PAUSE: Duration = Duration::from_secs(60);

/// What was told of, and when.
#[derive(Debug, Default)]
pub struct FailureFilter {
    /// By what makes two failures the same. There are as many as there are causes.
    told: HashMap<String, Told>,
}

#[derive(Debug)]
struct Told {
    at: Instant,
    /// How often it happened since, untold.
    since: u64,
}

impl FailureFilter {
    /// What is to be told of an event; `None`: it is no failure, or has been told of. What was not told of in between is
    /// in `suppressed`.
    pub fn of_event(&mut self, event: &Event, now: Instant) -> Option<Value> {
        let key = same(&event.what)?;
        let mut suppressed = 0;
        if let Some(told) = self.told.get_mut(&key) {
            if now.saturating_duration_since(told.at) < PAUSE {
                told.since += 1;
                return None;
            }
            suppressed = told.since;
        }
        self.told.insert(key, Told { at: now, since: 0 });
        let mut failure = serde_json::to_value(event).ok()?;
        failure["suppressed"] = json!(suppressed);
        Some(failure)
    }
}

/// What makes two failures the same; `None`: the event is none.
fn same(what: &EventKind) -> Option<String> {
    match what {
        EventKind::Failed {
            stage,
            cause,
            family,
            ..
        } => Some(format!(
            "failed {} {} {family:?}",
            stage.as_str(),
            cause.as_str()
        )),
        EventKind::FamilyDown {
            stage,
            cause,
            family,
            ..
        } => Some(format!(
            "family_down {} {} {family:?}",
            stage.as_str(),
            cause.as_str()
        )),
        EventKind::GivenUp { why } => Some(format!("given_up {why:?}")),
        EventKind::OutageBegan { family, .. } => Some(format!("outage_began {family:?}")),
        EventKind::OutageSpread { family, .. } => Some(format!("outage_spread {family:?}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use lanherd::identity::ClientNumber;
    use lanherd::phase::{Cause, Phase, Stage};

    use super::*;

    fn event(client: u32, what: EventKind) -> Event {
        Event {
            sequence: 1,
            after: Duration::from_secs(1),
            client: Some(ClientNumber(client)),
            what,
        }
    }

    fn failed(client: u32, cause: Cause) -> Event {
        event(
            client,
            EventKind::Failed {
                stage: Stage::Dhcp,
                cause,
                family: None,
                detail: "nobody answered".to_owned(),
            },
        )
    }

    #[test]
    fn the_same_is_told_once_a_minute_with_how_often_it_happened_meanwhile() {
        let mut failures = FailureFilter::default();
        let start = Instant::now();
        let first = failures.of_event(&failed(1, Cause::NoOffer), start);
        let first = first.expect("told of");
        assert_eq!(first["event"], "failed");
        assert_eq!(first["cause"], "no_offer");
        assert_eq!(
            (&first["client"], &first["suppressed"]),
            (&json!(1), &json!(0))
        );
        for client in 2..=200 {
            let soon = start + Duration::from_millis(u64::from(client));
            assert_eq!(
                failures.of_event(&failed(client, Cause::NoOffer), soon),
                None
            );
        }
        assert!(failures.of_event(&failed(7, Cause::NoAck), start).is_some());
        let later = failures.of_event(&failed(7, Cause::NoOffer), start + PAUSE);
        assert_eq!(later.expect("told of")["suppressed"], 199);
    }

    #[test]
    fn what_is_no_failure_is_not_told_of() {
        let step = EventKind::Phase {
            from: Phase::Queued,
            to: Phase::Namespace,
        };
        let mut failures = FailureFilter::default();
        assert_eq!(failures.of_event(&event(1, step), Instant::now()), None);
    }
}
