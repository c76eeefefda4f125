//! Commands in clients' namespaces: nothing that they start outlives them, their client, or this process.
//!
//! Each running command has a thread of its own, which stands in the client's network namespace, in a mount namespace
//! with the client's resolver, and before a process namespace whose first process is the shell; it stays until that has
//! ended. When the first process of such a namespace ends, the kernel kills all the others and waits for them; and when
//! the thread ends, as it does with a process that is killed, the kernel kills the shell. So there is nothing that can be
//! left behind, neither by a command that goes into the background nor by a pool that dies.

use std::io::{self, PipeReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::command_gate::{DYING, Gate};
use super::port::LinuxPort;
use crate::lan::{CommandEnd, CommandRan, CommandRequest};
use crate::netns::NetNs;
use crate::rundir::folder::Trust;
use crate::{exec, sys};

/// How much of a command's output is kept, in bytes.
const KEPT: usize = 2_048;

/// How long reading the rest of the pipe may take.
const DRAINING: Duration = Duration::from_millis(500);
/// What a command's thread needs.
const STACK: usize = 512 * 1024;

/// The first process of a process namespace does not die of signals that it has not asked for, so the command line has a
/// shell of its own below it.
///
/// That shell begins when the first process has read a line which the thread writes once it has started it. By then the
/// kernel knows that the process is to die with the thread; of a thread that died before that, the process reads the end
/// of the pipe, since nobody else has its other end for longer than until it becomes a program, and ends.
const FIRST_PROCESS: &str = r#"read -r _ || exit 125; /bin/sh -c "$1" </dev/null; exit $?"#;

/// The namespace in which a command is to run.
struct NamespaceTarget {
    binding: PathBuf,
    inode: u64,
    resolv: Option<PathBuf>,
    name: String,
}

/// A command that was started.
struct Started {
    child: Child,
    output: PipeReader,
    at: Instant,
}

pub(super) async fn run(port: &LinuxPort, request: CommandRequest) -> CommandRan {
    let gate = port.gate();
    let Some(inside) = gate.enter() else {
        return ran(CommandEnd::ClientLeft);
    };
    let timeout = request.timeout;
    let target = NamespaceTarget {
        binding: port.binding(),
        inode: port.namespace(),
        resolv: port.resolver_folder(),
        name: port.name(),
    };
    let (tell, told) = oneshot::channel();
    let runtime = Handle::current();
    let thread = thread::Builder::new()
        .name("lanherd-command".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            let context = runtime.enter();
            let started = start(&target, request, inside.gate());
            let pid = started.as_ref().ok().and_then(|started| started.child.id());
            // Who does not wait for it any more lets go of it here, and that kills it.
            drop(tell.send(started));
            drop(context);
            if let Some(pid) = pid {
                stay_until_ended(pid);
            }
            drop(inside);
        });
    if let Err(error) = thread {
        return ran(CommandEnd::NotRun(format!("starting a thread: {error}")));
    }
    match told.await {
        Ok(Ok(started)) => attend(started, timeout, gate).await,
        Ok(Err(error)) => ran(CommandEnd::NotRun(error)),
        Err(_) => ran(CommandEnd::NotRun("its thread panicked".to_owned())),
    }
}

fn ran(end: CommandEnd) -> CommandRan {
    CommandRan {
        end,
        took: Duration::ZERO,
        output: String::new(),
    }
}

/// Moves the calling thread into the client for good, and starts the command from there.
fn start(
    target: &NamespaceTarget,
    request: CommandRequest,
    gate: &Gate,
) -> Result<Started, String> {
    let failed = |doing: &'static str| move |error: io::Error| format!("{doing}: {error}");
    let namespace =
        NetNs::open_own(&target.binding, target.inode).map_err(failed("opening the namespace"))?;
    let complaints = exec::settle(
        &namespace,
        target.resolv.as_deref(),
        &target.name,
        Trust::Own,
    )
    .map_err(|error| error.to_string())?;
    // Once is enough: it is so for each command.
    if !complaints.is_empty() && gate.complains_first() {
        tracing::warn!(client = %target.name, ?complaints, "commands run in the host's surroundings in part");
    }
    unshare(CloneFlags::CLONE_NEWPID)
        .map_err(|errno| failed("making a process namespace")(errno.into()))?;
    let (told, mut tell) = io::pipe().map_err(failed("making a pipe"))?;
    let (output, input) = io::pipe().map_err(failed("making a pipe"))?;
    let both = input.try_clone().map_err(failed("making a pipe"))?;
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", FIRST_PROCESS, "lanherd", &request.line])
        .envs(request.environment)
        .stdin(told)
        .stdout(input)
        .stderr(both)
        .process_group(0)
        .kill_on_drop(true);
    sys::die_with_this_thread(command.as_std_mut());
    let at = Instant::now();
    let child = command.spawn().map_err(failed("starting /bin/sh"))?;
    // Where it has ended already, its exit code says so.
    let _ = tell.write_all(b"\n");
    Ok(Started { child, output, at })
}

