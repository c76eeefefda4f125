mod groups;
mod schema;

use clap::Parser as _;

use super::*;
use crate::activity::Kind;
use crate::pool::Restart;
use crate::target::Target;

/// The options of `lanherd up`, as that command has them.
#[derive(Debug, clap::Parser)]
struct Up {
    #[command(flatten)]
    draft: Draft,
}

fn from_options(options: &[&str]) -> Scenario {
    let up = Up::try_parse_from([&["up"], options].concat()).expect("options");
    up.draft.check().expect("a scenario")
}

#[track_caller]
fn refused(text: &str) -> TextError {
    Scenario::from_toml(text).expect_err("it is refused")
}

#[test]
#[allow(clippy::too_many_lines, reason = "a list of all options")]
fn every_option_is_a_key_of_the_same_name_and_both_give_the_same_scenario() {
    let options = from_options(&[
        "--parent=eth0",
        "--clients=7",
        "--pool=phones",
        "--family=dual",
        "--delegated-prefix=56",
        "--ipv6-addresses=temporary",
        "--no-dad",
        "--mode=private",
        "--join-rate=50/s",
        "--outstanding=32",
        "--ping=Google DNS",
        "--ping=router",
        "--resolve=router.lab.test",
        "--fetch=http://www.lab.test/",
        "--run-command=test -n \"$LANHERD_ROUTER\"",
        "--every=500ms",
        "--timeout=1s",
        "--for=10m",
        "--restart=permanent",
        "--intensity=9",
        "--period=1h",
        "--lease-timeout=30s",
        "--start-delay=10s",
        "--broadcast",
        "--device=ios",
        "--conflict-detection",
        "--adopt",
        "--metrics=127.0.0.1:9100",
        "--metrics-per-client",
        "--label=router_model=X",
        "--label=firmware=7.59",
        "--metrics-token-file=token",
        "--web-config=web.yml",
        "--seed=7",
        "--report=out.json",
        "--html=out.html",
        "--fail-if=packet loss > 0.1 %",
        "--fail-if=p95 dns > 50 ms",
    ]);
    let text = r#"
        parent = "eth0"
        clients = 7
        pool = "phones"
        family = "dual"
        delegated-prefix = 56
        ipv6-addresses = "temporary"
        no-dad = true
        mode = "private"
        join-rate = "50/s"
        outstanding = 32
        ping = ["Google DNS", "router"]
        resolve = ["router.lab.test"]
        fetch = ["http://www.lab.test/"]
        run-command = ['test -n "$LANHERD_ROUTER"']
        every = "500ms"
        timeout = "1s"
        for = "10m"
        restart = "permanent"
        intensity = 9
        period = "1h"
        lease-timeout = "30s"
        start-delay = "10s"
        broadcast = true
        device = "ios"
        conflict-detection = true
        adopt = true
        metrics = "127.0.0.1:9100"
        metrics-per-client = true
        label = { router_model = "X", firmware = "7.59" }
        metrics-token-file = "token"
        web-config = "web.yml"
        seed = 7
        report = "out.json"
        html = "out.html"
        fail-if = ["packet loss > 0.1 %", "p95 dns > 50 ms"]
    "#;
    assert_eq!(Scenario::from_toml(text), Ok(options.clone()));
    let lab = from_options(&[
        "--lab",
        "--clients=3",
        "--lab-lease=20m",
        "--lab-range=10.9.0.10-10.9.0.40",
        "--lab-fault=ping-loss",
        "--lab-fault=dns_limit",
    ]);
    let text = "lab = true\nclients = 3\nlab-lease = '20m'\nlab-range = '10.9.0.10-10.9.0.40'\n\
        lab-fault = ['ping_loss', 'dns-limit']\n";
    let faults = lab.lab_config().expect("a lab").faults;
    assert_eq!(faults, [Fault::PingLoss, Fault::DnsLimit]);
    assert_eq!(Scenario::from_toml(text), Ok(lab));

    let keys: Vec<String> = text_keys(&options);
    for argument in <Up as clap::CommandFactory>::command().get_arguments() {
        let Some(name) = argument
            .get_long()
            .filter(|name| *name != "lab" && !name.starts_with("lab-"))
        else {
            continue;
        };
        assert!(
            keys.iter().any(|key| key == name),
            "{name} is not in {keys:?}"
        );
    }
}

