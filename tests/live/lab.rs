//! A herd in the lab, whose server is reached on the loopback.

use std::fs::{self, File};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use lanherd_testkit::folder::TestFolder;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const PROGRAM: &str = env!("CARGO_BIN_EXE_lanherd");

/// It ends when this is dropped.
pub struct Lab {
    pool: String,
    process: Child,
    folder: TestFolder,
    scheme: String,
    address: SocketAddr,
}

/// Why a herd does not start under these options; they are at fault.
pub fn refused(options: &[&str]) -> String {
    let output = Command::new(PROGRAM)
        .args(["up", "--lab", "--pool", "refused", "--clients", "1"])
        .args(options)
        .output()
        .expect("lanherd");
    let refusal = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{refusal}");
    refusal
}

impl Lab {
    /// Begins; the clients join by and by.
    pub fn start(pool: &str, clients: u32, more: &[&str]) -> Self {
        let folder = TestFolder::new("live");
        let said = folder.file("said");
        let process = Command::new(PROGRAM)
            .args([
                "up",
                "--lab",
                "--pool",
                pool,
                "--clients",
                &clients.to_string(),
            ])
            .args(["--metrics", "127.0.0.1:0"])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&said).expect("a file"))
            .spawn()
            .expect("lanherd");
        let mut lab = Self {
            pool: pool.to_owned(),
            process,
            folder,
            scheme: String::new(),
            address: SocketAddr::from(([0; 4], 0)),
        };
        let began = Instant::now();
        (lab.scheme, lab.address) = loop {
            let said = fs::read_to_string(&said).expect("what it said");
            let url = said.split("the herd is at ").nth(1);
            let url = url.and_then(|rest| rest.split_once("/,")?.0.split_once("://"));
            if let Some((scheme, address)) = url {
                break (scheme.to_owned(), address.parse().expect("an address"));
            }
            let ended = lab.process.try_wait().expect("a state");
            assert!(ended.is_none(), "it ended: {said}");
            assert!(began.elapsed() < Duration::from_secs(30), "{said}");
            std::thread::sleep(Duration::from_millis(20));
        };
        lab
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// Another lanherd, about this pool; what it prints.
    pub fn lanherd(&self, arguments: &[&str]) -> String {
        let output = Command::new(PROGRAM)
            .args(arguments)
            .args(["--pool", &self.pool])
            .output()
            .expect("lanherd");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// The whole answer to one request.
    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("connected");
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        super::read(stream)
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.process.id());
        fs::read_dir(folder).expect("its descriptors").count()
    }

    /// Ends it in order.
    pub fn stop(mut self) -> ExitStatus {
        self.lanherd(&["stop"]);
        self.wait()
    }

    fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().expect("a state") {
                return status;
            }
            if began.elapsed() > Duration::from_secs(60) {
                let _ = self.process.kill();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = fs::read_to_string(self.folder.file("said"));
            eprintln!("{}", said.unwrap_or_default());
        }
        if matches!(self.process.try_wait(), Ok(None)) {
            if let Ok(pid) = i32::try_from(self.process.id()) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
            }
            self.wait();
        }
    }
}
