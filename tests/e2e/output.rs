//! Readers that do not read, terminals that go, and signals that nobody expects: the herd goes on, and its end is in order.

use std::fs;

use nix::sys::signal::Signal;

use super::common::host::Host;
use super::common::process::Running;
use super::common::terminal::Terminal;
use super::common::{seconds, wait_for};

/// Makes a pipe that is full, and that nobody reads as long as the machine lives; then becomes lanherd, which writes to it.
const INTO_A_FULL_PIPE: &str = "mkfifo /run/full && { sleep 1000 </run/full & } && exec 3>/run/full && \
    { timeout 1 cat /dev/zero >&3; exec /run/bin/lanherd \"$@\" >&3 2>&3; }";

fn into_a_full_pipe(host: &Host, arguments: &[&str]) -> Running {
    host.start(
        "stuck",
        &[&["sh", "-c", INTO_A_FULL_PIPE, "sh"], arguments].concat(),
    )
}

/// The pool answers whoever asks for it.
#[track_caller]
fn assert_answers(host: &Host, clients: usize) {
    let ps = host.lanherd(&["ps"]).finish(seconds(20));
    assert_eq!(ps.code, Some(0), "{}", ps.stderr);
    assert!(
        ps.stdout.matches(" online ").count() >= clients,
        "{}",
        ps.stdout
    );
}

#[test]
fn a_pipe_that_nobody_reads_holds_up_neither_the_herd_nor_its_end() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    // With -vvv there is more to say than the queue holds.
    let arguments = host.up_arguments(
        6,
        &["--ping", "router", "--every", "50ms", "--for", "4s", "-vvv"],
    );
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = into_a_full_pipe(&host, &arguments).finish(seconds(60));
    assert_eq!(outcome.code, Some(0));
    let report = host.report();
    assert_eq!(
        (report.total("online"), report.total("leaked_objects")),
        (6, 0)
    );
    let after = host.snapshot();
    assert_eq!((after.links, after.mounts), (before.links, before.mounts));
}

#[test]
fn a_herd_before_a_full_pipe_answers_and_hears_signals() {
    let (host, _router) = Host::with_dnsmasq();
    let arguments = host.up_arguments(6, &["--ping", "router", "--interval", "100ms", "-v"]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let herd = into_a_full_pipe(&host, &arguments);
    host.wait_configured(6, seconds(30));
    assert_answers(&host, 6);
    herd.signal(Signal::SIGTERM);
    assert_eq!(herd.finish(seconds(40)).code, Some(130));
    assert_eq!(host.report().total("leaked_objects"), 0);
}

#[test]
fn a_reader_that_reads_again_is_told_how_much_it_missed() {
    let host = Host::new();
    let script = "mkfifo /run/late && { sleep 1000 </run/late & } && \
        exec /run/bin/lanherd \"$@\" >/run/results 2>/run/late";
    let arguments = [
        "up",
        "--lab",
        "--clients",
        "100",
        "-vvv",
        "--log-format",
        "json",
    ];
    let herd = host.start(
        "late",
        &[&["sh", "-c", script, "sh"], &arguments[..]].concat(),
    );
    wait_for("the pool answers", seconds(30), || {
        (host.lanherd(&["ps"]).finish(seconds(20)).code == Some(0)).then_some(())
    });
    // More is logged than the pipe and the queue hold.
    for _ in 0..15 {
        for order in ["release", "renew"] {
            host.lanherd(&[order, "all"]).finish(seconds(30));
        }
    }
    let reader = host.start("reader", &["sh", "-c", "exec cat </run/late >/run/read"]);
    wait_for("the reader is told", seconds(20), || {
        let read = fs::read(host.path("/run/read")).ok()?;
        let read = String::from_utf8_lossy(&read).into_owned();
        read.contains("were not shown: the terminal or program")
            .then_some(())
    });
    herd.signal(Signal::SIGTERM);
    assert_eq!(herd.finish(seconds(60)).code, Some(130));
    drop(reader);
    // The trouble of one reader is not that of the other.
    let results = fs::read_to_string(host.path("/run/results")).expect("results");
    assert!(results.contains("of 100 clients online"), "{results}");
}

#[test]
fn results_that_nobody_reads_are_given_up_in_seconds() {
    let host = Host::new();
    let feature = host.folder().join("one.feature");
    let junit = host.folder().join("one.xml");
    fs::write(
        &feature,
        "Feature: F\n  Scenario: S\n    Given I create 2 virtual clients using macvlan\n    \
         When all clients attempt to ping the router\n    Then all clients should respond successfully\n",
    )
    .expect("a file");
    let (feature, file) = (feature.to_string_lossy(), junit.to_string_lossy());
    let arguments = [
        "bdd", &feature, "--lab", "--steps", "-vvv", "--junit", &file,
    ];
    let outcome = into_a_full_pipe(&host, &arguments).finish(seconds(60));
    assert_eq!(outcome.code, Some(0));
    assert!(
        fs::read_to_string(&junit)
            .expect("results")
            .contains("<testcase")
    );
}

/// What a user has in the environment; and hanging up is not ignored, though the tests may run under nohup.
const ON_TERMINAL: [&str; 4] = [
    "env",
    "--default-signal=HUP",
    "TERM=xterm",
    "/run/bin/lanherd",
];

fn on_terminal(host: &Host, terminal: &Terminal, arguments: &[&str]) -> Running {
    let report = host.folder().join("report.json");
    let report = report.to_string_lossy();
    let all = [
        &ON_TERMINAL[..],
        arguments,
        &[
            "--parent",
            "lan0",
            "--clients",
            "6",
            "--ping",
            "router",
            "--report",
            &report,
        ],
    ];
    host.start_on(terminal, "herd", &all.concat())
}

#[test]
fn a_terminal_that_is_stopped_with_ctrl_s_holds_up_nothing() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let terminal = Terminal::new(100, 30);
    let herd = on_terminal(&host, &terminal, &["up"]);
    terminal.wait("the herd stands", seconds(30), |text| {
        text.contains("6 of 6 online")
    });
    terminal.press("\u{13}");
    std::thread::sleep(seconds(3));
    assert_answers(&host, 6);
    herd.signal(Signal::SIGTERM);
    assert_eq!(herd.finish(seconds(40)).code, Some(130));
    assert_eq!(host.report().total("leaked_objects"), 0);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn when_the_terminal_goes_the_herd_leaves_in_order() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    for command in [
        &["up"][..],
        &["soak", "--interval", "1s", "--for", "1h"],
        &["up", "--tui"],
    ] {
        let terminal = Terminal::new(100, 30);
        let herd = on_terminal(&host, &terminal, command);
        terminal.wait("the herd stands", seconds(30), |text| {
            text.contains("6 of 6 online") || text.contains("6 of 6 clients online")
        });
        drop(terminal);
        assert_eq!(herd.finish(seconds(40)).code, Some(130), "{command:?}");
        let report = host.report();
        assert_eq!(report.total("online"), 6, "{command:?}");
        assert_eq!(host.snapshot().links, before.links, "{command:?}");
        assert_eq!(host.snapshot().files, before.files, "{command:?}");
        fs::remove_file(host.folder().join("report.json")).expect("a report");
    }
}

