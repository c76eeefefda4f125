//! Users and their passwords, of which only bcrypt hashes are known.
//!
//! Computing one takes long on purpose, so one is computed at a time, apart from the reactor, and what was right is remembered.
//! Who asks last is next, so that many who are wrong do not keep out one who is right.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::HeaderValue;
use parking_lot::{Mutex, MutexGuard};

use crate::turns::Turns;

/// How many right passwords are remembered.
const MOST_KNOWN: usize = 64;
/// The most costly hash: each step doubles the time, and this takes some seconds.
const MOST_COST: u32 = 15;
/// The least costly hash that bcrypt knows.
const LEAST_COST: u32 = 4;

/// Who may ask, by name and password.
pub struct Users {
    hashes: BTreeMap<String, String>,
    /// What a user that there is not is compared with, so that it takes as long.
    decoy: String,
    /// Of what was right, under a key that nobody knows.
    known: Mutex<HashSet<u64>>,
    key: RandomState,
    turns: Arc<Turns>,
}

/// Secrets are not shown.
impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Users")
    }
}

impl Users {
    /// Users and the hashes of their passwords; `Err`: which of them will not do, and the remedy.
    pub(crate) fn new(hashes: BTreeMap<String, String>) -> Result<Self, String> {
        for (user, hash) in &hashes {
            check_hash(user, hash)?;
        }
        let most = hashes.values().filter_map(|hash| cost(hash)).max();
        let decoy = bcrypt::hash("nobody", most.unwrap_or_default().max(LEAST_COST))
            .map_err(|error| error.to_string())?;
        Ok(Self {
            hashes,
            decoy,
            known: Mutex::default(),
            key: RandomState::new(),
            turns: Arc::default(),
        })
    }

    /// How many wait until a password of theirs is compared.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.turns.waiting()
    }

    /// Whether a request with this `Authorization` is one of theirs (RFC 7617).
    pub async fn admits(&self, authorization: Option<&HeaderValue>) -> bool {
        match authorization.and_then(basic) {
            Some((user, password)) => self.admit(user, password).await,
            None => false,
        }
    }

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

    fn known(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.known.lock()
    }
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

/// What a bcrypt hash costs, as a power of two.
fn cost(hash: &str) -> Option<u32> {
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
