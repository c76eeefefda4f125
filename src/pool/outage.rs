//! When it is the router that is down, and not its clients one by one. Pure.
//!
//! An outage is recognised when more than half of the clients that have been online are down at one time for a reason
//! that is the router's ([`Cause::is_of_the_router`](crate::phase::Cause::is_of_the_router)), and at least
//! [`LEAST`] of them. Clients that were never online do not count, or a pool of addresses that is too small for the herd
//! would be taken for an outage; only while nobody has ever been online do those that failed count instead.
//!
//! It is over when 95 % of those that it took are back. So a few that stay away for reasons of their own do not make it
//! last for ever, and spend budgets of their own from then on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::identity::ClientNumber;
use crate::phase::words;

/// Fewer than these are never an outage.
const LEAST: usize = 3;

words! {
    /// How much of what an outage took is back.
    Share {
        /// Half of the clients.
        Half = "0.5",
        /// 95 %.
        Most = "0.95",
        /// Every client.
        All = "1",
    }
}

impl Share {
    /// Whether `back` of `all` clients are this share.
    const fn is_reached(self, back: usize, all: usize) -> bool {
        let percent = match self {
            Self::Half => 50,
            Self::Most => 95,
            Self::All => 100,
        };
        back * 100 >= all * percent
    }
}

/// How a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Never online, and never failed.
    Waiting,
    /// Never online, failed since.
    Failing(Instant),
    Up,
    /// Was online, and is down since.
    Down(Instant),
}

/// Something that is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Notice {
    /// An outage was recognised. It had taken these clients, each since its moment.
    Began {
        taken: Vec<(ClientNumber, Instant)>,
        of: usize,
    },
    /// The first client is online again: the router is there.
    FirstBack,
    /// So much is back, this long after the beginning.
    Back { share: Share, took: Duration },
    /// It is over, this long after the beginning; it took so many clients.
    Ended { took: Duration, clients: usize },
}

/// All clients and, if there is one, the outage.
#[derive(Debug, Default)]
pub(super) struct OutageWatch {
    clients: BTreeMap<ClientNumber, Standing>,
    tally: Tally,
    outage: Option<Outage>,
}

#[derive(Debug, Default)]
struct Tally {
    waiting: usize,
    failing: usize,
    up: usize,
    down: usize,
}

impl Tally {
    fn of(&mut self, standing: Standing) -> &mut usize {
        match standing {
            Standing::Waiting => &mut self.waiting,
            Standing::Failing(_) => &mut self.failing,
            Standing::Up => &mut self.up,
            Standing::Down(_) => &mut self.down,
        }
    }

    /// How many are down, of how many that count.
    const fn down_of(&self) -> (usize, usize) {
        if self.up + self.down > 0 {
            (self.down, self.up + self.down)
        } else {
            (self.failing, self.waiting + self.failing)
        }
    }
}

#[derive(Debug)]
struct Outage {
    began: Instant,
    /// Whom it took, and whether they are back.
    taken: BTreeMap<ClientNumber, bool>,
    back: usize,
    somebody_was_back: bool,
    /// What share is waited for; all before it were told.
    awaited: Share,
    is_over: bool,
}

impl OutageWatch {
    /// A client that should come online.
    pub(super) fn add(&mut self, number: ClientNumber) {
        self.set(number, Standing::Waiting);
    }

    /// A client that need not be online any more.
    pub(super) fn remove(&mut self, number: ClientNumber, now: Instant) -> Vec<Notice> {
        if let Some(standing) = self.clients.remove(&number) {
            *self.tally.of(standing) -= 1;
        }
        let Some(outage) = &mut self.outage else {
            return Vec::new();
        };
        if outage.taken.remove(&number) == Some(true) {
            outage.back -= 1;
        }
        self.look(now)
    }

