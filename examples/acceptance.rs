//! An acceptance test of a router, with progress drawn as it goes: `cargo run --example acceptance -- eth0`, as root, for what is
//! behind that interface; without one, for the lab's router. Like `lanherd up` it leaves 0 for passed, 1 for failed, and 125 for inconclusive.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use lanherd::activity::OverFamily;
use lanherd::family::{Families, Family};
use lanherd::objective::Verdict;
use lanherd::phase::Phase;
use lanherd::pool::Census;
use lanherd::run::{Observer, Run, RunEvent};
use lanherd::target::Target;

const CLIENTS: u32 = 20;

/// One line for each half second.
struct Progress {
    began: Instant,
    next: Instant,
}

impl Progress {
    #[allow(clippy::print_stderr, reason = "an example shows what happens")]
    fn draw(&mut self, census: &Census) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + Duration::from_millis(500);
        let online = census.of(Phase::Online);
        let bar =
            "#".repeat(online as usize) + &"-".repeat(CLIENTS.saturating_sub(online) as usize);
        let seconds = (now - self.began).as_secs_f64();
        eprintln!("{seconds:5.1} s [{bar}] {online} of {CLIENTS} online");
    }
}

impl Observer for Progress {
    fn observe(&mut self, event: &RunEvent<'_>) {
        match event {
            RunEvent::Joining(census) | RunEvent::Holding { census, .. } => self.draw(census),
            _ => {}
        }
    }

    fn next_look(&self) -> Option<Instant> {
        Some(self.next)
    }
}

#[allow(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let now = Instant::now();
    let run = match std::env::args().nth(1) {
        Some(parent) => Run::on_parent(&parent),
        None => Run::on_lab(),
    };
    let outcome = run
        .clients(CLIENTS)
        .families(Families::Dual)
        .ping(OverFamily::new(Target::Router, Family::Ipv4))
        .ping(OverFamily::new(Target::Router, Family::Ipv6))
        .every(Duration::from_millis(250))
        .hold_for(Duration::from_secs(3))
        .fail_if("restarts > 0".parse()?)
        .fail_if("packet loss > 1 %".parse()?)
        .fail_if("p95 join > 30 s".parse()?)
        .observer(Progress {
            began: now,
            next: now,
        })
        .block()?;
    for objective in &outcome.report.objectives {
        println!("{}: {}", objective.verdict, objective.words);
    }
    println!("{outcome}");
    Ok(ExitCode::from(match outcome.verdict() {
        Verdict::Passed => 0,
        Verdict::Failed => 1,
        Verdict::Inconclusive => 125,
    }))
}
