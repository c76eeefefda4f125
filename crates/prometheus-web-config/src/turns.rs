//! One at a time, the latest first: whoever comes late into a crowd is not kept out by it.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

/// So many wait at most; the one that has waited longest goes.
const MOST: usize = 32;

/// Who has the turn, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_taken: bool,
    waiting: Vec<oneshot::Sender<Turn>>,
}

/// The turn; the next has it when this is dropped.
#[derive(Debug)]
pub(super) struct Turn(Arc<Turns>);

impl Turns {
    /// Waits for the turn; none for whom too many others came later.
    pub(super) async fn take(self: &Arc<Self>) -> Option<Turn> {
        let waiting = {
            let mut state = self.state();
            if !state.is_taken {
                state.is_taken = true;
                return Some(Turn(Arc::clone(self)));
            }
            state.waiting.retain(|waiting| !waiting.is_closed());
            if state.waiting.len() >= MOST {
                state.waiting.remove(0);
            }
            let (send, receive) = oneshot::channel();
            state.waiting.push(send);
            receive
        };
        waiting.await.ok()
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = {
            let mut state = self.0.state();
            let next = state.waiting.pop();
            state.is_taken = next.is_some();
            next
        };
        if let Some(next) = next {
            // Where it is not wanted any more, what comes back is dropped, and the turn goes on to another.
            drop(next.send(Self(Arc::clone(&self.0))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_latest_is_next_and_the_crowd_has_a_bound() {
        let turns = Arc::<Turns>::default();
        let first = turns.take().await.expect("nobody has it");
        let mut crowd = Vec::new();
        for _ in 0..MOST + 5 {
            let turns = Arc::clone(&turns);
            crowd.push(tokio::spawn(async move { turns.take().await }));
            tokio::task::yield_now().await;
        }
        let last = crowd.pop().expect("the last");
        drop(first);
        let turn = last.await.expect("no panic").expect("its turn");
        for oldest in crowd.drain(..5) {
            assert!(oldest.await.expect("no panic").is_none(), "it waits still");
        }
        // Who does not wait any more loses nobody's turn.
        crowd.pop().expect("another").abort();
        tokio::task::yield_now().await;
        drop(turn);
        for one in crowd.into_iter().rev() {
            assert!(one.await.expect("no panic").is_some());
        }
        assert!(turns.take().await.is_some());
    }
}
