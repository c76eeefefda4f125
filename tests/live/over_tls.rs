//! The same over TLS, where there are more ways to be stuck.

use std::any::Any;
use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::lab::Lab;
use super::{alone, assert_undisturbed};
use lanherd_testkit::pki::{OURS, Pki, believer};

fn client(config: &Arc<ClientConfig>) -> ClientConnection {
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    ClientConnection::new(Arc::clone(config), name).expect("a client")
}

/// Stuck in one of the ways that there are.
fn stuck(lab: &Lab, config: &Arc<ClientConfig>, way: usize) -> Box<dyn Any> {
    let mut stream = TcpStream::connect(lab.address()).expect("connected");
    let patience = Some(Duration::from_secs(5));
    stream.set_read_timeout(patience).expect("a timeout");
    let mut tls = client(config);
    let asked = match way % 6 {
        0 => return Box::new(stream),
        1 | 2 => {
            let mut hello = Vec::new();
            tls.write_tls(&mut hello).expect("written");
            let said = if way % 6 == 1 {
                hello.len()
            } else {
                hello.len() / 2
            };
            // The server may have closed it for a newer one.
            let _ = stream.write_all(&hello[..said]);
            return Box::new(stream);
        }
        3 => "GET /metrics HT",
        4 => "GET /api/v1/events?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        _ => "",
    };
    let mut stream = StreamOwned::new(tls, stream);
    let _ = stream.conn.complete_io(&mut stream.sock);
    let _ = stream.write_all(asked.as_bytes());
    let _ = stream.flush();
    Box::new(stream)
}

/// A lab whose server has the certificate `server` of these.
fn lab(pki: &Pki, pool: &str) -> Lab {
    pki.certificate("server", "ca", OURS, 30);
    let config = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";
    let config = pki.write("web.yml", config).display().to_string();
    Lab::start(pool, 1, &["--web-config", &config])
}

/// What curl gets of the metrics, if it believes that authority.
fn scrape(pki: &Pki, lab: &Lab, authority: &str) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "10", "--cacert"])
        .arg(pki.path(authority))
        .arg(lab.url("/metrics"))
        .output()
        .expect("curl runs: run ./scripts/test packages");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// There the program has moved into namespaces of its own since it was started.
#[test]
fn in_the_sandbox_too_a_new_certificate_is_seen() {
    let _alone = alone();
    let pki = Pki::new();
    let lab = lab(&pki, "renewed");
    assert!(
        lab.url("/").starts_with("https://127.0.0.1:"),
        "{}",
        lab.url("/")
    );
    assert!(scrape(&pki, &lab, "ca.pem").contains("lanherd_clients{"));
    pki.authority("other");
    assert_eq!(scrape(&pki, &lab, "other.pem"), "");
    pki.certificate("new", "other", OURS, 30);
    pki.put("new.key", "server.key");
    pki.put("new.pem", "server.pem");
    assert!(scrape(&pki, &lab, "other.pem").contains("lanherd_clients{"));
    assert!(lab.stop().success());
}

#[test]
fn two_hundred_that_are_stuck_in_tls_take_few_descriptors_and_no_time_from_the_herd() {
    let _alone = alone();
    let pki = Pki::new();
    let lab = lab(&pki, "stuck-tls");
    let config = Arc::new(believer(&pki.path("ca.pem")));
    assert_undisturbed(
        lab,
        |lab, way| stuck(lab, &config, way),
        |lab| scrape(&pki, lab, "ca.pem"),
    );
}
