//! The files of a pool that was killed: in the text format that was written before JSON, cut short, altered, or by a newer
//! lanherd.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use lanherd_dhcp::{Message, MessageType};
use lanherd_net::config::Paths;
use lanherd_net::lan::{Lan, Port};
use lanherd_net::linux::{LanConfig, LinuxLan};
use lanherd_net::rundir::leftovers::{PoolState, find, remove};
use lanherd_types::identity::PoolName;
use serde_json::Value;

use lanherd_testkit::world::{
    Router, attach, attach_told, client, config, end, exists, in_a_world, ip, lease,
    nothing_is_left, open, until,
};

const RECORD: &str = "/run/lanherd/ns/ns1";
const LEASE: &str = "/run/lanherd/ns/ns1.lease";
const MANIFEST: &str = "/run/lanherd/ns/about";

fn json(path: &str) -> Value {
    let text = fs::read_to_string(path).expect("a file");
    serde_json::from_str(&text).expect("JSON")
}

/// The content of a file in the text format: the words of one, or those of each where there are several.
fn old(value: &Value) -> Vec<String> {
    match value {
        Value::Null => vec!["none".to_owned()],
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(old).collect(),
        other => vec![other.to_string()],
    }
}

/// Writes the file about a parent that was taken down in the text format.
pub fn age_taken_down(path: &str) {
    let settings = json(path);
    let mut text = format!(
        "interface {}\nindex {}\n",
        old(&settings["interface"])[0],
        settings["index"]
    );
    for message in old(&settings["set_again"]) {
        writeln!(text, "set {message}").expect("a string");
    }
    fs::write(path, text + "end\n").expect("written");
}

/// Writes the files of client 1 and its pool in the text format, as lanherd did before JSON.
fn age() {
    let record = json(RECORD);
    let text = format!(
        "inode {}\ncookie {}\nmac {}\n",
        record["inode"],
        old(&record["cookie"])[0],
        old(&record["mac"])[0]
    );
    fs::write(RECORD, text).expect("written");
    let lease = json(LEASE);
    let dhcp4 = &lease["dhcp4"];
    let one = |key: &str| old(&dhcp4[key])[0].clone();
    let mut text = format!(
        "mac {}\nserver-mac {}\nclient-id {}\nserver {}\naddress {}\n",
        old(&lease["mac"])[0],
        one("server_mac"),
        one("client_id"),
        one("server"),
        one("address")
    );
    for route in dhcp4["routes"].as_array().expect("routes") {
        let (to, gateway) = (&old(&route["destination"])[0], &old(&route["gateway"])[0]);
        writeln!(text, "route {to} {gateway}").expect("a string");
    }
    for key in ["router", "dns"] {
        for address in old(&dhcp4[&format!("{key}s").replace("dnss", "dns")]) {
            writeln!(text, "{key} {address}").expect("a string");
        }
    }
    let finite = &dhcp4["lifetime"]["finite"];
    let lifetime = match finite {
        Value::Null => "infinite".to_owned(),
        _ => format!(
            "{} {} {}",
            finite["lease_ms"], finite["t1_ms"], finite["t2_ms"]
        ),
    };
    let (mtu, requested) = (one("mtu"), one("requested_at_ms"));
    writeln!(
        text,
        "mtu {mtu}\nrequested {requested}\nlifetime {lifetime}\nend"
    )
    .expect("a string");
    fs::write(LEASE, text).expect("written");
    let manifest = json(MANIFEST);
    let of = |key: &str| old(&manifest[key])[0].clone();
    let text = format!(
        "lanherd {}\nparent {}\nparent-index {}\nmode {}\nseed {}\nend\n",
        of("lanherd"),
        of("parent"),
        of("parent_index"),
        of("mode"),
        of("seed")
    );
    fs::write(MANIFEST, text).expect("written");
}

/// A LAN whose process dies while client 1 holds a lease, of which it has heard the server.
async fn killed(router: &Router) {
    let lan = open().await;
    let mac = client(1).mac;
    let (port, told) = attach_told(&lan, 1).await;
    let message = Message::request(MessageType::Ack, mac, 1);
    router.send_to(mac, &message.encode());
    until("the server is heard", || told.messages().len() == 1).await;
    port.configure(&lease(7)).await.expect("configured");
    drop((port, lan));
    // A process that is killed holds nothing any more; here the runtime has to let go of it first.
    tokio::time::sleep(Duration::from_millis(100)).await;
}

fn pool() -> PoolName {
    PoolName::default()
}

fn state() -> PoolState {
    let found = find(&Paths::default(), Some(&pool())).expect("found");
    found.into_iter().next().expect("one pool").state
}

/// What becomes of the text of a file.
type Alter<'a> = &'a dyn Fn(&str) -> String;

