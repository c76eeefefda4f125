//! Ctrl-C, and its like from service managers and closed terminals: the end comes early, but it is the same end.

use std::fs;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::screen::Screen;

/// Whether the run was interrupted. Clones watch the same signals.
#[derive(Debug, Clone)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens from now on, so that no signal ends the program before it has cleaned up. Within a runtime.
    pub fn listen(screen: &Screen) -> anyhow::Result<Self> {
        let open = |kind| signal(kind).context("signals cannot be listened to");
        let mut interrupt = open(SignalKind::interrupt())?;
        let mut terminate = open(SignalKind::terminate())?;
        // Under nohup, hanging up is to be ignored.
        let mut hangup = if ignores_hangup() {
            None
        } else {
            Some(open(SignalKind::hangup())?)
        };
        let (interrupted, watched) = watch::channel(false);
        let screen = screen.clone();
        tokio::spawn(async move {
            let mut any = async || {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    () = received(hangup.as_mut()) => {}
                }
            };
            any().await;
            screen.say("interrupted: leaving");
            interrupted.send_replace(true);
            any().await;
            screen.complain(
                "already leaving: every client hands its lease back first, this takes seconds",
            );
            loop {
                any().await;
            }
        });
        Ok(Self(watched))
    }

    /// Whether it has happened.
    pub fn has_come(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it happens, or has happened.
    pub async fn comes(&mut self) {
        if self.0.wait_for(|interrupted| *interrupted).await.is_err() {
            // The listening task never ends before the runtime does.
            std::future::pending::<()>().await;
        }
    }
}

async fn received(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
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
