//! Programs that run inside a pretend machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::terminal::Terminal;

/// A program that was started; it is killed when this is dropped.
pub struct Running {
    /// `nsenter`, which waits for the program and passes on how it ended.
    nsenter: Child,
    out: PathBuf,
    err: PathBuf,
}

/// How a program ended.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Running {
    /// Starts `command`, which is an `nsenter` that forks; its output goes to `log.out` and `log.err`.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let (out, err) = (log.with_extension("out"), log.with_extension("err"));
        let nsenter = command
            .stdin(Stdio::null())
            .stdout(File::create(&out).expect("a log file"))
            .stderr(File::create(&err).expect("a log file"))
            .spawn()
            .expect("nsenter (Debian package util-linux) is installed");
        Self { nsenter, out, err }
    }

    /// The same, on a terminal that is its own: what it says is there.
    pub fn start_on_terminal(command: &mut Command, log: &Path, terminal: &Terminal) -> Self {
        let nsenter = command
            .stdin(terminal.side())
            .stdout(terminal.side())
            .stderr(terminal.side())
            .spawn()
            .expect("nsenter (Debian package util-linux) is installed");
        let (out, err) = (log.with_extension("out"), log.with_extension("err"));
        Self { nsenter, out, err }
    }

    /// The program's number on the real machine.
    pub fn pid(&self) -> u32 {
        super::wait_for(
            "nsenter starts its program",
            Duration::from_secs(10),
            || child_of(self.nsenter.id()),
        )
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid().cast_signed());
        kill(pid, signal).unwrap_or_else(|error| panic!("{signal} to {pid}: {error}"));
    }

    /// Sends the program a signal, unless it has ended by itself.
    pub fn signal_if_it_runs(&self, signal: Signal) {
        if let Some(program) = child_of(self.nsenter.id()) {
            // It may end at this very instant.
            let _ = kill(Pid::from_raw(program.cast_signed()), signal);
        }
    }

    /// Waits until a herd has said that all its clients are online.
    #[track_caller]
    pub fn wait_online(&self, clients: u32, deadline: Duration) {
        let words = format!("{clients} of {clients} online");
        super::wait_for(&words, deadline, || {
            self.stderr().contains(&words).then_some(())
        });
    }

    /// Has the program go on that was sent `SIGSTOP`, and `nsenter`, which stops with it.
    pub fn go_on(&self) {
        self.signal(Signal::SIGCONT);
        let nsenter = Pid::from_raw(self.nsenter.id().cast_signed());
        kill(nsenter, Signal::SIGCONT).expect("our own child");
    }

    /// Kills the program, unless it has ended by itself.
    pub fn kill(&self) {
        self.signal_if_it_runs(Signal::SIGKILL);
    }

    /// What it has said on standard error so far.
    pub fn stderr(&self) -> String {
        fs::read_to_string(&self.err).unwrap_or_default()
    }

    /// What it has said on standard output so far.
    pub fn stdout(&self) -> String {
        fs::read_to_string(&self.out).unwrap_or_default()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.nsenter.try_wait(), Ok(Some(_)))
    }

    /// Waits for the program's end; fails the test after `deadline`.
    #[track_caller]
    pub fn finish(mut self, deadline: Duration) -> Outcome {
        let until = Instant::now() + deadline;
        let status: ExitStatus = loop {
            if let Some(status) = self.nsenter.try_wait().expect("our own child") {
                break status;
            }
            assert!(
                Instant::now() < until,
                "still running after {deadline:?}\nstdout: {}\nstderr: {}",
                fs::read_to_string(&self.out).unwrap_or_default(),
                self.stderr()
            );
            std::thread::sleep(Duration::from_millis(5));
        };
        Outcome {
            code: status.code(),
            stdout: fs::read_to_string(&self.out).unwrap_or_default(),
            stderr: self.stderr(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // nsenter sees its program end and goes; killed before that, it would leave a zombie to the machine's first process.
        let until = Instant::now() + Duration::from_secs(5);
        while !self.has_ended() && Instant::now() < until {
            self.kill();
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = self.nsenter.kill();
        let _ = self.nsenter.wait();
    }
}

/// The first child of process `pid`.
pub fn child_of(pid: u32) -> Option<u32> {
    fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
        .ok()?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}
