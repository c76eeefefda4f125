//! The parts of the live page that change: made here, where reports are, of a herd at one moment.
//!
//! Each part is an element whose `id` names its place in the page. They are made once for each look at the herd, however many
//! have the page open.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use crate::activity::Kind;
use crate::family::Family;
use crate::live::{EventLevel, Herd, Live, Mark, One, Point, Work};
use crate::page::chart::{Band, BandKind, Series, TimeAxis, lines};
use crate::page::{self, Markup};
use crate::phase::Phase;

/// A chart shows so many seconds at least.
const LEAST: f64 = 30.0;

/// The parts as they were made last: of the latest minutes, and of the whole run, each with the look that it is of.
#[derive(Debug, Default)]
pub(super) struct Panels {
    latest: Mutex<Option<(u64, String)>>,
    whole: Mutex<Option<(u64, String)>>,
}

impl Panels {
    /// All parts, with charts of the latest ten minutes or of the whole run. It takes milliseconds: not on the reactor. `herd` is of
    /// the look of that number, or of a later one.
    pub fn of(&self, live: &Live, (look, herd): (u64, &Herd), whole: bool) -> String {
        let known = if whole { &self.whole } else { &self.latest };
        let mut known = known.lock();
        match &*known {
            Some((of, made)) if *of >= look => made.clone(),
            _ => {
                let (points, marks) = live.course(whole);
                let made = String::from(panels(herd, &points, &marks));
                *known = Some((look, made.clone()));
                made
            }
        }
    }
}

/// The live page itself: its places, and its script, which a browser knows by that number.
pub(super) fn shell(nonce: &str) -> String {
    let conditions = Phase::ALL.iter();
    let conditions: BTreeMap<_, _> = conditions
        .map(|phase| (phase.as_str(), phase.condition().as_str()))
        .collect();
    // A map of words is JSON, and JSON is script.
    let conditions = serde_json::to_string(&conditions).unwrap_or_default();
    let script = include_str!("live/page.js").replace("{{conditions}}", &conditions);
    page::live("lanherd", nonce, include_str!("live/body.html"), &script)
}

/// All parts of the page, of a herd that was so at these points.
pub(super) fn panels(herd: &Herd, points: &[Point], marks: &[Mark]) -> Markup {
    let mut all = Markup::default();
    let began = humantime::parse_rfc3339(&herd.began).ok();
    let lately = &herd.lately;
    let class = match lately.online {
        online if online >= lately.wanted => "good",
        0 => "bad",
        _ => "open",
    };
    let summary = [("id", "summary"), ("class", class)];
    all.element("p", &summary, |place| {
        place.text(&herd.summary());
    });
    all.element("span", &[("id", "pool")], |place| {
        place.text(&herd.pool.to_string());
    });
    all.element("span", &[("id", "clock")], |clock| {
        time(clock, began, lately.after);
        clock.text(", running for ");
        let whole = Duration::try_from_secs_f64(lately.after.round()).unwrap_or_default();
        clock.text(&humantime::format_duration(whole).to_string());
    });
    all.element("ul", &[("id", "legend")], |legend| {
        for (phase, count) in herd.phases.iter().filter(|(_, count)| **count > 0) {
            legend.element("li", &[], |entry| {
                let swatch = format!("swatch {}", phase.condition());
                entry.leaf("span", &swatch, "").text(phase.as_str());
                entry.text(" ").leaf("b", "", &count.to_string());
            });
        }
        if Family::ALL
            .iter()
            .all(|family| herd.availability.families.contains_key(family))
        {
            legend.element("li", &[("class", "note")], |entry| {
                entry.text("Left half: IPv4; right half: IPv6.");
            });
        }
    });
    all.element("div", &[("id", "failures")], |place| {
        let rows = herd.occurrences().into_iter();
        let rows: Vec<_> = rows
            .map(|one| {
                vec![
                    one.kind.to_owned(),
                    one.what,
                    one.count.to_string(),
                    one.more,
                ]
            })
            .collect();
        if rows.is_empty() {
            place.leaf("p", "note", "none so far");
        }
        place.table(&["what", "which", "times", "more"], &rows, |_| None);
    });
    all.element("div", &[("id", "charts")], |place| {
        for chart in charts(began, points, marks) {
            place.add(&chart);
        }
    });
    all
}

/// Clients, and what they did: how long each kind took, and which share of it failed. Of what was never done there is nothing.
fn charts(began: Option<SystemTime>, points: &[Point], marks: &[Mark]) -> Vec<Markup> {
    let at: Vec<f64> = points.iter().map(|point| point.after).collect();
    let last = at.last().copied().unwrap_or_default();
    let bands: Vec<_> = marks.iter().map(|mark| band(mark, last)).collect();
    let axis = TimeAxis {
        at: &at,
        began,
        bands: &bands,
        goes_on: Some(LEAST),
    };
    let of = |pick: &dyn Fn(&Point) -> Option<f64>| points.iter().map(pick).collect();
    let clients = [
        ("online", of(&|point| Some(f64::from(point.online)))),
        ("wanted", of(&|point| Some(f64::from(point.wanted)))),
        ("joins", of(&|point| Some(point.joins as f64))),
    ];
    let mut all = vec![lines("Clients online and joins", "", &axis, &clients)];
    let is_done = |kind: &Kind| {
        points
            .iter()
            .any(|point| point.activities[*kind].attempts > 0)
    };
    let done: Vec<Kind> = Kind::ALL.iter().copied().filter(is_done).collect();
    for kind in &done {
        let of = |pick: fn(crate::report::Percentiles) -> f64| {
            of(&|point| point.activities[*kind].ms.map(pick))
        };
        let times = [
            ("p50", of(|all| all.p50)),
            ("p95", of(|all| all.p95)),
            ("p99", of(|all| all.p99)),
        ];
        all.push(lines(kind.about().time.chart, "ms", &axis, &times));
    }
    if !done.is_empty() {
        let share =
            |work: Work| (work.attempts > 0).then(|| work.failed as f64 / work.attempts as f64);
        let failed_share = |kind: &Kind| -> Series<'_> {
            let share = of(&|point| Some(share(point.activities[*kind])? * 100.0));
            (kind.about().many, share)
        };
        let failures: Vec<_> = done.iter().map(failed_share).collect();
        all.push(lines("Lost and failed", "%", &axis, &failures));
    }
    all
}

fn band(mark: &Mark, last: f64) -> Band {
    Band {
        what: mark.what.clone(),
        from: mark.from,
        to: mark.to.unwrap_or(last),
        kind: if mark.is_outage() {
            BandKind::Outage
        } else {
            BandKind::Fault
        },
    }
}

/// All about one client.
pub(super) fn client(one: &One, began: Option<SystemTime>) -> String {
    let mut all = Markup::default();
    all.pairs(&one.rows()).leaf("h3", "", "Latest events");
    if one.events.is_empty() {
        all.leaf("p", "note", "none");
    }
    all.element("ol", &[], |list| {
        for event in one.events.iter().rev() {
            let level = EventLevel::of(&event.what);
            list.element("li", &[("class", level.as_str())], |item| {
                time(item, began, event.after.as_secs_f64());
                item.text("  ").text(&event.what.to_string());
            });
        }
    });
    all.into()
}

/// A moment so many seconds after the beginning, which the page tells by its reader's clock.
fn time(to: &mut Markup, began: Option<SystemTime>, after: f64) {
    TimeAxis {
        began,
        ..TimeAxis::default()
    }
    .time(after, false, to);
}
