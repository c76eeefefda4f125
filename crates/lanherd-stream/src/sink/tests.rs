//! A sink and its clients over loopback.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::*;
use crate::client::{StreamFailure, Streamed, stream};
use crate::limiter::Limiter;
use crate::protocol::Directions;
use lanherd_connections::Server;

const PATIENCE: Duration = Duration::from_secs(30);

struct Running {
    sink: Arc<Sink>,
    at: SocketAddr,
    server: Server,
}

fn sink(limits: SinkLimits) -> Running {
    let sink = Arc::new(Sink::new(limits).expect("random numbers"));
    let listener = listen(([127, 0, 0, 1], 0).into()).expect("a port");
    let at = listener.local_addr().expect("its address");
    let server = Server::start(listener, Arc::clone(&sink), limits.connections());
    Running { sink, at, server }
}

fn open(directions: Directions, rate: Option<u64>, ms: u64) -> Open {
    Open {
        directions,
        rate,
        lasts: Duration::from_millis(ms),
        congestion_control: None,
    }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.at).await.expect("connected")
    }

    async fn stream(&self, open: &Open) -> Result<Streamed, StreamFailure<io::Error>> {
        let control = self.connect().await;
        let connect = || TcpStream::connect(self.at);
        stream(control, open, PATIENCE, connect).await
    }

    /// What the sink says to somebody who says this, until it ends.
    async fn hears(&self, said: &[u8]) -> Vec<u8> {
        let mut stream = self.connect().await;
        stream.write_all(said).await.expect("said");
        let mut heard = Vec::new();
        // It may break the connection off, which says as little.
        let _ = stream.read_to_end(&mut heard).await;
        heard
    }

    /// Waits for the sink to have done something.
    async fn until(&self, done: impl Fn(&Sink) -> bool) {
        let waited = async {
            while !done(&self.sink) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, waited).await.expect("in time");
    }
}

#[tokio::test]
async fn both_ends_count_the_same_in_each_direction_and_the_rate_is_kept() {
    let running = sink(SinkLimits::default());
    for directions in Directions::ALL {
        // 8 Mbit/s for half a second: 500 kB.
        let open = open(*directions, Some(8_000_000), 500);
        let streamed = running.stream(&open).await.expect("streamed");
        let all = [
            (Direction::Up, &streamed.up),
            (Direction::Down, &streamed.down),
        ];
        for (direction, streamed) in all {
            assert_eq!(streamed.is_some(), directions.include(direction));
            let Some(streamed) = streamed else { continue };
            assert!(
                (400_000..=510_000).contains(&streamed.bytes),
                "{direction}: {streamed:?}"
            );
            assert!(streamed.measured <= streamed.bytes);
            assert!(streamed.took >= Duration::from_millis(450));
            assert!(streamed.tcp.segments > 0, "{direction}: {streamed:?}");
            assert!(!streamed.congestion_control.is_empty(), "{direction}");
        }
    }
    let SinkCounters {
        accepted,
        received,
        sent,
        ..
    } = running.sink.counters();
    assert_eq!(accepted, 3);
    assert!(received > 800_000 && sent > 800_000, "{received} {sent}");
    assert_eq!(running.sink.streams(), 0);
    running.server.shut_down().await;
}

#[tokio::test]
async fn as_fast_as_it_goes_is_faster_than_any_rate_and_no_rate_is_its_limit() {
    let running = sink(SinkLimits::default());
    let open = open(Directions::Both, None, 500);
    let streamed = running.stream(&open).await.expect("streamed");
    for streamed in [streamed.up, streamed.down] {
        let streamed = streamed.expect("in that direction");
        assert!(streamed.goodput() > 20e6, "{streamed:?}");
        assert_ne!(streamed.limiter, Limiter::Rate);
    }
}

#[tokio::test]
async fn whoever_does_not_speak_the_protocol_hears_nothing() {
    let running = sink(SinkLimits::default());
    let nobodys = Message::Data(Data {
        cookie: Cookie([7; 16]),
        direction: Direction::Down,
    });
    for said in [
        b"GET / HTTP/1.1\r\n\r\n".as_slice(),
        b"LHSK\x01\x09\x00\x00",
        &nobodys.encode(),
    ] {
        assert_eq!(running.hears(said).await, b"");
    }
    let SinkCounters { ignored, .. } = running.sink.counters();
    assert_eq!(ignored, 3);
}