#[test]
fn the_ipv6_of_a_lab_is_a_table_of_the_file_which_the_report_has_as_it_was_written() {
    let text = "lab = true\nclients = 3\nfamily = 'dual'\n[lab-ipv6]\nmanaged = true\ninterval = '10s'\n\
        [lab-ipv6.dhcp]\nt1 = '1m'\n";
    let scenario = Scenario::from_toml(text).expect("a scenario");
    let ipv6 = scenario.lab_config().expect("a lab").ipv6.expect("IPv6");
    assert!(ipv6.managed && !ipv6.other);
    assert_eq!(ipv6.interval, Duration::from_secs(10));
    assert_eq!(ipv6.dhcp.t1, Some(Duration::from_secs(60)));
    let parameters = serde_json::to_value(&scenario).expect("parameters");
    let written = serde_json::json!({"managed": true, "interval": "10s", "dhcp": {"t1": "1m"}});
    assert_eq!(parameters["lab"]["lab-ipv6"], written);
    let plain = Scenario::from_toml("lab = true\nclients = 3\nfamily = 'ipv6'\n");
    let plain = plain.expect("a scenario").lab_config().expect("a lab");
    assert_eq!(plain.ipv6, Some(crate::lab::Ipv6Config::default()));

    for (text, line, word) in [
        (
            "lab = true\nclients = 3\n[lab-ipv6]\nmanaged = true\n",
            3,
            "none has",
        ),
        (
            "parent = 'a'\nclients = 3\nfamily = 'dual'\n[lab-ipv6]\n",
            4,
            "is the lab's",
        ),
        (
            "lab = true\nclients = 3\nfamily = 'dual'\n[lab-ipv6]\nmanage = true\n",
            4,
            "did you mean managed",
        ),
        (
            "lab = true\nclients = 3\nfamily = 'dual'\n[lab-ipv6]\ninterval = '1s'\n",
            4,
            "3s to 30m",
        ),
    ] {
        let error = refused(text);
        assert_eq!(error.line, line, "{text}{error}");
        assert!(error.message.contains(word), "{text}{error}");
    }
}

#[test]
fn every_option_of_a_soak_is_a_key_of_its_table() {
    #[derive(Debug, clap::Parser)]
    struct Soak {
        #[command(flatten)]
        soak: SoakDraft,
    }
    let options = Soak::try_parse_from([
        "soak",
        "--interval=10s",
        "--churn=10/m",
        "--storm=50",
        "--storm-every=2m",
        "--vanish=1/m",
        "--fail-on-drift",
    ])
    .expect("options");
    let text = "\
        lab = true\nclients = 200\nfor = '72h'\n[soak]\ninterval = '10s'\nchurn = '10/m'\nstorm = 50\n\
        storm-every = '2m'\nvanish = '1/m'\nfail-on-drift = true\n";
    let draft = Draft::from_toml(text).expect("a draft");
    assert_eq!(draft.soak, Some(options.soak));
    let scenario = Scenario::from_toml(text).expect("a scenario");
    let parameters = serde_json::to_value(&scenario).expect("JSON");
    for argument in <Soak as clap::CommandFactory>::command().get_arguments() {
        let name = argument.get_long().expect("an option");
        assert!(
            !parameters["soak"][name].is_null(),
            "{name}: {parameters:#}"
        );
    }
}

#[test]
fn a_soak_needs_no_settings_and_refuses_those_that_contradict_each_other() {
    let head = "lab = true\nclients = 20\n[soak]\n";
    let plain = Scenario::from_toml(head).expect("a soak").soak;
    assert_eq!(plain, Some(SoakSettings::default()));
    for (text, column, word) in [
        (" interval = '999ms'", 2, "interval is too short: write 1s"),
        ("storm-every = '5m'", 1, "say how many"),
        ("storm = 21", 1, "smaller storm"),
        ("storms = 3", 1, "did you mean storm?"),
    ] {
        let error = refused(&format!("{head}{text}\n"));
        assert_eq!((error.line, error.column), (4, column), "{text}: {error}");
        assert!(error.message.contains(word), "{text}: {error}");
    }
}

/// The names under which a report has the parameters.
fn text_keys(scenario: &Scenario) -> Vec<String> {
    match serde_json::to_value(scenario).expect("a scenario is JSON") {
        serde_json::Value::Object(map) => map.keys().cloned().collect(),
        other => panic!("{other} is no object"),
    }
}

