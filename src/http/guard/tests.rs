use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

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
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(in crate::http) fn with_token() -> (Guard, &'static str) {
    let file = Scrap::new("token", &format!("{TOKEN}\n"), 0o600);
    (Guard::new(Some(&file.0), None).expect("a guard"), TOKEN)
}

fn with_users(name: &str, text: &str) -> Result<Guard, GuardError> {
    Guard::new(None, Some(&Scrap::new(name, text, 0o644).0))
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
    let both = Guard::new(Some(Path::new("a")), Some(Path::new("b")));
    assert!(matches!(both, Err(GuardError::Both)));
    let nowhere = Guard::new(Some(Path::new("/nowhere/token")), None);
    assert!(matches!(nowhere, Err(GuardError::Read { .. })));
}

#[tokio::test]
async fn the_users_of_a_web_config_are_admitted_with_their_passwords() {
    let hash = bcrypt::hash("open: sesame", 4).expect("a hash");
    // As htpasswd -B writes them.
    let other = bcrypt::hash("äöü", 4)
        .expect("a hash")
        .replacen("$2b$", "$2y$", 1);
    let text = format!("# who may ask\nbasic_auth_users:\n  alice: {hash}\n  'bob': \"{other}\"\n");
    let guard = with_users("users", &text).expect("a guard");
    // The second time it is remembered.
    for _ in 0..2 {
        assert!(admits(&guard, &login("alice", "open: sesame")).await);
        assert!(admits(&guard, &login("bob", "äöü")).await);
        assert!(!admits(&guard, &login("alice", "äöü")).await);
        assert!(!admits(&guard, &login("alice", "")).await);
        assert!(!admits(&guard, &login("mallory", "nobody")).await);
        assert!(!admits(&guard, &login("alice", &hash)).await);
    }
    assert!(!guard.admits(None).await);
}

#[test]
fn what_a_web_config_says_and_lanherd_cannot_do_is_refused() {
    let hash = bcrypt::hash("sesame", 4).expect("a hash");
    let costly = hash.replacen("$04$", "$16$", 1);
    let tls = format!("basic_auth_users:\n  a: {hash}\ntls_server_config:\n  cert_file: a.pem\n");
    for (name, text, remedy) in [
        ("tls", tls, "no TLS"),
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
            "15 at most",
        ),
        ("text", "][".to_owned(), "text"),
    ] {
        let error = with_users(name, &text).expect_err(name).to_string();
        assert!(error.contains(remedy), "{name}: {error}");
    }
}
