//! A soak of ten seconds, or of as many as are said: `cargo run --example soak -- 60`. Clients come and go, the end is
//! compared with the beginning, and the report goes to standard output.

use std::time::Duration;

use lanherd::run::{Run, RunEvent};
use lanherd::target::Target;

#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example shows what happens"
)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args()
        .nth(1)
        .map_or(Ok(10), |text| text.parse())?;
    let outcome = Run::on_lab()
        .clients(20)
        .ping(Target::Router)
        .hold_for(Duration::from_secs(seconds))
        .churn("60/m".parse()?)
        .storm(5, Duration::from_secs(4))
        .look_every(Duration::from_secs(1))
        .observer(|event: &RunEvent<'_>| eprintln!("{event}"))
        .block()?;
    println!("{}", serde_json::to_string_pretty(&outcome.report.soak)?);
    Ok(outcome.passed().map(drop)?)
}
