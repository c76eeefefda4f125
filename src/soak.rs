//! A soak: a herd that is kept busy for days, and whether the last hour of it was like the first.
//!
//! All of it is pure: time is a parameter, counted from the moment at which the herd had joined. What is kept does not
//! grow with the length of a soak.
//!
//! - [`ChurnSchedule`]: when which clients leave and others come.
//! - [`SoakRecorder`]: is shown the herd's [`Figures`](crate::pool::Figures) now and then, and keeps
//!   [`SoakSpans`] of it, and a [`SoakTimeline`].
//! - [`Comparison`]: the first of these spans against the last.

mod churn;
mod comparison;
mod footprint;
mod membership;
mod record;
mod settings;
mod spans;
mod timeline;
mod verdict;
mod work;

pub use self::churn::{ChurnSchedule, Turn, TurnKind};
pub use self::comparison::{ComparedFigure, Comparison, ComparisonRow, Side, Unit};
pub use self::footprint::Footprint;
pub use self::membership::Membership;
pub use self::record::{SoakRecord, SoakRecorder, Turnover};
pub use self::settings::{SoakSettings, Storm};
pub use self::spans::{Acquisitions, Excused, SoakSpan, SoakSpans, Windows};
pub use self::timeline::{AttemptCounts, HerdCounts, SoakTimeline, TimelineEntry};
pub use self::verdict::{By, Rule, Verdict};
pub use self::work::WorkSpan;
