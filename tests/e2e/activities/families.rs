//! Activities of a herd of both families: over which each attempt goes.

use super::*;

/// What every client that has IPv6 is to be told by its command.
const WHOSE6: &str = r#"ip -6 -o address show lan0 | grep -q " $LANHERD_ADDRESS6/" && ping -6 -c 1 -W 5 "$LANHERD_ROUTER6" > /dev/null &&
    grep -qx "nameserver fd00:77::1" /etc/resolv.conf && getent ahostsv6 www.lab.test | head -n 1"#;

/// What is told of an activity: its list in a report, what it is done to, where that was, and over which family.
struct Worked {
    list: &'static str,
    subject: &'static str,
    at: &'static str,
    family: &'static str,
}

const fn worked(
    list: &'static str,
    subject: &'static str,
    at: &'static str,
    family: &'static str,
) -> Worked {
    Worked {
        list,
        subject,
        at,
        family,
    }
}

const WORKED: [Worked; 9] = [
    worked("pings", "the router", "10.77.0.1", "ipv4"),
    worked("pings", "the router over IPv6", "fe80::1", "ipv6"),
    worked(
        "pings",
        "Google DNS over IPv6",
        "2001:4860:4860::8888",
        "ipv6",
    ),
    worked("lookups", "www.lab.test", "10.77.0.1", "ipv4"),
    worked(
        "lookups",
        "www.lab.test AAAA over IPv6",
        "fd00:77::1",
        "ipv6",
    ),
    worked(
        "fetches",
        "http://www.lab.test/ over IPv6",
        "[2001:db8:203::80]:80",
        "ipv6",
    ),
    worked(
        "fetches",
        "http://[2001:db8:203::80]/",
        "[2001:db8:203::80]:80",
        "ipv6",
    ),
    worked("connections", "router:80 over IPv6", "[fe80::1]:80", "ipv6"),
    // Whichever the client has: IPv6 first, once it has both.
    worked(
        "connections",
        "www.lab.test:80",
        "[2001:db8:203::80]:80",
        "either",
    ),
];

impl Worked {
    fn check(&self, client: &serde_json::Value) {
        let of = |entry: &&serde_json::Value| {
            let mut keys = ["target", "name", "url"].iter();
            keys.find_map(|key| entry[key].as_str()) == Some(self.subject)
        };
        let mut all = client[self.list].as_array().expect("a list").iter();
        let entry = all.find(of);
        let entry = entry.unwrap_or_else(|| panic!("{}: {client:#}", self.subject));
        let at = entry.get("server").unwrap_or(&entry["address"]);
        assert_eq!(at, self.at, "{entry:#}");
        let families = entry.get("families");
        if self.family == "ipv4" {
            // As reports have always had it.
            assert!(families.is_none(), "{entry:#}");
            return;
        }
        let families = families.unwrap_or_else(|| panic!("{entry:#}"));
        let ipv6 = &families["ipv6"];
        assert!(ipv6["succeeded"].as_u64() >= Some(1), "{entry:#}");
        assert_eq!(ipv6["succeeded"], ipv6["attempts"], "{entry:#}");
        if self.family == "ipv6" {
            assert!(families.get("ipv4").is_none(), "{entry:#}");
        }
    }
}

