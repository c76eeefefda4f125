//! The API over real sockets on the loopback, of a pool that stands on the in-memory LAN.

mod events;
mod page;
mod streams;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;
use crate::activity::ping::PingSpec;
use crate::client::ipv6::Ipv6EventKind;
use crate::dhcp::LossReason;
use crate::family::{Families, Family};
use crate::fault::Fault;
use crate::identity::{ClientNumber, PoolName};
use crate::lab::{Ipv6Config, LabConfig};
use crate::lan::fake::FakeLan;
use crate::live::Watch;
use crate::phase::{Cause, Phase, Stage};
use crate::pool::restart::GiveUp;
use crate::pool::{Event, EventKind, PoolConfig, Selection, Share};
use crate::report;

const PATIENCE: Duration = Duration::from_secs(20);

/// A herd, and the server that tells of it.
struct ServedRun {
    pool: Pool,
    server: Server,
    _watch: Watch,
}

impl ServedRun {
    async fn with(clients: u32) -> Self {
        Self::behind(Guard::open(), clients).await
    }

    async fn behind(guard: Guard, clients: u32) -> Self {
        Self::beside(&LabConfig::default(), Families::Ipv4, guard, clients).await
    }

    async fn beside(lab: &LabConfig, families: Families, guard: Guard, clients: u32) -> Self {
        let mut config = PoolConfig::new(PoolName::default());
        let ping = PingSpec {
            count: None,
            interval: Duration::from_millis(50),
            ..PingSpec::once(crate::target::Target::Router)
        };
        config.activities = vec![ping.into()];
        config.families = families;
        let lan = FakeLan::new(lab);
        let metrics = Metrics::new(&config.name, config.seed).expect("metrics");
        let pool = Pool::start(Arc::new(lan), config, metrics.clone())
            .await
            .expect("a pool");
        let bound = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), guard).expect("bound");
        let watch = Live::watch(pool.clone(), PoolName::default()).expect("a watch");
        let server = bound
            .serve_herd(metrics, pool.clone(), Arc::clone(watch.live()))
            .expect("a server");
        if clients > 0 {
            pool.create(clients).await.expect("clients");
            pool.settled(PATIENCE).await.expect("settled");
        }
        Self {
            pool,
            server,
            _watch: watch,
        }
    }

    /// The head and the body of one answer.
    async fn ask(&self, method: &str, path: &str) -> (String, String) {
        let mut stream = self.send(method, path, "Connection: close\r\n").await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.to_lowercase(), body.to_owned())
    }

    async fn send(&self, method: &str, path: &str, headers: &str) -> TcpStream {
        let address = self.server.address();
        let mut stream = TcpStream::connect(address).await.expect("connected");
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        let sent = stream.write_all(request.as_bytes()).await;
        sent.expect("sent");
        stream
    }

    async fn document(&self, path: &str) -> Value {
        let (head, body) = self.ask("GET", path).await;
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        assert!(head.contains("content-type: application/json"), "{head}");
        serde_json::from_str(&body).expect("json")
    }

    async fn follow(&self, query: &str, headers: &str) -> Follower {
        let path = format!("/api/v1/events{query}");
        Follower {
            stream: self.send("GET", &path, headers).await,
            heard: String::new(),
        }
    }

    async fn crash(&self, number: u32) {
        let which = Selection::Numbers(vec![ClientNumber(number)]);
        let injected = self.pool.inject_fault(which, Fault::Crash).await;
        assert!(
            injected
                .expect("injected")
                .iter()
                .all(|(_, one)| one.is_ok())
        );
    }

    async fn end(self) {
        self.pool.tear_down().await.expect("torn down");
        self.server.shut_down().await;
    }
}

/// Somebody who reads a stream of events.
struct Follower {
    stream: TcpStream,
    heard: String,
}

