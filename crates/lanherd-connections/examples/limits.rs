//! A protocol of one's own on a Unix socket, and what becomes of whoever is one too many, does not read, or is still there at the
//! end: `cargo run -p lanherd-connections --example limits`.
//!
//! Each line is answered in capitals. At most two connections are open at one time.

use std::error::Error;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener as StdListener, UnixStream as StdStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lanherd_connections::{CancellationToken, Protocol, Server};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

/// How long an answer may wait to be read.
const PATIENCE: Duration = Duration::from_millis(300);

struct Capitals;

impl Protocol<UnixStream> for Capitals {
    async fn converse(self: Arc<Self>, stream: UnixStream, leaving: CancellationToken) {
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader.take(1 << 20)).lines();
        loop {
            let line = tokio::select! {
                line = lines.next_line() => line,
                () = leaving.cancelled() => {
                    let _ = writer.write_all(b"GOODBYE\n").await;
                    return;
                }
            };
            let Ok(Some(line)) = line else { return };
            let answer = line.to_uppercase() + "\n";
            // Whoever does not read would otherwise be waited for until the server ends.
            let told = timeout(PATIENCE, writer.write_all(answer.as_bytes())).await;
            if !matches!(told, Ok(Ok(()))) {
                return;
            }
        }
    }
}

struct Caller(BufReader<UnixStream>);

impl Caller {
    fn connect(address: &SocketAddr) -> Result<Self, Box<dyn Error>> {
        let stream = StdStream::connect_addr(address)?;
        stream.set_nonblocking(true)?;
        Ok(Self(BufReader::new(UnixStream::from_std(stream)?)))
    }

    async fn ask(&mut self, line: &str) -> Result<String, Box<dyn Error>> {
        self.0.write_all(line.as_bytes()).await?;
        self.next().await
    }

    /// The next line; empty where the connection is closed.
    async fn next(&mut self) -> Result<String, Box<dyn Error>> {
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        Ok(line.trim_end().to_owned())
    }
}

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout, reason = "an example shows its result")]
async fn main() -> Result<(), Box<dyn Error>> {
    let name = format!("lanherd-connections-limits-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name)?;
    let listener = StdListener::bind_addr(&address)?;
    listener.set_nonblocking(true)?;
    let server = Server::start(UnixListener::from_std(listener)?, Arc::new(Capitals), 2);

    let mut first = Caller::connect(&address)?;
    println!("the first asks: {}", first.ask("hello\n").await?);
    let mut second = Caller::connect(&address)?;
    println!("the second asks: {}", second.ask("hello\n").await?);
    let mut third = Caller::connect(&address)?;
    println!("the third asks: {}", third.ask("hello\n").await?);
    println!("the first, the oldest, reads {:?}", first.next().await?);

    let began = Instant::now();
    let line = "x".repeat(1000) + "\n";
    while second.0.write_all(line.as_bytes()).await.is_ok() {}
    if began.elapsed() < PATIENCE {
        return Err("whoever does not read was closed too early".into());
    }
    println!("the second does not read, and is closed");

    let (left, ()) = tokio::join!(third.next(), server.shut_down());
    println!("the third is told of the end: {}", left?);
    match StdStream::connect_addr(&address) {
        Ok(_) => Err("the server still listens".into()),
        Err(error) => {
            println!("a fourth: {error}");
            Ok(())
        }
    }
}