    /// A client failed, or lost its lease, for a reason that is the router's.
    pub(super) fn went_down(&mut self, number: ClientNumber, now: Instant) -> Vec<Notice> {
        match self.clients.get(&number) {
            None => return Vec::new(),
            Some(Standing::Waiting) => self.set(number, Standing::Failing(now)),
            Some(Standing::Up) => self.set(number, Standing::Down(now)),
            Some(Standing::Failing(_) | Standing::Down(_)) => {}
        }
        if let Some(outage) = self.outage.as_mut().filter(|outage| !outage.is_over) {
            if outage.taken.insert(number, false) == Some(true) {
                outage.back -= 1;
            }
            return Vec::new();
        }
        let (down, of) = self.tally.down_of();
        if down < LEAST || down * 2 <= of {
            return Vec::new();
        }
        let nobody_was_up = self.tally.up + self.tally.down == 0;
        let taken: Vec<_> = self
            .clients
            .iter()
            .filter_map(|(number, standing)| match standing {
                Standing::Down(since) => Some((*number, *since)),
                Standing::Failing(since) if nobody_was_up => Some((*number, *since)),
                Standing::Waiting | Standing::Failing(_) | Standing::Up => None,
            })
            .collect();
        self.outage = Some(Outage {
            began: taken.iter().map(|(_, since)| *since).min().unwrap_or(now),
            taken: taken.iter().map(|(number, _)| (*number, false)).collect(),
            back: 0,
            somebody_was_back: false,
            awaited: Share::Half,
            is_over: false,
        });
        vec![Notice::Began { taken, of }]
    }

    /// A client is online.
    pub(super) fn came_up(&mut self, number: ClientNumber, now: Instant) -> Vec<Notice> {
        if !self.clients.contains_key(&number) {
            return Vec::new();
        }
        self.set(number, Standing::Up);
        let Some(outage) = &mut self.outage else {
            return Vec::new();
        };
        let mut notices = Vec::new();
        if !std::mem::replace(&mut outage.somebody_was_back, true) {
            notices.push(Notice::FirstBack);
        }
        if let Some(is_back) = outage.taken.get_mut(&number)
            && !std::mem::replace(is_back, true)
        {
            outage.back += 1;
        }
        notices.extend(self.look(now));
        notices
    }

    /// Whether there is an outage that is not over.
    pub(super) fn is_on(&self) -> bool {
        self.outage.as_ref().is_some_and(|outage| !outage.is_over)
    }

    /// What the outage has come to.
    fn look(&mut self, now: Instant) -> Vec<Notice> {
        let mut notices = Vec::new();
        let Some(outage) = &mut self.outage else {
            return notices;
        };
        let took = now.saturating_duration_since(outage.began);
        let all = outage.taken.len();
        loop {
            let share = outage.awaited;
            if all > 0 && !share.is_reached(outage.back, all) {
                return notices;
            }
            if all > 0 {
                notices.push(Notice::Back { share, took });
            }
            if share == Share::Most {
                outage.is_over = true;
                notices.push(Notice::Ended { took, clients: all });
            }
            outage.awaited = match share {
                Share::Half => Share::Most,
                Share::Most => Share::All,
                Share::All => {
                    self.outage = None;
                    return notices;
                }
            };
        }
    }

