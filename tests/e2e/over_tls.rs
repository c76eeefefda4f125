//! Metrics and the API over TLS, asked for from another machine: the router.

use nix::sys::signal::Signal;

use super::common::host::Host;
use super::common::process::{Outcome, Running};
use super::common::router::Router;
use super::common::{seconds, wait_for};
use lanherd_testkit::pki::Pki;

/// Ours on the LAN, besides those of the clients.
const HERE: &str = "10.66.0.9";
const OURS: &str = "subjectAltName=IP:10.66.0.9";

/// A machine with an address on the LAN, and lanherd on it, serving there.
struct Served {
    host: Host,
    pki: Pki,
    /// It serves leases until this is dropped.
    _router: Router,
}

impl Served {
    /// With a certificate that is valid for so many days from now.
    fn new(days: i32) -> Self {
        let (host, router) = Host::with_dnsmasq();
        host.must(&["ip", "address", "add", &format!("{HERE}/16"), "dev", "lan0"]);
        let pki = Pki::new();
        pki.certificate("server", "ca", OURS, days);
        Self {
            host,
            pki,
            _router: router,
        }
    }

    fn up(&self, config: &str) -> Running {
        self.pki.write("web.yml", config);
        let (address, config) = (format!("{HERE}:9100"), self.pki.text("web.yml"));
        let metrics = ["--metrics", &address, "--web-config", &config];
        let herd = self.host.up(1, &metrics);
        let url = format!(
            "the herd is at https://{HERE}:9100/, its metrics at https://{HERE}:9100/metrics"
        );
        wait_for("it serves", seconds(20), || {
            herd.stderr().contains(&url).then_some(())
        });
        herd
    }

    /// What the router's curl gets of a page.
    fn curl(&self, path: &str, options: &[&str]) -> Outcome {
        let url = format!("https://{HERE}:9100{path}");
        let curl = ["curl", "--silent", "--show-error", "--max-time", "10", &url];
        let asking = self
            .host
            .start_on_router("curl", &[&curl, options].concat());
        asking.finish(seconds(20))
    }
}

fn end(herd: Running) {
    herd.signal(Signal::SIGINT);
    let outcome = herd.finish(seconds(30));
    // As of every program that Ctrl-C has ended.
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
}

#[test]
fn tls_alone_serves_everybody_with_a_warning_and_what_is_wrong_with_certificates_is_told_once() {
    let served = Served::new(-1);
    let config = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";
    let herd = served.up(config);
    let said = |text: &str| herd.stderr().matches(text).count();
    let ask = || {
        let outcome = served.curl("/metrics", &["--insecure"]);
        assert!(outcome.stdout.contains("lanherd_clients{"), "{outcome:?}");
    };
    for _ in 0..3 {
        ask();
    }
    assert_eq!(said("everybody who can reach this may ask"), 1);
    assert_eq!(said("without encryption"), 0);
    assert_eq!(said("server.pem: the certificate has expired at"), 1);

    served.pki.write("server.pem", "garbage");
    for _ in 0..3 {
        ask();
    }
    assert_eq!(
        said("the one before is kept: tls_server_config.cert_file: "),
        1
    );
    assert_eq!(said("has expired"), 1);

    served.pki.certificate("new", "ca", OURS, 30);
    served.pki.put("new.key", "server.key");
    served.pki.put("new.pem", "server.pem");
    let authority = served.pki.text("ca.pem");
    let verified = ["--cacert", &authority, "--header", "Host: herd.example"];
    // By any name: others than this machine can ask here anyway.
    let herd_page = served.curl("/api/v1/herd", &verified);
    assert!(herd_page.stdout.contains("\"pool\""), "{herd_page:?}");
    end(herd);
}

#[test]
fn clients_whose_certificates_are_verified_need_no_password() {
    let served = Served::new(30);
    served.pki.certificate("prometheus", "ca", "", 30);
    let config = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  \
                  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n";
    let herd = served.up(config);
    let [authority, certificate, key] =
        ["ca.pem", "prometheus.pem", "prometheus.key"].map(|name| served.pki.text(name));
    let anonymous = ["--cacert", &authority];
    let known = [&anonymous[..], &["--cert", &certificate, "--key", &key]].concat();
    let metrics = served.curl("/metrics", &known);
    assert!(metrics.stdout.contains("lanherd_clients{"), "{metrics:?}");
    for path in ["/metrics", "/healthz"] {
        let refused = served.curl(path, &anonymous);
        assert!(
            refused.code != Some(0) && refused.stdout.is_empty(),
            "{refused:?}"
        );
    }
    // Of the machine, which may be busy, there may be one.
    let warnings = herd.stderr();
    let warnings: Vec<_> = warnings
        .lines()
        .filter(|line| line.contains("WARN") && !line.contains("the tester is saturated"))
        .collect();
    assert_eq!(warnings, Vec::<&str>::new());
    end(herd);
}
