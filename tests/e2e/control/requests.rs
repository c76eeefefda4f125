//! What the control socket makes of requests, and of those who do not read.

use super::*;

fn say(host: &Host, bytes: &[u8]) -> Vec<String> {
    let mut stream = UnixStream::connect(host.path("/run/lanherd/ns/control")).expect("a socket");
    stream
        .set_read_timeout(Some(seconds(10)))
        .expect("a timeout");
    // It may hang up on what is too long before all of it is written.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let lines = BufReader::new(stream).lines();
    lines.map_while(Result::ok).collect()
}

#[test]
fn bad_requests_get_an_error_line_and_never_disturb_the_pool() {
    let host = Host::new();
    let run = lab(&host, "ns", 2);
    let bad: [(&str, &str); 9] = [
        ("hello", "no request"),
        ("{}", "version"),
        (r#"{"version":9,"command":"ps"}"#, "version 1"),
        (r#"{"version":1,"command":"fly"}"#, "fly"),
        (r#"{"version":1,"command":"restart"}"#, "clients"),
        (
            r#"{"version":1,"command":"restart","clients":"9-3"}"#,
            "9-3",
        ),
        (
            r#"{"version":1,"command":"restart","clients":"99"}"#,
            "client 99",
        ),
        (r#"{"version":1,"command":"add","count":0}"#, "0 clients"),
        (
            r#"{"version":1,"command":"add","count":99999999999}"#,
            "no request",
        ),
    ];
    for (line, word) in bad {
        let answers = say(&host, format!("{line}\n").as_bytes());
        let [answer] = answers.as_slice() else {
            panic!("{line}: {answers:?}")
        };
        let answer: Value = serde_json::from_str(answer).expect("json");
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.contains(word), "{line}: {answer}");
    }
    // Several on one connection, the good one among them.
    let answers = say(
        &host,
        b"\n\xff\xfe\n{\"version\":1,\"command\":\"ps\"}\n[1]\n",
    );
    assert_eq!(answers.len(), 4, "{answers:?}");
    assert!(answers[2].starts_with("{\"herd\":"), "{answers:?}");
    // Too long: one complaint, and the end.
    let answers = say(&host, &vec![b'x'; 1_000_000]);
    assert!(answers.len() <= 1, "{answers:?}");
    if let Some(answer) = answers.first() {
        assert!(answer.contains("65536 bytes"), "{answer}");
    }
    refused(&host, &["restart", "99"], 2, &["client 99"]);
    refused(&host, &["restart", "none at all"], 2, &["none at all"]);
    refused(&host, &["add", "0"], 2, &["0 clients"]);
    refused(&host, &["chaos", "flood"], 2, &["flood", "crash"]);
    refused(&host, &["chaos", "crash", "--for", "5s"], 2, &["crash"]);
    refused(&host, &["chaos", "router-reboot", "1"], 2, &["everybody"]);

    // More connections than it serves: those that are too many are told so, and the rest go on.
    let connect = || UnixStream::connect(host.path("/run/lanherd/ns/control")).expect("a socket");
    let mut idle: Vec<UnixStream> = (0..32).map(|_| connect()).collect();
    let mut one_more = connect();
    let mut words = String::new();
    one_more
        .set_read_timeout(Some(seconds(10)))
        .expect("a timeout");
    one_more.read_to_string(&mut words).expect("an answer");
    assert!(words.contains("close one"), "{words}");
    idle.clear();
    online(&host, "ns", 2);
    told(&host, &["stop"]);
    assert_eq!(run.finish(seconds(30)).code, Some(0));
}

#[test]
fn an_order_that_reaches_no_client_fails_with_the_reason() {
    let host = Host::new();
    // The second client waits for more than an hour.
    let run = host.lanherd(&[
        "up",
        "--lab",
        "--clients",
        "2",
        "--join-rate",
        "0.01/min",
        "--lease-timeout",
        "60s",
    ]);
    online(&host, "ns", 1);
    for order in ["renew", "rebind", "release", "inform"] {
        let words = [&format!("no client was told to {order}")[..], "lanherd ps"];
        refused(&host, &[order, "2"], 1, &words);
    }
    refused(&host, &["restart", "2"], 1, &["no client", "lanherd ps"]);
    assert_eq!(told(&host, &["renew", "1-2"]), "1 client told to renew\n");
    told(&host, &["stop"]);
    // One of the two was never online.
    assert_eq!(run.finish(seconds(30)).code, Some(1));
}

#[test]
fn a_follower_that_does_not_read_blocks_nobody() {
    let host = Host::new();
    let run = lab(&host, "ns", 20);
    let mut deaf = UnixStream::connect(host.path("/run/lanherd/ns/control")).expect("a socket");
    deaf.write_all(b"{\"version\":1,\"command\":\"events\"}\n")
        .expect("a request");
    // Some thousand events: more than the socket's buffer takes.
    for restarts in 1..=12 {
        told(&host, &["restart", "all"]);
        // Not only online: they are so as well until they have ended.
        wait_for("all are back", seconds(60), || {
            let herd = herd(&host, "ns")?;
            let is_back =
                |client: &Value| client["phase"] == "online" && client["restarts"] == restarts;
            let clients = herd["clients"].as_array()?;
            clients.iter().all(is_back).then_some(())
        });
    }
    told(&host, &["stop"]);
    assert_eq!(run.finish(Duration::from_secs(30)).code, Some(0));
    drop(deaf);
}
