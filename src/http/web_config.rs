//! A file in the form of the `web.config` that Prometheus and its exporters take: users, TLS and headers.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS, X_XSS_PROTECTION,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::guard::{GuardError, read, unfit};
use crate::tls::{EVERYBODY, Form, Tls, is_open_to_all};

/// The most costly hash: each step doubles the time, and this takes some seconds.
const MOST_COST: u32 = 15;

/// The least costly hash that bcrypt knows.
const LEAST_COST: u32 = 4;

/// What such a file asks for.
pub(super) struct WebConfig {
    /// Users, and the bcrypt hashes of their passwords; not empty.
    pub users: Option<BTreeMap<String, String>>,
    pub tls: Option<Tls>,
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
    /// Reads it, with the certificates that it names. Says what is ignored.
    pub(super) fn read(path: &Path) -> Result<Self, GuardError> {
        let unfit = |why: String| unfit(path, why);
        let (text, metadata) = read(path)?;
        // The lines around a mistake may be a key's, or hold the hash of a password.
        let whole: Whole = serde_saphyr::from_str(&text)
            .map_err(|error| unfit(error.without_snippet().to_string()))?;
        if whole.rate_limit.is_some() {
            let remedy = "lanherd has no rate_limit but limits of its own: leave it out";
            return Err(unfit(remedy.to_owned()));
        }
        let users = whole.basic_auth_users.filter(|users| !users.is_empty());
        for (user, hash) in users.iter().flatten() {
            check_hash(user, hash).map_err(unfit)?;
        }
        let headers = whole.http_server_config.map(Http::headers).transpose();
        let headers = headers.map_err(unfit)?.unwrap_or_default();
        let tls = match whole.tls_server_config {
            Some(form) => {
                if form.holds_a_key() && is_open_to_all(metadata.mode()) {
                    return Err(unfit(EVERYBODY.to_owned()));
                }
                let folder = path.parent().unwrap_or(Path::new(""));
                Some(Tls::new(form, folder).map_err(|error| unfit(error.to_string()))?)
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
}

/// What a bcrypt hash costs, as a power of two.
pub(super) fn cost(hash: &str) -> Option<u32> {
    let parts: bcrypt::HashParts = hash.parse().ok()?;
    Some(parts.get_cost())
}

fn check_hash(user: &str, hash: &str) -> Result<(), String> {
    match cost(hash) {
        Some(cost) if !(LEAST_COST..=MOST_COST).contains(&cost) => Err(format!(
            "the hash of {user} costs {cost}, and nobody could log in: use {LEAST_COST} to {MOST_COST}, as htpasswd -nBC \
             10 {user} does"
        )),
        Some(_) if can_be_compared(hash) => Ok(()),
        Some(_) | None => Err(format!(
            "the password of {user} is no bcrypt hash: make one with htpasswd -nBC 10 {user}"
        )),
    }
}

/// Whether a password can be compared with it at all: tried with the same hash at the least cost, which takes a moment.
fn can_be_compared(hash: &str) -> bool {
    let mut parts: Vec<&str> = hash.splitn(4, '$').collect();
    let cost = format!("{LEAST_COST:02}");
    if let Some(part) = parts.get_mut(2) {
        *part = &cost;
    }
    bcrypt::verify("", &parts.join("$")).is_ok()
}

impl Http {
    /// The headers that may be added: a closed list, as in Prometheus. An empty value is as none.
    fn headers(self) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
        if self.http2 == Some(true) {
            tracing::warn!(
                "http_server_config.http2 is ignored: lanherd answers with HTTP/1.1, which every client takes"
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
            if *known == CONTENT_SECURITY_POLICY {
                tracing::warn!("{key} is ignored: lanherd sends a stricter policy of its own");
                continue;
            }
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
