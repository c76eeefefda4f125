//! What was seen to break a requirement: counted by sender, requirement and kind, so that a message that comes every second is one
//! line.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::requirement::{Level, Requirement};

/// How many kinds of breach are told apart; those beyond are only counted. A hostile sender can make up senders and values.
pub const MAX_BREACHES: usize = 500;

/// One kind of breach by one sender.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Breach {
    /// How much the requirement binds.
    pub level: Level,
    /// The requirement's name.
    pub requirement: &'static str,
    /// The RFC and its section.
    pub source: &'static str,
    /// Who: an address and a MAC, or what is known of them.
    pub sender: String,
    /// What was seen the first time, with values and the byte.
    pub what: String,
    /// How often it was seen.
    pub times: u64,
    /// When it was first seen, in seconds since the beginning.
    pub first_seconds: f64,
    /// When it was last seen, in seconds since the beginning.
    pub last_seconds: f64,
}

/// All breaches so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Breaches {
    /// By requirement, sender, and what makes the kind.
    found: BTreeMap<(Requirement, String, String), Breach>,
    untold: u64,
}

impl Breaches {
    /// Enters one: `kind` is what makes two of them the same, `what` the sentence for the first.
    pub(crate) fn add(
        &mut self,
        at: Duration,
        requirement: &Requirement,
        sender: &str,
        kind: impl Into<String>,
        what: impl FnOnce() -> String,
    ) {
        let key = (*requirement, sender.to_owned(), kind.into());
        if let Some(breach) = self.found.get_mut(&key) {
            breach.times += 1;
            breach.last_seconds = at.as_secs_f64();
        } else if self.found.len() < MAX_BREACHES {
            let breach = Breach {
                level: requirement.level,
                requirement: requirement.name,
                source: requirement.source,
                sender: sender.to_owned(),
                what: what(),
                times: 1,
                first_seconds: at.as_secs_f64(),
                last_seconds: at.as_secs_f64(),
            };
            self.found.insert(key, breach);
        } else {
            self.untold += 1;
        }
    }

    /// All of them, what binds most first, and how many messages broke something that is not among them.
    pub(crate) fn all(&self) -> (Vec<Breach>, u64) {
        (self.found.values().cloned().collect(), self.untold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requirement::{RA_MTU, RA_RATE};

    #[test]
    fn the_same_of_the_same_sender_is_one_with_a_count() {
        let mut breaches = Breaches::default();
        for second in [1, 5, 9] {
            let at = Duration::from_secs(second);
            breaches.add(at, &RA_RATE, "fe80::1", "", || format!("at {second}"));
        }
        breaches.add(Duration::ZERO, &RA_RATE, "fe80::2", "", || "other".into());
        let (all, untold) = breaches.all();
        assert_eq!(untold, 0);
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].times, all[0].what.as_str()), (3, "at 1"));
        assert_eq!((all[0].first_seconds, all[0].last_seconds), (1.0, 9.0));
    }

    #[test]
    fn a_flood_of_senders_that_are_made_up_takes_bounded_memory_and_is_counted() {
        let mut breaches = Breaches::default();
        for number in 0..MAX_BREACHES + 7 {
            let sender = format!("fe80::{number:x}");
            breaches.add(Duration::ZERO, &RA_MTU, &sender, "", String::new);
        }
        let (all, untold) = breaches.all();
        assert_eq!((all.len(), untold), (MAX_BREACHES, 7));
    }
}
