//! The server of metrics over TLS, as a `web.config` asks for it, with real peers: curl and openssl, and hostile ones. Needs
//! Debian's packages curl and openssl.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "this is how a test fails"
)]

mod files;
mod hostile;
mod peers;

use std::net::{Ipv4Addr, SocketAddr};

use lanherd::http::{self, Guard, Readiness, Ready, Server};
use lanherd::identity::{PoolName, Seed};
use lanherd::metrics::Metrics;

use self::peers::{curl, s_client};
use lanherd_testkit::pki::{OURS, Pki};

/// A certificate for this machine, and no more.
const PLAIN: &str = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";

struct Well;

impl Readiness for Well {
    async fn readiness(&self) -> Ready {
        Ready::Yes("10 of 10 clients online".to_owned())
    }
}

/// With an authority and a certificate for this machine.
fn pki() -> Pki {
    let pki = Pki::new();
    pki.certificate("server", "ca", OURS, 30);
    pki
}

/// The guard that a `web.config` with this content asks for.
fn guard(pki: &Pki, config: &str) -> Guard {
    let file = pki.write("web.yml", config);
    Guard::new(None, Some(&file)).expect("a guard")
}

fn serve(pki: &Pki, config: &str) -> Server {
    behind(guard(pki, config))
}

fn behind(guard: Guard) -> Server {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let bound = http::bind(address, guard).expect("bound");
    let metrics = Metrics::new(&PoolName::default(), Seed(7)).expect("metrics");
    bound.serve(metrics, Well).expect("a server")
}

