//! Forged answers of DHCPv6 servers, while clients wait for the right ones.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::time::Duration;

use lanherd::fault::Fault;
use lanherd::identity::Mac;
use lanherd::pool::Selection;

use super::stranger::{Ends, STRANGER, STRANGER_MAC, dhcp6, dhcp6_in_fragments};
use super::{Beside, CLIENTS, PATIENCE, beside_a_stranger};

const IGNORED: &str = "dhcp6_messages_ignored_total";
/// Messages of these types (RFC 9915, 7.3).
const RENEW: u8 = 5;
const REPLY: u8 = 7;
const RECONFIGURE: u8 = 10;
/// Options of these codes (RFC 9915, 21).
const CLIENT_ID: u16 = 1;
const SERVER_ID: u16 = 2;
const IA_NA: u16 = 3;
const IA_ADDRESS: u16 = 5;
const STATUS: u16 = 13;
const RECONFIGURE_MESSAGE: u16 = 19;

const BAD: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 0, 1);

/// What a client asked.
#[derive(Debug, Clone)]
struct Question {
    mac: Mac,
    source: Ipv6Addr,
    xid: [u8; 3],
    options: Vec<(u16, Vec<u8>)>,
}

impl Question {
    /// Of a frame with a RENEW of a client's.
    fn renewing(frame: &[u8]) -> Option<Self> {
        let content = frame.get(14..)?;
        let message = content.get(48..)?;
        let is_renew =
            content[6] == 17 && content[42..44] == [0x02, 0x23] && message.first() == Some(&RENEW);
        if !is_renew {
            return None;
        }
        let source: [u8; 16] = content[8..24].try_into().ok()?;
        let mac: [u8; 6] = frame[6..12].try_into().ok()?;
        let mut options = Vec::new();
        let mut rest = &message[4..];
        while let [a, b, c, d, behind @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*c, *d]));
            options.push((u16::from_be_bytes([*a, *b]), behind.get(..length)?.to_vec()));
            rest = &behind[length..];
        }
        Some(Self {
            mac: Mac(mac),
            source: source.into(),
            xid: message[1..4].try_into().ok()?,
            options,
        })
    }

    fn option(&self, code: u16) -> Vec<u8> {
        let found = self.options.iter().find(|(known, _)| *known == code);
        option(
            code,
            &found
                .unwrap_or_else(|| panic!("no option {code}: {self:?}"))
                .1,
        )
    }

    /// What a REPLY consists of that takes the client's lease away: type and transaction, client, server, and the rest.
    fn reply(&self) -> [Vec<u8>; 4] {
        let [a, b, c] = self.xid;
        let ended = self.option(IA_NA)[4..8].to_vec();
        let refused = option(STATUS, &[0, 4]);
        let ia = option(
            IA_NA,
            &[&ended[..], &[0; 8], &address(BAD), &refused].concat(),
        );
        let known = [self.option(CLIENT_ID), self.option(SERVER_ID)];
        let [client, server] = known;
        [vec![REPLY, a, b, c], client, server, ia]
    }
}

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("short").to_be_bytes();
    [&code.to_be_bytes()[..], &length, value].concat()
}

fn address(address: Ipv6Addr) -> Vec<u8> {
    let lifetimes = 9_000_u32.to_be_bytes();
    option(
        IA_ADDRESS,
        &[&address.octets()[..], &lifetimes, &lifetimes].concat(),
    )
}

/// The DUID of a stranger (RFC 9915, 11.4).
fn strange(code: u16) -> Vec<u8> {
    option(code, &[&[0, 3, 0, 1][..], &STRANGER_MAC.octets()].concat())
}

/// What is sent to whoever asked, each with why it is passed over.
fn forged(question: &Question) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let ends = Ends {
        mac: STRANGER_MAC,
        source: STRANGER,
        to_mac: question.mac,
        to: question.source,
    };
    let [head, client, server, ia] = question.reply();
    let sent = |parts: &[&Vec<u8>]| {
        let message: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        vec![dhcp6(&ends, &message)]
    };
    let mut other_head = head.clone();
    other_head[3] ^= 1;
    let mut reconfigure = head.clone();
    reconfigure[..4].copy_from_slice(&[RECONFIGURE, 0, 0, 0]);
    let renew = option(RECONFIGURE_MESSAGE, &[RENEW]);
    let status = option(STATUS, &[&[0, 1][..], b"go away"].concat());
    let stranger = (strange(CLIENT_ID), strange(SERVER_ID));
    let many = |count: u16| {
        let of = (0..count).map(|n| address(Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 1, n)));
        let of: Vec<u8> = of.flatten().collect();
        option(IA_NA, &[&ia[4..8], &[0; 8], &of].concat())
    };
    let all = [&head[..], &client, &server, &many(1_000)].concat();
    let mut summed_wrong = dhcp6(&ends, &[&head[..], &client, &server, &ia].concat());
    summed_wrong[14 + 40 + 6] ^= 1;
    let cut = [&head[..], &client, &server, &ia[..ia.len() - 3]].concat();
    vec![
        ("foreign_xid", sent(&[&other_head, &client, &server, &ia])),
        ("foreign_server", sent(&[&head, &client, &stranger.1, &ia])),
        (
            "foreign_server",
            sent(&[&head, &client, &stranger.1, &status]),
        ),
        (
            "foreign_server",
            sent(&[&head, &client, &stranger.1, &many(40)]),
        ),
        (
            "foreign_client_id",
            sent(&[&head, &stranger.0, &server, &ia]),
        ),
        ("no_client_id", sent(&[&head, &server, &ia])),
        ("no_server_id", sent(&[&head, &client, &ia])),
        (
            "reconfigure_refused",
            sent(&[&reconfigure, &client, &server, &renew]),
        ),
        (
            "not_for_clients",
            sent(&[&vec![RENEW, 0, 0, 1], &client, &server, &ia]),
        ),
        ("checksum", vec![summed_wrong]),
        ("", vec![dhcp6(&ends, &cut)]),
        ("fragmented", dhcp6_in_fragments(&ends, &all)),
    ]
}

async fn forged_replies_take_no_lease_away(beside: &Beside) {
    let before = beside.standing().await;
    // The right answers come 3 s late.
    let lasts = Duration::from_secs(600);
    beside.lab.inject(Fault::Dhcp6Slow, lasts).expect("begun");
    beside.stranger.forget().await;
    beside.pool.renew(Selection::All).await.expect("told");
    let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
    let mut asked = Vec::new();
    while asked.len() < CLIENTS as usize {
        let question = beside.stranger.hear(PATIENCE, Question::renewing).await;
        let question = question.expect("a RENEW");
        if asked.contains(&question.mac) {
            continue;
        }
        for (reason, frames) in forged(&question) {
            for frame in &frames {
                beside.stranger.send(frame).await;
            }
            *expected.entry(reason).or_default() += 1;
        }
        asked.push(question.mac);
    }
    for (reason, count) in expected.iter().filter(|(reason, _)| !reason.is_empty()) {
        let label = format!("reason=\"{reason}\"");
        beside.until_counted(IGNORED, &label, *count).await;
    }
    let all = expected.values().sum();
    beside.until_counted(IGNORED, "reason=", all).await;
    // The right answer comes all the same.
    beside
        .until_counted(
            "dhcp6_messages_total",
            "type=\"reply\"",
            u64::from(2 * CLIENTS),
        )
        .await;
    beside.lab.heal();
    beside.mended(&before).await;
}

#[test]
fn forged_answers_of_dhcp6_servers_are_told_with_their_reason_and_take_no_lease_away() {
    beside_a_stranger(forged_replies_take_no_lease_away);
}
