//! Herds to draw in tests.

use std::collections::BTreeMap;
use std::time::Duration;

use lanherd::activity::{ByKind, Kind};
use lanherd::identity::{ClientNumber, PoolName};
use lanherd::live::{ApiVersion, Cell, ClientList, Herd, Point, Work};
use lanherd::phase::{Cause, Phase};
use lanherd::pool::{Event, EventKind, Figures, GroupName};
use lanherd::report::{AvailabilityEntry, Outages, Percentiles, Sums};

use super::model::{HerdInfo, Model, Update};
use crate::cli::stderr_buffer::RunStage;

pub fn about() -> HerdInfo {
    HerdInfo {
        pool: PoolName::default(),
        place: "the lab".to_owned(),
        hold: Some(Duration::from_secs(600)),
    }
}

fn group(name: &str) -> GroupName {
    name.parse().expect("a name")
}

/// So many clients that are online, as they were after this event.
pub fn clients(sequence: u64, count: u32) -> ClientList {
    let cell = |number| Cell {
        number: ClientNumber(number),
        group: group("ns"),
        phase: Phase::Online,
        last_cause: None,
        restarts: 0,
        up: BTreeMap::new(),
    };
    ClientList {
        schema: ApiVersion::One,
        pool: PoolName::default(),
        sequence,
        clients: (1..=count).map(cell).collect(),
    }
}

/// So many clients in these phases.
pub fn in_phases(phases: &[(Phase, u32)]) -> Vec<Cell> {
    let mut all = clients(1, phases.iter().map(|(_, count)| count).sum()).clients;
    let each = phases
        .iter()
        .flat_map(|(phase, count)| (0..*count).map(|_| *phase));
    for (cell, phase) in all.iter_mut().zip(each) {
        cell.phase = phase;
    }
    all
}

pub fn point(after: f64) -> Point {
    let ping_ms = (after % 7.0 != 0.0).then_some(Percentiles {
        p50: 0.11,
        p95: 0.35,
        p99: 1.25 + after / 100.0,
        max: 2.0,
    });
    Point {
        after,
        online: 9,
        wanted: 10,
        joins: 3,
        failures: 1,
        activities: ByKind::new(|kind| Work {
            attempts: u64::from(kind == Kind::Ping),
            failed: 0,
            ms: ping_ms.filter(|_| kind == Kind::Ping),
        }),
    }
}

/// A herd with so many clients in these phases, after some failures.
pub fn herd(phases: &[(Phase, u32)]) -> Herd {
    let figures = Figures {
        failures: BTreeMap::from([(Cause::Crashed, 4), (Cause::NoOffer, 12)]),
        restarts: 16,
        ..Figures::default()
    };
    let mut all: BTreeMap<Phase, u32> = Phase::ALL.iter().map(|phase| (*phase, 0)).collect();
    all.extend(phases.iter().copied());
    Herd {
        schema: ApiVersion::One,
        pool: PoolName::default(),
        began: String::new(),
        sequence: 1,
        phases: all,
        availability: AvailabilityEntry::default(),
        outages: Outages::default(),
        sums: Sums::from(&figures),
        activities: Vec::new(),
        outage_recovery_ms: BTreeMap::new(),
        lately: point(9.0),
    }
}

fn shown(clients: Vec<Cell>) -> Model {
    let mut model = Model::new(about());
    let mut phases: BTreeMap<Phase, u32> = BTreeMap::new();
    for cell in &clients {
        *phases.entry(cell.phase).or_default() += 1;
    }
    let phases: Vec<(Phase, u32)> = phases.into_iter().collect();
    model.now = Duration::from_secs(83);
    model.stage = RunStage::Holding(Duration::from_secs(23));
    model.apply(Update::Cells(clients));
    model.apply(Update::Look {
        herd: Box::new(herd(&phases)),
        points: (0..200).map(|second| point(f64::from(second))).collect(),
        tester: lanherd::report::TesterEntry::default(),
        is_saturated: false,
    });
    model
}

/// A herd of one group that is online.
pub fn model(count: u32) -> Model {
    shown(clients(1, count).clients)
}

/// Of two groups: the last fifth is `phones`.
pub fn grouped(count: u32) -> Model {
    let mut all = clients(1, count).clients;
    for cell in all
        .iter_mut()
        .filter(|cell| cell.number.0 > count - count / 5)
    {
        cell.group = group("phones");
    }
    shown(all)
}

/// With clients in all phases, and things that happened.
pub fn mixed(count: u32) -> Model {
    let mut all = clients(1, count).clients;
    let phases = Phase::ALL.iter().copied().cycle();
    for (cell, phase) in all.iter_mut().step_by(6).zip(phases) {
        cell.phase = phase;
        cell.last_cause = (phase == Phase::Backoff).then_some(Cause::Crashed);
    }
    let mut model = shown(all);
    let event = |(at, what)| Event {
        sequence: at,
        after: Duration::from_millis(1_234 * at),
        client: Some(ClientNumber(7)),
        what,
    };
    let failed = EventKind::Failed {
        stage: lanherd::phase::Stage::Online,
        cause: Cause::Crashed,
        family: None,
        detail: "the actor panicked".to_owned(),
    };
    let back = EventKind::Phase {
        from: Phase::Configure,
        to: Phase::Online,
    };
    model.apply(Update::Events([(1, failed), (2, back)].map(event).to_vec()));
    model.say(Duration::from_secs(3), "1000 clients join on lab0");
    model
}
