//! The process that sends: it reads what it is told from standard input until that ends, and says on standard output what could
//! not be sent.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::stdin;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::target::{Hook, PushTarget};
use super::{Parcel, SENDER};
use crate::cli::exit::{Exit, UsageError};
use crate::cli::screen::Screen;

/// How long a command may take that is told of a failure.
const COMMAND: Duration = Duration::from_secs(10);

/// How long it may take after the end of the run until everything is sent.
const LAST: Duration = Duration::from_secs(30);

/// So many failures wait at most for those who are told of them; of more only the number is told.
const WAITING: usize = 32;

/// Whether the program was started as a sender.
pub fn is_sender(arguments: impl Iterator<Item = OsString>) -> bool {
    arguments.skip(1).eq([SENDER])
}

/// Sends until standard input ends and everything is sent.
pub fn run(screen: &Screen) -> anyhow::Result<Exit> {
    let mut parcels = stdin().lines().map(|line| -> anyhow::Result<Parcel> {
        let line = line.context("standard input")?;
        serde_json::from_str(&line).context("what was told")
    });
    let Some(Ok(Parcel::To { targets, hooks })) = parcels.next() else {
        let why = format!("{SENDER} is started by runs that push, and by nobody else");
        return Err(UsageError::because(why));
    };
    let (metrics, pushed) = mpsc::unbounded_channel();
    let (failures, told) = mpsc::unbounded_channel();
    let screen = screen.clone();
    let is_over = CancellationToken::new();
    let sending = std::thread::Builder::new()
        .name("push".to_owned())
        .spawn({
            let is_over = is_over.clone();
            move || send(targets, pushed, &hooks, told, &screen, &is_over)
        })
        .context("a thread could not be started")?;
    for parcel in parcels {
        // Both listen until there is nobody left who could tell them more.
        match parcel? {
            Parcel::Metrics(bodies) => drop(metrics.send(bodies)),
            Parcel::Failure(failure) => drop(failures.send(failure)),
            Parcel::To { .. } => {}
        }
    }
    drop((metrics, failures));
    is_over.cancel();
    match sending.join() {
        Ok(sent) => sent.map(|()| Exit::Well),
        Err(_) => anyhow::bail!("the thread that sends panicked"),
    }
}

/// Sends what comes, and returns when no more can come.
fn send(
    targets: Vec<PushTarget>,
    metrics: mpsc::UnboundedReceiver<Vec<String>>,
    hooks: &[Hook],
    failures: mpsc::UnboundedReceiver<Value>,
    screen: &Screen,
    is_over: &CancellationToken,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime could not be started")?;
    runtime.block_on(async {
        let sending = async {
            tokio::join!(
                push_all(targets, metrics, screen),
                tell_all(hooks, failures, screen)
            );
        };
        let too_late = async {
            is_over.cancelled().await;
            sleep(LAST).await;
        };
        tokio::select! {
            () = sending => {}
            () = too_late => screen.result(&format!(
                "error: not everything was pushed and told of within {}s of the end",
                LAST.as_secs()
            )),
        }
    });
    Ok(())
}

/// How it goes at one target.
struct Pushing {
    target: PushTarget,
    tried: u64,
    failed: u64,
    /// Why the last was not taken.
    last: Option<String>,
}

/// Pushes what there is newest, and in the end the last.
async fn push_all(
    targets: Vec<PushTarget>,
    mut metrics: mpsc::UnboundedReceiver<Vec<String>>,
    screen: &Screen,
) {
    let mut all: Vec<_> = targets
        .into_iter()
        .map(|target| Pushing {
            target,
            tried: 0,
            failed: 0,
            last: None,
        })
        .collect();
    while let Some(mut bodies) = metrics.recv().await {
        // What is old by the time that it could be sent is worth nothing.
        while let Ok(newer) = metrics.try_recv() {
            bodies = newer;
        }
        for (to, body) in all.iter_mut().zip(bodies) {
            let failed = to.target.push(body).await.err();
            to.tried += 1;
            to.failed += u64::from(failed.is_some());
            if let (Some(why), None) = (&failed, &to.last) {
                let url = &to.target;
                screen.result(&format!("error: metrics were not pushed to {url}: {why}"));
            }
            to.last = failed;
        }
    }
    for Pushing {
        target,
        tried,
        failed,
        last,
    } in all
    {
        if let Some(why) = last {
            screen.result(&format!(
                "error: the last metrics are not at {target} ({failed} of {tried} pushes failed): {why}"
            ));
        }
    }
}

/// Tells everybody of each failure, in their order.
async fn tell_all(hooks: &[Hook], mut failures: mpsc::UnboundedReceiver<Value>, screen: &Screen) {
    let mut waiting = VecDeque::new();
    let mut dropped: u64 = 0;
    let mut complained = vec![false; hooks.len()];
    loop {
        if waiting.is_empty() {
            match failures.recv().await {
                Some(failure) => waiting.push_back(failure),
                None => return,
            }
        }
        while let Ok(failure) = failures.try_recv() {
            waiting.push_back(failure);
            // The oldest goes: the end of the run is worth more than the beginning of an outage.
            if waiting.len() > WAITING {
                waiting.pop_front();
                dropped += 1;
            }
        }
        let Some(mut failure) = waiting.pop_front() else {
            continue;
        };
        if dropped > 0 {
            failure["dropped"] = dropped.into();
            dropped = 0;
        }
        let text = failure.to_string();
        for (hook, complained) in hooks.iter().zip(&mut complained) {
            let told = match hook {
                Hook::Command(command) => run_command(command, &text).await,
                Hook::Url(url) => {
                    url.send(hyper::Method::POST, "application/json", text.clone())
                        .await
                }
            };
            if let (Err(why), false) = (told, *complained) {
                *complained = true;
                screen.result(&format!("error: {hook} was not told of a failure: {why}"));
            }
        }
    }
}

/// Runs a command with a failure on its standard input. It may end before it has read it.
async fn run_command(command: &str, failure: &str) -> Result<(), String> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("/bin/sh cannot be run: {error}"))?;
    let mut group = ProcessGroup(child.id().and_then(|id| i32::try_from(id).ok()));
    let input = child.stdin.take();
    let ended = timeout(COMMAND, async {
        if let Some(mut input) = input {
            // A command that does not read ends the pipe.
            let _ = input.write_all(failure.as_bytes()).await;
            let _ = input.write_all(b"\n").await;
            drop(input);
        }
        child.wait().await
    })
    .await;
    if let Ok(Ok(_)) = ended {
        // Its number may be another's from now on.
        group.0 = None;
    }
    match ended {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("it ended with {status}")),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!(
            "it took longer than {}s, and was ended",
            COMMAND.as_secs()
        )),
    }
}

/// The processes of a command that has not ended, by the number of their group.
struct ProcessGroup(Option<i32>);

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // They may have ended just now.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }
}