    fn set(&mut self, number: ClientNumber, standing: Standing) {
        if let Some(before) = self.clients.insert(number, standing) {
            *self.tally.of(before) -= 1;
        }
        *self.tally.of(standing) += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A herd of so many clients that are all online.
    fn herd(clients: u32) -> (OutageWatch, Instant) {
        let (mut watch, now) = (OutageWatch::default(), Instant::now());
        for number in (1..=clients).map(ClientNumber) {
            watch.add(number);
            assert_eq!(watch.came_up(number, now), []);
        }
        (watch, now)
    }

    fn down(
        watch: &mut OutageWatch,
        numbers: impl IntoIterator<Item = u32>,
        now: Instant,
    ) -> Vec<Notice> {
        let numbers = numbers.into_iter().map(ClientNumber);
        numbers.flat_map(|n| watch.went_down(n, now)).collect()
    }

    fn up(
        watch: &mut OutageWatch,
        numbers: impl IntoIterator<Item = u32>,
        now: Instant,
    ) -> Vec<Notice> {
        let numbers = numbers.into_iter().map(ClientNumber);
        numbers.flat_map(|n| watch.came_up(n, now)).collect()
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn more_than_half_of_the_herd_down_at_one_time_is_one_outage() {
        let (mut watch, start) = herd(10);
        assert_eq!(down(&mut watch, 1..=5, start), []);
        assert!(!watch.is_on());
        let began = down(&mut watch, [6], start + seconds(3));
        assert!(
            matches!(&began[..], [Notice::Began { taken, of: 10 }] if taken.len() == 6),
            "{began:?}"
        );
        assert_eq!(
            down(&mut watch, 7..=10, start + seconds(4)),
            [],
            "still the same one"
        );
        assert!(watch.is_on());
    }

    #[test]
    fn failures_that_are_mended_before_the_next_ones_are_none() {
        let (mut watch, start) = herd(4);
        for round in 0..100 {
            let now = start + seconds(round);
            assert_eq!(down(&mut watch, 1..=2, now), []);
            assert_eq!(up(&mut watch, 1..=2, now), []);
            assert_eq!(down(&mut watch, 3..=4, now), []);
            assert_eq!(up(&mut watch, 3..=4, now), []);
        }
    }

    #[test]
    fn the_way_back_is_told_at_half_at_95_percent_and_at_the_last_client() {
        let (mut watch, start) = herd(20);
        down(&mut watch, 1..=20, start);
        assert_eq!(
            up(&mut watch, [1], start + seconds(10)),
            [Notice::FirstBack]
        );
        let (share, took) = (Share::Half, seconds(11));
        assert_eq!(
            up(&mut watch, 2..=10, start + took),
            [Notice::Back { share, took }]
        );
        let (share, took) = (Share::Most, seconds(12));
        let ended = Notice::Ended { took, clients: 20 };
        assert_eq!(
            up(&mut watch, 11..=19, start + took),
            [Notice::Back { share, took }, ended]
        );
        assert!(!watch.is_on());
        let (share, took) = (Share::All, seconds(60));
        assert_eq!(
            up(&mut watch, [20], start + took),
            [Notice::Back { share, took }]
        );
    }

    #[test]
    fn who_goes_down_again_is_not_back_and_who_leaves_is_not_waited_for() {
        let (mut watch, start) = herd(4);
        down(&mut watch, 1..=4, start);
        up(&mut watch, [1], start);
        down(&mut watch, [1], start);
        assert_eq!(up(&mut watch, [2], start), []);
        assert!(watch.is_on());
        for number in [1, 3] {
            watch.remove(ClientNumber(number), start);
        }
        assert!(watch.is_on());
        let notices = watch.remove(ClientNumber(4), start);
        assert!(
            notices.contains(&Notice::Ended {
                took: seconds(0),
                clients: 1
            }),
            "{notices:?}"
        );
        assert!(!watch.is_on());
    }

    #[test]
    fn an_outage_whose_clients_all_leave_ends_with_them() {
        let (mut watch, start) = herd(3);
        down(&mut watch, 1..=3, start);
        let notices: Vec<_> = (1..=3)
            .flat_map(|n| watch.remove(ClientNumber(n), start))
            .collect();
        assert_eq!(
            notices,
            [Notice::Ended {
                took: seconds(0),
                clients: 0
            }]
        );
        assert!(!watch.is_on());
    }

    #[test]
    fn clients_that_never_came_online_are_no_outage_beside_those_that_did() {
        let (mut watch, start) = herd(4);
        for number in (5..=100).map(ClientNumber) {
            watch.add(number);
        }
        assert_eq!(down(&mut watch, 5..=100, start), []);
    }

    #[test]
    fn a_router_that_never_answered_anybody_is_one() {
        let (mut watch, start) = (OutageWatch::default(), Instant::now());
        for number in (1..=10).map(ClientNumber) {
            watch.add(number);
        }
        assert_eq!(down(&mut watch, 1..=5, start), []);
        assert!(matches!(
            &down(&mut watch, [6], start)[..],
            [Notice::Began { .. }]
        ));
        assert_eq!(up(&mut watch, [7], start), [Notice::FirstBack]);
    }

    #[test]
    fn one_or_two_clients_are_never_one() {
        let (mut watch, start) = herd(2);
        assert_eq!(down(&mut watch, 1..=2, start), []);
    }

    #[test]
    fn a_second_outage_begins_only_after_the_first_is_over() {
        let (mut watch, start) = herd(40);
        down(&mut watch, 1..=40, start);
        up(&mut watch, 1..=39, start);
        assert!(!watch.is_on());
        let began = down(&mut watch, 1..=21, start + seconds(100));
        assert!(matches!(&began[..], [Notice::Began { .. }]), "{began:?}");
    }
}
