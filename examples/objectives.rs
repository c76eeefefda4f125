//! Thresholds judged by the library: `cargo run --example objectives`. The lab's router loses pings, so the objective about
//! packet loss fails, and this program reports that it does.

use std::time::Duration;

use lanherd::fault::Fault;
use lanherd::objective::Verdict;
use lanherd::{Run, target::Target};

#[allow(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let outcome = Run::on_lab()
        .clients(10)
        .ping(Target::Router)
        .every(Duration::from_millis(100))
        .hold_for(Duration::from_secs(3))
        .fail_if("packet loss > 1 %".parse()?)
        .fail_if("restarts > 0".parse()?)
        .with(|draft| draft.lab_fault.push(Fault::PingLoss))
        .block()?;
    for objective in &outcome.report.objectives {
        println!(
            "{}: {}: {}",
            objective.verdict, objective.text, objective.words
        );
    }
    match outcome.verdict() {
        Verdict::Failed => Ok(()),
        other => Err(format!("a router that loses pings was judged {other}").into()),
    }
}
