//! Herds of all families on a real kernel, beside the daemons that are found in routers: radvd, dnsmasq, Kea, ISC's dhcpd and
//! systemd-networkd; and what of it tshark reads on the wire. Needs root and these.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's way to fail; helpers of tests are not recognised as such"
)]

mod advertisers;
mod daemon;
#[path = "../common/decoder/mod.rs"]
mod decoder;
mod delegation;
mod herd;
mod leases;
mod on_the_wire;
mod sources;

use std::time::Duration;

/// The prefix of the LAN.
const PREFIX: &str = "fd00:77::";
/// How long anything is waited for: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(90);