/// Whether curl is answered under these options.
fn is_answered(pki: &Pki, server: &Server, options: &[&str]) -> bool {
    let answer = curl(pki, server.address(), "/metrics", options);
    let is_answered = answer.as_ref().is_ok_and(|answer| {
        answer.starts_with("HTTP/1.1 200") && answer.contains("lanherd_clients")
    });
    let is_right = is_answered || answer.is_err();
    assert!(is_right, "{answer:?}");
    is_answered
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_scrapes_over_each_version_of_tls_and_is_told_http_1_1() {
    let pki = pki();
    let server = serve(&pki, PLAIN);
    assert_eq!(server.url(), format!("https://{}", server.address()));
    for version in [
        &["--tls-max", "1.2"][..],
        &["--tlsv1.3"],
        &["--http2"],
        &["--http1.1"],
    ] {
        assert!(is_answered(&pki, &server, version), "{version:?}");
    }
    // Whoever does not know its authority does not ask it.
    pki.authority("other");
    let others = ["--cacert", "other.pem"];
    let unknown = curl(&pki, server.address(), "/metrics", &others).expect_err("unknown");
    assert!(unknown.contains("certificate"), "{unknown}");
    let ready = curl(&pki, server.address(), "/readyz", &[]).expect("an answer");
    assert!(ready.ends_with("10 of 10 clients online\n"), "{ready}");
    server.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_sees_an_end_in_order_and_is_refused_tls_1_1() {
    let pki = pki();
    let server = serve(&pki, PLAIN);
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let said = s_client(&pki, server.address(), &[version, "-alpn", "h2,http/1.1"]);
        assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
        assert!(said.contains(name), "{said}");
        assert!(said.contains("ALPN protocol: http/1.1"), "{said}");
        assert!(said.contains("\r\n\r\nalive\n"), "{said}");
        // As it says where close_notify is missing.
        assert!(!said.contains("unexpected eof"), "{said}");
        // Each client is verified by what is in the files now.
        assert!(!said.contains("Reused"), "{said}");
        assert!(!said.contains("TLS session ticket:"), "{said}");
    }
    let old = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
    let said = s_client(&pki, server.address(), &old);
    assert!(said.contains(" alert "), "{said}");
    assert!(said.contains("Cipher is (NONE)"), "{said}");
    let only_h2 = s_client(&pki, server.address(), &["-alpn", "h2"]);
    assert!(only_h2.contains("no application protocol"), "{only_h2}");
    server.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_cipher_suites_and_curves_are_as_the_file_says() {
    let pki = pki();
    let chacha = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
    let aes = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
    let aes_first = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305";
    for (lines, options, expected) in [
        (
            "  min_version: TLS13\n".to_owned(),
            &["-tls1_2"][..],
            "alert protocol version",
        ),
        (
            "  max_version: TLS12\n".to_owned(),
            &["-tls1_3"],
            "alert protocol version",
        ),
        (
            "  max_version: TLS12\n".to_owned(),
            &[],
            "Protocol  : TLSv1.2",
        ),
        (
            format!("  cipher_suites: [{chacha}]\n"),
            &["-tls1_2"],
            "Cipher is ECDHE-ECDSA-CHACHA20-POLY1305",
        ),
        (
            format!("  cipher_suites: [{chacha}]\n"),
            &["-tls1_3"],
            "Cipher is TLS_AES_128_GCM_SHA256",
        ),
        (
            format!("  cipher_suites: [{chacha}, {aes}]\n"),
            &["-tls1_2", "-cipher", aes_first],
            "Cipher is ECDHE-ECDSA-CHACHA20-POLY1305",
        ),
        (
            format!("  cipher_suites: [{chacha}, {aes}]\n  prefer_server_cipher_suites: false\n"),
            &["-tls1_2", "-cipher", aes_first],
            "Cipher is ECDHE-ECDSA-AES128-GCM-SHA256",
        ),
        (
            "  curve_preferences: [CurveP384]\n".to_owned(),
            &[],
            "Server Temp Key: ECDH, secp384r1",
        ),
        (
            "  curve_preferences: [X25519]\n".to_owned(),
            &["-groups", "P-384"],
            "handshake failure",
        ),
    ] {
        let server = serve(&pki, &format!("{PLAIN}{lines}"));
        let said = s_client(&pki, server.address(), options);
        assert!(said.contains(expected), "{lines} {options:?}: {said}");
        server.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_client_auth_type_lets_in_whom_it_says() {
    let pki = pki();
    pki.authority("other");
    pki.certificate("known", "ca", "extendedKeyUsage=clientAuth", 30);
    pki.certificate("stranger", "other", "extendedKeyUsage=clientAuth", 30);
    pki.certificate("late", "ca", "extendedKeyUsage=clientAuth", -1);
    pki.certificate("wrong-use", "ca", "extendedKeyUsage=serverAuth", 30);
    pki.rsa("known-rsa", "ca", "", 2048);
    let authority = "  client_ca_file: ca.pem\n";
    let everybody = ["", "known", "known-rsa", "stranger", "late", "wrong-use"];
    for (auth, more, welcome) in [
        ("NoClientCert", "", &everybody[..]),
        ("RequestClientCert", "", &everybody),
        ("RequireAnyClientCert", "", &everybody[1..]),
        // As Prometheus takes it, for the names of authorities that it tells.
        ("RequireClientCert", authority, &everybody[1..]),
        ("VerifyClientCertIfGiven", authority, &everybody[..3]),
        ("RequireAndVerifyClientCert", authority, &everybody[1..3]),
    ] {
        let lines = format!("  client_auth_type: {auth}\n{more}");
        let server = serve(&pki, &format!("{PLAIN}{lines}"));
        for who in everybody {
            let (certificate, key) = (format!("{who}.pem"), format!("{who}.key"));
            let shown = ["--cert", &certificate, "--key", &key];
            let shown = if who.is_empty() { &[][..] } else { &shown };
            for version in ["1.2", "1.3"] {
                let options = [shown, &["--tls-max", version]].concat();
                let is_welcome = welcome.contains(&who);
                let is_answered = is_answered(&pki, &server, &options);
                assert_eq!(is_answered, is_welcome, "{auth}: {who:?} over {version}");
            }
        }
        server.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_told_why_it_may_not_come_in() {
    let pki = pki();
    let lines = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n";
    let server = serve(&pki, &format!("{PLAIN}{lines}"));
    for path in ["/metrics", "/healthz"] {
        for version in ["1.2", "1.3"] {
            let refused = curl(&pki, server.address(), path, &["--tls-max", version]);
            let why = refused.expect_err("no certificate was shown");
            assert!(why.contains("alert"), "{version}: {why}");
        }
    }
    server.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn allowed_names_of_clients_are_names_addresses_mail_and_uris_to_the_letter() {
    let pki = pki();
    let own = "subjectAltName=DNS:prometheus.test,DNS:*.wild.test,IP:192.0.2.7,IP:2001:db8::7,email:ops@example.test,\
                 URI:spiffe://example.test/prometheus";
    pki.certificate("named", "ca", own, 30);
    pki.certificate("nameless", "ca", "", 30);
    for (allowed, is_allowed) in [
        ("prometheus.test", true),
        ("other.test, prometheus.test", true),
        ("192.0.2.7", true),
        ("'2001:db8:0:0::7'", true),
        ("ops@example.test", true),
        ("'spiffe://example.test/prometheus'", true),
        ("'*.wild.test'", true),
        ("a.wild.test", false),
        ("test", false),
        ("192.0.2.8", false),
        // Its subject is no alternative name.
        ("named", false),
    ] {
        let lines = format!(
            "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  client_allowed_sans: [{allowed}]\n"
        );
        let server = serve(&pki, &format!("{PLAIN}{lines}"));
        let named = ["--cert", "named.pem", "--key", "named.key"];
        assert_eq!(is_answered(&pki, &server, &named), is_allowed, "{allowed}");
        let nameless = ["--cert", "nameless.pem", "--key", "nameless.key"];
        assert!(!is_answered(&pki, &server, &nameless), "{allowed}");
        server.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_a_token_are_asked_for_over_tls_and_health_is_not() {
    let pki = pki();
    let hash = bcrypt::hash("sesame", 4).expect("a hash");
    let users = format!("{PLAIN}basic_auth_users:\n  alice: {hash}\n");
    let headers = "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=60\n";
    let token = "0123456789abcdef0123456789abcdef";
    let token_file = pki.write("token", token);
    let config = pki.write("tls.yml", &format!("{PLAIN}{headers}"));
    let with_token = Guard::new(Some(&token_file), Some(&config)).expect("a guard");
    let bearer = format!("Authorization: Bearer {token}");
    for (guard, right) in [
        (guard(&pki, &users), ["--user", "alice:sesame"]),
        (with_token, ["--header", &bearer]),
    ] {
        let server = behind(guard);
        let ask = |path, options: &[&str]| {
            let answer = curl(&pki, server.address(), path, options);
            answer.expect("an answer")
        };
        assert!(ask("/metrics", &right).starts_with("HTTP/1.1 200"));
        for wrong in [&[][..], &["--user", "alice:wrong"]] {
            assert!(ask("/metrics", wrong).starts_with("HTTP/1.1 401"));
        }
        assert!(ask("/healthz", &[]).starts_with("HTTP/1.1 200"));
        server.shut_down().await;
    }
    let server = behind(Guard::new(None, Some(&config)).expect("a guard"));
    let answer = curl(&pki, server.address(), "/healthz", &[]).expect("an answer");
    assert!(
        answer.contains("strict-transport-security: max-age=60\r\n"),
        "{answer}"
    );
    server.shut_down().await;
}
