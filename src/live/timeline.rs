//! How a herd was since its beginning, in memory of a fixed size: pure.
//!
//! The latest ten minutes have a point a second. The whole run has [`MOST`] points at most: when there is no room for
//! another, each two neighbours become one, and from then on twice as many seconds go into a point.

use std::collections::VecDeque;

use super::picture::{Mark, Point};

/// How many seconds of the latest past are remembered one by one.
pub(super) const LATEST: usize = 600;
/// How many points the whole run has at most.
pub(super) const MOST: usize = 600;
/// How many outages and faults are remembered.
pub(super) const MARKS: usize = 200;

/// The points and marks of one run.
#[derive(Debug)]
pub(super) struct Timeline {
    latest: VecDeque<Point>,
    whole: Vec<Point>,
    /// How many looks go into one point of the whole.
    looks_per_point: u32,
    /// How many looks the last point of the whole stands for.
    looks_in_last: u32,
    marks: VecDeque<Mark>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            latest: VecDeque::new(),
            whole: Vec::new(),
            looks_per_point: 1,
            looks_in_last: 0,
            marks: VecDeque::new(),
        }
    }
}

impl Timeline {
    /// Adds the next look at the herd.
    pub fn add(&mut self, point: Point) {
        if self.latest.len() == LATEST {
            self.latest.pop_front();
        }
        self.latest.push_back(point.clone());
        match self.whole.last_mut() {
            Some(last) if self.looks_in_last < self.looks_per_point => {
                *last = last.merged_with(&point);
                self.looks_in_last += 1;
            }
            _ => {
                if self.whole.len() == MOST {
                    self.halve();
                }
                self.whole.push(point);
                self.looks_in_last = 1;
            }
        }
    }

    /// Makes one point of each two neighbours.
    fn halve(&mut self) {
        let pairs = self.whole.chunks(2).map(|pair| match pair {
            [one, next] => one.merged_with(next),
            [one, ..] => one.clone(),
            [] => unreachable!("chunks are never empty"),
        });
        self.whole = pairs.collect();
        self.looks_per_point *= 2;
    }

    /// The latest ten minutes, a point a second, the oldest first.
    pub fn latest(&self) -> impl Iterator<Item = &Point> {
        self.latest.iter()
    }

    /// The whole run, the oldest first.
    pub fn whole(&self) -> &[Point] {
        &self.whole
    }

    /// Something lasts from now on, or happened at one moment.
    pub fn mark(&mut self, mark: Mark) {
        if self.marks.len() == MARKS {
            self.marks.pop_front();
        }
        self.marks.push_back(mark);
    }

    /// The latest mark that `is_it` has ended, after so many seconds.
    pub fn end_mark(&mut self, after: f64, is_it: impl Fn(&Mark) -> bool) {
        let open = self.marks.iter_mut().rev().find(|mark| is_it(mark));
        if let Some(mark) = open {
            mark.to = Some(after);
        }
    }

    /// Sets when the latest mark of a kind began.
    pub fn date_latest(&mut self, what: &str, from: f64) {
        let latest = self.marks.iter_mut().rev().find(|mark| mark.what == what);
        if let Some(mark) = latest {
            mark.from = from;
        }
    }

    /// Outages and faults, the oldest first.
    pub fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.marks.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::super::picture::Work;
    use super::super::picture::tests::percentiles;
    use super::*;
    use crate::activity::{ByKind, Kind};

    fn point(second: u32) -> Point {
        Point {
            after: f64::from(second),
            online: 10,
            wanted: 10,
            joins: 1,
            failures: 0,
            activities: ByKind::new(|kind| match kind {
                Kind::Ping => Work {
                    attempts: 10,
                    failed: u64::from(second.is_multiple_of(2)),
                    ms: None,
                },
                _ => Work::default(),
            }),
        }
    }

    #[test]
    fn a_run_of_a_month_takes_no_more_room_than_one_of_ten_minutes_and_loses_no_count() {
        let mut timeline = Timeline::default();
        let mut seconds = 0;
        for until in [1, 599, 600, 601, 1_200, 1_201, 7_777, 300_000] {
            while seconds < until {
                seconds += 1;
                timeline.add(point(seconds));
            }
            let whole = timeline.whole();
            assert!(whole.len() <= MOST, "{}", whole.len());
            assert!(whole.len() >= usize::min(until as usize, MOST / 2));
            assert_eq!(whole.iter().map(|p| p.joins).sum::<u64>(), u64::from(until));
            let pings: u64 = whole
                .iter()
                .map(|p| p.activities[Kind::Ping].attempts)
                .sum();
            let lost: u64 = whole.iter().map(|p| p.activities[Kind::Ping].failed).sum();
            assert_eq!((pings, lost), (10 * u64::from(until), u64::from(until / 2)));
            assert!(whole.windows(2).all(|two| two[0].after < two[1].after));
            assert!((whole[whole.len() - 1].after - f64::from(until)).abs() < 0.5);
        }
        assert_eq!(timeline.latest().count(), LATEST);
    }

    #[test]
    fn the_worst_second_of_many_stays_in_sight() {
        let mut timeline = Timeline::default();
        for second in 1..=5_000 {
            let mut look = point(second);
            if second == 777 {
                look.online = 0;
                look.activities[Kind::Ping].ms = Some(percentiles(900.0));
            }
            timeline.add(look);
        }
        let whole = timeline.whole();
        assert_eq!(whole.iter().map(|p| p.online).min(), Some(0));
        let longest = whole.iter().filter_map(|p| p.activities[Kind::Ping].ms);
        let longest = longest.map(|ms| ms.max);
        assert!(longest.fold(0.0, f64::max) > 899.0);
    }

    #[test]
    fn marks_are_bounded_and_the_latest_of_a_kind_is_the_one_that_ends() {
        let mut timeline = Timeline::default();
        for second in 0..300 {
            timeline.mark(Mark::begun("outage", f64::from(second)));
        }
        timeline.mark(Mark::begun("crash", 300.0));
        timeline.end_mark(310.0, |mark| mark.what == "outage");
        let marks: Vec<_> = timeline.marks().collect();
        assert_eq!(marks.len(), MARKS);
        let ended: Vec<_> = marks.iter().filter(|mark| mark.to.is_some()).collect();
        assert_eq!(ended.len(), 1);
        assert_eq!((ended[0].from, ended[0].to), (299.0, Some(310.0)));
    }
}
