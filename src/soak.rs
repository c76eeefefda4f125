//! A soak: a herd that is kept busy for days, and whether the last hour of it was like the first.
//!
//! All of it is pure: time is a parameter, counted from the moment at which the herd had joined. What is kept does not
//! grow with the length of a soak.
//!
//! - [`Schedule`]: when which clients leave and others come.
//! - [`Recorder`]: is shown the herd's [`Figures`](crate::pool::Figures) now and then, and keeps
//!   [`Spans`] of it, and a [`Timeline`].
//! - [`Comparison`]: the first of these spans against the last.

mod churn;
mod comparison;
mod footprint;
mod record;
mod roll;
mod settings;
mod spans;
mod timeline;
mod verdict;
mod work;

pub use self::churn::{Schedule, Turn, TurnKind};
pub use self::comparison::{Comparison, Figure, Row, Side, Unit};
pub use self::footprint::Footprint;
pub use self::record::{Record, Recorder, Turnover};
pub use self::roll::Roll;
pub use self::settings::{Settings, Storm};
pub use self::spans::{Acquisitions, Excused, Span, Spans, Windows};
pub use self::timeline::{Attempts, Line, Standing, Timeline};
pub use self::verdict::{By, Rule, Verdict};
pub use self::work::WorkSpan;