#[test]
fn a_herd_of_both_families_works_over_each_as_it_is_told_and_over_either_as_names_have_it() {
    let host = Host::new();
    let before = host.snapshot();
    let report = host.folder().join("report.json");
    let command = [
        &["up", "--lab", "--family", "dual", "--clients", "2"][..],
        &["--for", "3s", "--every", "500ms", "--report"],
        &[report.to_str().expect("a path")],
        &["--ping", "router", "--ping", "router over ipv6"],
        &["--ping", "Google DNS over ipv6"],
        &["--ping", "client 1 over ipv6"],
        &["--resolve", "www.lab.test"],
        &["--resolve", "www.lab.test AAAA over ipv6"],
        &["--fetch", "http://www.lab.test/ over ipv6"],
        &["--fetch", "http://[2001:db8:203::80]/"],
        &["--connect", "router:80 over ipv6"],
        &["--connect", "www.lab.test:80"],
        &["--run-command", WHOSE6],
    ]
    .concat();
    let outcome = host.lanherd(&command).finish(seconds(90));
    assert_eq!(
        outcome.code,
        Some(0),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
    let report = host.report();
    for client in report.clients() {
        for worked in &WORKED {
            worked.check(client);
        }
        let lookups = client["lookups"].as_array().expect("a list");
        let found: Vec<_> = lookups
            .iter()
            .map(|lookup| &lookup["addresses"][0])
            .collect();
        assert_eq!(found, ["203.0.113.80", "2001:db8:203::80"]);
        // None began before there was IPv6.
        let commands = &client["commands"][0];
        assert_eq!(commands["succeeded"], commands["attempts"], "{commands:#}");
        let output = commands["output"].as_str().expect("a text");
        assert!(output.starts_with("2001:db8:203::80 "), "{output}");
    }
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_herd_of_both_families_asks_a_real_resolver_over_ipv6_for_addresses_of_ipv6() {
    let host = Host::new();
    let script = "ip -6 address add fd00:77::1/64 dev lan nodad
        tries=0
        until ip -6 address show dev lan scope link -tentative | grep -q inet6; do
            tries=$((tries + 1)); [ $tries -lt 500 ]; sleep 0.02
        done";
    let ready = host.start_on_router("addresses", &["sh", "-ec", script]);
    assert_eq!(ready.finish(seconds(30)).code, Some(0));
    let more = [
        "--port=53",
        "--no-resolv",
        "--no-hosts",
        "--address=/www.test.example/10.66.0.1",
        "--address=/www.test.example/fd00:77::1",
        "--host-record=four.test.example,10.66.0.1",
        "--local=/test.example/",
        "--enable-ra",
        "--ra-param=lan,4,1800",
        "--dhcp-range=fd00:77::,ra-stateless,64,10m",
        "--dhcp-option=option6:dns-server,[fd00:77::1]",
    ];
    let _router = Router::dnsmasq(&host, "10.66.1.0,10.66.1.250", "1h", &more);
    let outcome = host
        .up(
            2,
            &[
                "--family",
                "dual",
                "--for",
                "3s",
                "--every",
                "500ms",
                "--resolve",
                "www.test.example AAAA over ipv6",
                "--resolve",
                "four.test.example AAAA",
                "--ping",
                "www.test.example over ipv6",
                "--ping",
                "router over ipv6",
            ],
        )
        .finish(seconds(90));
    // No name of IPv4 alone has an address of IPv6.
    assert_eq!(
        outcome.code,
        Some(1),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
    let report = host.report();
    for client in report.clients() {
        for lookup in client["lookups"].as_array().expect("a list") {
            let (server, rcode) = match lookup["name"].as_str() {
                Some("www.test.example AAAA over IPv6") => ("fd00:77::1", "noerror"),
                Some("four.test.example AAAA") => ("10.66.0.1", "nodata"),
                other => panic!("{other:?}"),
            };
            assert_eq!(lookup["server"], server, "{lookup:#}");
            let rcodes = lookup["rcodes"].as_object().expect("an object");
            assert_eq!(rcodes.keys().collect::<Vec<_>>(), [rcode], "{lookup:#}");
            if rcode == "noerror" {
                assert_eq!(lookup["addresses"], json!(["fd00:77::1"]));
            }
        }
        for ping in client["pings"].as_array().expect("a list") {
            assert_eq!(ping["received"], ping["sent"], "{ping:#}");
            assert!(ping["received"].as_u64() >= Some(1), "{ping:#}");
            let target = ping["target"].as_str().expect("a target");
            let address = ping["address"].as_str().expect("an address");
            let start = if target.starts_with("www") {
                "fd00:77::1"
            } else {
                "fe80::"
            };
            assert!(address.starts_with(start), "{ping:#}");
        }
    }
}

#[test]
fn what_goes_over_a_family_that_no_client_is_to_have_is_refused_before_it_begins() {
    let host = Host::new();
    let command = [
        "up",
        "--lab",
        "--clients",
        "1",
        "--ping",
        "router over ipv6",
    ];
    let outcome = host.lanherd(&command).finish(seconds(30));
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    let words = "ping the router over IPv6 goes over IPv6, which these clients are not to have: say family dual";
    assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
}
