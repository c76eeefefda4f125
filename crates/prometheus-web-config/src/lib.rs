#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod tls;
mod turns;
mod users;
mod words;

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS, X_XSS_PROTECTION,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

use self::tls::{EVERYBODY, Form, is_open_to_all};

pub use self::tls::{Opened, Tls, TlsStream};
pub use self::users::Users;
use self::words::words;

/// The largest file, in bytes; certificates may stand in it.
const MOST: u64 = 256 * 1024;

/// Why a file is no `web.config` that can be done.
#[derive(Debug, thiserror::Error)]
pub enum WebConfigError {
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
        /// The reason, with the key that is to blame, and what to do.
        why: String,
    },
}

/// What such a file asks for: users, TLS, or both; and headers.
#[derive(Debug)]
pub struct WebConfig {
    /// Who may ask; `None`: everybody.
    pub users: Option<Users>,
    /// What is spoken instead of plain HTTP.
    pub tls: Option<Arc<Tls>>,
    /// To be added to all answers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    basic_auth_users: Option<BTreeMap<String, String>>,
    tls_server_config: Option<Form>,
    http_server_config: Option<Http>,
    rate_limit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Http {
    http2: Option<bool>,
    headers: Option<BTreeMap<String, Option<String>>>,
}

impl WebConfig {
    /// Reads it, with the certificates that it names. What is ignored is told as warnings of `tracing`.
    ///
    /// # Errors
    /// What is wrong with the file or with one that it names, and the remedy; never a line of it, as that may be a secret.
    pub fn read(path: &Path) -> Result<Self, WebConfigError> {
        let unfit = |why: String| WebConfigError::Unfit {
            path: path.to_owned(),
            why,
        };
        let (text, metadata) = read(path).map_err(|error| WebConfigError::Read {
            path: path.to_owned(),
            error,
        })?;
        // The lines around a mistake may be a key's, or hold the hash of a password.
        let whole: Whole = serde_saphyr::from_str(&text)
            .map_err(|error| unfit(error.without_snippet().to_string()))?;
        if whole.rate_limit.is_some() {
            return Err(unfit(
                "rate_limit is not supported: leave it out".to_owned(),
            ));
        }
        let users = whole.basic_auth_users.filter(|users| !users.is_empty());
        let users = users.map(Users::new).transpose().map_err(unfit)?;
        let headers = whole.http_server_config.map(Http::headers).transpose();
        let headers = headers.map_err(unfit)?.unwrap_or_default();
        let tls = match whole.tls_server_config {
            Some(form) => {
                if form.holds_a_key() && is_open_to_all(metadata.mode()) {
                    return Err(unfit(EVERYBODY.to_owned()));
                }
                let folder = path.parent().unwrap_or(Path::new(""));
                let tls = Tls::new(form, folder).map_err(|error| unfit(error.to_string()))?;
                Some(Arc::new(tls))
            }
            None => None,
        };
        if users.is_none() && tls.is_none() {
            let remedy = "it names no basic_auth_users, and has no tls_server_config: name one";
            return Err(unfit(remedy.to_owned()));
        }
        Ok(Self {
            users,
            tls,
            headers,
        })
    }

    /// Whether everybody may ask. Where TLS lets nobody in but whose certificate was verified, not everybody may.
    pub fn is_open(&self) -> bool {
        let is_verified = self
            .tls
            .as_ref()
            .is_some_and(|tls| tls.verifies_every_client());
        self.users.is_none() && !is_verified
    }
}

/// What is in a file, and whose it is.
fn read(path: &Path) -> io::Result<(String, Metadata)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut text = String::new();
    file.take(MOST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST {
        let size = format!("it is larger than {} KiB", MOST / 1024);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, size));
    }
    Ok((text, metadata))
}

impl Http {
    /// The headers that may be added: a closed list, as in Prometheus. An empty value is as none.
    fn headers(self) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
        if self.http2 == Some(true) {
            tracing::warn!(
                "http_server_config.http2 is ignored: what is offered is HTTP/1.1, which every client takes"
            );
        }
        let mut headers = Vec::new();
        for (name, value) in self.headers.into_iter().flatten() {
            let Some(value) = value.filter(|value| !value.is_empty()) else {
                continue;
            };
            let key = format!("http_server_config.headers.{name}");
            let known = ALLOWED
                .iter()
                .find(|known| known.as_str().eq_ignore_ascii_case(&name));
            let Some(known) = known else {
                let choice: Vec<_> = ALLOWED.iter().map(HeaderName::as_str).collect();
                return Err(format!("{key}: choose {}", choice.join(", ")));
            };
            let only: &[&str] = match *known {
                X_FRAME_OPTIONS => &["deny", "sameorigin"],
                X_CONTENT_TYPE_OPTIONS => &["nosniff"],
                _ => &[],
            };
            if !only.is_empty() && !only.contains(&value.to_ascii_lowercase().as_str()) {
                return Err(format!("{key}: choose {}", only.join(" or ")));
            }
            let value = HeaderValue::try_from(&value)
                .map_err(|_| format!("{key}: this cannot stand in a header"))?;
            headers.push((known.clone(), value));
        }
        Ok(headers)
    }
}

const ALLOWED: [HeaderName; 5] = [
    CONTENT_SECURITY_POLICY,
    STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
    X_XSS_PROTECTION,
];

#[cfg(test)]
mod tests;
