//! Queries and answers on the wire (RFC 1035, 4). Pure; answers are hostile until they are read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

use super::RecordType;
use crate::host_name::HostName;
use lanherd_types::words;

/// The fixed fields of a message (RFC 1035, 4.1.1), in bytes.
const HEADER_LEN: usize = 12;
/// The least that a question takes (4.1.2), in bytes.
const MIN_QUESTION_LEN: usize = 5;
/// The least that a record takes (4.1.3), in bytes.
const MIN_RECORD_LEN: usize = 11;
/// How long a chain of aliases may be.
const MAX_ALIASES: usize = 16;
/// How many addresses of one answer are kept.
const MAX_ADDRESSES: usize = 16;

words! {
    /// What a server said of a lookup: the response codes of RFC 1035 (4.1.1) and RFC 6895 (2.3), and one of our own.
    Rcode {
        /// There is an address.
        NoError = "noerror",
        /// No error, but no address either (RFC 2308, 2.2).
        NoData = "nodata",
        /// It did not understand the query.
        FormErr = "formerr",
        /// It, or a server that it asked, failed.
        ServFail = "servfail",
        /// There is no such name.
        NxDomain = "nxdomain",
        /// It does not do such queries.
        NotImp = "notimp",
        /// It does not answer this client, or not about this name.
        Refused = "refused",
        /// Any other code, none of which is a success.
        Other = "other",
    }
}

impl From<RCODE> for Rcode {
    fn from(code: RCODE) -> Self {
        match code {
            RCODE::NoError => Self::NoError,
            RCODE::FormatError => Self::FormErr,
            RCODE::ServerFailure => Self::ServFail,
            RCODE::NameError => Self::NxDomain,
            RCODE::NotImplemented => Self::NotImp,
            RCODE::Refused => Self::Refused,
            _ => Self::Other,
        }
    }
}

/// An answer to the question that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What the server said.
    pub rcode: Rcode,
    /// The addresses of the name, aliases followed; the first 16.
    pub addresses: Vec<IpAddr>,
    /// Whether it did not fit (TC): to be asked for over TCP.
    pub is_truncated: bool,
}

/// Why bytes are no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoReply {
    /// They cannot be read.
    #[error("malformed: {0}")]
    Malformed(String),
    /// They have another id than the query.
    #[error("an answer with the id {0:#06x}, which is not the query's")]
    WrongId(u16),
    /// They have the query's id, but answer another question, or none.
    #[error("an answer to another question: {0}")]
    WrongQuestion(String),
}

/// The query for the addresses of `name` of this type, recursion desired.
pub fn query(
    id: u16,
    name: &HostName,
    record: RecordType,
) -> Result<Vec<u8>, simple_dns::SimpleDnsError> {
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let question = Question::new(
        Name::new(name.as_str())?,
        qtype(record),
        QCLASS::CLASS(CLASS::IN),
        false,
    );
    packet.questions.push(question);
    packet.build_bytes_vec()
}

/// Reads the answer to the query for `name` and this type with this id.
pub fn read(bytes: &[u8], id: u16, name: &HostName, record: RecordType) -> Result<Reply, NoReply> {
    let malformed = |why: &str| NoReply::Malformed(why.to_owned());
    let header = bytes
        .get(..HEADER_LEN)
        .ok_or_else(|| malformed("shorter than a header"))?;
    let field = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let is_response = header[2] & 0x80 != 0;
    if field(0) != id {
        return Err(NoReply::WrongId(field(0)));
    }
    if !is_response {
        return Err(malformed("the query's own id, but it is a query (QR is 0)"));
    }
    // The counts are looked at before they are believed.
    let records = [6, 8, 10].map(|at| usize::from(field(at)));
    let least = HEADER_LEN
        + usize::from(field(4)) * MIN_QUESTION_LEN
        + records.iter().sum::<usize>() * MIN_RECORD_LEN;
    let is_truncated = header[2] & 0x02 != 0;
    if bytes.len() < least && !is_truncated {
        return Err(malformed("shorter than its counts say"));
    }
    let packet = match Packet::parse(bytes) {
        Ok(packet) => packet,
        // What was cut off cannot be read; the same id from the server that was asked has to do.
        Err(_) if is_truncated => {
            return Ok(Reply {
                rcode: Rcode::NoData,
                addresses: Vec::new(),
                is_truncated,
            });
        }
        Err(error) => return Err(NoReply::Malformed(error.to_string())),
    };
    // A server that could not read the question may leave it out.
    let rcode = Rcode::from(packet.rcode());
    match packet.questions.as_slice() {
        [] if matches!(rcode, Rcode::FormErr | Rcode::NotImp) => {}
        [] => return Err(NoReply::WrongQuestion("none".to_owned())),
        [question] => {
            let is_mine =
                question.qtype == qtype(record) && is_same(&question.qname, name.as_str());
            if !is_mine {
                // Names off the wire may have any bytes in them.
                let name = question.qname.to_string();
                let asked = format!("{} {:?}", name.escape_debug(), question.qtype);
                return Err(NoReply::WrongQuestion(asked));
            }
        }
        several => {
            let count = format!("{} questions", several.len());
            return Err(NoReply::WrongQuestion(count));
        }
    }
    let addresses = addresses(&packet, name, record);
    Ok(Reply {
        rcode: match rcode {
            Rcode::NoError if addresses.is_empty() => Rcode::NoData,
            rcode => rcode,
        },
        addresses,
        is_truncated,
    })
}

