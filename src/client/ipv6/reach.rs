//! Whether a client's IPv6 can be used: the states, and what is told of them.

use std::time::{Duration, Instant};

/// For how long an address that is being verified puts the deadline off, until it is looked again.
const VERIFYING: Duration = Duration::from_secs(1);

/// Where a client stands on its way to IPv6 that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Not started, or given back: nothing is waited for.
    Resting,
    /// The link carries nothing.
    CutOff,
    /// It cannot be used yet, or not any more.
    Seeking {
        /// When the first message was sent; `None`: none was.
        began: Option<Instant>,
        /// Until when it should be usable.
        until: Instant,
        /// Whether it was usable before, since it was started or the link came back.
        is_again: bool,
    },
    /// It can be used.
    Usable,
    /// It was not usable in time, and is sought on and on.
    Overdue {
        /// When the first message was sent; `None`: none was.
        began: Option<Instant>,
        /// Whether it was usable before, since it was started or the link came back.
        is_again: bool,
    },
}

/// What befalls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// It is to be usable within this time: it is started, or the link is back.
    Seek(Duration),
    /// Nothing more is wanted.
    Rest,
    /// The link carries nothing any more.
    CutOff,
    /// A message was sent.
    Sent,
    /// All is there that is needed; or not. In this time another try is to come to an end.
    Judged(Verdict, Duration),
}

/// What is there at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All that is needed.
    Usable,
    /// Something is missing, and may come.
    Missing,
    /// An address is there, and whether somebody else has it is being found out, which takes a second or two.
    Verifying,
    /// Something is missing, and will not come.
    Hopeless,
}

/// What a verdict changes of what was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// It changes nothing.
    None,
    /// It can be used, this long after the first message.
    Up(Duration),
    /// It cannot be used any more.
    Lost,
    /// It was not usable in time, or will not be.
    Overdue,
}

impl Reach {
    /// When a decision is due.
    pub(super) const fn deadline(self) -> Option<Instant> {
        match self {
            Self::Seeking { until, .. } => Some(until),
            Self::Resting | Self::CutOff | Self::Usable | Self::Overdue { .. } => None,
        }
    }

