//! `--tui`, on a terminal: what it shows, what keys do, and that the terminal is as it was afterwards, however the run ends.

use nix::sys::signal::Signal;

use super::common::host::Host;
use super::common::process::{Outcome, Running};
use super::common::terminal::Terminal;
use super::common::{seconds, wait_for};

/// Whatever a terminal and a user have in their environment; and hanging up is not ignored, though the tests may run under
/// nohup.
const PROGRAM: [&str; 5] = [
    "env",
    "--default-signal=HUP",
    "TERM=xterm-256color",
    "LC_ALL=C.UTF-8",
    "/run/bin/lanherd",
];
const HERD: [&str; 6] = ["up", "--lab", "--clients", "20", "--ping", "router"];

/// A herd of 20 in the lab on a terminal, once all are online.
fn shown(host: &Host, terminal: &Terminal, more: &[&str]) -> Running {
    let command = [&PROGRAM[..], &HERD, &["--tui"], more].concat();
    let herd = host.start_on(terminal, "herd", &command);
    terminal.wait("all are online", seconds(60), |text| {
        text.contains("well: 20 of 20 clients online") && text.matches('■').count() == 21
    });
    assert!(terminal.is_taken() && terminal.hides_cursor());
    herd
}

/// Another lanherd, about this herd.
#[track_caller]
fn lanherd(host: &Host, arguments: &[&str]) {
    let outcome = host.lanherd(arguments).finish(seconds(30));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

/// The terminal is as it was, and the summary is on it.
#[track_caller]
fn assert_given_back(terminal: &Terminal, modes: &str) {
    let text = terminal.wait("the summary", seconds(10), |text| {
        text.contains("20 of 20 clients online,")
    });
    assert!(text.contains("nothing left behind"), "{text}");
    assert!(!terminal.is_taken() && !terminal.hides_cursor(), "{text}");
    assert_eq!(terminal.modes(), modes);
}

#[test]
fn a_herd_is_seen_with_its_phases_and_events_and_a_client_is_opened_and_left() {
    let host = Host::new();
    let before = host.snapshot();
    let terminal = Terminal::new(120, 40);
    let modes = terminal.modes();
    let herd = shown(&host, &terminal, &[]);
    assert_ne!(
        terminal.modes(),
        modes,
        "keys would be shown and wait for Enter"
    );
    // Read at any moment, the terminal may have half of a frame.
    terminal.wait("what is shown of all", seconds(10), |text| {
        let words = ["lanherd ns on the lab", "online 20", "Round trips of pings"];
        words.iter().all(|words| text.contains(words))
    });

    lanherd(&host, &["chaos", "crash", "7"]);
    terminal.wait("the crash is told of", seconds(20), |text| {
        text.contains("7  failed: online: crashed") && text.contains("fault crash: on 1 client")
    });
    terminal.wait("its cause is counted", seconds(10), |text| {
        text.contains("1  crashed")
    });
    terminal.wait("it is back", seconds(30), |text| {
        text.contains("with losses: 20 of 20 clients online, availability 9")
    });

    terminal.press("g7\r\r");
    let open = terminal.wait("the client is open", seconds(10), |text| {
        text.contains("Client 7") && text.contains("s left")
    });
    assert!(open.contains("address            10.77.0."), "{open}");
    assert!(
        open.contains("last failure       online: crashed"),
        "{open}"
    );
    assert!(open.contains("ping the router"), "{open}");
    terminal.press("\u{1b}");
    terminal.wait("it is closed", seconds(10), |text| {
        !text.contains("Client 7")
    });

    terminal.resize(80, 24);
    let small = terminal.wait("less is shown", seconds(10), |text| {
        !text.contains("Round trips") && text.contains("Clients 20") && text.contains("? help")
    });
    assert!(small.contains("7: online, failed last: crashed"), "{small}");
    assert!(small.lines().count() <= 24, "{small}");
    terminal.resize(20, 4);
    terminal.wait("it is too small", seconds(10), |text| {
        text.trim() == "at least 30 x 6"
    });
    terminal.resize(120, 40);
    terminal.wait("all is shown again", seconds(10), |text| {
        text.contains("Round trips")
    });

    // Whoever presses q by mistake has lost nothing.
    terminal.press("q");
    terminal.wait("it is asked", seconds(10), |text| {
        text.contains("End the run, after")
    });
    terminal.press("\r");
    terminal.wait("it goes on", seconds(10), |text| {
        !text.contains("End the run")
    });

    terminal.press("\u{3}");
    let outcome = herd.finish(seconds(30));
    assert_eq!(outcome.code, Some(130));
    assert_given_back(&terminal, &modes);
    assert!(terminal.text().contains("interrupted: leaving"));
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_service_manager_that_says_terminate_gets_the_terminal_back_too() {
    let host = Host::new();
    let before = host.snapshot();
    let terminal = Terminal::new(100, 30);
    let modes = terminal.modes();
    let herd = shown(&host, &terminal, &[]);
    herd.signal(Signal::SIGTERM);
    assert_eq!(herd.finish(seconds(30)).code, Some(130));
    assert_given_back(&terminal, &modes);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn q_and_y_end_the_run_in_order() {
    let host = Host::new();
    let terminal = Terminal::new(100, 30);
    let modes = terminal.modes();
    let herd = shown(&host, &terminal, &[]);
    terminal.press("qy");
    assert_eq!(herd.finish(seconds(30)).code, Some(130));
    assert_given_back(&terminal, &modes);
}

#[test]
fn a_run_whose_time_is_over_ends_as_without_a_screen() {
    let host = Host::new();
    // Room for all that was said meanwhile above the table, warnings of a busy machine among it.
    let terminal = Terminal::new(100, 50);
    let modes = terminal.modes();
    let herd = shown(&host, &terminal, &["--for", "2s"]);
    assert_eq!(herd.finish(seconds(60)).code, Some(0));
    assert_given_back(&terminal, &modes);
    let text = terminal.last_text();
    assert!(
        text.contains("20 of 20 online, 0 joining, 0 failed"),
        "{text}"
    );
}

#[test]
fn a_terminal_that_hangs_up_ends_the_run_in_order() {
    let host = Host::new();
    let before = host.snapshot();
    let terminal = Terminal::new(100, 30);
    let herd = shown(&host, &terminal, &[]);
    drop(terminal);
    assert_eq!(herd.finish(seconds(30)).code, Some(130));
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_terminal_that_stands_still_holds_up_nobody() {
    let host = Host::new();
    let before = host.snapshot();
    let terminal = Terminal::new(200, 60);
    let modes = terminal.modes();
    let herd = shown(&host, &terminal, &[]);
    terminal.stand_still(true);
    // Everything is drawn anew each time: more than the kernel keeps for a terminal.
    for _ in 0..5 {
        terminal.press("\u{c}");
        std::thread::sleep(std::time::Duration::from_millis(150));
    }
    assert!(is_writing(&herd), "the screen draws on");
    lanherd(&host, &["chaos", "crash", "all"]);
    wait_for("all are back", seconds(30), || {
        let told = host.lanherd(&["ps", "--json"]).finish(seconds(10)).stdout;
        let told: serde_json::Value = serde_json::from_str(&told).ok()?;
        let is_back = |one: &serde_json::Value| one["phase"] == "online" && one["restarts"] == 1;
        told["clients"]
            .as_array()?
            .iter()
            .all(is_back)
            .then_some(())
    });
    assert!(is_writing(&herd), "the screen draws on");
    herd.signal(Signal::SIGTERM);
    wait_for("the herd has left", seconds(30), || {
        (host.lanherd(&["ps"]).finish(seconds(10)).code != Some(0)).then_some(())
    });
    terminal.stand_still(false);
    assert_eq!(herd.finish(seconds(30)).code, Some(130));
    assert_given_back(&terminal, &modes);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_terminal_that_takes_nothing_any_more_does_not_hold_up_the_end() {
    let host = Host::new();
    let before = host.snapshot();
    let terminal = Terminal::new(200, 60);
    let modes = terminal.modes();
    let herd = shown(&host, &terminal, &[]);
    terminal.stand_still(true);
    for _ in 0..5 {
        terminal.press("\u{c}");
        std::thread::sleep(std::time::Duration::from_millis(150));
    }
    assert!(is_writing(&herd), "the screen draws on");
    herd.signal(Signal::SIGTERM);
    assert_eq!(herd.finish(seconds(40)).code, Some(130));
    assert_eq!(terminal.modes(), modes);
    assert_eq!(host.snapshot(), before);
}

/// Whether the thread that draws waits for the terminal to take what it has written.
fn is_writing(herd: &Running) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{}/task", herd.pid())).expect("its threads");
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    threads.flatten().any(|thread| {
        let is_screen = read(thread.path().join("comm")).trim() == "screen";
        // The number of write(2) on x86-64 and on others.
        let call = read(thread.path().join("syscall"));
        is_screen && (call.starts_with("1 ") || call.starts_with("64 ") || call.starts_with("4 "))
    })
}

#[test]
fn a_shell_stops_it_and_lets_it_go_on() {
    let host = Host::new();
    let terminal = Terminal::new(120, 40);
    let shell = host.start_on(
        &terminal,
        "shell",
        &["env", "PS1=ready> ", "bash", "--norc", "-i"],
    );
    terminal.wait("a prompt", seconds(10), |text| text.contains("ready>"));
    let modes = terminal.modes();
    let command = [&PROGRAM[..], &HERD, &["--tui"]].concat().join(" ");
    terminal.press(&format!("{command}\r"));
    let is_well = |text: &str| text.contains("well: 20 of 20 clients online");
    terminal.wait("all are online", seconds(60), is_well);
    for _ in 0..2 {
        terminal.press("\u{1a}");
        terminal.wait("it is stopped", seconds(10), |text| {
            text.contains("Stopped")
        });
        assert!(!terminal.is_taken() && !terminal.hides_cursor());
        // The shell sets its own a moment after it has said so.
        wait_for("the shell's modes", seconds(5), || {
            (terminal.modes() == modes).then_some(())
        });
        terminal.press("fg\r");
        terminal.wait("it goes on", seconds(10), is_well);
        assert!(terminal.is_taken());
    }
    // In the background it goes on without the terminal, and takes it again in the foreground.
    terminal.press("\u{1a}");
    terminal.wait("it is stopped", seconds(10), |text| {
        text.contains("Stopped")
    });
    terminal.press("bg; clear\r");
    lanherd(&host, &["ps"]);
    assert!(!terminal.is_taken());
    terminal.press("fg\r");
    terminal.wait("it is shown again", seconds(10), is_well);
    terminal.press("\u{3}");
    terminal.wait("the summary", seconds(30), |text| {
        text.contains("nothing left behind")
    });
    terminal.press("exit 5\r");
    assert_eq!(shell.finish(seconds(10)).code, Some(5));
}

#[test]
fn results_can_be_redirected_and_the_screen_cannot() {
    let host = Host::new();
    let before = host.snapshot();
    let run = |redirected: &str, more: &str| -> (Outcome, String) {
        let terminal = Terminal::new(100, 30);
        let herd = HERD.join(" ");
        let line = format!("TERM=xterm /run/bin/lanherd {herd} --for 1s --tui {more} {redirected}");
        let outcome = host
            .start_on(&terminal, "sh", &["sh", "-c", &line])
            .finish(seconds(60));
        (outcome, terminal.last_text())
    };
    let (outcome, text) = run(">/run/results", "");
    assert_eq!(outcome.code, Some(0), "{text}");
    assert!(!text.contains("nothing left behind"), "{text}");
    let results = std::fs::read_to_string(host.path("/run/results")).expect("results");
    assert!(results.contains("20 of 20 clients online"), "{results}");
    host.must(&["rm", "/run/results"]);

    for (redirected, more, words) in [
        ("2>/run/refusal", "", "standard error is none"),
        ("</dev/null", "", "standard input is no terminal"),
        ("", "--quiet", "leave one of them out"),
        ("", "--log-format json", "leave one of them out"),
    ] {
        let (outcome, text) = run(redirected, more);
        let said = std::fs::read_to_string(host.path("/run/refusal")).unwrap_or(text);
        assert_eq!(outcome.code, Some(2), "{said}");
        assert!(
            said.replace('\n', "").contains(words),
            "{words:?} is not in {said}"
        );
        host.must(&["rm", "-f", "/run/refusal"]);
    }
    let terminal = Terminal::new(100, 30);
    let dumb = [
        &["env", "TERM=dumb", "/run/bin/lanherd"],
        &HERD[..],
        &["--tui"],
    ]
    .concat();
    assert_eq!(
        host.start_on(&terminal, "dumb", &dumb)
            .finish(seconds(30))
            .code,
        Some(2)
    );
    terminal.wait("a remedy", seconds(5), |text| text.contains("set TERM"));
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_herd_with_metrics_is_seen_on_the_terminal_and_over_http_at_one_time() {
    let host = Host::new();
    let terminal = Terminal::new(120, 40);
    let herd = shown(&host, &terminal, &["--metrics", "127.0.0.1:9177"]);
    let ask = [
        "python3",
        "-c",
        "from urllib.request import urlopen as ask\nprint(ask('http://127.0.0.1:9177/api/v1/herd').read().decode())",
    ];
    let told = wait_for("the herd is told of", seconds(10), || {
        let told: serde_json::Value = serde_json::from_str(&host.run(&ask).stdout).ok()?;
        (told["phases"]["online"] == 20).then_some(told)
    });
    assert_eq!(told["sums"]["joins"], 20);
    lanherd(&host, &["stop"]);
    assert_eq!(herd.finish(seconds(30)).code, Some(0));
}
