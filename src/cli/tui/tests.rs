//! When it is drawn, and a screen that dies.

use std::process::Command;

use super::*;

#[allow(dead_code, reason = "it can more than is needed here")]
#[path = "../../../tests/common/terminal.rs"]
mod on_terminal;

/// Set where the test is the program on the terminal.
const ROLE: &str = "LANHERD_TEST_DIES_ON_A_TERMINAL";

/// Takes the terminal and dies.
fn die() {
    let screen = Screen::new(false, Format::Text);
    screen.buffer_stderr(Arc::new(StderrBuffer::new(Instant::now())));
    screen.tell_panics();
    screen.say("said meanwhile");
    let held = TuiTerminal::take().expect("a terminal");
    guarded(&screen, held, |held| {
        held.draw(|frame| {
            frame.buffer_mut().set_string(0, 0, "drawn", Theme::STRONG);
        })?;
        // Until it was seen.
        while terminal::input(PATIENCE) == TerminalInput::Nothing {}
        panic!("on purpose")
    });
    screen.say("the run goes on");
}

#[test]
fn after_a_panic_of_the_screen_the_terminal_is_as_it_was_and_says_why() {
    if env::var_os(ROLE).is_some() {
        return die();
    }
    let terminal = on_terminal::Terminal::new(100, 30);
    let modes = terminal.modes();
    let this =
        "cli::tui::tests::after_a_panic_of_the_screen_the_terminal_is_as_it_was_and_says_why";
    let mut program = Command::new("setsid")
        .args(["--ctty", "--wait"])
        .arg(env::current_exe().expect("its own path"))
        .args(["--exact", this, "--nocapture"])
        .env(ROLE, "1")
        .env("TERM", "xterm")
        .stdin(terminal.side())
        .stdout(terminal.side())
        .stderr(terminal.side())
        .spawn()
        .expect("setsid (Debian package util-linux) is installed");
    let patience = Duration::from_secs(20);
    terminal.wait("it draws", patience, |text| text.trim() == "drawn");
    assert!(terminal.is_taken() && terminal.hides_cursor());
    assert_ne!(terminal.modes(), modes);
    terminal.press("x");
    assert!(program.wait().expect("our child").success());
    let text = terminal.wait("it goes on", patience, |text| {
        text.contains("\nthe run goes on\n")
    });
    for words in ["said meanwhile", "on purpose", "this is a bug in lanherd"] {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
    assert!(!terminal.is_taken() && !terminal.hides_cursor(), "{text}");
    assert_eq!(terminal.modes(), modes);
}

#[test]
fn a_frame_is_due_five_times_a_second_at_most_and_only_where_it_would_be_another() {
    let milliseconds = Duration::from_millis;
    // Something new every millisecond, for ten seconds.
    let (mut frames, mut last) = (0, 0);
    for now in 1..=10_000 {
        if is_due(milliseconds(now - last), true) {
            (frames, last) = (frames + 1, now);
        }
    }
    assert_eq!(frames, 50);
    assert!(!is_due(milliseconds(10_000), false));
}
