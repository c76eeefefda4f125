//! The text format in which state files were written before JSON: one thing a line, a key and what it is. It is read for the
//! sake of what a run of such a lanherd left when it was killed, and never written.

use std::net::Ipv4Addr;
use std::str::FromStr;

use super::lease_record::stored::{
    Prefix, State, StoredDhcp4, StoredLease, StoredLifetime, StoredRoute,
};
use super::parent_settings::{ParentSettings, StoredSettings};
use super::pool_manifest::PoolManifest;
use super::record::Record;
use super::state_file::Hex;
use lanherd_types::identity::Seed;

/// The word for a value that is not there.
const NONE: &str = "none";

/// The last line of a file that is of no use unless it is whole.
const END: &str = "end\n";

/// Returns the values of `key`, one for each of its lines.
fn fields<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter_map(move |line| line.strip_prefix(key)?.strip_prefix(' '))
}

/// Returns the value of `key` in its first line.
fn field<'a>(text: &'a str, key: &'a str) -> Option<&'a str> {
    fields(text, key).next()
}

/// A value or the word for none; an error where it is neither.
fn optional<T: FromStr>(text: &str) -> Result<Option<T>, T::Err> {
    match text {
        NONE => Ok(None),
        value => value.parse().map(Some),
    }
}

fn hex(digits: &str) -> Option<Hex> {
    digits.to_owned().try_into().ok()
}

/// The record of a client's namespace: it is whole where its last line is, since a MAC has one length only.
pub(super) fn record(text: &str) -> Option<Record> {
    Some(Record {
        inode: field(text, "inode")?.parse().ok()?,
        cookie: optional(field(text, "cookie")?).ok()?,
        mac: field(text, "mac")?.parse().ok()?,
    })
}

/// The manifest of a pool.
pub(super) fn manifest(text: &str) -> Option<PoolManifest> {
    if !text.ends_with(END) {
        return None;
    }
    Some(PoolManifest {
        lanherd: field(text, "lanherd")?.to_owned(),
        parent: field(text, "parent")?.to_owned(),
        // Of an earlier version that did not write it down.
        parent_index: match field(text, "parent-index") {
            None => None,
            Some(index) => optional(index).ok()?,
        },
        mode: field(text, "mode")?.parse().ok()?,
        seed: optional(field(text, "seed")?).ok()?.map(Seed),
    })
}

/// The settings of a parent that was taken down.
pub(super) fn parent_settings(text: &str) -> Option<ParentSettings> {
    if !text.ends_with(END) {
        return None;
    }
    let stored = StoredSettings {
        interface: field(text, "interface")?.to_owned(),
        index: field(text, "index")?.parse().ok()?,
        set_again: fields(text, "set").map(hex).collect::<Option<_>>()?,
    };
    stored.try_into().ok()
}

/// The record of a client's lease.
pub(super) fn lease(text: &str) -> Option<StoredLease> {
    if !text.ends_with(END) {
        return None;
    }
    Some(StoredLease {
        mac: field(text, "mac")?.parse().ok()?,
        dhcp4: StoredDhcp4 {
            state: match field(text, "state") {
                None => State::Bound,
                Some("requested") => State::Requested,
                Some(_) => return None,
            },
            client_id: match field(text, "client-id")? {
                NONE => None,
                digits => Some(hex(digits)?),
            },
            server_mac: optional(field(text, "server-mac")?).ok()?,
            server: field(text, "server")?.parse().ok()?,
            address: field(text, "address")?.parse().ok()?,
            routers: addresses(text, "router")?,
            routes: fields(text, "route").map(route).collect::<Option<_>>()?,
            dns: addresses(text, "dns")?,
            domain: field(text, "domain").map(str::to_owned),
            search: fields(text, "search").map(str::to_owned).collect(),
            mtu: optional(field(text, "mtu")?).ok()?,
            requested_at_ms: field(text, "requested")?.parse().ok()?,
            lifetime: lifetime(field(text, "lifetime")?)?,
        },
    })
}

fn addresses(text: &str, key: &str) -> Option<Vec<Ipv4Addr>> {
    fields(text, key)
        .map(|address| address.parse().ok())
        .collect()
}

fn route(text: &str) -> Option<StoredRoute> {
    let (to, gateway) = text.split_once(' ')?;
    Some(StoredRoute {
        destination: to.parse::<Prefix>().ok()?,
        gateway: gateway.parse().ok()?,
    })
}

fn lifetime(text: &str) -> Option<StoredLifetime> {
    if text == "infinite" {
        return Some(StoredLifetime::Infinite);
    }
    let mut spans = text.split(' ').map(|span| span.parse().ok());
    let (lease_ms, t1_ms, t2_ms) = (spans.next()??, spans.next()??, spans.next()??);
    Some(StoredLifetime::Finite {
        lease_ms,
        t1_ms,
        t2_ms,
    })
}
