//! What proves that the scenarios can fail: for each of them at least one fault of the lab under which it must.

mod ipv4;
mod ipv6;

/// One row of the table: a scenario, a fault of the lab under which it must fail, and what the failure must say.
pub struct Row {
    pub scenario: &'static str,
    pub fault: &'static str,
    pub says: &'static str,
}

/// A feature file, and the rows of its scenarios.
pub type Rows = (&'static str, &'static [Row]);

const fn row(scenario: &'static str, fault: &'static str, says: &'static str) -> Row {
    Row {
        scenario,
        fault,
        says,
    }
}

/// Those that run only where they are asked for: they are proved to fail. Those of a soak are too long to see pass here.
pub const ON_REQUEST: [(&str, &str); 6] = [
    (
        "ipv6_router_requirements",
        "The router hears clients that were quiet for five minutes",
    ),
    ("reboot", "The router reboots, and everybody is back"),
    ("soak", "24-hour soak does not degrade"),
    (
        "ipv6_router_requirements",
        "A router whose line is down is no default router",
    ),
    (
        "ipv6_router_requirements",
        "The old prefix is withdrawn when the line gets another",
    ),
    (
        "ipv6_router_requirements",
        "Unique local prefixes survive a reboot",
    ),
];

/// The rows of a feature file.
pub fn of(file: &str) -> &'static [Row] {
    let mut files = ipv4::TABLE.iter().chain(ipv6::TABLE);
    let rows = files.find(|(name, _)| *name == file);
    rows.unwrap_or_else(|| panic!("{file} has no row in the table"))
        .1
}
