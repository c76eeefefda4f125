//! Clients crash, lose their links and fall silent while the run goes on, and all must be back at its end:
//! `cargo run --example chaos`. Events are printed as they happen.

use std::time::Duration;

use lanherd::run::{Run, RunEvent};
use lanherd::target::Target;

#[allow(clippy::print_stdout, reason = "an example shows what happens")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let outcome = Run::on_lab()
        .clients(20)
        .ping(Target::Router)
        .hold_for(Duration::from_secs(6))
        .chaos("every 1s, victims 2: crash, delete-link, vanish".parse()?)
        .observer(|event: &RunEvent<'_>| match event {
            // The pool tells of each fault, failure and recovery, to whoever listens.
            RunEvent::Opened(opened) => follow(opened.pool.events()),
            RunEvent::Joining(_) => {}
            other => println!("{other}"),
        })
        .block()?;
    println!("{outcome}");
    Ok(outcome.passed().map(drop)?)
}

#[allow(clippy::print_stdout, reason = "an example shows what happens")]
fn follow(
    events: Result<
        tokio::sync::broadcast::Receiver<lanherd::pool::Event>,
        lanherd::pool::PoolError,
    >,
) {
    let Ok(mut events) = events else { return };
    tokio::spawn(async move {
        while let Ok(event) = events.recv().await {
            println!("{:7.3} s  {}", event.after.as_secs_f64(), event.what);
        }
    });
}