#[test]
fn what_is_left_out_has_the_defaults_of_the_pool() {
    let scenario = from_options(&["--parent=eth0", "--clients=1"]);
    let config = scenario.pool_config();
    let default = PoolConfig::new(PoolName::default());
    assert_eq!(format!("{config:?}"), format!("{default:?}"));
    assert_eq!(scenario.hold, None);
    let lab = from_options(&["--lab", "--clients=1"])
        .lab_config()
        .expect("the lab");
    assert_eq!(format!("{lab:?}"), format!("{:?}", LabConfig::default()));
}

#[test]
fn an_unknown_key_a_bad_value_and_a_wrong_type_are_found_at_their_place() {
    for (text, line, column, word) in [
        (
            "parent = \"a\"\nclients = 3\nclinets = 4\n",
            3,
            1,
            "clinets",
        ),
        ("parent = \"a\"\nclients = 0\n", 2, 11, "0 clients"),
        ("parent = \"a\"\nclients = \"x\"\n", 2, 11, "the text \"x\""),
        (
            "parent = \"a\"\nclients = 3\n  for = 'soon'\n",
            3,
            9,
            "soon",
        ),
        (
            "lab = true\nclients = 3\nping = ['router', 'nowhere']\n",
            3,
            8,
            "nowhere",
        ),
        (
            "lab = true\nclients = 3\nmode = 'public'\n",
            3,
            8,
            "private",
        ),
        ("lab = true\nclients = = 3\n", 2, 11, ""),
        ("lab = true\nclients = 3\nclients = 3\n", 3, 1, "duplicate"),
    ] {
        let error = refused(text);
        assert_eq!((error.line, error.column), (line, column), "{text}{error}");
        assert!(error.message.contains(word), "{text}{error}");
    }
}

#[test]
fn values_that_contradict_each_other_are_found_at_the_key_to_blame() {
    for (text, line, column, word) in [
        ("clients = 3\n\nparent = \"a\"\nlab = true\n", 3, 1, "lab"),
        (
            "parent = \"a\"\nclients = 3\n lab-lease = '1h'\n",
            3,
            2,
            "lab-lease",
        ),
        ("lab = true\nclients = 3\nadopt = true\n", 3, 1, "parent"),
        (
            "lab = true\nlab-range = '10.9.0.10-10.9.0.12'\nclients = 5\n",
            3,
            1,
            "10.9.0.10",
        ),
        (
            "parent = \"a\"\nclients = 2\nmode = \"passthru\"\n",
            2,
            1,
            "passthru",
        ),
        ("parent = \"a\"\nclients = 2\nevery = '1s'\n", 3, 1, "every"),
        (
            "parent = \"a\"\nclients = 2\nping = ['router']\ntimeout = '0s'\n",
            4,
            1,
            "1ms",
        ),
        (
            "parent = \"a\"\nclients = 2\nping = ['router']\nevery = '2s'\nfor = '1s'\n",
            4,
            1,
            "never",
        ),
        ("clients = 2\n", 1, 1, "parent"),
        (
            "lab = true\nclients = 201\nmetrics = '127.0.0.1:0'\nmetrics-per-client = true\n",
            4,
            1,
            "ask for 200 clients at most",
        ),
        (
            "parent = 'a'\nclients = 2\nlab-fault = ['ping_loss']\n",
            3,
            1,
            "lab-fault",
        ),
        (
            "lab = true\nclients = 2\nlab-fault = ['crash']\n",
            3,
            1,
            "not done to the lab's router",
        ),
        (
            "lab = true\nclients = 3\nping = ['client 4']\n",
            3,
            1,
            "client 4 cannot be pinged in a herd of 3",
        ),
        (
            "lab = true\nclients = 3\nping = ['router', 'router over IPv6']\n",
            3,
            1,
            "ping the router over IPv6 goes over IPv6, which these clients are not to have: say family dual",
        ),
        (
            "lab = true\nclients = 3\nfamily = 'ipv6'\nfetch = ['http://10.77.0.1/']\n",
            4,
            1,
            "goes over IPv4",
        ),
    ] {
        let error = refused(text);
        assert_eq!((error.line, error.column), (line, column), "{text}{error}");
        assert!(error.message.contains(word), "{text}{error}");
    }
}

