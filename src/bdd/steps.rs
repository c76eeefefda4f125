//! The steps, by subject.

mod capacity;
mod checks;
mod configuration;
mod disturbances;
mod figures;
mod herd;
mod ipv6;
mod leases;
mod routers;
mod soak;
mod traffic;

use super::definition::Definition;
pub(super) use ipv6::unique_local;

/// All of them, in the order in which they are listed.
pub(super) const ALL: &[&[Definition]] = &[
    herd::STEPS,
    capacity::STEPS,
    leases::STEPS,
    configuration::STEPS,
    ipv6::STEPS,
    routers::STEPS,
    traffic::STEPS,
    disturbances::STEPS,
    soak::STEPS,
    checks::STEPS,
    figures::STEPS,
];
