//! Pictures of herds, on terminals of all sizes.

use std::time::Duration;

use lanherd::family::Family;
use lanherd::identity::ClientNumber;
use lanherd::live::{ApiVersion, One};
use lanherd::phase::{Condition, Phase};
use lanherd::pool::{Event, EventKind, Share};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;
use ratatui::style::{Color, Modifier};

use super::super::model::Update;
use super::super::plain::is_shown;
use super::super::sample;
use super::*;

const FULL: Theme = Theme {
    colours: true,
    unicode: true,
};
const PLAIN: Theme = Theme {
    colours: false,
    unicode: false,
};

/// As the program draws it.
fn drawn(model: &Model, view: &mut View, theme: Theme, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    view.settle(model, Size::new(width, height));
    terminal
        .draw(|frame| draw(model, view, theme, frame.buffer_mut()))
        .expect("drawn");
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for row in buffer.content.chunks(buffer.area.width.into()) {
        let row: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

fn picture(model: &Model, view: &mut View, width: u16, height: u16) -> String {
    text(&drawn(model, view, FULL, width, height))
}

/// All about client 7, as the pool tells it.
fn one(detail: &str) -> Update {
    one_in(Phase::Online, detail)
}

fn one_in(phase: Phase, detail: &str) -> Update {
    let client = serde_json::json!({
        "number": 7, "group": "ns", "namespace": "ns7", "mac": "02:00:00:00:00:07", "address": "10.77.0.16/16",
        "router": "10.77.0.1", "dns": ["10.77.0.1"], "lease_seconds": 120, "join_ms": 12.5, "dhcp_ms": 3.25,
        "restarts": 1, "phase": phase, "cause": null,
        "last_failure": { "stage": "online", "cause": "crashed", "detail": detail },
        "pings": [{
            "target": "router", "address": "10.77.0.1", "sent": 20, "received": 19, "lost": { "timeout": 1 }, "duplicates": 2,
            "min_ms": 0.05, "median_ms": 0.08, "p99_ms": 0.31, "max_ms": 0.4
        }],
        "commands": [{
            "line": detail, "attempts": 3, "started": 3, "succeeded": 2, "exits": { "0": 2, "1": 1 }, "failed": {},
            "time_ms": { "min": 1.0, "median": 1.5, "p99": 2.0, "max": 2.0 }, "output": "", "bytes": 0,
            "last_failure": detail
        }],
    });
    let event = Event {
        sequence: 3,
        after: Duration::from_secs(9),
        client: Some(ClientNumber(7)),
        what: EventKind::Failed {
            stage: lanherd::phase::Stage::Online,
            cause: lanherd::phase::Cause::Crashed,
            family: None,
            detail: detail.to_owned(),
        },
    };
    Update::Opened(Some(Box::new(One {
        schema: ApiVersion::One,
        activities: Vec::new(),
        lease_remaining_seconds: Some(77),
        client: serde_json::from_value(client).expect("a client"),
        events: vec![event],
    })))
}

#[test]
fn a_thousand_clients_are_all_in_sight_on_120_by_40() {
    let model = sample::mixed(1_000);
    let buffer = drawn(&model, &mut View::default(), FULL, 120, 40);
    let all = text(&buffer);
    let cells = Areas::of(Size::new(120, 40)).expect("room").cells;
    let mut seen = std::collections::BTreeMap::new();
    for y in cells.top()..cells.bottom() {
        for x in cells.left() + 5..cells.right() {
            let symbol = buffer[(x, y)].symbol();
            let found = Phase::ALL
                .iter()
                .find(|phase| FULL.glyph(**phase) == symbol);
            *seen.entry(found).or_insert(0_usize) += 1;
        }
    }
    for phase in Phase::ALL {
        let cells = model.cells().iter().filter(|cell| cell.phase == *phase);
        assert_eq!(
            seen.get(&Some(phase)),
            Some(&cells.count()),
            "{phase}\n{all}"
        );
    }
    for words in [
        "lanherd ns on the lab  00:01:23  00:09:00 of 00:10:00 left",
        "not well: 843 of 981 clients online",
        "Clients 991",
        "✗ failed 9",
        "Online and joins a second",
        "Round trips of pings",
        "2.50 ms│",
        " ms",
        "failure          12  no_offer",
        "client 7",
    ] {
        let words = words.replace("client 7", "failed: online: crashed: the actor panicked");
        assert!(all.contains(&words), "{words:?} is not in\n{all}");
    }
}

#[test]
fn on_80_by_24_every_phase_is_seen_and_the_rest_of_the_herd_is_scrolled_to() {
    let model = sample::mixed(1_000);
    let mut view = View::default();
    let first = picture(&model, &mut view, 80, 24);
    for phase in Phase::ALL {
        assert!(first.contains(FULL.glyph(*phase)), "{phase}\n{first}");
    }
    assert!(first.contains("rows 1 to"), "{first}");
    assert!(!first.contains("Round trips"), "{first}");
    view.chosen = Some(ClientNumber(1_000));
    let last = picture(&model, &mut view, 80, 24);
    assert!(last.contains("\n│ 961 ▇"), "{last}");
    assert!(last.contains("1000: online"), "{last}");
}

#[test]
fn phases_are_told_by_colour_and_by_glyph_and_what_is_chosen_is_turned_round() {
    let model = sample::mixed(100);
    let buffer = drawn(&model, &mut View::default(), FULL, 120, 40);
    let of = |phase: Phase| {
        let mut cells = buffer.content.iter();
        cells
            .find(|cell| cell.symbol() == FULL.glyph(phase))
            .expect("a cell")
            .clone()
    };
    assert_eq!(of(Phase::Online).fg, Color::Green);
    assert_eq!(of(Phase::Failed).fg, Color::Red);
    assert_eq!(of(Phase::Backoff).fg, Color::Yellow);
    assert_eq!(of(Phase::Dhcp).fg, Color::Cyan);
    // The first client, which is queued.
    assert!(of(Phase::Queued).modifier.contains(Modifier::REVERSED));
    assert_eq!(FULL.of_condition(Condition::Online).fg, Some(Color::Green));
}

#[test]
fn without_colours_and_without_unicode_the_same_is_said() {
    let mut model = sample::mixed(1_000);
    model.apply(one("détail 東京"));
    let mut view = View::default();
    for over in [Over::Nothing, Over::Help(0), Over::Quit] {
        view.over = over;
        let buffer = drawn(&model, &mut view, PLAIN, 120, 40);
        let all = text(&buffer);
        assert!(all.is_ascii(), "{all}");
        for cell in &buffer.content {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{cell:?}");
        }
        if view.over == Over::Nothing {
            for phase in Phase::ALL {
                assert!(
                    all.contains(&format!("{} {phase} ", PLAIN.glyph(*phase))),
                    "{phase}\n{all}"
                );
            }
            assert!(all.contains("* online 9"), "{all}");
        }
    }
}

#[test]
fn of_a_client_that_is_usable_in_one_of_two_families_the_half_of_that_is_filled() {
    for (theme, [ipv4, ipv6]) in [(FULL, ["◧", "◨"]), (PLAIN, ["(", ")"])] {
        let mut clients = sample::clients(2, 4);
        for (cell, up) in
            clients
                .clients
                .iter_mut()
                .zip([(true, false), (false, true), (true, true)])
        {
            cell.up = [(Family::Ipv4, up.0), (Family::Ipv6, up.1)].into();
            if up != (true, true) {
                cell.phase = Phase::Partial;
            }
        }
        let mut model = sample::mixed(4);
        model.apply(Update::Cells(clients.clients));
        let mut view = View {
            chosen: Some(ClientNumber(2)),
            ..View::default()
        };
        let all = text(&drawn(&model, &mut view, theme, 120, 40));
        let online = theme.glyph(Phase::Online);
        assert!(
            all.contains(&format!("1 {ipv4} {ipv6} {online} {online}")),
            "{all}"
        );
        for words in [
            &format!("{ipv4} partial, IPv4 only 1 "),
            &format!("{ipv6} partial, IPv6 only 1 "),
            " 2: partial (IPv4 down, IPv6 up)",
        ] {
            assert!(all.contains(words), "{words:?} is not in\n{all}");
        }
    }
}

#[test]
fn groups_are_named_and_stand_apart() {
    let model = sample::grouped(100);
    let all = picture(&model, &mut View::default(), 120, 40);
    assert!(all.contains("ns  80 of 80 online"), "{all}");
    assert!(all.contains("phones  20 of 20 online"), "{all}");
    assert!(all.contains("\n│ 81 ■ ■"), "{all}");
}

#[test]
fn a_client_that_is_open_tells_all_about_itself() {
    let mut model = sample::mixed(20);
    let mut view = View {
        chosen: Some(ClientNumber(7)),
        over: Over::Client(0),
        ..View::default()
    };
    let asking = picture(&model, &mut view, 100, 30);
    assert!(
        asking.contains("Client 7") && asking.contains("asking"),
        "{asking}"
    );
    model.apply(one("the actor panicked"));
    let all = picture(&model, &mut view, 100, 30);
    for words in [
        "phase              online",
        "address            10.77.0.16/16",
        "router             10.77.0.1",
        "lease              120 s, 77 s left",
        "last failure       online: crashed: the actor panicked",
        "ping the router    19 of 20 answered; 1 timeout; 2 duplicates; median 0.080 ms, p99 0.310 ms",
        "2 of 3 succeeded; median 1.50 ms",
        "Latest events",
        "9.000 s      7  failed: online: crashed",
    ] {
        assert!(all.contains(words), "{words:?} is not in\n{all}");
    }
    // On a small screen the end is reached by scrolling.
    view.over = Over::Client(999);
    let end = picture(&model, &mut view, 40, 12);
    assert!(end.contains("Latest events"), "{end}");
    // What was told of another is not shown for this one.
    view.chosen = Some(ClientNumber(8));
    let other = picture(&model, &mut view, 100, 30);
    assert!(
        other.contains("Client 8") && !other.contains("10.77.0.16"),
        "{other}"
    );
}

#[test]
fn no_figure_of_failures_faults_and_outages_is_cut() {
    let mut model = sample::mixed(20);
    let took = |ms: f64| Percentiles {
        p50: ms,
        p95: ms,
        p99: ms,
        max: ms,
    };
    let herd = model.herd.as_mut().expect("a herd");
    for fault in lanherd::fault::Fault::ALL {
        let sum = lanherd::report::FaultSum {
            count: 2_000,
            recovery_ms: Some(took(931.0)),
        };
        herd.sums.faults.insert(*fault, sum);
    }
    herd.sums.outages = 2;
    let shares = Share::ALL.iter().zip([310_000.0, 425_000.0, 512_000.0]);
    herd.outage_recovery_ms = shares.map(|(share, ms)| (*share, took(ms))).collect();
    for width in 100..=170 {
        let all = picture(&model, &mut View::default(), width, 240);
        let back = all.matches("back in 931 ms").count();
        assert_eq!(back, lanherd::fault::Fault::ALL.len(), "{width}\n{all}");
        let outages = "50/95/100 % back in 310/425/512 s";
        assert!(all.contains(outages), "{width}\n{all}");
    }
}

#[test]
fn who_has_given_an_address_back_is_shown_without() {
    let mut model = sample::mixed(20);
    let mut view = View {
        chosen: Some(ClientNumber(7)),
        over: Over::Client(0),
        ..View::default()
    };
    for phase in [Phase::Released, Phase::V6Only] {
        model.apply(one_in(phase, "nothing"));
        let all = picture(&model, &mut view, 100, 30);
        assert!(all.contains("address            -"), "{phase}\n{all}");
        assert!(!all.contains("10.77.0.16"), "{phase}\n{all}");
    }
}

#[test]
fn questions_and_help_lie_over_the_panes() {
    let model = sample::mixed(20);
    let mut view = View {
        over: Over::Quit,
        ..View::default()
    };
    let quit = picture(&model, &mut view, 80, 24);
    assert!(quit.contains("End the run, after 00:01:23?"), "{quit}");
    view.over = Over::GoTo {
        typed: "99".to_owned(),
        complaint: "there is no client 99".to_owned(),
    };
    let goes = picture(&model, &mut view, 80, 24);
    assert!(
        goes.contains("99_") && goes.contains("there is no client 99"),
        "{goes}"
    );
    view.over = Over::Help(0);
    let help = picture(&model, &mut view, 80, 24);
    for binding in super::super::keys::BINDINGS {
        assert!(help.contains(binding.does), "{:?}\n{help}", binding.does);
    }
}

#[test]
fn a_screen_that_is_too_small_says_so() {
    let model = sample::mixed(20);
    let all = picture(&model, &mut View::default(), 20, 5);
    assert_eq!(all.lines().next(), Some("at least 30 x 6"));
    let least = picture(&model, &mut View::default(), 30, 6);
    assert!(least.contains("not well") && least.contains("■"), "{least}");
}

#[test]
fn a_saturated_tester_is_told_of_at_the_top() {
    let mut model = sample::model(20);
    assert!(!picture(&model, &mut View::default(), 120, 40).contains("saturated"));
    model.is_saturated = true;
    let all = picture(&model, &mut View::default(), 120, 40);
    let second = all.lines().nth(1).unwrap_or_default();
    assert!(
        second.contains("well: 20 of 20") && second.contains("tester saturated"),
        "{all}"
    );
}

/// Text as it may come from a network.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\u{1b}[2J\u{1b}]0;owned\u{7}".to_owned()),
        Just("\u{9b}31m\u{90}q\u{9c}".to_owned()),
        Just("\u{202e}\u{2066}\u{200f}abc\u{2069}".to_owned()),
        Just("東京\u{1f468}\u{200d}\u{1f469}\u{fe0f}".to_owned()),
        Just("e\u{301}\u{301}\u{301}\u{301}".to_owned()),
        Just("\r\n\t\u{8}\u{0}\u{7f}".to_owned()),
        Just("x".repeat(3_000)),
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn an_over() -> impl Strategy<Value = Over> {
    prop_oneof![
        Just(Over::Nothing),
        (0_usize..2_000).prop_map(Over::Client),
        (0_usize..99).prop_map(Over::Help),
        Just(Over::Quit),
        hostile().prop_map(|complaint| Over::GoTo {
            typed: "7".to_owned(),
            complaint
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_panics_on_any_screen_and_no_order_to_the_terminal_is_among_what_is_drawn(
        (width, height) in (1_u16..=200, 1_u16..=60),
        clients in 0_u32..300,
        detail in hostile(),
        said in hostile(),
        over in an_over(),
        with_steps in any::<bool>(),
        colours in any::<bool>(),
        unicode in any::<bool>(),
    ) {
        let mut model = sample::mixed(clients);
        let mut about = sample::about();
        about.place.clone_from(&detail);
        model.about = about;
        model.apply(one(&detail));
        model.say(Duration::MAX, &said);
        let failed = EventKind::Failed {
            stage: lanherd::phase::Stage::Dhcp,
            cause: lanherd::phase::Cause::NoOffer,
            family: None,
            detail,
        };
        model.apply(Update::Events(vec![Event {
            sequence: 9,
            after: Duration::MAX,
            client: None,
            what: failed,
        }]));
        let mut view = View { chosen: Some(ClientNumber(7)), over, with_steps, ..View::default() };
        let buffer = drawn(&model, &mut view, Theme { colours, unicode }, width, height);
        for cell in &buffer.content {
            let symbol = cell.symbol();
            prop_assert!(symbol.chars().count() == 1 && symbol.chars().all(is_shown), "{:?}", symbol);
            prop_assert!(unicode || symbol.is_ascii(), "{:?}", symbol);
        }
    }
}
