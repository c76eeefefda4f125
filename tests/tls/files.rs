//! The files that a `web.config` names: what is wrong with them, and when they change.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use lanherd::http::Guard;

use super::peers::s_client;
use super::{PLAIN, is_answered, pki, serve};
use lanherd_testkit::pki::{OURS, Pki};

/// That a pair of certificate and key is refused because of the one under that key.
#[track_caller]
fn assert_refused(pki: &Pki, (certificate, key): (&str, &str), blamed: &str, remedy: &str) {
    let config = format!("tls_server_config:\n  cert_file: {certificate}\n  key_file: {key}\n");
    let file = if blamed == "cert_file" {
        certificate
    } else {
        key
    };
    assert_config_refused(pki, &config, blamed, file, remedy);
}

#[track_caller]
fn assert_config_refused(pki: &Pki, config: &str, blamed: &str, file: &str, remedy: &str) {
    let web = pki.write("web.yml", config);
    let error = Guard::new(None, Some(&web)).expect_err(file).to_string();
    let (web, file) = (web.display(), pki.path(file));
    let begin = format!("{web}: tls_server_config.{blamed}: {}: ", file.display());
    assert!(error.starts_with(&begin), "{error}");
    assert!(error.contains(remedy), "{error}");
}

#[test]
fn what_is_wrong_with_a_certificate_is_told_with_its_name_the_key_and_the_remedy() {
    let pki = pki();
    pki.write("empty", "");
    pki.write("half", "-----BEGIN CERTIFICATE-----\nMIIB\n");
    pki.write("huge", &"x".repeat(1024 * 1024 + 1));
    let der = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    pki.write("garbage", der);
    fs::create_dir(pki.path("folder")).expect("a folder");
    for (certificate, remedy) in [
        ("none.pem", "cannot be read: No such file"),
        ("server.key", "no certificate"),
        ("empty", "no certificate"),
        ("half", "not in PEM"),
        ("huge", "larger than 1 MiB"),
        ("garbage", "X.509"),
        ("folder", "no file"),
        ("/dev/zero", "no file"),
    ] {
        assert_refused(&pki, (certificate, "server.key"), "cert_file", remedy);
    }
    for (authority, remedy) in [
        ("none.pem", "cannot be read"),
        ("empty", "no certificate"),
        ("garbage", "is none"),
    ] {
        let lines = format!(
            "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: {authority}\n"
        );
        let config = format!("{PLAIN}{lines}");
        assert_config_refused(&pki, &config, "client_ca_file", authority, remedy);
    }
}

#[test]
fn what_is_wrong_with_a_key_is_told_with_its_name_the_key_and_the_remedy() {
    let pki = pki();
    pki.certificate("other", "ca", OURS, 30);
    pki.rsa("small", "ca", OURS, 1024);
    pki.copy("server.key", "everybody.key");
    pki.change_mode("everybody.key", 0o644);
    pki.copy("server.pem", "mistaken.key");
    pki.change_mode("mistaken.key", 0o600);
    let encrypted = [
        "-aes256",
        "-passout",
        "pass:secret",
        "-in",
        "server.key",
        "-out",
    ];
    pki.openssl(&[&["pkey"], &encrypted[..], &["pkcs8.key"]].concat());
    pki.openssl(&[&["ec"], &encrypted[..], &["sec1.key"]].concat());
    for (pair, remedy) in [
        (("server.pem", "none.key"), "cannot be read: No such file"),
        (("server.pem", "other.key"), "belong together"),
        (("server.pem", "everybody.key"), "chmod o="),
        (("server.pem", "pkcs8.key"), "openssl pkey"),
        (("server.pem", "sec1.key"), "openssl pkey"),
        (("server.pem", "mistaken.key"), "no private key"),
        (("small.pem", "small.key"), "2048 bits"),
    ] {
        assert_refused(&pki, pair, "key_file", remedy);
    }
    // A group may read a key.
    pki.change_mode("server.key", 0o640);
    let web = pki.write("web.yml", PLAIN);
    Guard::new(None, Some(&web)).expect("a guard");
}

