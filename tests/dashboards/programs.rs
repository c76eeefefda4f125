//! Programs and a Prometheus that end with the test.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Ports of the loopback that nobody has: so many, all different.
pub fn free_ports<const N: usize>() -> [SocketAddr; N] {
    let listeners = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address"))
}

/// A program of the test's own; ended when this is dropped.
pub struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts it; all that it says goes to `log`.
    pub fn start(command: &mut Command, log: PathBuf) -> Self {
        let file = File::create(&log).expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("the log file"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}: run ./scripts/test packages"));
        Self { child, log }
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Fails the test if it has ended.
    #[track_caller]
    pub fn assert_runs(&mut self) {
        let ended = self.child.try_wait().expect("our own child");
        assert!(ended.is_none(), "ended: {ended:?}\n{}", self.said());
    }

    /// Asks it to end, and waits until it has.
    #[track_caller]
    pub fn end(&mut self, signal: Signal) -> ExitStatus {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        kill(pid, signal).expect("our own child");
        self.wait()
            .unwrap_or_else(|| panic!("does not end:\n{}", self.said()))
    }

    /// Its end, if that comes soon.
    fn wait(&mut self) -> Option<ExitStatus> {
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().expect("our own child") {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // A test that fails leaves nothing, either: lanherd tidies up when it is asked to end.
            let _ = kill(
                Pid::from_raw(self.child.id().cast_signed()),
                Signal::SIGTERM,
            );
            self.wait();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Prometheus on the loopback, with its data in the test's folder.
pub struct Prometheus {
    pub program: Program,
    address: SocketAddr,
}

impl Prometheus {
    /// Starts one with that configuration, and waits until it answers.
    pub fn start(folder: &Path, config: &Value, address: SocketAddr) -> Self {
        let file = folder.join("prometheus.yml");
        // JSON is YAML.
        fs::write(&file, config.to_string()).expect("written");
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn");
        let program = Program::start(&mut command, folder.join("prometheus.log"));
        let mut prometheus = Self { program, address };
        let until = Instant::now() + Duration::from_secs(20);
        while prometheus
            .get("/-/ready", &[])
            .is_none_or(|answer| answer.0 != 200)
        {
            prometheus.program.assert_runs();
            assert!(
                Instant::now() < until,
                "not ready:\n{}",
                prometheus.program.said()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        prometheus
    }

    /// The status and body of an answer; `None`: nobody listens.
    fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .ok()?;
        let query: Vec<_> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
            .collect();
        // Of HTTP/1.0, so that the answer is not in chunks.
        write!(stream, "GET {path}?{} HTTP/1.0\r\n\r\n", query.join("&")).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    }

    /// What it answers to an API's question.
    #[track_caller]
    pub fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let (status, body) = self
            .get(path, parameters)
            .unwrap_or_else(|| panic!("Prometheus does not answer:\n{}", self.program.said()));
        assert_eq!(status, 200, "{path} {parameters:?}: {body}");
        let mut answer: Value = serde_json::from_str(&body).expect("JSON");
        answer["data"].take()
    }
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        let _ = write!(encoded, "%{byte:02X}");
    }
    encoded
}
