//! What clients of the fake LAN can talk to: the lab's DNS on every address, unless a test scripts something else.

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;

use super::stream::FakeStream;
use super::{FakeLan, LATENCY, is_silent};
use lanherd_net::lan::{
    CommandEnd, CommandRan, CommandRequest, Connected, Datagram, Datagrams, StreamTimes,
};

/// Answers a datagram with any number of them.
type Answers = Arc<dyn Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync>;
/// Takes the server's end of a connection.
type Accepts = Arc<dyn Fn(FakeStream) + Send + Sync>;

/// What tests have scripted.
#[derive(Default)]
pub(super) struct Services {
    udp: HashMap<SocketAddr, (SocketAddr, Answers)>,
    tcp: HashMap<SocketAddr, Accepts>,
}

impl FakeLan {
    /// From now on datagrams to this address are answered so.
    pub fn serve_udp(
        &self,
        at: impl Into<SocketAddr>,
        answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) {
        let at = at.into();
        self.serve_udp_from(at, at, answers);
    }

    /// The same, but the answers come from this other address.
    pub fn serve_udp_from(
        &self,
        at: impl Into<SocketAddr>,
        from: impl Into<SocketAddr>,
        answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) {
        let script: (_, Answers) = (from.into(), Arc::new(answers));
        self.inner().services.udp.insert(at.into(), script);
    }

    /// From now on connections to this address are taken so.
    pub fn serve_tcp(
        &self,
        at: impl Into<SocketAddr>,
        accepts: impl Fn(FakeStream) + Send + Sync + 'static,
    ) {
        self.inner()
            .services
            .tcp
            .insert(at.into(), Arc::new(accepts));
    }

    fn answer_datagram(&self, to: SocketAddr, datagram: &[u8]) -> (SocketAddr, Vec<Vec<u8>>) {
        let scripted = self.inner().services.udp.get(&to).cloned();
        if let Some((from, answers)) = scripted {
            return (from, answers(datagram));
        }
        let server = self.server.lock();
        let answer = self.zone.answer(datagram, &server);
        (to, answer.into_iter().collect())
    }
}

/// Nobody answers at [`SILENT`](super::SILENT), and everywhere else nobody listens whom no test has put there.
pub(super) async fn connect(
    lan: &FakeLan,
    to: SocketAddr,
    timeout: Duration,
) -> io::Result<Connected<FakeStream>> {
    if is_silent(to.ip()) {
        tokio::time::sleep(timeout).await;
        return Err(io::ErrorKind::TimedOut.into());
    }
    tokio::time::sleep(2 * LATENCY).await;
    let accepts = lan.inner().services.tcp.get(&to).cloned();
    let accepts = accepts.ok_or(io::ErrorKind::ConnectionRefused)?;
    let (stream, server) = FakeStream::pair();
    accepts(server);
    Ok(Connected {
        stream,
        took: 2 * LATENCY,
        times: StreamTimes::default(),
    })
}

/// The fake's shell knows `sleep SECONDS` and `exit CODE`, and answers everything else with its variables.
pub(super) async fn command(request: &CommandRequest) -> CommandRan {
    let began = Instant::now();
    let number = |word: &str| request.line.strip_prefix(word)?.parse::<u64>().ok();
    let lasts = Duration::from_secs(number("sleep ").unwrap_or_default());
    let ended = tokio::time::timeout(request.timeout, tokio::time::sleep(lasts)).await;
    let code = number("exit ").and_then(|code| i32::try_from(code).ok());
    let mut output = String::new();
    for (name, value) in &request.environment {
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
pub struct FakeUdp {
    lan: FakeLan,
    to: SocketAddr,
    arrive: mpsc::UnboundedSender<Arrived>,
    arrived: Mutex<mpsc::UnboundedReceiver<Arrived>>,
    sent: parking_lot::Mutex<Option<Instant>>,
}

/// A datagram, who sent it, and when it came.
struct Arrived(Vec<u8>, SocketAddr, Instant);

impl FakeUdp {
    pub(super) fn new(lan: &FakeLan, to: SocketAddr) -> Self {
        let (arrive, arrived) = mpsc::unbounded_channel();
        Self {
            lan: lan.clone(),
            to,
            arrive,
            arrived: Mutex::new(arrived),
            sent: parking_lot::Mutex::default(),
        }
    }

    fn hand_on(&self, arrived: &Arrived, buffer: &mut [u8]) -> Datagram {
        let Arrived(datagram, from, at) = arrived;
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        let sent = self.sent.lock();
        Datagram {
            length,
            from: *from,
            took: sent.map_or(Duration::ZERO, |sent| *at - sent),
        }
    }
}

impl Datagrams for FakeUdp {
    async fn send(&self, datagram: &[u8]) -> io::Result<()> {
        *self.sent.lock() = Some(Instant::now());
        if is_silent(self.to.ip()) {
            return Ok(());
        }
        let (from, answers) = self.lan.answer_datagram(self.to, datagram);
        let arrive = self.arrive.clone();
        tokio::spawn(async move {
            tokio::time::sleep(2 * LATENCY).await;
            for answer in answers {
                // Whoever asked may have gone.
                let _ = arrive.send(Arrived(answer, from, Instant::now()));
            }
        });
        Ok(())
    }

    async fn recv(&self, buffer: &mut [u8]) -> io::Result<Datagram> {
        match self.arrived.lock().await.recv().await {
            Some(arrived) => Ok(self.hand_on(&arrived, buffer)),
            None => pending().await,
        }
    }

    fn try_recv(&self, buffer: &mut [u8]) -> io::Result<Datagram> {
        let nothing = || io::Error::from(io::ErrorKind::WouldBlock);
        let mut arrived = self.arrived.try_lock().map_err(|_| nothing())?;
        let arrived = arrived.try_recv().map_err(|_| nothing())?;
        Ok(self.hand_on(&arrived, buffer))
    }
}
