//! Requests as they are read, clients as they are chosen, and a server on a pool that stands on the in-memory LAN.

use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lanherd_types::test_folder::TestFolder;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::*;
use crate::client::Order;
use crate::fault::Fault;
use crate::identity::{ClientNumber, PoolName};
use crate::lab::LabConfig;
use crate::lan::fake::FakeLan;
use crate::metrics::Metrics;
use crate::pool::{Pool, PoolConfig};
use lanherd_connections::Server;

fn read_back(request: &Request) -> Request {
    let line = write(request).expect("json");
    assert_eq!(line.find('\n'), Some(line.len() - 1), "{line:?}");
    parse(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"))
}

#[test]
fn every_request_reads_back_as_it_is_written() {
    let clients = || "1,4-7".parse::<ClientSelector>().expect("clients");
    let mut requests = vec![
        Request::Ps {},
        Request::Restart { clients: clients() },
        Request::Add {
            count: 10,
            group: None,
        },
        Request::Add {
            count: 1,
            group: Some("phones".parse().expect("a group")),
        },
        Request::Remove {
            clients: ClientSelector::All,
        },
        Request::Place {
            client: ClientNumber(7),
        },
        Request::Events {},
        Request::Stop {},
    ];
    requests.extend(Order::ALL.iter().map(|order| Request::Order {
        order: *order,
        clients: clients(),
    }));
    requests.extend(Fault::ALL.iter().flat_map(|fault| {
        [None, Some(Duration::from_millis(1_500))].map(|lasts| Request::Chaos {
            fault: *fault,
            clients: Some(clients()),
            lasts,
        })
    }));
    for request in requests {
        assert_eq!(read_back(&request), request);
    }
}

#[test]
fn a_request_is_what_the_page_about_it_says() {
    let page = include_str!("../../docs/control.md");
    let requests: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("{\"version\""))
        .collect();
    assert!(requests.len() >= 9, "{requests:?}");
    for request in requests {
        assert!(parse(request.as_bytes()).is_ok(), "{request}");
    }
}

#[test]
fn a_key_that_nobody_knows_is_refused_so_that_no_wish_goes_unheard() {
    for line in [
        r#"{"version":1,"command":"chaos","fault":"flap_parent","fro":"5s"}"#,
        r#"{"version":1,"command":"ps","pool":"ns"}"#,
        r#"{"version":1,"command":"chaos","fault":"flap_parent","for":"soon"}"#,
    ] {
        let error = parse(line.as_bytes()).expect_err(line);
        assert!(matches!(error, RequestError::Malformed(_)), "{error}");
    }
}

proptest! {
    #[test]
    fn no_line_makes_the_parser_panic(line in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = parse(&line);
    }

    #[test]
    fn no_object_makes_the_parser_panic(
        command in "ps|restart|order|add|remove|chaos|place|events|stop|[a-z]{0,8}",
        key in "clients|count|fault|for|client|order|group|version|[a-z]{0,8}",
        value in prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,40}".prop_map(Value::from),
            "[0-9,\\-]{0,40}".prop_map(Value::from),
            Just(Value::Null),
            Just(json!([[]])),
            Just(json!({"a": {}})),
        ],
    ) {
        let mut object = json!({"version": VERSION, "command": command});
        object[key] = value;
        if let Ok(request) = parse(object.to_string().as_bytes()) {
            prop_assert_eq!(read_back(&request), request);
        }
    }

    #[test]
    fn clients_that_are_read_are_written_the_same(text in "[0-9,\\-]{1,20}") {
        if let Ok(clients) = text.parse::<ClientSelector>() {
            prop_assert_eq!(clients.to_string().parse(), Ok(clients));
        }
    }
}

/// A run that can be stopped, and whose router has one fault.
#[derive(Clone, Default)]
struct Stoppable(Arc<AtomicBool>);

impl RunControl for Stoppable {
    fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    async fn inject(&self, fault: Fault, _lasts: Duration) -> Result<(), String> {
        match fault {
            Fault::DhcpMute => Ok(()),
            other => Err(format!("no {other} here")),
        }
    }
}

/// A pool of `clients` on the in-memory LAN, all settled, and its server.
struct ServedPool {
    pool: Pool,
    server: Server,
    run: Stoppable,
    folder: TestFolder,
}

impl ServedPool {
    async fn with(clients: u32) -> Self {
        let config = PoolConfig::new(PoolName::default());
        let lan = FakeLan::new(&LabConfig::default());
        let metrics = Metrics::new(&config.name, config.seed).expect("families");
        let pool = Pool::start(Arc::new(lan), config, metrics)
            .await
            .expect("a pool");
        if clients > 0 {
            pool.create(clients).await.expect("clients");
            pool.settled(Duration::from_secs(60)).await.expect("a herd");
        }
        let folder = TestFolder::new("control");
        let listener = StdListener::bind(folder.file("control")).expect("a socket");
        listener.set_nonblocking(true).expect("a socket");
        let run = Stoppable::default();
        let server =
            serve(listener, PoolName::default(), pool.clone(), run.clone()).expect("a server");
        Self {
            pool,
            server,
            run,
            folder,
        }
    }

    async fn connect(&self) -> BufReader<UnixStream> {
        BufReader::new(
            UnixStream::connect(self.folder.file("control"))
                .await
                .expect("a connection"),
        )
    }

    async fn ask(&self, request: &Request) -> Answer {
        let mut stream = self.connect().await;
        let line = write(request).expect("json");
        stream.write_all(line.as_bytes()).await.expect("written");
        next(&mut stream).await
    }

    async fn end(self) {
        self.pool.tear_down().await.expect("a tear-down");
        timeout(Duration::from_secs(5), self.server.shut_down())
            .await
            .expect("a server ends whatever others do");
    }
}

