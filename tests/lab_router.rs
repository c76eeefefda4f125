//! The lab against the real kernel, and against the DHCP clients that people use.
fn main() {}
