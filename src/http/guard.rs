//! Who may ask, where others than this machine can: whoever has a token, or the users of a file in the form of Prometheus'
//! `web.config`.
//!
//! Secrets are compared in constant time; of the users' passwords only bcrypt hashes are known.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderName, HeaderValue};
use nix::unistd::geteuid;
#[cfg(feature = "tls")]
use prometheus_web_config::{Tls, Users, WebConfig, WebConfigError};
use subtle::ConstantTimeEq;

#[cfg(not(feature = "tls"))]
use super::without_tls::{Tls, Users, WebConfig, WebConfigError};

/// The largest file with a token, in bytes.
const MOST: u64 = 64 * 1024;
/// The shortest token, in characters.
const LEAST_TOKEN: usize = 16;

/// Why there is no guard.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {error}")]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// Why it cannot be read.
        #[source]
        error: io::Error,
    },
    /// What is in the file will not do.
    #[error("{path}: {why}")]
    Unfit {
        /// The path of the file.
        path: PathBuf,
        /// The reason, and what to do.
        why: String,
    },
    /// The `web.config` will not do: what is wrong with which file.
    #[error("{0}")]
    WebConfig(String),
    /// Both kinds are wanted.
    #[error("a token and a web.config that names users are both given: choose one")]
    Both,
}

/// Who may ask, and whether over TLS.
#[derive(Debug)]
pub struct Guard {
    kind: Access,
    tls: Option<Arc<Tls>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

enum Access {
    /// Everybody may ask.
    Open,
    /// Whoever has this token may ask.
    Token(String),
    /// Whoever is one of these users may ask.
    Users(Users),
}

/// Secrets are not shown.
impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Token(_) => "Token",
            Self::Users(_) => "Users",
        })
    }
}

impl Guard {
    /// Everybody may ask, without TLS.
    pub fn open() -> Self {
        Self::of(Access::Open)
    }

    fn of(kind: Access) -> Self {
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
            let kind = token.map_or(Ok(Access::Open), Self::of_token)?;
            return Ok(Self::of(kind));
        };
        let mut config = WebConfig::read(path)
            .map_err(|error: WebConfigError| GuardError::WebConfig(error.to_string()))?;
        let kind = match (token, config.users) {
            (Some(_), Some(_)) => return Err(GuardError::Both),
            (Some(token), None) => Self::of_token(token)?,
            (None, Some(users)) => Access::Users(users),
            (None, None) => Access::Open,
        };
        config.headers.retain(|(name, _)| {
            let is_ours = *name == CONTENT_SECURITY_POLICY;
            if is_ours {
                tracing::warn!(
                    "http_server_config.headers.Content-Security-Policy is ignored: lanherd sends a stricter policy of its own"
                );
            }
            !is_ours
        });
        Ok(Self {
            kind,
            tls: config.tls,
            headers: config.headers,
        })
    }

    fn of_token(path: &Path) -> Result<Access, GuardError> {
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
        Ok(Access::Token(token.to_owned()))
    }

    /// Whether everybody may ask. Where TLS lets nobody in but whose certificate was verified, not everybody may.
    pub fn is_open(&self) -> bool {
        let is_verified = self
            .tls
            .as_ref()
            .is_some_and(|tls| tls.verifies_every_client());
        matches!(self.kind, Access::Open) && !is_verified
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
            Access::Open => &[],
            Access::Token(_) => &[r#"Bearer realm="lanherd""#, r#"Basic realm="lanherd""#],
            Access::Users(_) => &[r#"Basic realm="lanherd", charset="UTF-8""#],
        }
    }

    /// Whether a request with this `Authorization` may be answered. A token is also taken as the password of any user, so
    /// that a browser can ask for it.
    pub(super) async fn admits(&self, authorization: Option<&HeaderValue>) -> bool {
        match &self.kind {
            Access::Open => true,
            Access::Token(token) => authorization.is_some_and(|said| {
                bearer(said).is_some_and(|said| is_same(said, token))
                    || basic(said).is_some_and(|(_, password)| is_same(&password, token))
            }),
            Access::Users(users) => users.admits(authorization).await,
        }
    }
}

/// A token (RFC 6750, 2.1).
fn bearer(authorization: &HeaderValue) -> Option<&str> {
    let (scheme, said) = authorization.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| said.trim())
}

/// User and password (RFC 7617, 2).
fn basic(authorization: &HeaderValue) -> Option<(String, String)> {
    let (scheme, said) = authorization.to_str().ok()?.split_once(' ')?;
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
