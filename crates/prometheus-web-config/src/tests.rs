//! What a `web.config` may say. With real peers: `tests/tls`.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::*;

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

fn with(name: &str, text: &str, mode: u32) -> Result<WebConfig, WebConfigError> {
    WebConfig::read(&Scrap::new(name, text, mode).0)
}

fn with_users(name: &str, text: &str) -> Result<WebConfig, WebConfigError> {
    with(name, text, 0o644)
}

async fn admits(config: &WebConfig, said: &str) -> bool {
    let said = HeaderValue::from_str(said).expect("a header");
    let users = config.users.as_ref().expect("users");
    users.admits(Some(&said)).await
}

fn login(user: &str, password: &str) -> String {
    let said = BASE64_STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {said}")
}

/// A `web.config` with TLS, the certificate in it, and these lines.
fn tls_config(lines: &str) -> String {
    let (certificate, key) = tls::tests::pair();
    let block = |pem: &str| pem.trim_end().replace('\n', "\n    ");
    format!(
        "tls_server_config:\n  cert: |\n    {}\n  key: |\n    {}\n{lines}",
        block(&certificate),
        block(&key)
    )
}

#[tokio::test]
async fn the_users_of_a_web_config_are_admitted_with_their_passwords() {
    let hash = bcrypt::hash("open: sesame", 4).expect("a hash");
    // As htpasswd -B writes them.
    let other = bcrypt::hash("äöü", 4)
        .expect("a hash")
        .replacen("$2b$", "$2y$", 1);
    let text = format!("# who may ask\nbasic_auth_users:\n  alice: {hash}\n  'bob': \"{other}\"\n");
    let config = with_users("users", &text).expect("a config");
    // The second time it is remembered.
    for _ in 0..2 {
        assert!(admits(&config, &login("alice", "open: sesame")).await);
        assert!(admits(&config, &login("bob", "äöü")).await);
        assert!(!admits(&config, &login("alice", "äöü")).await);
        assert!(!admits(&config, &login("alice", "")).await);
        assert!(!admits(&config, &login("mallory", "nobody")).await);
        assert!(!admits(&config, &login("alice", &hash)).await);
    }
    assert!(!config.users.as_ref().expect("users").admits(None).await);
}

#[test]
fn the_key_in_a_web_config_is_shown_to_nobody() {
    let text = tls_config("");
    let secret = text.lines().rev().nth(1).expect("a line of the key").trim();
    assert!(secret.len() > 20 && !secret.contains('-'), "{secret}");
    let open = Scrap::new("readable", &text, 0o644);
    let error = WebConfig::read(&open.0).expect_err("everybody's");
    assert!(error.to_string().contains("chmod o="), "{error}");
    // Wherever the mistake is, the lines around it are not told.
    for lines in [
        "  min_version: TLS11\n",
        "  surprise: 1\n",
        "surprise: 1\n",
        "][\n",
    ] {
        let file = Scrap::new("mistaken", &format!("{text}{lines}"), 0o600);
        let error = WebConfig::read(&file.0).expect_err(lines);
        assert!(lines.contains("11") || error.to_string().contains("line "));
        assert!(!error.to_string().contains(secret), "{error}");
    }
    let file = Scrap::new("right", &text, 0o640);
    let config = WebConfig::read(&file.0).expect("a config");
    assert!(!format!("{config:?}").contains(secret));
}

#[test]
fn headers_of_a_closed_list_are_added() {
    let hash = bcrypt::hash("sesame", 4).expect("a hash");
    let with = |name: &str, headers: &str| {
        let text = format!(
            "basic_auth_users:\n  a: {hash}\nhttp_server_config:\n  http2: true\n  headers:\n{headers}"
        );
        with_users(name, &text)
    };
    let config = with(
        "headers",
        "    Strict-Transport-Security: max-age=60\n    X-Frame-Options: deny\n    X-XSS-Protection: ''\n    \
         Content-Security-Policy: default-src *\n",
    );
    let config = config.expect("a config");
    let headers: Vec<_> = config
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().expect("text")))
        .collect();
    let expected = [
        ("content-security-policy", "default-src *"),
        ("strict-transport-security", "max-age=60"),
        ("x-frame-options", "deny"),
    ];
    assert_eq!(headers, expected);
    for (name, line, remedy) in [
        (
            "other",
            "    Server: exporter\n",
            "strict-transport-security",
        ),
        (
            "frames",
            "    X-Frame-Options: allow\n",
            "deny or sameorigin",
        ),
        ("sniff", "    X-Content-Type-Options: sniff\n", "nosniff"),
        ("bytes", "    X-XSS-Protection: \"1\\n2\"\n", "cannot stand"),
    ] {
        let error = with(name, line).expect_err(name).to_string();
        assert!(error.contains("http_server_config.headers."), "{error}");
        assert!(error.contains(remedy), "{error}");
    }
}

