//! Who may ask, where others than this machine can: whoever has a token, or the users of a file in the form of Prometheus'
//! `web.config`.
//!
//! Secrets are compared in constant time; of the users' passwords only bcrypt hashes are known. Computing one takes long on
//! purpose, so one is computed at a time, apart from the herd, and what was right is remembered. Who asks last is next, so that
//! many who are wrong do not keep out one who is right.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::{HeaderName, HeaderValue};
use nix::unistd::geteuid;
use subtle::ConstantTimeEq;

use super::turns::Turns;
use super::web_config::{self, WebConfig};
use crate::tls::Tls;

/// The largest file, in bytes; certificates may stand in it.
const MOST: u64 = 256 * 1024;
/// The shortest token, in characters.
const LEAST_TOKEN: usize = 16;
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
    #[error("a token and a web.config that names users are both given: choose one")]
    Both,
}

/// Who may ask, and whether over TLS.
#[derive(Debug)]
pub struct Guard {
    kind: Kind,
    tls: Option<Arc<Tls>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

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
    turns: Arc<Turns>,
}

impl Guard {
    /// Everybody may ask, without TLS.
    pub fn open() -> Self {
        Self::of(Kind::Open)
    }

    fn of(kind: Kind) -> Self {
        Self {
            kind,
            tls: None,
            headers: Vec::new(),
        }
    }

    /// The one that those files ask for, if any.
    ///
    /// A token may stand beside a `web.config` that asks for TLS and names no users.
    pub fn new(token: Option<&Path>, web_config: Option<&Path>) -> Result<Self, GuardError> {
        let Some(path) = web_config else {
            let kind = token.map_or(Ok(Kind::Open), Self::of_token)?;
            return Ok(Self::of(kind));
        };
        let config = WebConfig::read(path)?;
        let kind = match (token, config.users) {
            (Some(_), Some(_)) => return Err(GuardError::Both),
            (Some(token), None) => Self::of_token(token)?,
            (None, Some(users)) => Self::of_users(users, path)?,
            (None, None) => Kind::Open,
        };
        Ok(Self {
            kind,
            tls: config.tls.map(Arc::new),
            headers: config.headers,
        })
    }

    fn of_token(path: &Path) -> Result<Kind, GuardError> {
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
        Ok(Kind::Token(token.to_owned()))
    }

    /// Users and the hashes of their passwords, which [`WebConfig`] has looked at.
    fn of_users(hashes: BTreeMap<String, String>, path: &Path) -> Result<Kind, GuardError> {
        let costs = hashes.values().filter_map(|hash| web_config::cost(hash));
        let most = costs.max().unwrap_or_default();
        let decoy =
            bcrypt::hash("nobody", most.max(4)).map_err(|error| unfit(path, error.to_string()))?;
        Ok(Kind::Users(Users {
            hashes,
            decoy,
            known: Mutex::default(),
            key: RandomState::new(),
            turns: Arc::default(),
        }))
    }

    /// How many wait until a password of theirs is compared.
    #[cfg(test)]
    fn waiting(&self) -> usize {
        match &self.kind {
            Kind::Users(users) => users.turns.waiting(),
            Kind::Open | Kind::Token(_) => 0,
        }
    }

    /// Whether everybody may ask. Where TLS lets nobody in but whose certificate was verified, not everybody may.
    pub fn is_open(&self) -> bool {
        let is_verified = self
            .tls
            .as_ref()
            .is_some_and(|tls| tls.verifies_every_client());
        matches!(self.kind, Kind::Open) && !is_verified
    }

    /// What is spoken instead of plain HTTP.
    pub(super) const fn tls(&self) -> Option<&Arc<Tls>> {
        self.tls.as_ref()
    }

    /// What all answers bear besides their own headers.
    pub(super) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    /// How to ask: the schemes that are understood.
    pub(super) fn schemes(&self) -> &'static [&'static str] {
        match &self.kind {
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
        match &self.kind {
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
        let Some(turn) = self.turns.take().await else {
            return false;
        };
        let hash = self.hashes.get(&user);
        let exists = hash.is_some();
        let hash = hash.unwrap_or(&self.decoy).clone();
        let compared = tokio::task::spawn_blocking(move || {
            // It is over when the comparison is, even where nobody waits for it any more.
            let _turn = turn;
            bcrypt::verify(password, &hash)
        })
        .await;
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

pub(super) fn unfit(path: &Path, why: String) -> GuardError {
    GuardError::Unfit {
        path: path.to_owned(),
        why,
    }
}

/// What is in a file, and whose it is.
pub(super) fn read(path: &Path) -> Result<(String, std::fs::Metadata), GuardError> {
    let reading = || {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let mut text = String::new();
        file.take(MOST + 1).read_to_string(&mut text)?;
        if text.len() as u64 > MOST {
            let size = format!("it is larger than {} KiB", MOST / 1024);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, size));
        }
        Ok((text, metadata))
    };
    reading().map_err(|error| GuardError::Read {
        path: path.to_owned(),
        error,
    })
}

#[cfg(test)]
pub(super) mod tests;
