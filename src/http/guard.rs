//! Who may ask, where others than this machine can: whoever has a token, or the users of a file in the form of Prometheus'
//! `web.config`.
//!
//! Secrets are compared in constant time; of the users' passwords only bcrypt hashes are known. Computing one takes long on
//! purpose, so one is computed at a time, apart from the herd, and what was right is remembered.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::HeaderValue;
use nix::unistd::geteuid;
use serde::Deserialize;
use serde::de::IgnoredAny;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

/// The largest file, in bytes.
const MOST: u64 = 64 * 1024;
/// The shortest token, in characters.
const LEAST_TOKEN: usize = 16;
/// The most costly hash: each step doubles the time, and this takes some seconds.
const MOST_COST: u32 = 15;
/// How many right passwords are remembered.
const MOST_KNOWN: usize = 64;

/// Why there is no guard.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        error: io::Error,
    },
    /// What is in the file will not do.
    #[error("{path}: {why}")]
    Unfit {
        /// The file.
        path: PathBuf,
        /// The reason, and what to do.
        why: String,
    },
    /// Both kinds are wanted.
    #[error("a token and a web.config are both given: choose one")]
    Both,
}

/// Who may ask.
#[derive(Debug)]
pub struct Guard(Kind);

enum Kind {
    /// Everybody.
    Open,
    /// Whoever has the token.
    Token(String),
    /// These.
    Users(Users),
}

/// Secrets are not shown.
impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Token(_) => "Token",
            Self::Users(_) => "Users",
        })
    }
}

struct Users {
    hashes: BTreeMap<String, String>,
    /// What a user that there is not is compared with, so that it takes as long.
    decoy: String,
    /// Of what was right, under a key that nobody knows.
    known: Mutex<HashSet<u64>>,
    key: RandomState,
    turn: Semaphore,
}

/// A file in the form of Prometheus' `web.config`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebConfig {
    #[serde(default)]
    basic_auth_users: BTreeMap<String, String>,
    #[serde(default)]
    tls_server_config: Option<IgnoredAny>,
}

impl Guard {
    /// Everybody may ask.
    pub const fn open() -> Self {
        Self(Kind::Open)
    }

    /// The one that those files ask for, if any.
    pub fn new(token: Option<&Path>, web_config: Option<&Path>) -> Result<Self, GuardError> {
        match (token, web_config) {
            (None, None) => Ok(Self::open()),
            (Some(token), None) => Self::of_token(token),
            (None, Some(config)) => Self::of_web_config(config),
            (Some(_), Some(_)) => Err(GuardError::Both),
        }
    }

