//! A program that has so much time and no more, and of which nothing lives on: neither it nor what it has started.

use std::fs;
use std::io::{self, Read};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Environment variables by which the processes of one program are known, however they come to be reparented.
pub(super) type Marks<'a> = [(&'a str, &'a str)];

/// What came of a program.
#[derive(Debug)]
pub(super) struct Watched {
    pub output: Output,
    /// Whether it had to be ended, or left processes behind, in words.
    pub trouble: Option<String>,
}

/// Runs a program until it ends, `limit` at most. What it has started has `grace` to end after it. What is there then is killed,
/// and told.
pub(super) fn watch(
    command: &mut Command,
    marks: &Marks,
    limit: Duration,
    grace: Duration,
) -> io::Result<Watched> {
    let began = Instant::now();
    let mut child = command
        .envs(marks.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdout = read(child.stdout.take().expect("a pipe"));
    let stderr = read(child.stderr.take().expect("a pipe"));
    let mut trouble = None;
    let mut status: Option<ExitStatus> = None;
    while status.is_none() && began.elapsed() < limit {
        status = child.try_wait()?;
        thread::sleep(Duration::from_millis(5));
    }
    let status = if let Some(status) = status {
        let left = outlasting(marks, grace);
        if !left.is_empty() {
            trouble = Some(format!(
                "it ended, and after {grace:?} there still was what it had started: {}",
                left.join("; ")
            ));
        }
        status
    } else {
        let there = of(marks).into_iter().map(|process| process.command_line);
        let there: Vec<_> = there.collect();
        trouble = Some(format!(
            "it had not ended after {limit:?}; these ran and were killed: {}",
            there.join("; ")
        ));
        child.kill()?;
        child.wait()?
    };
    if trouble.is_some() {
        kill_all(marks);
    }
    let [stdout, stderr] = [stdout, stderr].map(|output| {
        output.recv_timeout(grace).unwrap_or_else(|_| {
            trouble.get_or_insert("its output is kept open by what cannot be told".to_owned());
            Vec::new()
        })
    });
    Ok(Watched {
        output: Output {
            status,
            stdout,
            stderr,
        },
        trouble,
    })
}

/// Reads to the end, on a thread of its own: who holds the other end may never end.
fn read(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (to, all) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is the output as well as it can be had.
        let _ = from.read_to_end(&mut bytes);
        let _ = to.send(bytes);
    });
    all
}

struct Process {
    id: Pid,
    command_line: String,
}

/// The processes with these marks. One that has ended and was not waited for has no environment any more, and so is none of them.
fn of(marks: &Marks) -> Vec<Process> {
    let wanted = marks.iter().map(|(name, value)| format!("{name}={value}"));
    let wanted: Vec<_> = wanted.collect();
    let ids = fs::read_dir("/proc").expect("a /proc").flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
    let marked = ids.filter_map(|id: i32| {
        let environment = fs::read(format!("/proc/{id}/environ")).ok()?;
        let has = |mark: &String| {
            let mut entries = environment.split(|byte| *byte == 0);
            entries.any(|entry| entry == mark.as_bytes())
        };
        let command_line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let command_line = String::from_utf8_lossy(&command_line).replace('\0', " ");
        wanted.iter().all(has).then(|| Process {
            id: Pid::from_raw(id),
            command_line: format!("{} (process {id})", command_line.trim()),
        })
    });
    marked.collect()
}

/// The processes with these marks that do not end within this time.
fn outlasting(marks: &Marks, grace: Duration) -> Vec<String> {
    let began = Instant::now();
    loop {
        let there = of(marks);
        if there.is_empty() || began.elapsed() >= grace {
            return there.into_iter().map(|one| one.command_line).collect();
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Kills them all, and what they start meanwhile.
fn kill_all(marks: &Marks) {
    for _ in 0..100 {
        let there = of(marks);
        if there.is_empty() {
            return;
        }
        for process in there {
            // It may have ended by itself.
            let _ = kill(process.id, Signal::SIGKILL);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// Runs a script whose processes are known by `mark`.
    fn run(script: &str, mark: &str, limit: Duration, grace: Duration) -> Watched {
        let own = std::process::id().to_string();
        let marks = [("LANHERD_TESTKIT_RUNNER", own.as_str()), ("MARK", mark)];
        let mut command = Command::new("sh");
        let watched = watch(command.args(["-c", script]), &marks, limit, grace).expect("run");
        assert!(of(&marks).is_empty(), "it is still there");
        watched
    }

    #[test]
    fn what_ends_in_time_is_left_alone_and_says_what_it_said() {
        let watched = run("echo out; echo err >&2; exit 3", "a", LONG, LONG);
        assert_eq!(watched.trouble, None);
        let Output {
            status,
            stdout,
            stderr,
        } = watched.output;
        assert_eq!(
            (status.code(), &stdout[..], &stderr[..]),
            (Some(3), &b"out\n"[..], &b"err\n"[..])
        );
    }

    #[test]
    fn what_does_not_end_is_killed_with_all_that_it_has_started() {
        let script =
            "echo begun; setsid sh -c 'sleep 86421 & sleep 86421; true' & sleep 86421; true";
        let began = Instant::now();
        let watched = run(script, "b", Duration::from_secs(2), LONG);
        assert!(began.elapsed() < LONG);
        let trouble = watched.trouble.expect("it was too late");
        assert!(
            trouble.starts_with(
                "it had not ended after 2s; these ran and were killed: sh -c echo begun"
            ),
            "{trouble}"
        );
        assert_eq!(
            trouble.matches("sleep 86421 (process").count(),
            3,
            "{trouble}"
        );
        assert!(!watched.output.status.success());
        assert_eq!(watched.output.stdout, b"begun\n");
    }

    #[test]
    fn what_a_program_leaves_behind_is_told_and_killed_whether_or_not_it_holds_the_output() {
        for (mark, redirection) in [("c", ""), ("d", ">/dev/null 2>&1")] {
            let script = format!("setsid sleep 86422 {redirection} & echo done");
            let watched = run(&script, mark, LONG, Duration::from_millis(300));
            let trouble = watched.trouble.expect("it left something");
            assert!(
                trouble
                    .starts_with("it ended, and after 300ms there still was what it had started: "),
                "{trouble}"
            );
            assert!(trouble.contains("sleep 86422 (process"), "{trouble}");
            assert!(watched.output.status.success());
            assert_eq!(watched.output.stdout, b"done\n");
        }
    }
}