impl Follower {
    /// Reads on until `text` was heard.
    async fn hear(&mut self, text: &str) {
        let reading = async {
            let mut buffer = [0; 4_096];
            while !self.heard.contains(text) {
                let read = self.stream.read(&mut buffer).await.expect("read");
                assert!(read > 0, "the end came before {text:?}: {}", self.heard);
                self.heard
                    .push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
        };
        let in_time = timeout(PATIENCE, reading).await;
        assert!(in_time.is_ok(), "{text:?} is not in {}", self.heard);
    }

    /// The numbers of the events that were heard, in that order.
    fn sequences(&self) -> Vec<u64> {
        let ids = self
            .heard
            .lines()
            .filter_map(|line| line.strip_prefix("id: "));
        ids.map(|id| id.parse().expect("a number")).collect()
    }
}

struct Schema {
    schemas: Schemas,
    compiler: Compiler,
}

impl Schema {
    fn new() -> Self {
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        for source in [report::SCHEMA, api::SCHEMA] {
            let source: Value = serde_json::from_str(source).expect("JSON");
            let id = source["$id"].as_str().expect("an $id").to_owned();
            compiler.add_resource(&id, source).expect("a resource");
        }
        Self {
            schemas: Schemas::new(),
            compiler,
        }
    }

    fn refusal(&mut self, definition: &str, instance: &Value) -> Option<String> {
        let place = format!("urn:lanherd:api:1#/$defs/{definition}");
        let index: SchemaIndex = self
            .compiler
            .compile(&place, &mut self.schemas)
            .expect("a valid schema");
        let validated = self.schemas.validate(instance, index);
        validated.err().map(|error| format!("{error:#}"))
    }