#[test]
fn a_file_that_is_too_large_is_refused_not_cut_off() {
    let hash = bcrypt::hash("sesame", 4).expect("a hash");
    let text = format!(
        "basic_auth_users:\n  a: {hash}\n# {}\n",
        "x".repeat(256 * 1024)
    );
    let error = with_users("large", &text)
        .expect_err("too large")
        .to_string();
    assert!(error.contains("larger than 256 KiB"), "{error}");
}

#[test]
fn what_a_web_config_says_and_cannot_be_done_is_refused() {
    let hash = bcrypt::hash("sesame", 4).expect("a hash");
    let costly = hash.replacen("$04$", "$16$", 1);
    let tls = format!("basic_auth_users:\n  a: {hash}\ntls_server_config:\n  cert_file: a.pem\n");
    let limit =
        format!("basic_auth_users:\n  a: {hash}\nrate_limit:\n  interval: 1s\n  burst: 9\n");
    for (name, text, remedy) in [
        ("tls", tls, "tls_server_config.key_file: this is missing"),
        ("limit", limit, "rate_limit"),
        (
            "key",
            "basic_auth_userz: {}\n".to_owned(),
            "basic_auth_userz",
        ),
        ("none", "{}\n".to_owned(), "name one"),
        ("nobody", "basic_auth_users: {}\n".to_owned(), "name one"),
        (
            "plain",
            "basic_auth_users:\n  a: sesame\n".to_owned(),
            "htpasswd",
        ),
        (
            "cost",
            format!("basic_auth_users:\n  a: {costly}\n"),
            "use 4 to 15",
        ),
        ("text", "][".to_owned(), "text"),
    ] {
        let error = with_users(name, &text).expect_err(name).to_string();
        assert!(error.contains(remedy), "{name}: {error}");
    }
}

#[test]
fn a_hash_that_no_password_can_match_is_refused() {
    let good = bcrypt::hash("secret", 4).expect("a hash");
    let cheap = good.replacen("$04$", "$03$", 1);
    let salt = good.get(..28).expect("a salt").to_owned() + "!" + good.get(29..).expect("a rest");
    for (name, hash, word) in [
        ("cheap", cheap, "costs 3"),
        ("salt", salt, "no bcrypt hash"),
    ] {
        let error = with_users(name, &format!("basic_auth_users:\n  alice: '{hash}'\n"));
        let error = error.expect_err("refused").to_string();
        assert!(
            error.contains(word) && error.contains("htpasswd"),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_wrong_passwords_does_not_keep_out_the_right_one() {
    let hash = bcrypt::hash("secret", 8).expect("a hash");
    let config = with_users("crowd", &format!("basic_auth_users:\n  alice: '{hash}'\n"));
    let config = Arc::new(config.expect("a config"));
    let began = std::time::Instant::now();
    assert!(!admits(&config, &login("alice", "first")).await);
    let one = began.elapsed();
    let crowd: Vec<_> = (0..80)
        .map(|number| {
            let config = Arc::clone(&config);
            tokio::spawn(async move { admits(&config, &login("alice", &number.to_string())).await })
        })
        .collect();
    // All of them have come: they wait, or have been sent away, and one is being compared.
    let have_come = |crowd: &[tokio::task::JoinHandle<bool>]| {
        crowd.iter().filter(|one| one.is_finished()).count()
            + config.users.as_ref().expect("users").waiting()
            + 1
    };
    while have_come(&crowd) < crowd.len() {
        tokio::task::yield_now().await;
    }
    let began = std::time::Instant::now();
    assert!(admits(&config, &login("alice", "secret")).await);
    // One comparison is on its way; eighty would take eighty times as long.
    assert!(
        began.elapsed() < one * 20,
        "{:?} beside {one:?}",
        began.elapsed()
    );
    for wrong in crowd {
        assert!(!wrong.await.expect("no panic"));
    }
}

#[test]
fn tls_alone_admits_everybody_but_where_every_client_is_verified() {
    let config = |name: &str, lines: &str| {
        let config = Scrap::new(name, &tls_config(lines), 0o600);
        WebConfig::read(&config.0).expect("a config")
    };
    assert!(config("alone", "").is_open());
    let authority = tls::tests::pair().0;
    let authority = authority.trim_end().replace('\n', "\n    ");
    let asking = |auth| format!("  client_ca: |\n    {authority}\n  client_auth_type: {auth}\n");
    for (auth, is_open) in [
        ("RequestClientCert", true),
        ("RequireAnyClientCert", true),
        ("VerifyClientCertIfGiven", true),
        ("RequireAndVerifyClientCert", false),
    ] {
        assert_eq!(config(auth, &asking(auth)).is_open(), is_open, "{auth}");
    }
}