    /// Where the state changes: every pair of state and input stands here.
    pub(super) fn step(self, input: Input, now: Instant) -> (Self, Said) {
        let took = |began: Option<Instant>| {
            began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began))
        };
        match (self, input) {
            (_, Input::Seek(limit)) => (Self::seeking(now, limit, false), Said::None),
            (_, Input::Rest) | (Self::Resting, Input::CutOff) => (Self::Resting, Said::None),
            (
                Self::CutOff | Self::Seeking { .. } | Self::Usable | Self::Overdue { .. },
                Input::CutOff,
            ) => (Self::CutOff, Said::None),

            (
                Self::Seeking {
                    began: None,
                    until,
                    is_again,
                },
                Input::Sent,
            ) => {
                let began = Some(now);
                let seeking = Self::Seeking {
                    began,
                    until,
                    is_again,
                };
                (seeking, Said::None)
            }
            (
                Self::Overdue {
                    began: None,
                    is_again,
                },
                Input::Sent,
            ) => {
                let began = Some(now);
                (Self::Overdue { began, is_again }, Said::None)
            }

            (
                Self::Seeking { began, .. } | Self::Overdue { began, .. },
                Input::Judged(Verdict::Usable, _),
            ) => (Self::Usable, Said::Up(took(began))),
            (
                Self::Seeking {
                    began, is_again, ..
                },
                Input::Judged(Verdict::Hopeless, _),
            ) => (Self::Overdue { began, is_again }, Said::Overdue),
            (
                Self::Seeking {
                    began,
                    until,
                    is_again,
                },
                Input::Judged(Verdict::Missing, _),
            ) if until <= now => (Self::Overdue { began, is_again }, Said::Overdue),
            // What came in time is not given up while the kernel asks: the kernel's time is bounded elsewhere.
            (
                Self::Seeking {
                    began,
                    until,
                    is_again,
                },
                Input::Judged(Verdict::Verifying, _),
            ) if until <= now => {
                let seeking = Self::Seeking {
                    began,
                    until: now + VERIFYING,
                    is_again,
                };
                (seeking, Said::None)
            }
            // It is lost first, and what is hopeless is said with the next verdict.
            (
                Self::Usable,
                Input::Judged(Verdict::Missing | Verdict::Verifying | Verdict::Hopeless, limit),
            ) => (Self::seeking(now, limit, true), Said::Lost),

            // Nothing to do: not sought at all, or sought and not yet there.
            (state @ (Self::Resting | Self::CutOff), Input::Sent | Input::Judged(..))
            | (state @ Self::Usable, Input::Sent | Input::Judged(Verdict::Usable, _))
            | (
                state @ Self::Seeking { .. },
                Input::Sent | Input::Judged(Verdict::Missing | Verdict::Verifying, _),
            )
            | (
                state @ Self::Overdue { .. },
                Input::Sent
                | Input::Judged(Verdict::Missing | Verdict::Verifying | Verdict::Hopeless, _),
            ) => (state, Said::None),
        }
    }

    fn seeking(now: Instant, limit: Duration, is_again: bool) -> Self {
        Self::Seeking {
            began: None,
            until: now + limit,
            is_again,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn judged(verdict: Verdict) -> Input {
        Input::Judged(verdict, LIMIT)
    }

    #[test]
    fn it_is_up_as_long_after_its_first_message_as_it_took() {
        let now = Instant::now();
        let (reach, _) = Reach::Resting.step(Input::Seek(LIMIT), now);
        assert_eq!(reach.deadline(), Some(now + LIMIT));
        let second = now + Duration::from_secs(1);
        let (reach, _) = reach.step(Input::Sent, second);
        let (reach, _) = reach.step(Input::Sent, second + Duration::from_secs(4));
        let (reach, said) = reach.step(judged(Verdict::Missing), second);
        assert_eq!(said, Said::None);
        let (reach, said) = reach.step(judged(Verdict::Usable), second + Duration::from_secs(6));
        assert_eq!(
            (reach, said),
            (Reach::Usable, Said::Up(Duration::from_secs(6)))
        );
        assert_eq!(reach.deadline(), None);
    }

    #[test]
    fn it_is_overdue_once_and_may_come_yet() {
        let now = Instant::now();
        let (reach, _) = Reach::Resting.step(Input::Seek(LIMIT), now);
        let (reach, said) = reach.step(judged(Verdict::Missing), now + LIMIT);
        assert_eq!(said, Said::Overdue);
        let (reach, said) = reach.step(judged(Verdict::Missing), now + 2 * LIMIT);
        assert_eq!(said, Said::None);
        let (reach, said) = reach.step(judged(Verdict::Usable), now + 3 * LIMIT);
        assert_eq!(said, Said::Up(Duration::ZERO));
        let (reach, said) = reach.step(judged(Verdict::Hopeless), now + 3 * LIMIT);
        assert_eq!(said, Said::Lost);
        let (_, said) = reach.step(judged(Verdict::Hopeless), now + 3 * LIMIT);
        assert_eq!(said, Said::Overdue, "at once: nothing more will come");
    }

    #[test]
    fn nothing_is_waited_for_without_a_link_or_a_wish() {
        let now = Instant::now();
        for input in [Input::CutOff, Input::Rest] {
            let (reach, _) = Reach::Usable.step(input, now);
            let (reach, said) = reach.step(judged(Verdict::Missing), now + 9 * LIMIT);
            assert_eq!((said, reach.deadline()), (Said::None, None), "{input:?}");
            let (reach, _) = reach.step(Input::Seek(LIMIT), now);
            assert_eq!(reach.deadline(), Some(now + LIMIT));
        }
    }
}
