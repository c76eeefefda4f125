//! Personas as they are written down, and what becomes of them.

use super::*;
use crate::{Client, Message, Output};
use lanherd_types::identity::{ClientNumber, PoolName, Seed};

fn identity(number: u32) -> Identity {
    Identity::derive(&PoolName::default(), ClientNumber(number), Seed(7))
}

fn read(text: &str) -> Persona {
    toml::from_str(text).expect("a persona")
}

/// The DISCOVER of client 3.
fn discover(persona: &Persona) -> Message {
    let config = Config {
        start_delay: Duration::ZERO..=Duration::ZERO,
        ..persona.config(&identity(3)).expect("a good persona")
    };
    let now = std::time::Instant::now();
    let mut client = Client::new(config, fastrand::Rng::with_seed(1));
    client.start(now);
    client.handle_timeout(now);
    match client.poll_output() {
        Some(Output::Transmit(transmit)) => transmit.message,
        other => panic!("{other:?}"),
    }
}

fn codes(message: &Message) -> Vec<u8> {
    message.options.iter().map(|(code, _)| code).collect()
}

const WHOLE: &str = r#"
hostname = "tv-{n}-{name}"
client-id = "00:ca:FE"
parameter-requests = [3, 1, 6]
max-message-size = 1200
vendor-class = "TV 1.0"
user-class = ["living", "room"]
vendor-options = [{ enterprise = 3561, hex = "01:02:ca:fe" }]
option-order = [53, 55, 12]
broadcast = true
rapid-commit = true
v6-only = true
conflict-detection = true
offer-window = "2s"
start-delay = "500ms"

[options]
224 = "text"
93 = { hex = "00:07" }
94 = { hex = "" }
"#;

#[test]
fn every_key_has_its_place_in_the_configuration() {
    let config = read(WHOLE).config(&identity(3)).expect("a good persona");
    assert_eq!(config.mac, identity(3).mac);
    assert_eq!(config.hostname.as_deref(), Some("tv-3-ns3"));
    assert_eq!(config.client_id, ClientId::Raw(vec![0, 0xca, 0xfe]));
    assert_eq!(config.parameter_requests, [3, 1, 6]);
    assert_eq!(config.max_message_size, Some(1200));
    assert_eq!(config.vendor_class.as_deref(), Some("TV 1.0"));
    assert_eq!(config.user_class, ["living", "room"]);
    assert_eq!(
        config.vendor_options,
        [VendorOptions {
            enterprise: 3561,
            data: vec![1, 2, 0xca, 0xfe]
        }]
    );
    assert_eq!(
        config.extra,
        [(93, vec![0, 7]), (94, vec![]), (224, b"text".to_vec())]
    );
    assert_eq!(config.option_order, [53, 55, 12]);
    assert!(config.broadcast && config.rapid_commit && config.v6_only);
    assert!(config.conflict_detection);
    assert_eq!(config.offers, OfferPolicy::Window(Duration::from_secs(2)));
    assert_eq!(
        config.start_delay,
        Duration::ZERO..=Duration::from_millis(500)
    );
}

#[test]
fn a_persona_reads_back_as_it_is_written() {
    let whole = read(WHOLE);
    let text = serde_json::to_string(&whole).expect("a text");
    assert_eq!(
        serde_json::from_str::<Persona>(&text).expect("a persona"),
        whole
    );
    assert_eq!(
        serde_json::to_string(&Persona::default()).expect("a text"),
        "{}"
    );
}

#[test]
fn what_is_left_out_stays_as_it_was() {
    let base = Config {
        hostname: Some("before".to_owned()),
        client_id: ClientId::Mac,
        broadcast: true,
        extra: vec![(93, vec![1])],
        ..Config::new(identity(3).mac)
    };
    let kept = Persona::default()
        .apply(base.clone(), &identity(3))
        .expect("a good persona");
    assert_eq!(format!("{kept:?}"), format!("{base:?}"));

    let config = read("client-id = 'none'\noffer-window = '0s'")
        .apply(base, &identity(3))
        .expect("a good persona");
    assert_eq!(
        (config.client_id, config.offers),
        (ClientId::None, OfferPolicy::First)
    );
    assert_eq!(config.hostname.as_deref(), Some("before"));
}

#[test]
fn nothing_and_zero_send_nothing() {
    let silent = read(
        "hostname = ''\nclient-id = 'none'\nparameter-requests = []\nmax-message-size = 0\nvendor-class = ''\nuser-class = []",
    );
    assert_eq!(codes(&discover(&silent)), [53]);
}