#[test]
fn what_was_left_with_files_in_the_text_format_is_cleaned_up_and_its_lease_is_released() {
    in_a_world(|| async {
        let router = Router::start();
        for by_the_next_start in [false, true] {
            killed(&router).await;
            age();
            let PoolState::Left { things, leases, .. } = state() else {
                panic!("it is not found");
            };
            assert_eq!(things[0], "namespace ns1");
            assert_eq!(leases, ["10.9.0.7 of ns1"]);
            let cleared = if by_the_next_start {
                let (lan, cleared) = LinuxLan::open(config()).await.expect("opened");
                assert_eq!(lan.close().await, []);
                cleared
            } else {
                remove(&Paths::default(), &pool()).expect("removed")
            };
            assert!(
                cleared.removed.iter().all(|thing| thing.outcome.is_ok()),
                "{cleared:?}"
            );
            assert_eq!(cleared.released(), 1, "{cleared:?}");
            let mut buffer = [0; 1500];
            let (length, _) = router.server.recv_from(&mut buffer).expect("heard");
            let release = Message::decode(&buffer[..length]).expect("decodes");
            assert_eq!(
                (release.message_type(), release.chaddr, release.ciaddr),
                (Some(MessageType::Release), client(1).mac, lease(7).address)
            );
            nothing_is_left();
        }
    });
}

#[test]
fn what_was_left_with_files_in_the_text_format_is_taken_over_and_written_as_json() {
    in_a_world(|| async {
        let router = Router::start();
        killed(&router).await;
        age();
        let namespace = fs::metadata("/run/netns/ns1").expect("bound");
        let config = LanConfig {
            adopt: Some(1),
            ..config()
        };
        let (lan, cleared) = LinuxLan::open(config).await.expect("opened");
        assert_eq!((cleared.adopted, cleared.misfit), (1, None));
        assert_eq!(cleared.removed, []);
        let remembered = lan.remembered(&client(1)).expect("remembered");
        assert_eq!(remembered.address, lease(7).address);
        assert_eq!(remembered.routes, lease(7).routes);
        let port = attach(&lan, 1).await;
        assert!(ip("-n ns1 -4 address show dev lan0").contains("10.9.0.7/24"));
        let taken_over = fs::metadata("/run/netns/ns1").expect("bound");
        assert_eq!(
            std::os::unix::fs::MetadataExt::ino(&taken_over),
            std::os::unix::fs::MetadataExt::ino(&namespace)
        );
        port.configure(&lease(7)).await.expect("configured");
        for path in [LEASE, MANIFEST] {
            assert_eq!(json(path)["version"], 1, "{path}");
            let mode = fs::metadata(path).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{path}");
        }
        drop(port);
        end(&lan).await;
    });
}

#[test]
fn a_pool_with_a_file_that_cannot_be_used_is_told_and_left_as_it_is_until_that_is_removed() {
    in_a_world(|| async {
        let router = Router::start();
        killed(&router).await;
        let newer = |text: &str| text.replacen("\"version\":1", "\"version\":2", 1);
        let altered = |_: &str| "somebody else's\n".to_owned();
        let cut = |text: &str| text[..text.len() / 2].to_owned();
        let empty = |_: &str| String::new();
        let cases: [(&str, Alter, &str); 9] = [
            (RECORD, &newer, "newer lanherd, in version 2"),
            (
                RECORD,
                &altered,
                "is no record of a namespace that lanherd wrote",
            ),
            (LEASE, &newer, "newer lanherd, in version 2"),
            (
                LEASE,
                &altered,
                "is no record of a lease that lanherd wrote",
            ),
            (LEASE, &cut, "is cut short: remove it"),
            (LEASE, &empty, "is cut short: remove it"),
            (MANIFEST, &newer, "newer lanherd, in version 2"),
            (
                MANIFEST,
                &altered,
                "is no manifest of a pool that lanherd wrote",
            ),
            (MANIFEST, &cut, "is cut short: remove it"),
        ];
        for (path, alter, words) in cases {
            let whole = fs::read_to_string(path).expect("a file");
            fs::write(path, alter(&whole)).expect("written");
            let expected = |told: &str| {
                assert!(
                    told.contains(path) && told.contains(words),
                    "{path}: {told}"
                );
            };
            match state() {
                PoolState::Unreadable { why } => expected(&why),
                other => panic!("{path}: {other:?}"),
            }
            let error = remove(&Paths::default(), &pool()).expect_err("refused");
            expected(&error.to_string());
            for adopt in [None, Some(1)] {
                let config = LanConfig { adopt, ..config() };
                match LinuxLan::open(config).await {
                    Err(error) => expected(&error.to_string()),
                    Ok(_) => panic!("{path} {words}: opened"),
                }
            }
            assert!(exists("/run/netns/ns1"), "{path} {words}");
            let found = fs::read_to_string(path).expect("it is there still");
            assert_eq!(found, alter(&whole));
            fs::write(path, whole).expect("written");
        }
        let cleared = remove(&Paths::default(), &pool()).expect("removed");
        assert_eq!(cleared.released(), 1, "{cleared:?}");
        nothing_is_left();
    });
}
