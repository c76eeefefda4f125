//! Metrics of a running herd: valid to Prometheus, and equal to the report of the same run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use lanherd::lan::netns::NetNs;
use serde_json::Value;

use super::common::host::Host;
use super::common::report::Report;
use super::common::{seconds, wait_for};

const ADDRESS: &str = "127.0.0.1:9100";

/// Counters, and counts of histograms, of which the report says nothing: what happened on the way, and what goes on.
const NOT_REPORTED: [&str; 17] = [
    "lanherd_client_failures_total",
    "lanherd_client_transitions_total",
    // Those of the clients' time are counted in parts of seconds, and at most three seconds old.
    "lanherd_client_unavailable_seconds_total",
    "lanherd_client_usable_seconds_total",
    "lanherd_client_wanted_seconds_total",
    "lanherd_dhcp_acquire_duration_seconds_count",
    "lanherd_dhcp_address_conflicts_total",
    "lanherd_dhcp_lease_expirations_total",
    "lanherd_dhcp_messages_ignored_total",
    "lanherd_dhcp_messages_total",
    "lanherd_dhcp_renew_duration_seconds_count",
    "lanherd_http_phase_duration_seconds_count",
    "lanherd_packets_dropped_total",
    "lanherd_recovery_duration_seconds_count",
    "lanherd_scheduler_lag_seconds_count",
    "lanherd_supervisor_give_ups_total",
    "lanherd_supervisor_messages_total",
];

/// What a scrape says: each series with its labels, as it is written, and its value.
struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    /// The whole text, over HTTP, in the machine's own network.
    fn text(host: &Host) -> Option<String> {
        let answer = NetNs::open(&host.network_namespace())
            .and_then(|namespace| {
                namespace.with(|| {
                    let mut stream = TcpStream::connect(ADDRESS)?;
                    stream.write_all(
                        b"GET /metrics HTTP/1.1\r\nHost: lanherd\r\nConnection: close\r\n\r\n",
                    )?;
                    let mut answer = String::new();
                    stream.read_to_string(&mut answer)?;
                    Ok::<_, std::io::Error>(answer)
                })
            })
            .ok()?
            .ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        Some(body.to_owned())
    }

    fn of(text: &str) -> Self {
        let series = text.lines().filter(|line| !line.starts_with('#'));
        let value = |line: &str| {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            (series.to_owned(), value.parse().expect("a number"))
        };
        Self(series.map(value).collect())
    }

    fn name(series: &str) -> &str {
        series.split('{').next().unwrap_or_default()
    }

    /// Counters and counts of histograms, all of ours.
    fn counts(&self) -> BTreeMap<&str, f64> {
        let is_count = |series: &str| {
            let name = Self::name(series);
            let is_ours = name.starts_with("lanherd_");
            is_ours && (name.ends_with("_total") || name.ends_with("_count"))
        };
        let all = self
            .0
            .iter()
            .map(|(series, count)| (series.as_str(), *count));
        all.filter(|(series, _)| is_count(series)).collect()
    }

    /// Those that the report knows, and that stand still when the herd does.
    fn reported(&self) -> BTreeMap<&str, f64> {
        let mut counts = self.counts();
        counts.retain(|series, _| !NOT_REPORTED.contains(&Self::name(series)));
        counts
    }
}

/// The same, as the report of the run has it.
#[derive(Default)]
struct Expected(BTreeMap<String, u64>);

impl Expected {
    fn add(&mut self, series: String, count: u64) {
        *self.0.entry(series).or_default() += count;
    }

    /// Each count of an object, under the series of its key.
    fn add_each(&mut self, counts: &Value, series: impl Fn(&str) -> String) {
        for (key, count) in counts.as_object().expect("an object") {
            self.add(series(key), count.as_u64().expect("a count"));
        }
    }

