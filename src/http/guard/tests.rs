use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use rcgen::{CertificateParams, KeyPair};

use super::*;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A file of this content and mode, which is gone when this is dropped.
struct Scrap(PathBuf);

impl Scrap {
    fn new(name: &str, content: &str, mode: u32) -> Self {
        let path = std::env::temp_dir().join(format!("lanherd-{}-{name}", std::process::id()));
        std::fs::write(&path, content).expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("changed");
        Self(path)
    }
}

impl Drop for Scrap {
    fn drop(&mut self) {
        let removed = std::fs::remove_file(&self.0);
        assert!(removed.is_ok() || std::thread::panicking(), "{removed:?}");
    }
}

pub(in crate::http) fn with_token() -> (Guard, &'static str) {
    let file = Scrap::new("token", &format!("{TOKEN}\n"), 0o600);
    (Guard::new(Some(&file.0), None).expect("a guard"), TOKEN)
}

async fn admits(guard: &Guard, said: &str) -> bool {
    let said = HeaderValue::from_str(said).expect("a header");
    guard.admits(Some(&said)).await
}

fn login(user: &str, password: &str) -> String {
    let said = BASE64_STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {said}")
}

#[tokio::test]
async fn whoever_has_the_token_is_admitted_and_nobody_else() {
    let (guard, token) = with_token();
    assert!(admits(&guard, &format!("Bearer {token}")).await);
    assert!(admits(&guard, &format!("bearer {token}")).await);
    assert!(admits(&guard, &login("anybody", token)).await);
    for said in [
        "Bearer",
        "Bearer ",
        "Bearer 0123456789abcdef",
        &format!("Bearer {token}0"),
        &format!("Digest {token}"),
        &login(token, ""),
        "Basic !!",
        token,
    ] {
        assert!(!admits(&guard, said).await, "{said}");
    }
    assert!(!guard.admits(None).await);
    assert!(!format!("{guard:?}").contains(token));
}

#[test]
fn a_token_that_others_can_read_or_guess_is_refused_with_the_remedy() {
    for (name, content, mode, remedy) in [
        ("open", TOKEN, 0o640, "chmod 600"),
        ("short", "secret", 0o600, "at least 16"),
        ("words", "two words of some length", 0o600, "one word"),
        ("empty", "", 0o600, "openssl rand"),
    ] {
        let file = Scrap::new(name, content, mode);
        let error = Guard::new(Some(&file.0), None).expect_err(name).to_string();
        assert!(error.contains(remedy), "{error}");
        assert!(content.is_empty() || !error.contains(content), "{error}");
    }
    let nowhere = Guard::new(Some(Path::new("/nowhere/token")), None);
    assert!(matches!(nowhere, Err(GuardError::Read { .. })));
}

/// A certificate for `localhost` and 127.0.0.1 that signs itself, and its key, both in PEM.
fn pair() -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let params = CertificateParams::new(names).expect("names");
    let certificate = params.self_signed(&key).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

/// A `web.config` with TLS, the certificate in it, and these lines.
fn tls_config(lines: &str) -> String {
    let (certificate, key) = pair();
    let block = |pem: &str| pem.trim_end().replace('\n', "\n    ");
    format!(
        "tls_server_config:\n  cert: |\n    {}\n  key: |\n    {}\n{lines}",
        block(&certificate),
        block(&key)
    )
}

/// Over TLS with the certificate that is given back, for everybody.
pub(in crate::http) fn over_tls() -> (Guard, String) {
    let (certificate, key) = pair();
    let text = serde_json::json!({"tls_server_config": {"cert": certificate, "key": key}});
    let file = Scrap::new("over-tls", &text.to_string(), 0o600);
    (
        Guard::new(None, Some(&file.0)).expect("a guard"),
        certificate,
    )
}

#[test]
fn a_token_may_stand_beside_a_web_config_that_asks_for_tls_and_names_nobody() {
    let token = Scrap::new("beside", TOKEN, 0o600);
    let guard = |name: &str, text: &str| {
        let config = Scrap::new(name, text, 0o600);
        Guard::new(Some(&token.0), Some(&config.0))
    };
    let both = guard("tls-only", &tls_config("")).expect("a guard");
    assert!(both.tls().is_some() && !both.is_open());
    assert_eq!(both.schemes().len(), 2);

    let hash = bcrypt::hash("sesame", 4).expect("a hash");
    let users = format!("basic_auth_users:\n  a: {hash}\n");
    for (name, text) in [("users", users.clone()), ("tls-users", tls_config(&users))] {
        let refused = guard(name, &text).expect_err(name);
        assert!(matches!(refused, GuardError::Both), "{refused}");
    }
    let nothing = guard("nothing", "http_server_config: {http2: false}\n");
    let nothing = nothing.expect_err("nothing in it").to_string();
    assert!(nothing.contains("name one"), "{nothing}");
}

#[test]
fn headers_of_a_web_config_are_added_but_for_the_policy_that_is_our_own() {
    let hash = bcrypt::hash("sesame", 4).expect("a hash");
    let text = format!(
        "basic_auth_users:\n  a: {hash}\nhttp_server_config:\n  headers:\n    X-Frame-Options: deny\n    \
         Content-Security-Policy: default-src *\n"
    );
    let file = Scrap::new("policy", &text, 0o644);
    let guard = Guard::new(None, Some(&file.0)).expect("a guard");
    let names: Vec<_> = guard
        .headers()
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["x-frame-options"]);
}
