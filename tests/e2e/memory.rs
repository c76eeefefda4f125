//! A host whose memory comes to its end.

use std::fs;

use super::common::host::Host;
use super::common::{seconds, wait_for};

/// Has the host say that so much memory is available, until it says something else.
struct Available(std::path::PathBuf);

impl Available {
    fn mebibytes(host: &Host, mebibytes: u64) -> Self {
        let available = Self(host.folder().join("meminfo"));
        available.becomes(mebibytes);
        let file = available.0.to_str().expect("a path");
        host.must(&["mount", "--bind", file, "/proc/meminfo"]);
        available
    }

    /// Written in place, since a bind mount shows the file and not its name.
    fn becomes(&self, mebibytes: u64) {
        let kibibytes = mebibytes * 1024;
        let text = format!("MemTotal: 1000000 kB\nMemAvailable: {kibibytes:8} kB\n");
        fs::write(&self.0, text).expect("written");
    }
}

#[test]
fn clients_for_which_there_is_no_memory_are_not_made_and_the_host_is_named_for_it_and_not_the_router()
 {
    let (host, _router) = Host::with_dnsmasq();
    let _available = Available::mebibytes(&host, 40);
    let before = host.snapshot();
    let outcome = host.up(3, &["--for", "2s"]).finish(seconds(60));
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    let said = &outcome.stderr;
    let words = "memory is short on this host: 40 MiB are available, and 64 MiB are left to what else runs here";
    assert!(said.contains(words), "{said}");
    let report = host.report();
    for client in report.clients() {
        assert_eq!(client["cause"], "no_memory", "{client}");
    }
    assert_eq!(host.snapshot(), before);
}

#[test]
fn clients_that_wait_for_memory_join_when_there_is_some() {
    let (host, _router) = Host::with_dnsmasq();
    let available = Available::mebibytes(&host, 63);
    let running = host.up(3, &[]);
    wait_for("a client waits for memory", seconds(30), || {
        running.stderr().contains("memory is short").then_some(())
    });
    available.becomes(500);
    host.wait_configured(3, seconds(60));
    let stop = host.lanherd(&["stop"]).finish(seconds(30));
    assert_eq!(stop.code, Some(0), "{}", stop.stderr);
    let outcome = running.finish(seconds(30));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(host.report().total("online"), 3);
}