#[test]
fn signals_that_would_end_it_without_a_tear_down_are_ignored_or_end_it_in_order() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    for last in ["QUIT", "PWR", "XCPU"] {
        let herd = host.up(3, &[]);
        host.wait_configured(3, seconds(30));
        let send = |signal: &str| {
            let sent = std::process::Command::new("/bin/kill")
                .args(["-s", signal, &herd.pid().to_string()])
                .status();
            assert!(sent.is_ok_and(|status| status.success()), "{signal}");
        };
        for signal in [
            "USR1", "USR2", "ALRM", "VTALRM", "PROF", "IO", "STKFLT", "XFSZ", "34", "50", "64",
        ] {
            send(signal);
        }
        wait_for("it says so", seconds(20), || {
            let said = herd.stderr();
            (said.contains("SIGUSR1 is ignored") && said.contains("SIGRTMIN+16 is ignored"))
                .then_some(())
        });
        assert_answers(&host, 3);
        send(last);
        let outcome = herd.finish(seconds(30));
        assert_eq!(outcome.code, Some(130), "{last}: {}", outcome.stderr);
        assert_eq!(host.report().total("leaked_objects"), 0);
        assert_eq!(host.snapshot(), before, "{last}");
    }
}

#[test]
fn outputs_that_are_one_file_are_refused_by_whatever_path() {
    let host = Host::new();
    let folder = host.folder();
    let (file, spelt) = (folder.join("x"), folder.join("./x"));
    let (file, spelt) = (file.to_string_lossy(), spelt.to_string_lossy());
    fs::write(
        folder.join("f.feature"),
        "Feature: F\n  Scenario: S\n    Given I create 1 virtual client using macvlan\n",
    )
    .expect("a file");
    let feature = folder.join("f.feature");
    let feature = feature.to_string_lossy();
    let run = folder.join("run.toml");
    let toml = format!(
        "lab = true\nclients = 1\nfor = '1s'\nreport = '{}'\n",
        run.display()
    );
    fs::write(&run, &toml).expect("a file");
    for arguments in [
        &[
            "up",
            "--lab",
            "--clients",
            "1",
            "--report",
            &file,
            "--html",
            &spelt,
        ][..],
        &["bdd", &feature, "--lab", "--junit", &file, "--json", &spelt],
        &["bdd", &feature, "--lab", "--json", &file, "--html", &file],
        &["run", &run.to_string_lossy()],
    ] {
        let outcome = host.lanherd(arguments).finish(seconds(30));
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains("are the same file"),
            "{}",
            outcome.stderr
        );
    }
    assert!(!folder.join("x").exists());
    assert_eq!(fs::read_to_string(&run).expect("the scenario"), toml);
}

