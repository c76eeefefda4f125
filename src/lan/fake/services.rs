//! What clients of the fake LAN can talk to: the lab's DNS on every address, unless a test scripts something else.

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::DuplexStream;
use tokio::sync::{Mutex, mpsc};

use super::{FakeLan, LATENCY, SILENT};
use crate::lan::{CommandEnd, CommandRan, Connected, Datagrams, Errand};

/// Answers a datagram with any number of them.
type Answers = Arc<dyn Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync>;
/// Takes the server's end of a connection.
type Accepts = Arc<dyn Fn(DuplexStream) + Send + Sync>;

/// What tests have scripted.
#[derive(Default)]
pub(super) struct Services {
    udp: HashMap<SocketAddrV4, Answers>,
    tcp: HashMap<SocketAddrV4, Accepts>,
}

impl FakeLan {
    /// From now on datagrams to this address are answered so.
    pub(crate) fn serve_udp(
        &self,
        at: SocketAddrV4,
        answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) {
        self.inner().services.udp.insert(at, Arc::new(answers));
    }

    /// From now on connections to this address are taken so.
    pub(crate) fn serve_tcp(
        &self,
        at: SocketAddrV4,
        accepts: impl Fn(DuplexStream) + Send + Sync + 'static,
    ) {
        self.inner().services.tcp.insert(at, Arc::new(accepts));
    }

    fn answer_datagram(&self, to: SocketAddrV4, datagram: &[u8]) -> Vec<Vec<u8>> {
        let scripted = self.inner().services.udp.get(&to).cloned();
        if let Some(answers) = scripted {
            return answers(datagram);
        }
        let server = self.server.lock().expect("not poisoned");
        let answer = self.zone.answer(datagram, &server);
        answer.into_iter().collect()
    }
}

/// Nobody answers at [`SILENT`], and everywhere else nobody listens whom no test has put there.
pub(super) async fn connect(
    lan: &FakeLan,
    to: SocketAddrV4,
    timeout: Duration,
) -> io::Result<Connected<DuplexStream>> {
    if *to.ip() == SILENT {
        tokio::time::sleep(timeout).await;
        return Err(io::ErrorKind::TimedOut.into());
    }
    tokio::time::sleep(2 * LATENCY).await;
    let accepts = lan.inner().services.tcp.get(&to).cloned();
    let accepts = accepts.ok_or(io::ErrorKind::ConnectionRefused)?;
    let (stream, server) = tokio::io::duplex(65_536);
    accepts(server);
    Ok(Connected {
        stream,
        took: 2 * LATENCY,
    })
}

/// The fake's shell knows `sleep SECONDS` and `exit CODE`, and answers everything else with its variables.
pub(super) async fn command(errand: &Errand) -> CommandRan {
    let began = tokio::time::Instant::now();
    let number = |word: &str| errand.line.strip_prefix(word)?.parse::<u64>().ok();
    let lasts = Duration::from_secs(number("sleep ").unwrap_or_default());
    let ended = tokio::time::timeout(errand.timeout, tokio::time::sleep(lasts)).await;
    let code = number("exit ").and_then(|code| i32::try_from(code).ok());
    let mut output = String::new();
    for (name, value) in &errand.environment {
        output.push_str(&[name, "=", value, "\n"].concat());
    }
    CommandRan {
        end: match ended {
            Ok(()) => CommandEnd::Exit(code.unwrap_or_default()),
            Err(_) => CommandEnd::TimedOut,
        },
        took: began.elapsed(),
        output,
    }
}

/// A socket that speaks to one peer.
pub(crate) struct FakeUdp {
    lan: FakeLan,
    to: SocketAddrV4,
    arrive: mpsc::UnboundedSender<Vec<u8>>,
    arrived: Mutex<mpsc::UnboundedReceiver<Vec<u8>>>,
}

impl FakeUdp {
    pub(super) fn new(lan: &FakeLan, to: SocketAddrV4) -> Self {
        let (arrive, arrived) = mpsc::unbounded_channel();
        Self {
            lan: lan.clone(),
            to,
            arrive,
            arrived: Mutex::new(arrived),
        }
    }
}

impl Datagrams for FakeUdp {
    async fn send(&self, datagram: &[u8]) -> io::Result<()> {
        if *self.to.ip() == SILENT {
            return Ok(());
        }
        let answers = self.lan.answer_datagram(self.to, datagram);
        let arrive = self.arrive.clone();
        tokio::spawn(async move {
            tokio::time::sleep(2 * LATENCY).await;
            for answer in answers {
                // Whoever asked may have gone.
                let _ = arrive.send(answer);
            }
        });
        Ok(())
    }

    async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(datagram) = self.arrived.lock().await.recv().await else {
            return pending().await;
        };
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        Ok(length)
    }
}