    fn of_token(path: &Path) -> Result<Self, GuardError> {
        let unfit = |why: String| unfit(path, why);
        let (text, metadata) = read(path)?;
        if metadata.mode() & 0o077 != 0 || ![0, geteuid().as_raw()].contains(&metadata.uid()) {
            let remedy = "others can read the token: make it yours, and chmod 600 it".to_owned();
            return Err(unfit(remedy));
        }
        let token = text.trim();
        if token.len() < LEAST_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(unfit(format!(
                "a token is one word of at least {LEAST_TOKEN} ASCII characters: make one with openssl rand -hex 32"
            )));
        }
        Ok(Self(Kind::Token(token.to_owned())))
    }

    fn of_web_config(path: &Path) -> Result<Self, GuardError> {
        let unfit = |why: String| unfit(path, why);
        let (text, _) = read(path)?;
        let config: WebConfig =
            serde_saphyr::from_str(&text).map_err(|error| unfit(error.to_string()))?;
        if config.tls_server_config.is_some() {
            let remedy = "lanherd has no TLS, so leave tls_server_config out: put a proxy with TLS before it, or use ssh -L";
            return Err(unfit(remedy.to_owned()));
        }
        let mut most = 0;
        for (user, hash) in &config.basic_auth_users {
            let cost = hash
                .parse()
                .map(|parts: bcrypt::HashParts| parts.get_cost());
            match cost {
                Ok(cost) if cost <= MOST_COST => most = most.max(cost),
                Ok(cost) => {
                    return Err(unfit(format!(
                        "the hash of {user} costs {cost}: use {MOST_COST} at most"
                    )));
                }
                Err(_) => {
                    return Err(unfit(format!(
                        "the password of {user} is no bcrypt hash: make one with htpasswd -nBC 10 {user}"
                    )));
                }
            }
        }
        if config.basic_auth_users.is_empty() {
            return Err(unfit("it names no basic_auth_users: name one".to_owned()));
        }
        let decoy =
            bcrypt::hash("nobody", most.max(4)).map_err(|error| unfit(error.to_string()))?;
        Ok(Self(Kind::Users(Users {
            hashes: config.basic_auth_users,
            decoy,
            known: Mutex::default(),
            key: RandomState::new(),
            turn: Semaphore::new(1),
        })))
    }

    /// Whether everybody may ask.
    pub const fn is_open(&self) -> bool {
        matches!(self.0, Kind::Open)
    }

    /// How to ask: the schemes that are understood.
    pub(super) fn schemes(&self) -> &'static [&'static str] {
        match &self.0 {
            Kind::Open => &[],
            Kind::Token(_) => &[r#"Bearer realm="lanherd""#, r#"Basic realm="lanherd""#],
            Kind::Users(_) => &[r#"Basic realm="lanherd", charset="UTF-8""#],
        }
    }

    /// Whether a request with this `Authorization` may be answered. A token is also taken as the password of any user, so
    /// that a browser can ask for it.
    pub(super) async fn admits(&self, authorization: Option<&HeaderValue>) -> bool {
        let said = authorization.and_then(|said| said.to_str().ok());
        let said = said.and_then(|said| said.split_once(' '));
        match &self.0 {
            Kind::Open => true,
            Kind::Token(token) => match said {
                Some((scheme, said)) if scheme.eq_ignore_ascii_case("bearer") => {
                    is_same(said.trim(), token)
                }
                Some((scheme, said)) => {
                    basic(scheme, said).is_some_and(|(_, password)| is_same(&password, token))
                }
                None => false,
            },
            Kind::Users(users) => match said.and_then(|(scheme, said)| basic(scheme, said)) {
                Some((user, password)) => users.admit(user, password).await,
                None => false,
            },
        }
    }
}

impl Users {
    async fn admit(&self, user: String, password: String) -> bool {
        let said = self.key.hash_one((&user, &password));
        if self.known().contains(&said) {
            return true;
        }
        let Ok(_turn) = self.turn.acquire().await else {
            return false;
        };
        let hash = self.hashes.get(&user);
        let exists = hash.is_some();
        let hash = hash.unwrap_or(&self.decoy).clone();
        let compared = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash)).await;
        let is_right = exists && matches!(compared, Ok(Ok(true)));
        if is_right {
            let mut known = self.known();
            if known.len() >= MOST_KNOWN {
                known.clear();
            }
            known.insert(said);
        }
        is_right
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<u64>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// User and password (RFC 7617, 2).
fn basic(scheme: &str, said: &str) -> Option<(String, String)> {
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = BASE64_STANDARD.decode(said.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn is_same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

fn unfit(path: &Path, why: String) -> GuardError {
    GuardError::Unfit {
        path: path.to_owned(),
        why,
    }
}

/// What is in a file, and whose it is.
fn read(path: &Path) -> Result<(String, std::fs::Metadata), GuardError> {
    let reading = || {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let mut text = String::new();
        file.take(MOST).read_to_string(&mut text)?;
        Ok((text, metadata))
    };
    reading().map_err(|error| GuardError::Read {
        path: path.to_owned(),
        error,
    })
}

#[cfg(test)]
pub(super) mod tests;
