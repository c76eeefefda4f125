//! Ten clients of IPv4 and IPv6 on the virtual router ping Google DNS once: `cargo run --example hello`. No root where user namespaces are
//! allowed, and no packet leaves the machine.

use lanherd::{Run, family::Families, target::Target};

#[allow(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let outcome = Run::on_lab()
        .clients(10)
        .families(Families::Dual)
        .ping_once(Target::GoogleDns)
        .block()?;
    println!("{outcome}");
    Ok(outcome.passed().map(drop)?)
}
