//! The whole program on a real kernel, against real servers: each test on a pretend machine of its own.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test's way to fail; helpers of tests are not recognised as such"
)]

#[path = "../common/mod.rs"]
mod common;

mod activities;
mod audit;
mod availability;
mod bad_servers;
mod control;
mod delegated_killed;
mod evidence;
mod examples;
mod features;
mod folders;
mod herd;
mod interrupted;
mod interrupted_at_random;
mod ipv4_only;
mod ipv6_killed;
mod killed;
mod leases;
mod memory;
mod metrics;
mod neighbours;
mod one_identity;
mod output;
mod over_tls;
mod packaging;
mod privileges;
mod push;
mod remains;
mod soak;
mod tear_down;
mod tui;
mod twin;
mod usage;
mod verdicts;
mod waits;
mod without_ipv6;
