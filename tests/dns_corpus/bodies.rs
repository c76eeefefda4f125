//! What the fuzz target of the reader of DNS answers does with its bytes, and what must hold whatever the bytes are.
//!
//! Included by path: by the fuzz target, and by the tests that replay seeds and try random bytes.

use std::collections::BTreeSet;

use lanherd::activity::dns::RecordType;
use lanherd::activity::dns::message::{NoReply, Rcode, Reply, read};
use lanherd::family::Family;
use lanherd::host_name::HostName;

/// So many addresses of one answer are kept at most.
const MOST_ADDRESSES: usize = 16;
/// What was asked for in all seeds.
const NAME: &str = "www.lab.test";

/// The first byte says which type was asked for; the others are an answer, whose id is that of the query. Says what it was.
pub fn dns(bytes: &[u8]) -> BTreeSet<&'static str> {
    let Some((first, answer)) = bytes.split_first() else {
        return BTreeSet::new();
    };
    let (record, family) = if first & 1 == 0 {
        (RecordType::A, Family::Ipv4)
    } else {
        (RecordType::Aaaa, Family::Ipv6)
    };
    let id = match answer {
        [high, low, ..] => u16::from_be_bytes([*high, *low]),
        _ => 7,
    };
    let asked: HostName = NAME.parse().expect("a name");
    let said = read(answer, id, &asked, record);
    match &said {
        Ok(reply) => holds(reply, family),
        // People read it, and a log has it in a line of its own.
        Err(error) => assert!(!error.to_string().contains(char::is_control), "{error:?}"),
    }
    // Nothing of an answer to another query counts.
    let other = read(answer, id.wrapping_add(1), &asked, record);
    assert!(other.is_err(), "{other:?}");
    BTreeSet::from([kind(&said)])
}

fn holds(reply: &Reply, family: Family) {
    assert!(reply.addresses.len() <= MOST_ADDRESSES, "{reply:?}");
    let is_of_family = |address: &std::net::IpAddr| Family::of(*address) == family;
    assert!(reply.addresses.iter().all(is_of_family), "{reply:?}");
    if reply.rcode == Rcode::NoError {
        assert!(!reply.addresses.is_empty(), "{reply:?}");
    }
    if reply.rcode == Rcode::NoData {
        assert!(reply.addresses.is_empty(), "{reply:?}");
    }
}

fn kind(said: &Result<Reply, NoReply>) -> &'static str {
    match said {
        Ok(reply) if reply.is_truncated => "truncated",
        Ok(reply) => reply.rcode.as_str(),
        Err(NoReply::Malformed(_)) => "malformed",
        Err(NoReply::WrongId(_)) => "wrong_id",
        Err(NoReply::WrongQuestion(_)) => "wrong_question",
    }
}