/// Returns when the process has ended, and with it all of its namespace. It is left for its parent to reap.
fn stay_until_ended(pid: u32) {
    let Ok(pid) = i32::try_from(pid) else { return };
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    // Reaped already, or ended.
    while waitid(Id::Pid(Pid::from_raw(pid)), flags) == Err(Errno::EINTR) {}
}

/// Reads the output of a command until it ends, or has to.
async fn attend(mut started: Started, timeout: Duration, gate: &Gate) -> CommandRan {
    let mut tail = Tail::default();
    let mut output = pipe::Receiver::from_owned_fd(OwnedFd::from(started.output)).ok();
    let mut chunk = vec![0; 4_096];
    let deadline = tokio::time::sleep_until(started.at + timeout);
    tokio::pin!(deadline);
    let closed = gate.closed();
    tokio::pin!(closed);
    let end = loop {
        tokio::select! {
            ended = started.child.wait() => break match ended {
                Ok(status) => CommandEnd::Exit(exit_code(status)),
                Err(error) => CommandEnd::NotRun(format!("waiting for its end: {error}")),
            },
            read = read_some(&mut output, &mut chunk) => match read {
                Some(length) => tail.push(&chunk[..length]),
                None => output = None,
            },
            () = &mut deadline => break CommandEnd::TimedOut,
            () = &mut closed => break CommandEnd::ClientLeft,
        }
    };
    let took = started.at.elapsed();
    // It kills nobody who has ended, and the thread that started it waits for the end.
    drop(started.child.start_kill());
    let end = match tokio::time::timeout(DYING, started.child.wait()).await {
        Ok(_) => end,
        Err(_) => CommandEnd::NotRun("it was killed, and has not ended".to_owned()),
    };
    // All who could write are gone, so the pipe has an end; unless one of them gave it to somebody outside.
    if output.is_some() {
        let rest = async {
            while let Some(length) = read_some(&mut output, &mut chunk).await {
                tail.push(&chunk[..length]);
            }
        };
        // What was read until then is kept.
        let _ = tokio::time::timeout(DRAINING, rest).await;
    }
    CommandRan {
        end,
        took,
        output: tail.text(),
    }
}

/// Reads what the pipe holds; `None`: nothing more will come.
async fn read_some(output: &mut Option<pipe::Receiver>, chunk: &mut [u8]) -> Option<usize> {
    match output {
        Some(output) => match output.read(chunk).await {
            Ok(0) | Err(_) => None,
            Ok(length) => Some(length),
        },
        None => std::future::pending().await,
    }
}

/// The exit code of a command, as a shell tells it: 128 and more for one that was killed by a signal.
fn exit_code(status: ExitStatus) -> i32 {
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(-1)
}

/// The end of a stream.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        let surplus = self.0.len().saturating_sub(KEPT);
        self.0.drain(..surplus);
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn what_a_command_has_written_is_kept_also_where_it_had_ended_before_anybody_looked() {
        let (output, input) = io::pipe().expect("a pipe");
        let mut child = Command::new("/bin/echo")
            .arg("brief")
            .stdout(input)
            .spawn()
            .expect("started");
        child.wait().await.expect("ended");
        let at = Instant::now();
        let started = Started { child, output, at };
        let gate = Arc::new(Gate::default());
        let ran = attend(started, Duration::from_secs(9), &gate).await;
        assert_eq!(
            (ran.end, ran.output.as_str()),
            (CommandEnd::Exit(0), "brief\n")
        );
    }

    #[test]
    fn the_end_of_much_is_held() {
        let mut tail = Tail::default();
        for byte in 0..=255_u8 {
            tail.push(&[byte; 100]);
        }
        assert_eq!(tail.0.len(), KEPT);
        assert!(tail.0.ends_with(&[255; 100]) && tail.0.starts_with(&[235]));
    }
}