    #[track_caller]
    fn accept(&mut self, definition: &str, instance: &Value) {
        assert_eq!(self.refusal(definition, instance), None, "{instance}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_document_is_as_the_schema_says_and_tells_of_the_herd() {
    let (served, mut schema) = (ServedRun::with(12).await, Schema::new());
    served.crash(7).await;
    let mut follower = served.follow("?after=0", "").await;
    follower.hear("\"event\":\"failed\"").await;
    served.pool.settled(PATIENCE).await.expect("settled");
    // From one look at the herd to the next, so that there were pings between.
    tokio::time::sleep(Duration::from_millis(2_200)).await;

    let herd = served.document("/api/v1/herd").await;
    schema.accept("herd", &herd);
    assert_eq!(herd["phases"]["online"], 12, "{herd}");
    assert_eq!(herd["sums"]["failures"]["crashed"], 1, "{herd}");
    assert_eq!(herd["sums"]["faults"]["crash"]["count"], 1, "{herd}");
    assert!(
        herd["lately"]["ping_ms"]["p99"].as_f64() > Some(0.0),
        "{herd}"
    );

    // In the same form for every kind of activity.
    let pings = &herd["activities"][0];
    assert_eq!(
        (&pings["kind"], &pings["subject"]),
        (&json!("ping"), &json!("the router"))
    );
    assert!(
        pings["attempts"].as_u64() > Some(0) && pings["ms"]["p50"].as_f64() > Some(0.0),
        "{pings}"
    );

    let history = served.document("/api/v1/history").await;
    schema.accept("history", &history);
    let kinds = history["kinds"].as_array().expect("kinds");
    assert_eq!(kinds.len(), crate::activity::Kind::ALL.len());
    for kind in kinds {
        let many = kind["many"].as_str().expect("a name");
        assert!(history["points"][0][many]["attempts"].is_u64(), "{many}");
    }
    let points = history["points"].as_array().expect("points");
    let joins: u64 = points.iter().filter_map(|p| p["joins"].as_u64()).sum();
    assert!(points.len() >= 2 && joins == 12, "{history}");

    let clients = served.document("/api/v1/clients").await;
    schema.accept("clients", &clients);
    assert_eq!(clients["clients"].as_array().map(Vec::len), Some(12));
    assert_eq!(clients["clients"][6]["last_cause"], "crashed");

    let client = served.document("/api/v1/clients/7").await;
    schema.accept("client", &client);
    assert_eq!(client["client"]["restarts"], 1);
    assert!(client["lease_remaining_seconds"].as_u64() > Some(0));
    assert_eq!(client["activities"][0]["kind"], "ping", "{client}");
    let events = client["events"].as_array().expect("events");
    assert!(events.iter().any(|event| event["event"] == "failed"));
    assert!(events.iter().all(|event| event["client"] == 7));
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn routers_are_told_with_flags_and_routes_and_with_what_they_break() {
    let mut schema = Schema::new();
    // One that advertises lifetimes that are too long for a line that may get another prefix (RFC 9096, 3.4).
    let mut lab = LabConfig {
        ipv6: Some(Ipv6Config {
            valid: Duration::from_secs(86_400),
            ..Ipv6Config::default()
        }),
        ..LabConfig::default()
    };
    let served = ServedRun::beside(&lab, Families::Dual, Guard::open(), 2).await;
    let found = served.document("/api/v1/routers").await;
    schema.accept("routers", &found);
    let router = &found["routers"][0];
    assert_eq!(
        found["routers"].as_array().map(Vec::len),
        Some(1),
        "{found}"
    );
    assert_eq!(
        (&router["managed"], &router["prefixes"][0]["autonomous"]),
        (&json!(false), &json!(true)),
        "{found}"
    );
    assert!(router["route_information"].is_array(), "{found}");
    let breaches = found["breaches"].as_array().expect("a list");
    let is_told = |breach: &Value| breach["requirement"] == "ra-lifetime-limits";
    assert!(breaches.iter().any(is_told), "{found}");
    served.end().await;

    // Nothing of a herd that is to have only IPv4.
    lab.ipv6 = None;
    let served = ServedRun::beside(&lab, Families::Ipv4, Guard::open(), 1).await;
    let found = served.document("/api/v1/routers").await;
    schema.accept("routers", &found);
    assert_eq!(
        (&found["routers"], &found["breaches"]),
        (&json!([]), &json!([]))
    );
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_said_in_the_form_of_the_schema() {
    let (served, mut schema) = (ServedRun::with(1).await, Schema::new());
    let (head, body) = served.ask("GET", "/api/v1/clients/2").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    schema.accept("refusal", &serde_json::from_str(&body).expect("json"));
    for path in [
        "/api/v1/clients/",
        "/api/v1/clients/0",
        "/api/v1/clients/+1",
        "/api/v1/clients/01",
        "/api/v2/herd",
    ] {
        assert!(
            served.ask("GET", path).await.0.starts_with("http/1.1 404"),
            "{path}"
        );
    }
    for path in ["/", "/api/v1/herd", "/api/v1/events"] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let (head, _) = served.ask(method, path).await;
            assert!(head.starts_with("http/1.1 405"), "{method} {path}: {head}");
        }
        assert!(
            served.ask("HEAD", path).await.0.starts_with("http/1.1 200"),
            "{path}"
        );
    }
    let (head, _) = served.ask("GET", "/api/v1/events?after=-1").await;
    assert!(head.starts_with("http/1.1 400"), "{head}");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_from_elsewhere_whose_name_was_made_ours_gets_nothing() {
    let served = ServedRun::with(1).await;
    for path in ["/", "/api/v1/clients"] {
        let mut stream = TcpStream::connect(served.server.address())
            .await
            .expect("connected");
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_somebody_must_say_who_he_is_only_health_and_readiness_are_open() {
    let (guard, token) = guard::tests::with_token();
    let served = ServedRun::behind(guard, 1).await;
    for path in [
        "/",
        "/panels",
        "/panels/clients/1",
        "/metrics",
        "/api/v1/herd",
        "/api/v1/clients/1",
        "/api/v1/routers",
        "/api/v1/events",
    ] {
        let (head, body) = served.ask("GET", path).await;
        assert!(head.starts_with("http/1.1 401"), "{path}: {head}");
        assert!(head.contains("www-authenticate: bearer"), "{head}");
        assert!(!body.contains("online"), "{body}");
        let header = format!("Authorization: Bearer {token}\r\nConnection: close\r\n");
        let mut admitted = Follower {
            stream: served.send("GET", path, &header).await,
            heard: String::new(),
        };
        admitted.hear("HTTP/1.1 200").await;
    }
    for path in ["/healthz", "/readyz"] {
        let (head, _) = served.ask("GET", path).await;
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
    }
    served.end().await;
}
