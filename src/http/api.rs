//! The documents of the JSON API, under `/api/v1/`, for programs and for the live page: `herd` is a [`Herd`], `history` a
//! [`LiveHistory`], `clients` the [`ClientList`], `clients/7` a [`One`], `routers` the [`RouterList`].
//!
//! Their fields are an interface, described by the JSON schema [`SCHEMA`], which refers to that of reports
//! ([`report::SCHEMA`](crate::report::SCHEMA)) for what both say.

use serde::{Deserialize, Serialize};

pub use crate::live::{
    ActivitySum, ApiVersion, Cell, ClientList, Herd, KindWords, LiveHistory, Mark, One, Point,
    RouterList, Work,
};

/// The JSON schema (draft 2020-12) of all documents.
pub const SCHEMA: &str = include_str!("../../schemas/lanherd.api-1.schema.json");

/// Why there is no document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDocument {
    /// The reason, and what to do.
    pub error: String,
}