#[test]
fn a_bad_value_is_refused_with_its_key_and_the_remedy() {
    let long = format!("vendor-class = '{}'", "x".repeat(256));
    let cases = [
        ("hostname = 'a{m}'", "hostname: \"a{m}\" has braces"),
        (
            "hostname = \"a\\u0007\"",
            "hostname: \"a\\u{7}\" has control characters: leave",
        ),
        (
            "client-id = 'uuid'",
            "client-id: \"uuid\" is no client id: write none, mac, duid, or",
        ),
        ("client-id = '01'", "client-id: \"01\" is no client id"),
        ("client-id = '01:2'", "client-id: \"01:2\" is no client id"),
        (
            "client-id = '01:+2'",
            "client-id: \"01:+2\" is no client id",
        ),
        (
            "parameter-requests = [1, 255]",
            "parameter-requests: 255 is no option but framing",
        ),
        (
            "parameter-requests = [1, 3, 1]",
            "parameter-requests: 1 stands there twice",
        ),
        (
            "option-order = [0]",
            "option-order: 0 is no option but framing",
        ),
        (
            "max-message-size = 575",
            "max-message-size: 575 is too small: write 576 or more, or 0",
        ),
        (
            &long,
            "vendor-class: 256 bytes are too long: write 255 at most",
        ),
        (
            "user-class = ['']",
            "user-class: has an empty text: leave it out",
        ),
        (
            "vendor-options = [{ enterprise = 9, hex = '1' }]",
            "vendor-options: \"1\" is no value: write up to 255 bytes as 01:02",
        ),
        (
            "options = { 0 = 'a' }",
            "options: \"0\" is no option: write a number from 1 to 254",
        ),
        ("options = { mud = 'a' }", "options: \"mud\" is no option"),
        (
            "options = { 12 = 'a' }",
            "options: 12 has a key of its own: write hostname",
        ),
        (
            "options = { 61 = 'a' }",
            "options: 61 has a key of its own: write client-id",
        ),
        (
            "options = { 80 = 'a' }",
            "options: 80 has a key of its own: write rapid-commit",
        ),
        (
            "options = { 54 = 'a' }",
            "options: 54 is what the client needs to run DHCP",
        ),
        (
            "options = { 93 = { hex = 'zz' } }",
            "options: \"zz\" is no value",
        ),
    ];
    for (text, expected) in cases {
        let error = read(text).config(&identity(3)).expect_err(text).to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn what_is_no_persona_at_all_is_refused_where_it_is_read() {
    for (text, expected) in [
        ("host-name = 'a'", "unknown field `host-name`"),
        ("parameter-requests = [256]", "256"),
        ("offer-window = '2'", "is no duration"),
        (
            "options = { 93 = 7 }",
            "a text, or bytes as { hex = \"01:02\" }",
        ),
        ("vendor-options = [{ enterprise = 9 }]", "hex"),
    ] {
        let error = toml::from_str::<Persona>(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn the_known_devices_send_what_they_are_known_for() {
    // The options of a DISCOVER, those of a list of parameters, and the vendor class.
    let expected: [(Device, &[u8], &[u8], &str); 8] = [
        (
            Device::Android,
            &[53, 61, 57, 60, 12, 55],
            &[1, 3, 6, 15, 26, 28, 51, 58, 59, 43, 114, 108],
            "android-dhcp-13",
        ),
        (
            Device::Ios,
            &[53, 55, 57, 61, 51, 12],
            &[1, 121, 3, 6, 15, 108, 114, 119, 252],
            "",
        ),
        (
            Device::Macos,
            &[53, 55, 57, 61, 51, 12],
            &[1, 121, 3, 6, 15, 108, 114, 119, 252, 95, 44, 46],
            "",
        ),
        (
            Device::Windows,
            &[53, 61, 12, 60, 55],
            &[1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252],
            "MSFT 5.0",
        ),
        (
            Device::Dhclient,
            &[53, 12, 55],
            &[1, 28, 2, 3, 15, 6, 119, 12, 44, 47, 26, 121, 42],
            "",
        ),
        (
            Device::NetworkManager,
            &[53, 61, 55, 57, 12],
            &[
                1, 2, 6, 12, 15, 26, 28, 121, 3, 33, 40, 41, 42, 119, 249, 252, 17,
            ],
            "",
        ),
        (
            Device::Udhcpc,
            &[53, 61, 57, 55, 60, 12],
            &[1, 3, 6, 12, 15, 28, 42],
            "udhcp 1.30.1",
        ),
        (
            Device::Printer,
            &[53, 12, 55, 60],
            &[6, 3, 1, 15, 66, 67, 13, 44],
            "Hewlett-Packard JetDirect",
        ),
    ];
    assert_eq!(expected.map(|(device, ..)| device), Device::ALL);
    for (device, options, parameters, vendor_class) in expected {
        let persona = Persona::named(device.as_str()).expect("a persona");
        let message = discover(&persona);
        assert_eq!(codes(&message), options, "{device}");
        let list = message.options.get(code::PARAMETER_REQUESTS);
        assert_eq!(list.as_deref(), Some(parameters), "{device}");
        let class = message.options.text(code::VENDOR_CLASS).unwrap_or_default();
        assert_eq!(class, vendor_class, "{device}");
    }
    assert_eq!(Persona::named("toaster"), None);
}