#[test]
fn a_report_goes_to_pipes_and_to_standard_output_as_well() {
    let host = Host::new();
    let up = "/run/bin/lanherd up --lab --clients 1 --for 200ms --report";
    // A reader of standard output finds the report and nothing else; the table is on standard error.
    let piped = host.run(&["sh", "-c", &format!("{up} /dev/stdout | cat")]);
    let report: serde_json::Value = serde_json::from_str(&piped.stdout).expect("a report alone");
    assert_eq!(report["totals"]["online"], 1);
    assert!(
        piped.stderr.contains("1 of 1 clients online"),
        "{}",
        piped.stderr
    );
    // A file that standard output goes to is not replaced under whoever writes to it.
    host.must(&[
        "sh",
        "-c",
        &format!("{{ echo before; {up} /dev/stdout; }} >/run/all 2>&1"),
    ]);
    let all = fs::read_to_string(host.path("/run/all")).expect("all of it");
    assert!(
        all.starts_with("before\n")
            && all.contains("\"totals\"")
            && all.contains("1 of 1 clients online"),
        "{all}"
    );
    host.must(&["sh", "-c", &format!("{up} /dev/null --html /dev/null")]);
    // A pipe that nobody reads costs seconds.
    let stuck = host.run(&["sh", "-c", &format!("mkfifo /run/f; {up} /run/f")]);
    assert_eq!(stuck.code, Some(1), "{}", stuck.stderr);
    assert!(
        stuck.stderr.contains("nobody has read from it"),
        "{}",
        stuck.stderr
    );
    host.must(&["sh", "-c", &format!("cat /run/f >/run/read & {up} /run/f")]);
    wait_for("the reader has it", seconds(10), || {
        let read = fs::read_to_string(host.path("/run/read")).ok()?;
        read.contains("\"totals\"").then_some(())
    });
}

#[test]
fn files_without_an_end_and_lines_without_an_end_are_told_of() {
    let host = Host::new();
    for arguments in [
        &["run", "/dev/zero"][..],
        &["bdd", "/dev/zero", "--lab"],
        &[
            "up",
            "--lab",
            "--clients",
            "1",
            "--metrics",
            "127.0.0.1:0",
            "--metrics-token-file",
            "/dev/zero",
        ],
        &[
            "up",
            "--lab",
            "--clients",
            "1",
            "--metrics",
            "127.0.0.1:0",
            "--web-config",
            "/dev/zero",
        ],
    ] {
        let mut limited = vec!["prlimit", "--as=2000000000", "/run/bin/lanherd"];
        limited.extend(arguments);
        let outcome = host.start("limited", &limited).finish(seconds(30));
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("/dev/zero"), "{}", outcome.stderr);
    }
    let file = host.folder().join("long.toml");
    fs::write(
        &file,
        format!(
            "lab = true\nclients = 1\npool = \"{}\"\n",
            "0".repeat(70_000)
        ),
    )
    .expect("a file");
    let outcome = host
        .lanherd(&["run", &file.to_string_lossy()])
        .finish(seconds(30));
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("line 3") && outcome.stderr.len() < 3_000,
        "{} bytes",
        outcome.stderr.len()
    );
}

#[test]
fn names_with_control_characters_are_shown_as_text() {
    let host = Host::new();
    let name = "/tmp/\u{1b}[2Jno\u{7}such.toml";
    for arguments in [
        &["run", name][..],
        &["bdd", name, "--lab"],
        &["up", "--parent", "\u{1b}[2Jno\u{7}", "--clients", "1"],
        &["up", "--parent", "lan0", "--clients", name],
    ] {
        let outcome = host.lanherd(arguments).finish(seconds(30));
        assert_ne!(outcome.code, Some(0));
        assert!(
            !outcome.stderr.contains(['\u{1b}', '\u{7}']),
            "{:?}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains("no\\u{7}"), "{:?}", outcome.stderr);
    }
}

/// Runs lanherd as a unit whose standard error is the stream that `JOURNAL_STREAM` names, or another one.
fn as_a_unit(host: &Host, stream: &str, arguments: &str) -> String {
    let script = format!("JOURNAL_STREAM={stream} exec /run/bin/lanherd {arguments}");
    host.start("unit", &["sh", "-c", &script])
        .finish(seconds(60))
        .stderr
}

#[test]
fn the_journal_is_told_how_much_each_line_matters_and_nobody_else_is() {
    let (host, _router) = Host::with_dnsmasq();
    let own = "$(stat -L -c %d:%i /dev/fd/2)";
    let begins = |said: &str, priority: &str, word: &str| {
        let mut lines = said.lines();
        lines.any(|line| line.starts_with(priority) && line.contains(word))
    };
    let said = as_a_unit(&host, own, "up --parent none0 --clients 1");
    assert!(begins(&said, "<3>error: ", "none0"), "{said}");
    let herd = "up --parent lan0 --clients 201 --mode bridge --for 1ms -v";
    let said = as_a_unit(&host, own, herd);
    assert!(begins(&said, "<4>", "WARN in bridge mode"), "{said}");
    assert!(begins(&said, "<6>", "INFO"), "{said}");
    assert!(said.lines().all(|line| line.starts_with('<')), "{said}");
    let said = as_a_unit(&host, "8:1", "up --parent none0 --clients 1");
    assert!(begins(&said, "error: ", "none0"), "{said}");
}
