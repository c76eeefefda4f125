//! Live control: a running pool is asked and told things over a Unix socket.
//!
//! One JSON object per line each way; `docs/control.md` describes them. Who owns what: one task owns the listener and
//! the tasks of all connections; the server owns that task. Nobody can disturb the pool over it: a bad request gets an
//! error line, a request must arrive within half a minute, and whoever does not read what he is told is dropped.

mod act;
mod caller;
mod clients;
mod protocol;
mod server;

pub use self::act::RunControl;
pub use self::caller::{CallError, Caller};
pub use self::clients::{ClientSelector, ClientSelectorError, NotThere};
pub use self::protocol::{
    Answer, FaultOutcome, HerdListing, MOST_REQUEST, Removed, Request, RequestError, Row, VERSION,
    parse, write,
};
pub use self::server::serve;

#[cfg(test)]
mod tests;
