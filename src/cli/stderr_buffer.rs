//! Lines for standard error that are kept while the terminal is drawn on (`--tui`), and how far the run has come: written by
//! everybody, read by the thread that draws.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

/// So many pieces wait for the thread that draws, which may stand still.
const WAITING: usize = 500;
/// So many pieces are written again when the terminal is as it was.
const KEPT: usize = 100;

/// What the run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStage {
    Joining,
    /// Since then, counted from the beginning.
    Holding(Duration),
    Leaving,
}

/// The buffer. Whoever writes to it never waits, and its size is bounded.
#[derive(Debug)]
pub struct StderrBuffer {
    started: Instant,
    state: Mutex<BufferState>,
}

#[derive(Debug)]
struct BufferState {
    stage: RunStage,
    waiting: VecDeque<(Duration, String)>,
    kept: VecDeque<String>,
    forgotten: u64,
}

impl StderrBuffer {
    /// Of a run that began then.
    pub fn new(started: Instant) -> Self {
        Self {
            started,
            state: Mutex::new(BufferState {
                stage: RunStage::Joining,
                waiting: VecDeque::new(),
                kept: VecDeque::new(),
                forgotten: 0,
            }),
        }
    }

    /// One piece: whole lines.
    pub fn put(&self, bytes: &[u8]) {
        let said = String::from_utf8_lossy(bytes).into_owned();
        let mut state = self.state();
        if state.waiting.len() == WAITING {
            state.waiting.pop_front();
        }
        if state.kept.len() == KEPT {
            state.kept.pop_front();
            state.forgotten += 1;
        }
        state
            .waiting
            .push_back((self.started.elapsed(), said.clone()));
        state.kept.push_back(said);
    }

    /// The run has come so far.
    pub fn enter(&self, stage: RunStage) {
        self.state().stage = stage;
    }

    /// How far the run has come.
    pub fn stage(&self) -> RunStage {
        self.state().stage
    }

    /// What was said since this was asked last, and when.
    pub fn take(&self) -> VecDeque<(Duration, String)> {
        std::mem::take(&mut self.state().waiting)
    }

    /// The latest of all that was said, and how much came before it.
    pub fn kept(&self) -> Vec<u8> {
        let state = self.state();
        let mut all = String::new();
        if state.forgotten > 0 {
            // Writing to a String cannot fail.
            let _ = writeln!(
                all,
                "({} messages before these were shown on the screen only)",
                state.forgotten
            );
        }
        all.extend(state.kept.iter().map(String::as_str));
        all.into_bytes()
    }

    fn state(&self) -> MutexGuard<'_, BufferState> {
        // Every change is one of a moment.
        self.state.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_shown_once_and_the_latest_said_again_at_the_end() {
        let buffer = StderrBuffer::new(Instant::now());
        buffer.put(b"one\n");
        buffer.put(b"two\n");
        let taken: Vec<String> = buffer.take().into_iter().map(|(_, said)| said).collect();
        assert_eq!(taken, ["one\n", "two\n"]);
        assert!(buffer.take().is_empty());
        assert_eq!(buffer.kept(), b"one\ntwo\n");
        for _ in 0..2 * WAITING {
            buffer.put(b"more\n");
        }
        assert_eq!(buffer.take().len(), WAITING);
        let kept = String::from_utf8(buffer.kept()).expect("text");
        assert_eq!(kept.lines().count(), KEPT + 1);
        assert!(kept.starts_with("(902 messages before"), "{kept}");
    }
}
