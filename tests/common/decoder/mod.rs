//! What stood on the wire, recorded by tcpdump and read by tshark: a decoder that is not ours.

pub mod ipv6;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long tcpdump may take to begin and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A recording of all that passes an interface.
pub struct Recording {
    tcpdump: Child,
    file: PathBuf,
    log: PathBuf,
}

impl Recording {
    /// Begins; returns once tcpdump listens on that interface of the caller's namespace.
    pub fn start(interface: &str, folder: &Path) -> Self {
        let (file, log) = (folder.join("wire.pcap"), folder.join("tcpdump.log"));
        let mut tcpdump = Command::new("tcpdump");
        tcpdump
            .args(["--interface", interface, "--immediate-mode"])
            // Nothing is given up for another user, who may not be known here.
            .args(["--packet-buffered", "--relinquish-privileges=root", "-w"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("a log"));
        let tcpdump = tcpdump.spawn();
        let mut recording = Self {
            tcpdump: tcpdump.expect("the test needs tcpdump"),
            file,
            log,
        };
        recording.until("it listens", |recording| {
            recording.said().contains("listening on")
        });
        recording
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn until(&mut self, what: &str, holds: impl Fn(&mut Self) -> bool) {
        let started = Instant::now();
        while !holds(self) {
            let said = self.said();
            assert!(
                started.elapsed() < PATIENCE,
                "tcpdump, until {what}: {said}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends, with all that it has seen.
    pub fn end(mut self) -> Decoded {
        let pid = i32::try_from(self.tcpdump.id()).expect("a process");
        kill(Pid::from_raw(pid), Signal::SIGINT).expect("told");
        self.until("it has ended", |recording| {
            recording.tcpdump.try_wait().expect("a child").is_some()
        });
        let said = self.said();
        assert!(said.contains("\n0 packets dropped by kernel"), "{said}");
        Decoded {
            file: self.file.clone(),
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.tcpdump.kill();
        let _ = self.tcpdump.wait();
    }
}

/// A recording as tshark reads it.
pub struct Decoded {
    file: PathBuf,
}

impl Decoded {
    /// These fields of all frames that a display filter lets through. What occurs several times stands with commas in between.
    pub fn rows<const N: usize>(&self, filter: &str, fields: [&str; N]) -> Vec<[String; N]> {
        let mut tshark = Command::new("timeout");
        tshark.args(["--kill-after=5", "120", "tshark", "-n", "-r"]);
        tshark.arg(&self.file);
        // Checksums are computed by whoever sends here, and not by a card.
        for check in ["udp.check_checksum", "tcp.check_checksum"] {
            tshark.args(["-o", &format!("{check}:TRUE")]);
        }
        tshark.args([
            "-Y",
            filter,
            "-T",
            "fields",
            "-E",
            "separator=/t",
            "-E",
            "aggregator=,",
        ]);
        for field in fields {
            tshark.args(["-e", field]);
        }
        let output = tshark.stdin(Stdio::null()).output();
        let output = output.expect("the test needs timeout (Debian package coreutils)");
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "tshark (Debian package tshark), {}: {complaints}",
            output.status
        );
        let text = String::from_utf8(output.stdout).expect("text");
        let row = |line: &str| {
            let fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
            fields.try_into().expect("as many fields as were asked for")
        };
        text.lines().map(row).collect()
    }
}