    fn of(report: &Report) -> Self {
        let mut all = Self::default();
        let restarts = report.total("restarts");
        let series = r#"lanherd_supervisor_restarts_total{cause="crashed",supervisor="ns"}"#;
        all.add(series.to_owned(), restarts);
        for client in report.clients() {
            let joined = u64::from(client["join_ms"].is_number());
            let series = r#"lanherd_client_join_duration_seconds_count{group="ns"}"#;
            all.add(series.to_owned(), joined);
            all.add_work_of(client);
        }
        all
    }

    fn add_work_of(&mut self, client: &Value) {
        let list = |field: &str| client[field].as_array().expect("a list").clone();
        let number = |value: &Value| value.as_u64().expect("a count");
        for pings in list("pings") {
            let target = format!(r#"family="ipv4",target="{}""#, text(&pings["target"]));
            let requests = format!("lanherd_ping_requests_total{{{target}}}");
            self.add(requests, number(&pings["sent"]));
            let answered = format!("lanherd_ping_rtt_seconds_count{{{target}}}");
            self.add(answered, number(&pings["received"]));
            let duplicates = format!("lanherd_ping_duplicates_total{{{target}}}");
            self.add(duplicates, number(&pings["duplicates"]));
            self.add_each(&pings["lost"], |cause| {
                format!(r#"lanherd_ping_errors_total{{cause="{cause}",{target}}}"#)
            });
        }
        for lookups in list("lookups") {
            self.add_each(&lookups["rcodes"], |rcode| {
                format!(r#"lanherd_dns_responses_total{{rcode="{rcode}"}}"#)
            });
            // Each answer was timed.
            self.add_each(&lookups["rcodes"], |_| {
                r#"lanherd_dns_query_duration_seconds_count{server="lease"}"#.to_owned()
            });
            self.add_each(&lookups["failed"], |cause| {
                format!(r#"lanherd_dns_errors_total{{cause="{cause}"}}"#)
            });
        }
        for fetches in list("fetches") {
            self.add_each(&fetches["statuses"], |status| {
                let class = &status[..1];
                format!(r#"lanherd_http_requests_total{{code="{class}xx"}}"#)
            });
            self.add_each(&fetches["failed"], |cause| {
                format!(r#"lanherd_http_errors_total{{cause="{cause}"}}"#)
            });
        }
        for commands in list("commands") {
            self.add_each(&commands["exits"], |code| {
                let outcome = if code == "0" { "success" } else { "failure" };
                format!(r#"lanherd_commands_total{{outcome="{outcome}"}}"#)
            });
            self.add_each(&commands["exits"], |_| {
                "lanherd_command_duration_seconds_count".to_owned()
            });
            self.add_each(&commands["failed"], |cause| {
                format!(r#"lanherd_commands_total{{outcome="{cause}"}}"#)
            });
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// Scrapes until nothing that is counted in the report has moved for a second.
fn rested(host: &Host) -> String {
    let (mut before, mut since) = (String::new(), Instant::now());
    wait_for("the herd rests", seconds(30), || {
        let now = Scrape::text(host)?;
        if Scrape::of(&before).reported() != Scrape::of(&now).reported() {
            since = Instant::now();
        }
        before.clone_from(&now);
        (since.elapsed() > Duration::from_secs(1)).then_some(now)
    })
}

/// Runs lanherd, which must succeed.
#[track_caller]
fn told(host: &Host, arguments: &[&str]) {
    let outcome = host.lanherd(arguments).finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{arguments:?}: {}", outcome.stderr);
}

#[test]
fn what_prometheus_scrapes_is_valid_and_equals_the_report_of_the_same_run() {
    let host = Host::new();
    let path = host.folder().join("report.json");
    let running = host.lanherd(
        &[
            &["up", "--lab", "--clients", "4", "--metrics", ADDRESS][..],
            &["--lab-fault", "ping-duplicates"],
            &["--report", path.to_str().expect("a path")],
            &["--label", "router_model=the lab", "--label", "firmware=7"],
            &["--every", "200ms", "--timeout", "500ms"],
            &["--ping", "router", "--ping", "203.0.113.99"],
            &["--resolve", "www.lab.test", "--resolve", "nobody.lab.test"],
            &["--fetch", "http://www.lab.test/"],
            &["--fetch", "http://router.lab.test:81/"],
            &["--run-command", "true", "--run-command", "exit 3"],
        ]
        .concat(),
    );
    let scrape = |what: &str, is_there: &dyn Fn(&BTreeMap<&str, f64>) -> bool| {
        wait_for(what, seconds(60), || {
            let scrape = Scrape::of(&Scrape::text(&host)?);
            is_there(&scrape.counts()).then_some(())
        });
    };
    let at_least = |counts: &BTreeMap<&str, f64>, series: &str, least: f64| {
        counts.get(series).is_some_and(|count| *count >= least)
    };
    let joined = r#"lanherd_client_join_duration_seconds_count{group="ns"}"#;
    scrape("all have joined", &|counts| at_least(counts, joined, 4.0));
    told(&host, &["chaos", "crash", "1,2"]);
    let crashed = r#"lanherd_supervisor_restarts_total{cause="crashed",supervisor="ns"}"#;
    scrape("two were restarted", &|counts| {
        at_least(counts, crashed, 2.0)
    });
    let answered = r#"lanherd_ping_rtt_seconds_count{family="ipv4",target="the router"}"#;
    scrape("pings are answered", &|counts| {
        at_least(counts, answered, 40.0)
    });
    // Without a lease nobody has anything to do.
    told(&host, &["release", "all"]);
    let last = rested(&host);
    told(&host, &["stop"]);
    running.finish(seconds(60));

    let file = host.folder().join("metrics.txt");
    fs::write(&file, &last).expect("written");
    let check = format!("promtool check metrics < {}", file.display());
    let checked = host.run(&["sh", "-c", &check]);
    assert_eq!(
        (
            checked.code,
            checked.stdout.as_str(),
            checked.stderr.as_str()
        ),
        (Some(0), "", ""),
        "{last}"
    );

    let report = Report::read(&path);
    let scrape = Scrape::of(&last);
    let mut expected = Expected::of(&report).0;
    let of_pings = |what: &str| report.total(what);
    let (answered, twice) = (of_pings("pings_received"), of_pings("ping_duplicates"));
    // The last of each client may come when nobody asks any more.
    assert!(
        (answered - 4..=answered).contains(&twice),
        "{twice} of {answered}"
    );
    let injected = r#"lanherd_faults_injected_total{fault="crash"}"#;
    // One, of two clients.
    expected.insert(injected.to_owned(), 1);
    // What has not happened stands at 0, and is not in the report.
    let mut found = scrape.reported();
    found.retain(|_, count| *count > 0.0);
    let found: BTreeMap<String, u64> = found
        .into_iter()
        .map(|(series, count)| {
            (
                series.to_owned(),
                format!("{count}").parse().expect("whole"),
            )
        })
        .collect();
    expected.retain(|_, count| *count > 0);
    assert_eq!(found, expected);
    for family in ["ping_errors", "dns_responses", "http_errors", "commands"] {
        let family = format!("lanherd_{family}_total");
        assert!(
            found.keys().any(|series| series.starts_with(&family)),
            "{family}"
        );
    }

    let label = |name: &str| text(&report.0["parameters"]["label"][name]).to_owned();
    let id = label("run_id");
    assert!(id.starts_with("ns-20"), "{id}");
    let labels = format!(
        r#"lanherd_run_info{{firmware="7",pool="ns",router_model="the lab",run_id="{id}",seed=""#
    );
    assert!(last.contains(&labels), "{last}");
    assert_eq!(label("router_model"), "the lab");
    assert!(scrape.0.contains_key("lanherd_tester_saturated"));
    assert!(scrape.counts()["lanherd_scheduler_lag_seconds_count"] > 20.0);
    assert!(report.0["tester"]["scheduler_lag_ms"]["p99"].is_number());
    // A name that does not occur would be left out of the comparison for nothing.
    let names: BTreeSet<&str> = scrape.counts().into_keys().map(Scrape::name).collect();
    for name in NOT_REPORTED {
        assert!(names.contains(name), "{name} is not scraped");
    }
}