fn qtype(record: RecordType) -> QTYPE {
    QTYPE::TYPE(match record {
        RecordType::A => TYPE::A,
        RecordType::Aaaa => TYPE::AAAA,
    })
}

/// The addresses of `name` or of what it is an alias of (RFC 1034, 3.6.2).
fn addresses(packet: &Packet<'_>, name: &HostName, record: RecordType) -> Vec<IpAddr> {
    let mut owner = name.as_str().to_owned();
    for _ in 0..MAX_ALIASES {
        let own = || {
            let of_class = packet.answers.iter().filter(|r| r.class == CLASS::IN);
            of_class.filter(|record| is_same(&record.name, &owner))
        };
        let found: Vec<IpAddr> = own()
            .filter_map(|found| match (&found.rdata, record) {
                (RData::A(a), RecordType::A) => Some(Ipv4Addr::from(a.address).into()),
                (RData::AAAA(aaaa), RecordType::Aaaa) => Some(Ipv6Addr::from(aaaa.address).into()),
                _ => None,
            })
            .take(MAX_ADDRESSES)
            .collect();
        if !found.is_empty() {
            return found;
        }
        let alias = own().find_map(|record| match &record.rdata {
            RData::CNAME(alias) => Some(alias.0.to_string()),
            _ => None,
        });
        match alias {
            Some(alias) => owner = alias,
            None => break,
        }
    }
    Vec::new()
}

