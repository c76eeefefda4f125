#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod asking;
mod audit;
mod breach;
mod dhcp;
mod dhcp6;
mod report;
pub mod requirement;
mod router;
mod routers;
mod solicitor;

pub use asking::ANSWER_LIMIT;
pub use audit::{Audit, MAX_ROUTERS, Settings};
pub use breach::{Breach, MAX_BREACHES};
pub use report::{
    PrefixFound, Report, RouteFound, RouterFound, SCHEMA, ServerFound, ServerFound6, Withheld,
};
pub use requirement::{Level, Requirement};
pub use routers::{RouterAudit, RouterFindings};
pub use solicitor::Solicitor;

#[cfg(test)]
mod tests;
