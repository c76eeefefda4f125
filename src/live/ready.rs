//! Whether a herd is as it should be.

use std::fmt::Write;

use crate::phase::Phase;
use crate::pool::Census;

/// Whether the herd is as it should be, with a line to say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// It is as it should be.
    Yes(String),
    /// It is not.
    No(String),
}

impl From<&Census> for Ready {
    /// A herd is ready when every client that was not told to go is online, and there is one.
    fn from(census: &Census) -> Self {
        let (mut wanted, mut others) = (0, String::new());
        for phase in Phase::ALL.iter().copied().filter(|phase| phase.is_wanted()) {
            let clients = census.of(phase);
            if phase != Phase::Online && clients > 0 {
                // Writing to a String cannot fail.
                let _ = write!(others, ", {clients} {phase}");
            }
            wanted += clients;
        }
        let online = census.of(Phase::Online);
        let line = format!("{online} of {wanted} clients online{others}");
        if wanted > 0 && online == wanted {
            Self::Yes(line)
        } else {
            Self::No(line)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(phases: &[(Phase, u32)]) -> Ready {
        Ready::from(&phases.iter().copied().collect::<Census>())
    }

    #[test]
    fn a_herd_is_ready_when_all_that_should_be_online_are() {
        let all = ready(&[(Phase::Online, 10), (Phase::Gone, 3)]);
        assert_eq!(all, Ready::Yes("10 of 10 clients online".to_owned()));
    }

    #[test]
    fn a_herd_that_is_not_ready_says_where_the_others_are() {
        let some = ready(&[(Phase::Online, 7), (Phase::Dhcp, 2), (Phase::Failed, 1)]);
        let line = "7 of 10 clients online, 2 dhcp, 1 failed";
        assert_eq!(some, Ready::No(line.to_owned()));
    }

    #[test]
    fn a_herd_of_nobody_is_not_ready() {
        assert_eq!(ready(&[]), Ready::No("0 of 0 clients online".to_owned()));
    }
}
