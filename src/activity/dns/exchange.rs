//! One query, the wait for its answer, and what else came meanwhile.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::lookup::{DnsAnswer, Lookup, Unanswered};
use super::message::{self, NoReply, Reply};
use super::{DnsCause, RecordType};
use crate::activity::ClientContext;
use crate::activity::socket_error::SocketError;
use crate::host_name::HostName;
use crate::lan::{Connected, Datagram, Datagrams, Port};

/// The port of DNS servers (RFC 1035, 4.2).
pub(super) const PORT: u16 = 53;
/// The longest datagram; without EDNS a server sends 512 bytes at most (RFC 1035, 2.3.4).
const MAX_DATAGRAM: usize = 4_096;
/// How many datagrams are read after time is over, at most.
const MOST_LATE: usize = 64;
/// Asks one server once.
pub(super) async fn ask<P: Port>(
    client: &ClientContext<P>,
    server: IpAddr,
    name: &HostName,
    record: RecordType,
    timeout: Duration,
) -> Lookup {
    let mut lookup = Lookup {
        server: Some(server),
        was_sent: false,
        result: Err(Unanswered::new(DnsCause::Tester, "")),
    };
    if client.is_own(server) {
        let detail = "the client itself, which would answer";
        lookup.result = Err(Unanswered::new(DnsCause::OwnAddress, detail));
        return lookup;
    }
    let id = client.random_id();
    let query = match message::query(id, name, record) {
        Ok(query) => query,
        Err(error) => {
            lookup.result = Err(Unanswered::new(DnsCause::Tester, error.to_string()));
            return lookup;
        }
    };
    let to = SocketAddr::from((server, PORT));
    let socket = match client.port.udp(to).await {
        Ok(socket) => socket,
        Err(error) => {
            lookup.result = Err((&error).into());
            return lookup;
        }
    };
    let exchange = Exchange {
        client,
        to,
        query: &query,
        id,
        name,
        record,
        timeout,
        until: Instant::now() + timeout,
    };
    let mut passed_over = PassedOver::default();
    lookup.was_sent = true;
    let answered = timeout_at(exchange.until, exchange.run(&socket, &mut passed_over)).await;
    lookup.result = match answered {
        Ok(answered) => answered,
        Err(_) => exchange.read_what_came(&socket, passed_over),
    };
    if let Err(unanswered) = &lookup.result {
        lookup.was_sent = !matches!(unanswered.cause, DnsCause::NoRoute | DnsCause::Tester);
    }
    lookup
}

/// What came while an answer was waited for, and was none.
#[derive(Debug, Default)]
struct PassedOver {
    /// What is worth to be told of them most, the later of two that are worth the same.
    finding: Option<Unanswered>,
    /// What came from elsewhere, and answers nothing that was asked.
    strangers: u32,
    /// When one that was right came, but too late.
    late: Option<Duration>,
}

impl PassedOver {
    /// The causes, those first that say most of why there is no answer.
    const RANKS: [DnsCause; 5] = [
        DnsCause::Truncated,
        DnsCause::WrongSource,
        DnsCause::Malformed,
        DnsCause::WrongQuestion,
        DnsCause::WrongId,
    ];

    fn note(&mut self, cause: DnsCause, detail: String) {
        let rank = |cause| Self::RANKS.iter().position(|known| *known == cause);
        match &self.finding {
            Some(known) if rank(known.cause) < rank(cause) => {}
            _ => self.finding = Some(Unanswered::new(cause, detail)),
        }
    }

    /// An answer may still have come after it: so what was passed over is told only when none did.
    fn unanswered(self) -> Unanswered {
        match (self.finding, self.late, self.strangers) {
            (Some(finding), ..) => finding,
            (None, Some(late), _) => {
                let detail = format!("it came after {:.3} s", late.as_secs_f64());
                Unanswered::new(DnsCause::Timeout, detail)
            }
            (None, None, 0) => Unanswered::new(DnsCause::Timeout, ""),
            (None, None, strangers) => {
                let detail = format!("{strangers} datagrams from elsewhere were ignored");
                Unanswered::new(DnsCause::Timeout, detail)
            }
        }
    }
}

/// What a datagram is to a query.
enum Received {
    /// Its answer, and how long it took.
    Answer(DnsAnswer),
    /// That its answer did not fit, and how long that took.
    Truncated(Duration),
    /// None, and it was noted why.
    Nothing,
}

/// One query, and the wait for its answer.
struct Exchange<'a, P> {
    client: &'a ClientContext<P>,
    to: SocketAddr,
    query: &'a [u8],
    id: u16,
    name: &'a HostName,
    record: RecordType,
    timeout: Duration,
    until: Instant,
}