#[test]
fn keys_of_each_common_kind_will_do() {
    let pki = pki();
    pki.rsa("rsa", "ca", OURS, 2048);
    pki.openssl(&["rsa", "-traditional", "-in", "rsa.key", "-out", "pkcs1.key"]);
    pki.openssl(&["ec", "-in", "server.key", "-out", "sec1.key"]);
    // As many keep it: with the parameters of the curve before it.
    let with_parameters = pki.openssl(&["ecparam", "-name", "prime256v1"])
        + &fs::read_to_string(pki.path("sec1.key")).expect("a key");
    pki.write("parameters.key", &with_parameters);
    // The chain after the certificate, and words between.
    let chain = [pki.path("server.pem"), pki.path("ca.pem")]
        .map(|path| fs::read_to_string(path).expect("PEM"));
    pki.write("chain.pem", &chain.join("the authority:\n"));
    for (certificate, key) in [
        ("rsa.pem", "rsa.key"),
        ("rsa.pem", "pkcs1.key"),
        ("server.pem", "sec1.key"),
        ("server.pem", "parameters.key"),
        ("chain.pem", "server.key"),
    ] {
        let config = format!("tls_server_config:\n  cert_file: {certificate}\n  key_file: {key}\n");
        let web = pki.write("web.yml", &config);
        Guard::new(None, Some(&web)).expect(key);
    }
}

/// The subject of the certificate that is shown.
fn shown(pki: &Pki, address: SocketAddr) -> String {
    let said = s_client(pki, address, &[]);
    let subject = said
        .lines()
        .find_map(|line| line.strip_prefix("subject=CN = "));
    subject.unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_shown_at_once_and_a_wrong_one_never() {
    let pki = pki();
    for name in ["first", "second", "third"] {
        pki.certificate(name, "ca", OURS, 30);
    }
    let put = |name: &str| {
        for kind in ["pem", "key"] {
            pki.put(&format!("{name}.{kind}"), &format!("server.{kind}"));
        }
    };
    put("first");
    let server = serve(&pki, PLAIN);
    let shown = || shown(&pki, server.address());
    assert_eq!(shown(), "first");
    put("second");
    assert_eq!(shown(), "second");
    // What is wrong is not taken, however it came about: half of the pair, nothing, garbage, everybody's.
    pki.copy("third.pem", "server.pem");
    assert_eq!(shown(), "second");
    fs::remove_file(pki.path("server.pem")).expect("removed");
    assert_eq!(shown(), "second");
    pki.write("server.pem", "garbage");
    assert_eq!(shown(), "second");
    pki.change_mode("third.key", 0o644);
    put("third");
    assert_eq!(shown(), "second");
    pki.change_mode("server.key", 0o600);
    assert_eq!(shown(), "third");
    server.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authority_of_clients_is_read_anew_too() {
    let pki = pki();
    pki.authority("new");
    pki.certificate("old-client", "ca", "", 30);
    pki.certificate("new-client", "new", "", 30);
    pki.copy("ca.pem", "clients.pem");
    let lines = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: clients.pem\n";
    let server = serve(&pki, &format!("{PLAIN}{lines}"));
    let is_welcome = |name: &str| {
        let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
        is_answered(&pki, &server, &["--cert", &certificate, "--key", &key])
    };
    assert!(is_welcome("old-client") && !is_welcome("new-client"));
    pki.put("new.pem", "clients.pem");
    assert!(!is_welcome("old-client") && is_welcome("new-client"));
    server.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_in_the_documentation_does_what_is_said_there() {
    let pki = pki();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/live.md");
    let docs = fs::read_to_string(docs).expect("documentation");
    let example = docs.split("```yaml\n").nth(1).expect("an example");
    let example = example.split("```").next().expect("its end");
    for (file, named) in [
        ("server.pem", "lanherd.pem"),
        ("server.key", "lanherd.key"),
        ("ca.pem", "clients-ca.pem"),
    ] {
        assert!(example.contains(named), "{example}");
        pki.copy(file, named);
    }
    pki.certificate(
        "prometheus",
        "ca",
        "subjectAltName=DNS:prometheus.example",
        30,
    );
    let server = serve(&pki, example);
    let shown = ["--cert", "prometheus.pem", "--key", "prometheus.key"];
    // The password of the example, as it is written beside it.
    let user = ["--user", "alice:correct horse"];
    assert!(docs.contains("correct horse"));
    assert!(is_answered(&pki, &server, &[&shown[..], &user].concat()));
    assert!(!is_answered(&pki, &server, &user));
    let anonymous = super::curl(&pki, server.address(), "/metrics", &shown).expect("an answer");
    assert!(anonymous.starts_with("HTTP/1.1 401"), "{anonymous}");
    server.shut_down().await;
}
