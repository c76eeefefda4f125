//! What a `tls_server_config` may say. With real peers: `tests/tls`.

use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use rcgen::{CertificateParams, KeyPair};

use super::clients::ClientAuth;
use super::*;

/// A certificate for `localhost` and 127.0.0.1 that signs itself, and its key, both in PEM.
pub(crate) fn pair() -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let params = CertificateParams::new(names).expect("names");
    let certificate = params.self_signed(&key).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

/// A form with a certificate and these lines.
fn form(lines: &str) -> Form {
    let text = format!("cert_file: cert.pem\nkey_file: key.pem\n{lines}");
    serde_saphyr::from_str(&text).expect("a form")
}

fn terms(lines: &str) -> Result<Terms, TlsError> {
    form(lines).into_terms(Path::new("/etc/exporter"))
}

#[test]
fn what_cannot_be_done_is_refused_with_the_key_and_the_remedy() {
    for (lines, key, remedy) in [
        ("min_version: TLS10", "min_version", "TLS12"),
        ("min_version: TLS11", "min_version", "RFC 8996"),
        ("max_version: TLS11", "max_version", "choose TLS12, TLS13"),
        (
            "min_version: SSL30",
            "min_version",
            "\"SSL30\" is no version",
        ),
        (
            "min_version: TLS13\nmax_version: TLS12",
            "min_version",
            "above max_version",
        ),
        (
            "client_auth_type: Sometimes",
            "client_auth_type",
            "RequireAndVerifyClientCert",
        ),
        (
            "client_auth_type: RequireAndVerifyClientCert",
            "client_ca_file",
            "name the authority",
        ),
        (
            "client_auth_type: VerifyClientCertIfGiven",
            "client_ca_file",
            "name the authority",
        ),
        (
            "client_ca_file: ca.pem",
            "client_auth_type",
            "choose RequireAndVerifyClientCert",
        ),
        (
            "client_ca: PEM\nclient_ca_file: ca.pem",
            "client_ca_file",
            "choose one",
        ),
        ("cert: PEM", "cert_file", "cert is given, too"),
        ("key: PEM", "key_file", "key is given, too"),
        (
            "client_allowed_sans: [a.test]",
            "client_allowed_sans",
            "need not show",
        ),
        (
            "client_allowed_sans: []",
            "client_allowed_sans",
            "allows nobody",
        ),
        (
            "client_auth_type: VerifyClientCertIfGiven\nclient_ca_file: ca.pem\nclient_allowed_sans: [a.test]",
            "client_allowed_sans",
            "need not show",
        ),
        (
            "cipher_suites: [TLS_NULL]",
            "cipher_suites",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ),
        (
            "cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]",
            "cipher_suites",
            "min_version",
        ),
        (
            "curve_preferences: [CurveP521]",
            "curve_preferences",
            "choose X25519",
        ),
        (
            "curve_preferences: [secp256k1]",
            "curve_preferences",
            "choose X25519",
        ),
    ] {
        let error = terms(lines).err().expect(lines).to_string();
        assert!(
            error.starts_with(&format!("tls_server_config.{key}: ")),
            "{lines}: {error}"
        );
        assert!(error.contains(remedy), "{lines}: {error}");
    }
    let unknown = serde_saphyr::from_str::<Form>("certfile: a.pem").err();
    assert!(unknown.expect("refused").to_string().contains("cert_file"));
    for (text, key) in [
        ("key_file: key.pem", "cert_file"),
        ("cert_file: cert.pem", "key_file"),
        ("cert_file: ''\nkey_file: key.pem", "cert_file"),
        ("{}", "cert_file"),
    ] {
        let form: Form = serde_saphyr::from_str(text).expect("a form");
        let error = form
            .into_terms(Path::new(""))
            .err()
            .expect(text)
            .to_string();
        assert!(error.contains(key) && error.contains("missing"), "{error}");
    }
}

#[test]
fn what_go_has_and_rustls_has_not_is_ignored_and_told() {
    let suites =
        "cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]";
    let warnings = terms(suites).expect("terms").warnings().to_vec();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("TLS_RSA_WITH_AES_128_CBC_SHA is ignored"));
    let curves = "curve_preferences: [X25519MLKEM768, CurveP384]";
    let warnings = terms(curves).expect("terms").warnings().to_vec();
    assert!(warnings[0].contains("X25519MLKEM768 is ignored"));
    let any = "client_auth_type: RequireAnyClientCert";
    let warnings = terms(any).expect("terms").warnings().to_vec();
    assert!(warnings[0].contains("nobody is kept out"), "{warnings:?}");
    for silent in [
        "",
        "client_auth_type: ''\nmin_version: ''",
        "client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: ca.pem\nclient_allowed_sans: [a.test]",
        "min_version: TLS13\ncipher_suites: [TLS_AES_128_GCM_SHA256]",
        "prefer_server_cipher_suites: false\ncurve_preferences: [CurveP256]",
    ] {
        let terms = terms(silent).expect(silent);
        assert_eq!(terms.warnings(), <[String; 0]>::default(), "{silent}");
    }
}

#[test]
fn the_five_words_and_the_old_one_are_known() {
    let named = |word| ClientAuth::named(word).map(ClientAuth::as_str);
    for auth in ClientAuth::ALL {
        assert_eq!(named(auth.as_str()), Some(auth.as_str()));
    }
    assert_eq!(named("RequireClientCert"), Some("RequireAnyClientCert"));
    assert_eq!(named("noclientcert"), None);
}

#[test]
fn paths_are_relative_to_the_file_that_names_them() {
    let place = |lines| terms(lines).expect("terms").certificate().to_string();
    assert_eq!(place(""), "/etc/exporter/cert.pem");
    let text = "cert_file: /srv/cert.pem\nkey_file: key.pem";
    let form: Form = serde_saphyr::from_str(text).expect("a form");
    let terms = form.into_terms(Path::new("/etc/exporter")).expect("terms");
    assert_eq!(terms.certificate().to_string(), "/srv/cert.pem");
}

#[test]
fn a_certificate_in_the_form_itself_will_do_and_one_that_is_not_valid_now_is_told() {
    let (certificate, key) = pair();
    let inline = |certificate: &str, key: &str| {
        let form = serde_json::json!({"cert": certificate, "key": key});
        let form: Form = serde_json::from_value(form).expect("a form");
        let terms = form.into_terms(&PathBuf::new()).expect("terms");
        terms
            .read()
            .map(|(_, validity)| validity.expect("validity"))
    };
    let validity = inline(&certificate, &key).expect("a pair");
    // As rcgen makes them: from 1975 to 4096.
    assert_eq!(validity.trouble(SystemTime::now()), None);
    let early = validity.trouble(UNIX_EPOCH).expect("too early");
    assert!(early.contains("from 1975-01-01T00:00:00Z only"), "{early}");
    let late = UNIX_EPOCH + Duration::from_secs(3_000 * 366 * 24 * 60 * 60);
    let late = validity.trouble(late).expect("too late");
    assert!(late.contains("expired at 4096"), "{late}");

    let (_, other) = pair();
    let error = inline(&certificate, &other).expect_err("another key");
    assert!(error.to_string().contains("not the key of the certificate"));
    let error = inline(&key, &certificate).expect_err("mixed up");
    assert!(
        error.to_string().contains("no certificate in it"),
        "{error}"
    );
}