impl<P: Port> Exchange<'_, P> {
    async fn run(
        &self,
        socket: &P::Udp,
        passed_over: &mut PassedOver,
    ) -> Result<DnsAnswer, Unanswered> {
        socket
            .send(self.query)
            .await
            .map_err(|error| Unanswered::from(&error))?;
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            let datagram = socket
                .recv(&mut buffer)
                .await
                .map_err(|error| Unanswered::from(&error))?;
            match self.read(datagram, &buffer, passed_over) {
                Received::Answer(answer) => return Ok(answer),
                Received::Truncated(took) => {
                    let cut = "no answer over TCP in time".to_owned();
                    passed_over.note(DnsCause::Truncated, cut);
                    return self.over_tcp(took).await;
                }
                Received::Nothing => {}
            }
        }
    }

    /// Time is over. What came in time may be there, and nobody has come to read it yet.
    fn read_what_came(
        &self,
        socket: &P::Udp,
        mut passed_over: PassedOver,
    ) -> Result<DnsAnswer, Unanswered> {
        let mut buffer = vec![0; MAX_DATAGRAM];
        for _ in 0..MOST_LATE {
            match socket.try_recv(&mut buffer) {
                Ok(datagram) => match self.read(datagram, &buffer, &mut passed_over) {
                    Received::Answer(answer) => return Ok(answer),
                    Received::Truncated(_) => {
                        let cut = "no time was left to ask over TCP".to_owned();
                        passed_over.note(DnsCause::Truncated, cut);
                    }
                    Received::Nothing => {}
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err((&error).into()),
            }
        }
        Err(passed_over.unanswered())
    }

    fn read(&self, datagram: Datagram, buffer: &[u8], passed_over: &mut PassedOver) -> Received {
        let Datagram { length, from, took } = datagram;
        let bytes = buffer.get(..length).unwrap_or(buffer);
        let reply = message::read(bytes, self.id, self.name, self.record);
        if took > self.timeout {
            if reply.is_ok() && from == self.to {
                passed_over.late = Some(took);
            }
            return Received::Nothing;
        }
        match reply {
            // Whoever answers to a random id at a random port has seen the query.
            Ok(_) if from != self.to => {
                let asked = self.to;
                let detail = format!("{asked} was asked, and {from} answered");
                passed_over.note(DnsCause::WrongSource, detail);
                Received::Nothing
            }
            Err(_) if from != self.to => {
                passed_over.strangers += 1;
                Received::Nothing
            }
            Ok(reply) if reply.is_truncated => Received::Truncated(took),
            Ok(Reply {
                rcode, addresses, ..
            }) => Received::Answer(DnsAnswer {
                rcode,
                addresses,
                took,
            }),
            Err(no) => {
                let cause = match no {
                    NoReply::Malformed(_) => DnsCause::Malformed,
                    NoReply::WrongId(_) => DnsCause::WrongId,
                    NoReply::WrongQuestion(_) => DnsCause::WrongQuestion,
                };
                passed_over.note(cause, no.to_string());
                Received::Nothing
            }
        }
    }

    /// The same over TCP, each message behind its length (RFC 1035, 4.2.2).
    async fn over_tcp(&self, udp_took: Duration) -> Result<DnsAnswer, Unanswered> {
        let left = self.until.saturating_duration_since(Instant::now());
        let (bytes, tcp_took) = self.exchange_over_tcp(left).await.map_err(|error| {
            // That it was cut off is the server's, and so is what keeps the rest from being had; but not what fails here.
            let cause = match SocketError::from(&error) {
                SocketError::Tester => DnsCause::Tester,
                _ => DnsCause::Truncated,
            };
            Unanswered::new(cause, format!("over TCP: {error}"))
        })?;
        match message::read(&bytes, self.id, self.name, self.record) {
            Ok(reply) if reply.is_truncated => {
                Err(Unanswered::new(DnsCause::Truncated, "over TCP, too"))
            }
            Ok(reply) => Ok(DnsAnswer {
                rcode: reply.rcode,
                addresses: reply.addresses,
                took: udp_took + tcp_took,
            }),
            Err(no) => Err(Unanswered::new(
                DnsCause::Malformed,
                format!("over TCP: {no}"),
            )),
        }
    }

    /// The answer, and how long connection and answer took.
    async fn exchange_over_tcp(&self, left: Duration) -> io::Result<(Vec<u8>, Duration)> {
        let Connected {
            mut stream,
            took,
            times,
        } = self.client.port.connect(self.to, left).await?;
        let length = u16::try_from(self.query.len()).map_err(io::Error::other)?;
        let message = [&length.to_be_bytes(), self.query].concat();
        let began = Instant::now();
        stream.write_all(&message).await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        let answered = times.arrivals().last.unwrap_or_else(|| began.elapsed());
        Ok((answer, took + answered))
    }
}