#[tokio::test]
async fn another_version_a_longer_time_and_an_unknown_congestion_control_are_refused_in_words() {
    let limits = SinkLimits {
        lasts: Duration::from_secs(2),
        ..SinkLimits::default()
    };
    let running = sink(limits);
    let heard = running.hears(b"LHSK\x02").await;
    let text = String::from_utf8_lossy(&heard);
    assert!(text.contains("use the same release"), "{text}");
    let long = open(Directions::Up, None, 2_001);
    let unknown = Open {
        congestion_control: Some("nosuch".to_owned()),
        ..open(Directions::Down, None, 100)
    };
    for (open, reason, says) in [
        (long, RefusalReason::TooLong, "may last 2 s here at most"),
        (
            unknown,
            RefusalReason::CongestionControl,
            "at the sink: this kernel has no congestion control",
        ),
    ] {
        match running.stream(&open).await {
            Err(StreamFailure::Refused(refused)) => {
                assert_eq!(refused.reason, reason);
                assert!(refused.words.contains(says), "{}", refused.words);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(running.sink.counters().refused, 3);
}

#[tokio::test]
async fn there_are_no_more_streams_than_may_be_and_one_that_has_ended_makes_room() {
    let limits = SinkLimits {
        streams: 1,
        ..SinkLimits::default()
    };
    let running = sink(limits);
    let mut first = running.connect().await;
    let wanted = Message::Open(open(Directions::Up, None, 60_000)).encode();
    first.write_all(&wanted).await.expect("said");
    running.until(|sink| sink.streams() == 1).await;
    let short = open(Directions::Down, Some(1_000_000), 100);
    match running.stream(&short).await {
        Err(StreamFailure::Refused(refused)) => assert_eq!(refused.reason, RefusalReason::Busy),
        other => panic!("{other:?}"),
    }
    // It goes without a word.
    drop(first);
    running.until(|sink| sink.streams() == 0).await;
    running.stream(&short).await.expect("there is room");
}

#[tokio::test]
async fn a_stream_ends_at_the_limit_of_bytes_in_either_direction() {
    let limits = SinkLimits {
        bytes: 200_000,
        ..SinkLimits::default()
    };
    let running = sink(limits);
    for directions in [Directions::Up, Directions::Down] {
        let streamed = running.stream(&open(directions, None, 5_000)).await;
        assert!(
            matches!(streamed, Err(StreamFailure::Limit(200_000))),
            "{directions}: {streamed:?}"
        );
    }
}

#[tokio::test]
async fn each_direction_has_one_data_connection_and_a_cookie_is_worth_nothing_afterwards() {
    let running = sink(SinkLimits::default());
    let mut control = running.connect().await;
    let wanted = Message::Open(open(Directions::Down, Some(1_000_000), 60_000)).encode();
    control.write_all(&wanted).await.expect("said");
    let mut reader = MessageReader::default();
    let Ok(Message::Accepted(accepted)) = reader.next(&mut control).await else {
        panic!("it is not accepted");
    };
    let data = |direction| {
        Message::Data(Data {
            cookie: accepted.cookie,
            direction,
        })
        .encode()
    };
    let mut own = running.connect().await;
    own.write_all(&data(Direction::Down)).await.expect("said");
    assert_ne!(own.discard(1).await.expect("sent"), 0);
    // The second of its direction, and one of a direction that the stream does not have.
    assert_eq!(running.hears(&data(Direction::Down)).await, b"");
    assert_eq!(running.hears(&data(Direction::Up)).await, b"");
    drop(control);
    running.until(|sink| sink.streams() == 0).await;
    assert_eq!(running.hears(&data(Direction::Down)).await, b"");
    // What was under way has ended with its control connection.
    let ended = async { while own.discard(1 << 20).await.is_ok_and(|bytes| bytes > 0) {} };
    timeout(PATIENCE, ended).await.expect("it ends");
}
