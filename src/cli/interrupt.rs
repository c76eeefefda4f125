//! Ctrl-C, and its like from service managers and closed terminals: the end comes early, but it is the same end.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use anyhow::Context as _;
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::screen::Screen;

/// Whether a signal asked for the end before anybody listened.
static CAME_EARLY: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From now on no signal ends the program: it is noted, and whoever [`listen`]s later hears of it. For what is made before there
/// may be a second thread, and so before there is a runtime that could listen.
pub fn hold_back() -> anyhow::Result<()> {
    let unheard = Arc::new(AtomicBool::new(false));
    for (meaning, kind) in all() {
        let flag = match meaning {
            Meaning::Leave => &CAME_EARLY,
            Meaning::Ignore => &unheard,
        };
        signal_hook::flag::register(kind.as_raw_value(), Arc::clone(flag))
            .with_context(|| format!("signal {kind:?} cannot be held back"))?;
    }
    Ok(())
}

/// A token that is cancelled when a signal asks for the end. Listens from now on, so that no signal ends the program before it
/// has cleaned up. Within a runtime.
pub fn listen(screen: &Screen) -> anyhow::Result<CancellationToken> {
    screen
        .start()
        .context("the threads that write could not be started")?;
    let (send, mut signals) = mpsc::unbounded_channel();
    for (meaning, kind) in all() {
        let mut signal =
            signal(kind).with_context(|| format!("signal {kind:?} cannot be listened to"))?;
        let send = send.clone();
        tokio::spawn(async move {
            while signal.recv().await.is_some() && send.send((meaning, kind)).is_ok() {}
        });
    }
    let interrupted = CancellationToken::new();
    // Both may have been told of it in between; it is one end all the same.
    if CAME_EARLY.load(Ordering::SeqCst) {
        interrupted.cancel();
        screen.say("interrupted: leaving");
    }
    let (screen, token) = (screen.clone(), interrupted.clone());
    tokio::spawn(async move {
        let mut ignored = BTreeSet::new();
        while let Some((meaning, kind)) = signals.recv().await {
            match meaning {
                Meaning::Ignore => {
                    if ignored.insert(kind.as_raw_value()) {
                        screen.complain(&format!(
                            "{} is ignored: Ctrl-C, SIGTERM or `lanherd stop` end the run in order",
                            name(kind)
                        ));
                    }
                }
                Meaning::Leave if token.is_cancelled() => screen.complain(
                    "already leaving: every client hands its lease back first, this takes seconds",
                ),
                Meaning::Leave => {
                    token.cancel();
                    screen.say("interrupted: leaving");
                }
            }
        }
    });
    Ok(interrupted)
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// The end, in order.
    Leave,
    /// Nothing: it would end a program that does not expect it.
    Ignore,
}

/// Every signal that can be caught and would end the program (signal(7)), but for those that say that the program itself is
/// broken: SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP. Whoever sends one of these wants a core dump, and `lanherd
/// clean` removes what is left. They are caught rather than ignored, so that the commands that clients run have their usual ones.
fn all() -> Vec<(Meaning, SignalKind)> {
    let mut leave = vec![
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGQUIT,
        // The mains have failed.
        Signal::SIGPWR,
        // The time of the processor that this process may use is nearly over.
        Signal::SIGXCPU,
    ];
    // Under nohup, hanging up is to be ignored.
    if !ignores_hangup() {
        leave.push(Signal::SIGHUP);
    }
    let ignore = [
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGALRM,
        Signal::SIGVTALRM,
        Signal::SIGPROF,
        Signal::SIGIO,
        Signal::SIGSTKFLT,
        // The write that was too large fails, and that is told.
        Signal::SIGXFSZ,
    ];
    let leave = leave
        .into_iter()
        .map(|signal| (Meaning::Leave, signal as i32));
    let ignore = ignore
        .into_iter()
        .map(|signal| (Meaning::Ignore, signal as i32));
    let realtime = (libc::SIGRTMIN()..=libc::SIGRTMAX()).map(|signal| (Meaning::Ignore, signal));
    leave
        .chain(ignore)
        .chain(realtime)
        .map(|(meaning, number)| (meaning, SignalKind::from_raw(number)))
        .collect()
}

/// The name of a signal: `SIGUSR1`.
fn name(kind: SignalKind) -> String {
    let number = kind.as_raw_value();
    Signal::try_from(number).map_or_else(
        |_| format!("SIGRTMIN+{}", number - libc::SIGRTMIN()),
        |signal| signal.to_string(),
    )
}

/// Whether SIGHUP, number 1, was set to be ignored by whoever started this process (proc(5), `SigIgn`).
fn ignores_hangup() -> bool {
    fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let mask = status
                .lines()
                .find_map(|line| line.strip_prefix("SigIgn:"))?;
            u64::from_str_radix(mask.trim(), 16).ok()
        })
        .is_some_and(|ignored| ignored & 1 != 0)
}