async fn next(stream: &mut BufReader<UnixStream>) -> Answer {
    let mut line = String::new();
    timeout(Duration::from_secs(20), stream.read_line(&mut line))
        .await
        .expect("an answer in time")
        .expect("an answer");
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
}

fn clients(text: &str) -> ClientSelector {
    text.parse().expect("clients")
}

#[tokio::test]
async fn what_is_asked_is_done_to_the_pool() {
    let served = ServedPool::with(5).await;
    let Answer::Herd(herd) = served.ask(&Request::Ps {}).await else {
        panic!("no herd")
    };
    assert_eq!(herd.clients.len(), 5);
    assert!(
        herd.clients
            .iter()
            .all(|row| row.lease_remaining_seconds > Some(3_000))
    );
    let renew = Request::Order {
        order: Order::Renew,
        clients: clients("2-4"),
    };
    assert_eq!(served.ask(&renew).await, Answer::Told(3));
    let add = Request::Add {
        count: 2,
        group: None,
    };
    let added = vec![ClientNumber(6), ClientNumber(7)];
    assert_eq!(served.ask(&add).await, Answer::Added(added));
    served
        .pool
        .settled(Duration::from_secs(60))
        .await
        .expect("a herd");
    let remove = Request::Remove {
        clients: clients("1,6-9"),
    };
    let Answer::Removed(removed) = served.ask(&remove).await else {
        panic!("nothing removed")
    };
    assert_eq!((removed.clients, removed.released), (3, 3));
    for (request, words) in [
        (
            Request::Restart {
                clients: clients("6"),
            },
            "client 6 has left",
        ),
        (
            Request::Restart {
                clients: clients("8-9"),
            },
            "none of the clients 8-9 exists",
        ),
        (
            Request::Restart {
                clients: clients("phones"),
            },
            "no client is of a group phones; there are clients of ns",
        ),
        (
            Request::Place {
                client: ClientNumber(0),
            },
            "client 0",
        ),
    ] {
        match served.ask(&request).await {
            Answer::Error(why) => assert!(why.contains(words), "{why}"),
            other => panic!("{request:?}: {other:?}"),
        }
    }
    let place = served
        .ask(&Request::Place {
            client: ClientNumber(3),
        })
        .await;
    assert!(matches!(place, Answer::Place { namespace, .. } if namespace == "ns3"));
    assert_eq!(served.ask(&Request::Stop {}).await, Answer::Stopping {});
    assert!(served.run.0.load(Ordering::Relaxed));
    served.end().await;
}

#[tokio::test]
async fn faults_go_to_whom_they_aim_at_and_are_told_as_events() {
    let served = ServedPool::with(2).await;
    let mut follower = served.connect().await;
    let line = write(&Request::Events {}).expect("json");
    follower.write_all(line.as_bytes()).await.expect("written");
    assert_eq!(next(&mut follower).await, Answer::Following {});
    let chaos = |fault, who: Option<&str>, lasts| Request::Chaos {
        fault,
        clients: who.map(clients),
        lasts,
    };
    let Answer::Faults(made) = served.ask(&chaos(Fault::DhcpMute, None, None)).await else {
        panic!("not made")
    };
    assert_eq!(
        (made.len(), made[0].client, &made[0].error),
        (1, None, &None)
    );
    let Answer::Event(event) = next(&mut follower).await else {
        panic!("no event")
    };
    let event = serde_json::to_value(event).expect("json");
    assert_eq!(event["fault"], "dhcp_mute", "{event}");

    let second = Some(Duration::from_secs(1));
    let long = Some(Duration::from_secs(10_000));
    for request in [
        chaos(Fault::RouterReset, None, None),
        chaos(Fault::DhcpMute, Some("1"), None),
        chaos(Fault::Crash, Some("1"), second),
        chaos(Fault::FlapParent, None, long),
    ] {
        let answer = served.ask(&request).await;
        assert!(
            matches!(answer, Answer::Error(_)),
            "{request:?}: {answer:?}"
        );
    }
    served.end().await;
    // The stream ends with the pool.
    let mut rest = Vec::new();
    let ended = timeout(Duration::from_secs(5), follower.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the stream goes on");
}

#[tokio::test]
async fn an_empty_herd_has_nobody_to_tell() {
    let served = ServedPool::with(0).await;
    let all = Request::Restart {
        clients: ClientSelector::All,
    };
    let Answer::Error(why) = served.ask(&all).await else {
        panic!("somebody was told")
    };
    assert!(why.contains("lanherd add"), "{why}");
    served.end().await;
}

#[tokio::test]
async fn whoever_does_not_read_is_dropped_and_nobody_waits_for_him() {
    let served = ServedPool::with(50).await;
    let mut deaf = served.connect().await;
    // Answers of some ten thousand bytes each: the socket is full long before the last.
    let line = write(&Request::Ps {}).expect("json");
    deaf.write_all(line.repeat(300).as_bytes())
        .await
        .expect("written");
    let prompt = timeout(Duration::from_secs(2), served.ask(&Request::Ps {})).await;
    assert!(matches!(prompt, Ok(Answer::Herd(_))), "{prompt:?}");
    // After its ten seconds the server hangs up: what it had said can be read, and then comes the end. Nothing else is at work, so
    // that a paused clock goes on to what is waited for next.
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(11)).await;
    tokio::time::resume();
    let mut said = Vec::new();
    let ended = timeout(Duration::from_secs(5), deaf.read_to_end(&mut said)).await;
    assert!(ended.is_ok(), "the connection is still open");
    let answers = said.split(|byte| *byte == b'\n').count() - 1;
    assert!(
        answers < 300,
        "{answers} answers were kept for somebody who does not read"
    );
    served.end().await;
}
