//! Feature files: Gherkin in, verdicts out, against the lab or a real router.
//!
//! Who owns what: [`Testbeds`] owns every [`Testbed`](crate::testbed::Testbed) that is open, so that whatever becomes of a
//! scenario (passed, failed, undefined, interrupted in the middle of a step), its testbed is closed and the host is as it was.
//! A scenario's [`World`] has a pool to send messages to and a handle of the lab's faults, nothing else: no step touches a
//! namespace.
//!
//! A step is written down once, in a [`Definition`](vocabulary::Definition): what it matches, an example, what it means, and
//! what it does. `lanherd steps`, the page of the docs, the suggestions for a step that is unknown and the steps themselves
//! all come from there.

mod complaint;
mod definition;
mod event;
mod expected;
pub mod glue;
pub mod html;
pub mod json;
pub mod junit;
pub mod parameters;
pub mod probe;
mod recording;
pub mod results;
mod run;
mod steps;
pub mod suite;
mod testbeds;
#[cfg(test)]
mod tests;
pub mod vocabulary;
mod waiting;
mod world;

pub use self::complaint::Complaint;
pub use self::event::{SuiteEvent, SuiteObserver};
pub use self::expected::is_expected;
pub use self::run::{Options, run};
pub use self::testbeds::{SuiteSettings, SuiteUplink, Testbeds};
pub use self::world::World;
