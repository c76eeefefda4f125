//! Those who ask over TLS: curl, openssl, and one that is written here and does not keep the rules.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::ClientConnection;
use tokio_rustls::rustls::pki_types::ServerName;

use lanherd_testkit::pki::{Pki, believer};

/// What curl says of a page that it asks for with these options; `Err`: why it got none.
pub fn curl(
    pki: &Pki,
    address: SocketAddr,
    path: &str,
    options: &[&str],
) -> Result<String, String> {
    let output = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            "20",
            "--include",
            "--cacert",
        ])
        .arg(pki.path("ca.pem"))
        .args(options)
        .arg(format!("https://{address}{path}"))
        .env_clear()
        .current_dir(pki.folder())
        .output()
        .expect("curl runs: run ./scripts/test packages");
    let Output {
        status,
        stdout,
        stderr,
    } = output;
    if status.success() {
        Ok(String::from_utf8_lossy(&stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&stderr).into_owned())
    }
}

/// All that `openssl s_client` says of a connection on which it asks whether lanherd is alive.
pub fn s_client(pki: &Pki, address: SocketAddr, options: &[&str]) -> String {
    let mut process = Command::new("openssl")
        .args([
            "s_client",
            "-ign_eof",
            "-connect",
            &address.to_string(),
            "-CAfile",
            "ca.pem",
        ])
        .args(options)
        .current_dir(pki.folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl runs: run ./scripts/test packages");
    let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    // Nobody reads it where the handshake fails.
    let _ = process
        .stdin
        .take()
        .expect("its input")
        .write_all(request.as_bytes());
    let output = process.wait_with_output().expect("its end");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A client's side of TLS, which believes the authority `ca`.
pub fn client(pki: &Pki) -> ClientConnection {
    let config = believer(&pki.path("ca.pem"));
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    ClientConnection::new(Arc::new(config), name).expect("a client")
}

/// The first bytes that a client sends.
pub fn hello(pki: &Pki) -> Vec<u8> {
    let mut bytes = Vec::new();
    client(pki).write_tls(&mut bytes).expect("written");
    bytes
}

/// Without TLS as yet.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connected");
    let patience = Some(Duration::from_secs(10));
    stream.set_read_timeout(patience).expect("a timeout");
    stream
}