#[test]
fn a_client_of_any_group_can_be_pinged_and_one_of_none_cannot() {
    let text = |number: u32| {
        format!(
            "lab = true\nclients = 3\n[[group]]\nname = 'tv'\nclients = 2\nping = ['client {number}']\n"
        )
    };
    assert!(Scenario::from_toml(&text(5)).is_ok());
    let error = refused(&text(6));
    assert!(error.message.contains("name one of 1 to 5"), "{error}");
}

#[test]
fn the_message_shows_the_line_and_marks_the_place() {
    let error = refused("lab = true\nclients = 3\nklients = 4\n");
    let shown = error.to_string();
    assert!(
        shown.starts_with("line 3, column 1: there is no key klients: did you mean clients?"),
        "{shown}"
    );
    assert!(
        shown.ends_with("\n  |\n3 | klients = 4\n  | ^^^^^^^"),
        "{shown}"
    );
}

#[test]
fn a_target_that_is_named_twice_is_pinged_once() {
    let scenario = from_options(&["--lab", "--clients=1", "--ping=router", "--ping=gateway"]);
    let pings = scenario.workload.activities.of(Kind::Ping);
    assert_eq!(pings, Some(&[Target::Router.into()][..]));
}

#[test]
fn connections_are_an_option_and_a_key_of_herds_and_groups() {
    let options = from_options(&["--lab", "--clients=1", "--connect=router:80"]);
    let text = "lab = true\nclients = 1\nconnect = ['router:80']\n\
        [[group]]\nname = 'tv'\nclients = 1\nconnect = ['8.8.8.8:53', 'client 1:22']\n";
    let file = Scenario::from_toml(text).expect("a scenario");
    let of = |workload: &Workload| {
        let connections = workload.activities.of(Kind::Connect).unwrap_or_default();
        let texts = connections.iter().map(ToString::to_string);
        texts.collect::<Vec<_>>()
    };
    assert_eq!(of(&options.workload), ["router:80"]);
    assert_eq!(of(&file.workload), ["router:80"]);
    let group = of(&file.groups[0].workload);
    assert_eq!(group, ["8.8.8.8:53", "client 1:22"]);
    let nobody = Scenario::from_toml("lab = true\nclients = 1\nconnect = ['client 2:22']\n");
    let words = nobody.expect_err("nobody").to_string();
    let said = "client 2 cannot be connected to in a herd of 1";
    assert!(words.contains(said), "{words}");
}

#[test]
fn what_clients_do_beside_pings_has_the_same_pace_and_is_told_to_groups_too() {
    let text = "lab = true\nclients = 1\nresolve = ['b.test', 'a.test', 'B.test.']\nrun-command = ['true']\n\
        every = '3s'\ntimeout = '7s'\n[[group]]\nname = 'tv'\nclients = 1\nfetch = ['http://tv.test/']\nresolve = []\n";
    let scenario = Scenario::from_toml(text).expect("a scenario");
    let names = scenario.workload.activities.of(Kind::Dns);
    let names: Vec<String> = names
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["a.test", "b.test"]);
    let config = scenario.pool_config();
    assert_eq!(
        (config.activities.len(), scenario.workload.activities.len()),
        (3, 3)
    );
    let tv = &config.groups[0].activities;
    let [fetch, command] = &tv[..] else {
        panic!("{tv:?}");
    };
    assert_eq!(
        (
            fetch.subject.to_string().as_str(),
            command.subject.to_string().as_str()
        ),
        ("http://tv.test/", "true")
    );
    for (interval, timeout) in [
        (fetch.interval, fetch.timeout),
        (command.interval, command.timeout),
    ] {
        assert_eq!((interval.as_secs(), timeout.as_secs()), (3, 7));
    }
}

#[test]
fn a_command_of_nothing_a_url_over_tls_and_a_name_that_is_none_are_refused_by_name() {
    for (key, words) in [
        ("run-command = ['  ']", "a command is empty"),
        ("fetch = ['https://a.test/']", "curl -sS https://a.test/"),
        ("resolve = ['a b']", "no host name"),
        ("ping = ['googel']", "no ping target"),
        ("connect = ['router']", "nothing to connect to"),
    ] {
        let error = refused(&format!("lab = true\nclients = 1\n{key}\n"));
        let shown = error.to_string();
        assert!(shown.contains(words) && shown.contains("line 3"), "{shown}");
    }
}

#[test]
fn the_example_in_the_repository_is_a_scenario() {
    let scenario = Scenario::from_toml(include_str!("../../examples/scenario.toml"));
    assert!(scenario.is_ok(), "{}", scenario.expect_err("it is not"));
}
