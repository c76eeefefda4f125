//! Which flaws of servers' messages a client tells.

use std::collections::BTreeSet;

use crate::dhcp::Flaw;

/// So many kinds of flaws one life of a client tells. A server that has more sends rubbish on purpose.
pub const MOST_FLAWS: usize = 16;

/// The kinds that one life of a client has told: each once, and no more than [`MOST_FLAWS`], however many messages come.
#[derive(Debug, Default)]
pub(super) struct FlawLog(BTreeSet<Flaw>);

/// What is to be done about a flaw, beside counting it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlawNews {
    /// It is to be told.
    New,
    /// It was told.
    Known,
    /// It was not told and will not be.
    TooMany,
}

impl FlawLog {
    pub(super) fn note(&mut self, flaw: Flaw) -> FlawNews {
        if self.0.contains(&flaw) {
            return FlawNews::Known;
        }
        if self.0.len() == MOST_FLAWS {
            return FlawNews::TooMany;
        }
        self.0.insert(flaw);
        FlawNews::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dhcp::RemarkReason;

    #[test]
    fn each_kind_is_told_once_and_only_so_many_kinds_however_many_come() {
        let mut log = FlawLog::default();
        let told = (0..100_000_u32).filter(|n| {
            let [option, ..] = n.to_le_bytes();
            log.note(Flaw::Option(option, RemarkReason::Length)) == FlawNews::New
        });
        assert_eq!(told.count(), MOST_FLAWS);
        let note = |log: &mut FlawLog, option| log.note(Flaw::Option(option, RemarkReason::Length));
        assert_eq!(note(&mut log, 0), FlawNews::Known);
        assert_eq!(note(&mut log, 16), FlawNews::TooMany);
        assert_eq!(log.0.len(), MOST_FLAWS);
    }
}