/// Names are compared without regard to case (RFC 1035, 2.3.3).
fn is_same(name: &Name<'_>, text: &str) -> bool {
    name.to_string().eq_ignore_ascii_case(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use simple_dns::ResourceRecord;
    use simple_dns::rdata::{A, AAAA, CNAME};

    use super::*;
    use crate::family::Family;

    const A_RECORDS: RecordType = RecordType::A;
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

    fn name(text: &str) -> HostName {
        text.parse().expect(text)
    }

    fn answer(
        id: u16,
        records: &[(&str, RData<'static>)],
        change: impl FnOnce(&mut Packet<'_>),
    ) -> Vec<u8> {
        let bytes = query(id, &name("www.lab.test"), A_RECORDS).expect("a query");
        let question = Packet::parse(&bytes).expect("a packet").questions.remove(0);
        let mut packet = Packet::new_reply(id);
        packet.questions.push(question);
        for (owner, data) in records {
            let owner = Name::new_unchecked(owner).into_owned();
            packet
                .answers
                .push(ResourceRecord::new(owner, CLASS::IN, 10, data.clone()));
        }
        change(&mut packet);
        packet.build_bytes_vec_compressed().expect("bytes")
    }

    fn a() -> RData<'static> {
        RData::A(A::from(ADDRESS))
    }

    fn alias(text: &'static str) -> RData<'static> {
        RData::CNAME(CNAME(Name::new_unchecked(text)))
    }

    #[test]
    fn an_answer_is_read_and_aliases_are_followed_in_whatever_order_they_stand() {
        let bytes = answer(
            7,
            &[("cdn.test", a()), ("WWW.lab.test", alias("cdn.TEST"))],
            |_| {},
        );
        let reply = read(&bytes, 7, &name("www.lab.test"), A_RECORDS).expect("a reply");
        assert_eq!(
            (reply.rcode, reply.addresses),
            (Rcode::NoError, vec![ADDRESS.into()])
        );
    }

    #[test]
    fn of_both_types_only_what_was_asked_for_is_an_answer() {
        let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);
        let asked = name("www.lab.test");
        let mut bytes = answer(
            7,
            &[
                ("www.lab.test", alias("cdn.test")),
                ("cdn.test", a()),
                ("cdn.test", RData::AAAA(AAAA::from(address))),
            ],
            |_| {},
        );
        let reply = read(&bytes, 7, &asked, A_RECORDS).expect("a reply");
        assert_eq!(reply.addresses, [ADDRESS]);
        let other = read(&bytes, 7, &asked, RecordType::Aaaa);
        let other = other.expect_err("another question").to_string();
        assert_eq!(other, "an answer to another question: www.lab.test TYPE(A)");
        // The question is the same but for its type.
        let at = HEADER_LEN + "www.lab.test".len() + 2;
        bytes[at..at + 2].copy_from_slice(&[0, 28]);
        let reply = read(&bytes, 7, &asked, RecordType::Aaaa).expect("a reply");
        assert_eq!(
            (reply.rcode, reply.addresses),
            (Rcode::NoError, vec![address.into()])
        );
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length], 7, &asked, RecordType::Aaaa).is_err());
        }
    }

    #[test]
    fn an_address_of_another_name_and_a_ring_of_aliases_are_no_data() {
        for records in [
            vec![("evil.test", a())],
            vec![],
            vec![
                ("www.lab.test", alias("b.test")),
                ("b.test", alias("www.lab.test")),
            ],
        ] {
            let bytes = answer(7, &records, |_| {});
            let reply = read(&bytes, 7, &name("www.lab.test"), A_RECORDS).expect("a reply");
            assert_eq!((reply.rcode, reply.addresses), (Rcode::NoData, vec![]));
        }
    }

    #[test]
    fn another_id_another_question_and_a_query_are_told_apart() {
        let asked = name("www.lab.test");
        let bytes = answer(7, &[("www.lab.test", a())], |_| {});
        assert_eq!(read(&bytes, 8, &asked, A_RECORDS), Err(NoReply::WrongId(7)));
        let other = read(&bytes, 7, &name("ftp.lab.test"), A_RECORDS);
        let other = other.expect_err("another question").to_string();
        assert_eq!(other, "an answer to another question: www.lab.test TYPE(A)");
        let none = answer(7, &[("www.lab.test", a())], |packet| {
            packet.questions.clear();
        });
        let none = read(&none, 7, &asked, A_RECORDS)
            .expect_err("no question")
            .to_string();
        assert_eq!(none, "an answer to another question: none");
        let own = query(7, &asked, A_RECORDS).expect("a query");
        assert!(matches!(
            read(&own, 7, &asked, A_RECORDS),
            Err(NoReply::Malformed(_))
        ));
    }

    #[test]
    fn the_code_is_told() {
        for (code, rcode) in [
            (RCODE::NameError, Rcode::NxDomain),
            (RCODE::ServerFailure, Rcode::ServFail),
            (RCODE::Refused, Rcode::Refused),
            (RCODE::YXDOMAIN, Rcode::Other),
        ] {
            let bytes = answer(7, &[], |packet| *packet.rcode_mut() = code);
            let reply = read(&bytes, 7, &name("www.lab.test"), A_RECORDS).expect("a reply");
            assert_eq!(reply.rcode, rcode);
        }
    }

    #[test]
    fn a_cut_answer_asks_for_tcp_and_a_lying_or_broken_one_is_malformed() {
        let asked = name("www.lab.test");
        let whole = answer(7, &[("www.lab.test", a())], |packet| {
            packet.set_flags(PacketFlag::TRUNCATION);
        });
        for length in [whole.len(), whole.len() - 3] {
            assert!(
                read(&whole[..length], 7, &asked, A_RECORDS)
                    .expect("a reply")
                    .is_truncated
            );
        }
        let mut lying = answer(7, &[], |_| {});
        lying[6..8].copy_from_slice(&[0xff, 0xff]);
        assert!(matches!(
            read(&lying, 7, &asked, A_RECORDS),
            Err(NoReply::Malformed(_))
        ));
        let good = answer(7, &[("www.lab.test", a())], |_| {});
        for length in 0..good.len() {
            assert!(
                read(&good[..length], 7, &asked, A_RECORDS).is_err(),
                "{length}"
            );
        }
    }

    /// What is read of these bytes is of the type that was asked for, and no more than is kept.
    fn is_bounded(bytes: &[u8], asked: &HostName) {
        for (record, family) in [
            (RecordType::A, Family::Ipv4),
            (RecordType::Aaaa, Family::Ipv6),
        ] {
            if let Ok(reply) = read(bytes, 7, asked, record) {
                assert!(reply.addresses.len() <= MAX_ADDRESSES);
                let is_of_type = |address: &IpAddr| Family::of(*address) == family;
                assert!(reply.addresses.iter().all(is_of_type), "{bytes:?}");
            }
        }
    }

    #[test]
    fn no_change_of_a_byte_makes_it_panic_or_keep_more_than_it_may() {
        let asked = name("www.lab.test");
        let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);
        let of_both = [
            ("www.lab.test", alias("b.test")),
            ("b.test", a()),
            ("b.test", RData::AAAA(AAAA::from(address))),
        ];
        let good = answer(7, &of_both, |_| {});
        for at in 2..good.len() {
            for value in 0..=u8::MAX {
                let mut bytes = good.clone();
                bytes[at] = value;
                is_bounded(&bytes, &asked);
            }
        }
        let many = vec![("www.lab.test", RData::AAAA(AAAA::from(address))); 100];
        is_bounded(&answer(7, &many, |_| {}), &asked);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_048))]

        #[test]
        fn no_records_behind_a_right_question_make_it_panic_or_keep_more_than_it_may(
            records in prop::collection::vec(any::<u8>(), 0..300),
            counts in prop::array::uniform3(0_u8..40),
            is_aaaa in any::<bool>(),
        ) {
            let asked = name("www.lab.test");
            let record = if is_aaaa { RecordType::Aaaa } else { RecordType::A };
            let mut bytes = query(7, &asked, record).expect("a query");
            bytes[2] |= 0x80;
            for (at, count) in [7, 9, 11].into_iter().zip(counts) {
                bytes[at] = count;
            }
            bytes.extend(records);
            is_bounded(&bytes, &asked);
        }
    }
}
