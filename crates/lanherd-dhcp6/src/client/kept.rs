//! Where a client keeps its state.

use super::State;

static STOPPED: State = State::Stopped;

/// A client's state. One that is stopped takes no room for what the others know: where nothing is leased, all of a herd are.
#[derive(Debug, Clone, Default)]
pub(super) struct KeptState(Option<Box<State>>);

impl KeptState {
    /// That of a client which has not started.
    pub const STOPPED: Self = Self(None);

    pub fn get(&self) -> &State {
        self.0.as_deref().unwrap_or(&STOPPED)
    }

    pub fn get_mut(&mut self) -> Option<&mut State> {
        self.0.as_deref_mut()
    }

    /// Takes it out; until it is set it is stopped.
    pub fn take(&mut self) -> State {
        self.0.take().map_or(State::Stopped, |state| *state)
    }

    pub fn set(&mut self, state: State) {
        self.0 = match state {
            State::Stopped => None,
            other => Some(Box::new(other)),
        };
    }
}
