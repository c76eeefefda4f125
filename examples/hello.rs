//! Ten clients on the virtual router ping Google DNS once: `cargo run --example hello`. No root where user namespaces are
//! allowed, and no packet leaves the machine.

use lanherd::{Run, target::Target};

#[allow(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let outcome = Run::on_lab()
        .clients(10)
        .ping_once(Target::GoogleDns)
        .block()?;
    println!("{outcome}");
    Ok(outcome.passed().map(drop)?)
}
