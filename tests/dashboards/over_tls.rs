//! A real Prometheus that scrapes real runs over TLS: with a certificate, and with a password.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use lanherd_testkit::folder::TestFolder;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::live::has_data;
use super::programs::{Program, Prometheus, free_ports};
use lanherd_testkit::pki::{OURS, Pki};

const PATIENCE: Duration = Duration::from_secs(40);

/// A run of the binary in a lab of its own, served as the `web.config` of its name asks for.
fn run(folder: &TestFolder, pki: &Pki, config: &str, metrics: SocketAddr) -> Program {
    let pool = format!("{}{}", &config[..1], std::process::id()) + "x";
    let mut command = Command::new(env!("CARGO_BIN_EXE_lanherd"));
    command
        .args(["up", "--lab", "--clients", "2", "--pool", &pool])
        .args(["--metrics", &metrics.to_string(), "--web-config"])
        .arg(pki.path(config));
    Program::start(&mut command, folder.path().join(format!("{config}.log")))
}

#[test]
fn a_prometheus_scrapes_over_tls_with_a_certificate_and_with_a_password() {
    let (folder, pki) = (TestFolder::new("dashboards"), Pki::new());
    pki.certificate("server", "ca", OURS, 30);
    let names = "subjectAltName=DNS:prometheus.test";
    pki.certificate("prometheus", "ca", names, 30);
    let pair = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";
    let verified = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  \
                    client_allowed_sans: [prometheus.test]\n";
    let hash = bcrypt::hash("sesame", 8).expect("a hash");
    pki.write("verified", &format!("{pair}{verified}"));
    pki.write(
        "users",
        &format!("{pair}basic_auth_users:\n  alice: {hash}\n"),
    );

    let [first, second, own] = free_ports();
    let authority = pki.text("ca.pem");
    let job = |name: &str, target: SocketAddr, more: Value| {
        let mut job = json!({
            "job_name": name,
            "scheme": "https",
            "static_configs": [{"targets": [target.to_string()]}],
            "tls_config": {"ca_file": authority},
        });
        for (key, value) in more.as_object().expect("an object") {
            job[key] = value.clone();
        }
        job
    };
    let certificate = json!({"tls_config": {
        "ca_file": authority,
        "cert_file": pki.text("prometheus.pem"),
        "key_file": pki.text("prometheus.key"),
    }});
    let password = |word: &str| json!({"basic_auth": {"username": "alice", "password": word}});
    let config = json!({
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [
            job("certificate", first, certificate),
            job("nothing", first, json!({})),
            job("password", second, password("sesame")),
            job("wrong", second, password("open")),
        ],
    });
    let mut runs = [
        run(&folder, &pki, "verified", first),
        run(&folder, &pki, "users", second),
    ];
    let prometheus = Prometheus::start(folder.path(), &config, own);
    let ask = |query: &str| prometheus.ask("/api/v1/query", &[("query", query)]);
    let is_online =
        r#"sum by (job) (lanherd_clients{phase="online", job=~"certificate|password"}) == 2"#;
    let began = Instant::now();
    loop {
        for run in &mut runs {
            run.assert_runs();
        }
        let online = ask(&format!("count({is_online}) == 2"));
        // Those who may not ask have been tried as well.
        let refused = ask(r#"count(up{job=~"nothing|wrong"} == 0) == 2"#);
        if has_data(&online) && has_data(&refused) {
            break;
        }
        let targets = prometheus.ask("/api/v1/targets", &[]);
        assert!(
            began.elapsed() < PATIENCE,
            "{targets:#}\n{}",
            runs[0].said()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    // Nor were they ever answered.
    assert!(!has_data(&ask(
        r#"max_over_time(up{job=~"nothing|wrong"}[5m]) > 0"#
    )));
    for run in &mut runs {
        assert_eq!(run.end(Signal::SIGINT).code(), Some(130), "{}", run.said());
    }
}
