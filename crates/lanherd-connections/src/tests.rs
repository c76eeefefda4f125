//! Servers whose connections are in memory, on a paused clock.

mod http;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;

use super::*;

/// More than anything here takes: a test that waits for it has failed.
const LONG: Duration = Duration::from_secs(3600);

/// What comes to it is what a test sends.
struct Incoming(Mutex<mpsc::UnboundedReceiver<io::Result<DuplexStream>>>);

impl Listener for Incoming {
    type Stream = DuplexStream;

    async fn accept(&self) -> io::Result<DuplexStream> {
        match self.0.lock().await.recv().await {
            Some(stream) => stream,
            None => std::future::pending().await,
        }
    }
}

/// The other end of the listener: it makes connections.
struct Callers(mpsc::UnboundedSender<io::Result<DuplexStream>>);

impl Callers {
    fn listener() -> (Self, Incoming) {
        let (send, receive) = mpsc::unbounded_channel();
        (Self(send), Incoming(Mutex::new(receive)))
    }

    fn connect(&self) -> Caller {
        // Little room, so that whoever does not read is noticed.
        let (mine, theirs) = duplex(64);
        assert!(self.0.send(Ok(theirs)).is_ok(), "nobody listens");
        Caller(BufReader::new(mine))
    }

    fn fail(&self) {
        let failed = self.0.send(Err(io::Error::other("no descriptors left")));
        assert!(failed.is_ok(), "nobody listens");
    }

    fn is_listened_to(&self) -> bool {
        !self.0.is_closed()
    }
}

struct Caller(BufReader<DuplexStream>);

impl Caller {
    async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("said");
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = timeout(LONG, self.0.read_line(&mut line)).await;
        read.expect("in time").expect("an answer");
        line
    }

    /// All that is said until the connection is closed.
    async fn rest(&mut self) -> String {
        let mut rest = String::new();
        let read = timeout(LONG, self.0.read_to_string(&mut rest)).await;
        read.expect("in time").expect("text");
        rest
    }

    async fn is_answered(&mut self) -> bool {
        // Whether it can be said is seen by the answer.
        let _ = self.0.write_all(b"still there?\n").await;
        self.line().await == "still there?\n"
    }
}

/// Says each line again. Where it is told to end it says so, after as long as it was made to take.
struct Echo {
    /// None for one that all may connect to; or else more than so many are refused.
    most: Option<usize>,
    farewell: Duration,
}

const ECHO: Echo = Echo {
    most: None,
    farewell: Duration::ZERO,
};

impl Protocol<DuplexStream> for Echo {
    fn admits(&self, _: &DuplexStream, open: usize) -> bool {
        self.most.is_none_or(|most| open < most)
    }

    async fn converse(self: Arc<Self>, stream: DuplexStream, leaving: CancellationToken) {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = String::new();
            tokio::select! {
                read = stream.read_line(&mut line) => match read {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => return,
                },
                () = leaving.cancelled() => {
                    sleep(self.farewell).await;
                    line = "farewell\n".to_owned();
                }
            }
            if stream.write_all(line.as_bytes()).await.is_err() || leaving.is_cancelled() {
                return;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn where_there_are_too_many_the_oldest_is_closed_and_the_others_are_served() {
    let (callers, listener) = Callers::listener();
    let server = Server::start(listener, Arc::new(ECHO), 2);
    let (mut first, mut second) = (callers.connect(), callers.connect());
    assert!(first.is_answered().await && second.is_answered().await);
    let mut third = callers.connect();
    assert!(third.is_answered().await);
    assert_eq!(first.rest().await, "");
    assert!(second.is_answered().await && third.is_answered().await);
    server.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_has_ended_takes_no_place() {
    let (callers, listener) = Callers::listener();
    let server = Server::start(listener, Arc::new(ECHO), 2);
    let mut lasting = callers.connect();
    assert!(lasting.is_answered().await);
    for _ in 0..10 {
        assert!(callers.connect().is_answered().await);
        // The server has seen its end before the next one comes.
        sleep(Duration::from_millis(1)).await;
    }
    assert!(lasting.is_answered().await);
    server.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_protocol_that_admits_no_more_keeps_those_that_it_has() {
    let (callers, listener) = Callers::listener();
    let protocol = Echo {
        most: Some(1),
        ..ECHO
    };
    let server = Server::start(listener, Arc::new(protocol), 8);
    let mut first = callers.connect();
    assert!(first.is_answered().await);
    assert_eq!(callers.connect().rest().await, "");
    assert!(first.is_answered().await);
    drop(first);
    sleep(Duration::from_millis(1)).await;
    assert!(callers.connect().is_answered().await);
    server.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn after_a_connection_that_could_not_be_accepted_it_pauses_and_goes_on() {
    let (callers, listener) = Callers::listener();
    let server = Server::start(listener, Arc::new(ECHO), 2);
    let began = Instant::now();
    for _ in 0..5 {
        callers.fail();
    }
    let mut caller = callers.connect();
    assert!(caller.is_answered().await);
    let took = began.elapsed();
    assert!(
        (5 * ACCEPT_PAUSE..6 * ACCEPT_PAUSE).contains(&took),
        "{took:?}"
    );
    server.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_shut_down_lets_its_conversations_end_and_waits_for_no_more() {
    let (callers, listener) = Callers::listener();
    let protocol = Echo {
        farewell: GRACE / 2,
        ..ECHO
    };
    let server = Server::start(listener, Arc::new(protocol), 4);
    let mut callers_served = [callers.connect(), callers.connect()];
    for caller in &mut callers_served {
        assert!(caller.is_answered().await);
    }
    let began = Instant::now();
    server.shut_down().await;
    let took = began.elapsed();
    assert!((GRACE / 2..GRACE).contains(&took), "{took:?}");
    assert!(!callers.is_listened_to());
    for mut caller in callers_served {
        assert_eq!(caller.rest().await, "farewell\n");
    }
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_does_not_end_is_closed_after_the_grace() {
    let (callers, listener) = Callers::listener();
    let protocol = Echo {
        farewell: LONG,
        ..ECHO
    };
    let server = Server::start(listener, Arc::new(protocol), 4);
    let mut caller = callers.connect();
    assert!(caller.is_answered().await);
    let began = Instant::now();
    server.shut_down().await;
    let took = began.elapsed();
    assert!((GRACE..2 * GRACE).contains(&took), "{took:?}");
    assert_eq!(caller.rest().await, "");
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_does_not_read_keeps_nobody_else_waiting_and_ends_with_the_server() {
    let (callers, listener) = Callers::listener();
    let server = Server::start(listener, Arc::new(ECHO), 4);
    let mut deaf = callers.connect();
    // All that the server and both directions of the connection take, and then no more.
    let line = "x".repeat(63) + "\n";
    let filling = async {
        loop {
            deaf.say(&line).await;
        }
    };
    let filled = timeout(Duration::from_secs(1), filling).await;
    assert!(filled.is_err(), "what is not read is kept without limit");
    assert!(callers.connect().is_answered().await);
    server.shut_down().await;
    assert!(!callers.is_listened_to());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_dropped_ends_unwaited() {
    let (callers, listener) = Callers::listener();
    let server = Server::start(listener, Arc::new(ECHO), 4);
    let mut caller = callers.connect();
    assert!(caller.is_answered().await);
    drop(server);
    assert_eq!(caller.rest().await, "farewell\n");
    assert!(!callers.is_listened_to());
}
