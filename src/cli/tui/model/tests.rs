//! What is told, and what is shown of it.

use lanherd::dhcp::LossReason;
use lanherd::phase::{Cause, Stage};

use super::super::sample;
use super::*;

fn event(what: EventKind) -> Update {
    Update::Events(vec![Event {
        sequence: 1,
        after: Duration::from_secs(1),
        client: None,
        what,
    }])
}

#[test]
fn groups_stand_together_in_the_order_of_their_first_clients() {
    let mut model = sample::model(0);
    let mut cells = sample::clients(1, 6).clients;
    for at in [1, 4] {
        cells[at].group = "phones".parse().expect("a name");
    }
    cells[4].phase = Phase::Failed;
    cells[3].phase = Phase::Gone;
    model.apply(Update::Cells(cells));
    let numbers: Vec<u32> = model.cells().iter().map(|cell| cell.number.0).collect();
    assert_eq!(numbers, [1, 3, 4, 6, 2, 5]);
    let groups: Vec<_> = model
        .groups()
        .iter()
        .map(|all| (all.name.as_str(), all.cells.clone(), all.online, all.wanted))
        .collect();
    assert_eq!(groups, [("ns", 0..4, 3, 3), ("phones", 4..6, 1, 2)]);
    assert_eq!(model.count(), 5);
    assert_eq!(model.place_of(ClientNumber(2)), Some(4));
    assert_eq!(model.place_of(ClientNumber(9)), Some(5));
    assert_eq!(Model::new(sample::about()).place_of(ClientNumber(1)), None);
}

#[test]
fn the_verdict_says_how_the_herd_is() {
    let mut model = sample::model(0);
    let mut verdict = |stage, phases: &[(Phase, u32)], update: Option<Update>| {
        model.stage = stage;
        model.apply(Update::Cells(sample::in_phases(phases)));
        if let Some(update) = update {
            model.apply(update);
        }
        model.verdict()
    };
    let holding = RunStage::Holding(Duration::ZERO);
    let short: &[(Phase, u32)] = &[(Phase::Online, 9), (Phase::Dhcp, 1)];
    let failed: &[(Phase, u32)] = &[(Phase::Online, 9), (Phase::Failed, 1)];
    for (stage, phases, words, condition) in [
        (
            RunStage::Joining,
            short,
            "joining: 9 of 10 clients online, 1 dhcp",
            Condition::Joining,
        ),
        (
            RunStage::Joining,
            failed,
            "not well: 9 of 10 clients online, 1 failed",
            Condition::Failed,
        ),
        (
            holding,
            short,
            "not well: 9 of 10 clients online, 1 dhcp",
            Condition::Trouble,
        ),
        (
            holding,
            &[(Phase::Online, 10)],
            "well: 10 of 10 clients online",
            Condition::Online,
        ),
        (
            RunStage::Leaving,
            short,
            "leaving: 9 of 10 clients online, 1 dhcp",
            Condition::Resting,
        ),
    ] {
        assert_eq!(verdict(stage, phases, None), (words.to_owned(), condition));
    }
    let began = event(EventKind::OutageBegan {
        clients: 6,
        of: 10,
        family: None,
    });
    let (words, condition) = verdict(holding, short, Some(began));
    assert!(
        words.starts_with("outage of the router: 9 of 10"),
        "{words}"
    );
    assert_eq!(condition, Condition::Failed);
    let ended = event(EventKind::OutageEnded {
        family: None,
        clients: 6,
        took: Duration::ZERO,
    });
    assert_eq!(verdict(holding, short, Some(ended)).1, Condition::Trouble);
}

#[test]
fn what_happens_is_kept_within_bounds_and_steps_can_be_left_out() {
    let mut model = sample::model(0);
    for _ in 0..ENTRIES {
        model.apply(event(EventKind::Phase {
            from: Phase::Queued,
            to: Phase::Dhcp,
        }));
    }
    model.apply(event(EventKind::Failed {
        stage: Stage::Dhcp,
        cause: Cause::NoOffer,
        family: None,
        detail: "nobody\u{1b}[2J answered".to_owned(),
    }));
    model.say(
        Duration::from_secs(2),
        "\u{1b}[2m2026-11-25T04:36:17.141883Z\u{1b}[0m \u{1b}[33m WARN\u{1b}[0m late\nagain\n",
    );
    assert_eq!(model.entries(true).count(), ENTRIES);
    let told: Vec<_> = model
        .entries(false)
        .map(|e| (e.kind, e.text.trim()))
        .collect();
    assert_eq!(
        told,
        [
            (
                LogKind::Bad,
                "1.000 s   herd  failed: dhcp: no_offer: nobody\u{fffd}[2J answered"
            ),
            (LogKind::Said, "2.000 s  WARN late"),
            (LogKind::Said, "2.000 s  again"),
        ]
    );
}

#[test]
fn a_lease_that_was_given_back_is_no_trouble_and_one_that_was_lost_is() {
    for (reason, kind) in [
        (LossReason::Released, LogKind::News),
        (LossReason::Expired, LogKind::Bad),
    ] {
        let mut model = sample::model(0);
        let detail = None;
        model.apply(event(EventKind::Lost { reason, detail }));
        let kinds: Vec<_> = model.entries(true).map(|entry| entry.kind).collect();
        assert_eq!(kinds, [kind], "{reason}");
    }
}
