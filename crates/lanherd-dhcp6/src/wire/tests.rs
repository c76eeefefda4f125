mod passed_over;

use proptest::prelude::*;

use super::*;
use crate::{Ia, IaAddress, IaKind, IaPrefix, Prefix, Remark, RemarkReason, Status, StatusCode};

/// A message of that type with these bytes as its options.
fn with(number: u8, options: &[u8]) -> Vec<u8> {
    [&[number, 0x12, 0x34, 0x56], options].concat()
}

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("a short value");
    [&code.to_be_bytes(), &length.to_be_bytes(), value].concat()
}

/// An identity association with these bytes as its options.
fn ia(code: u16, iaid: u8, nested: &[u8]) -> Vec<u8> {
    let fixed = [0, 0, 0, iaid, 0, 0, 0, 0, 0, 0, 0, 0];
    let fixed = if code == code::IA_TA {
        &fixed[..4]
    } else {
        &fixed
    };
    option(code, &[fixed, nested].concat())
}

fn address(nested: &[u8]) -> Vec<u8> {
    option(code::IA_ADDRESS, &[&[0; 24], nested].concat())
}

fn prefix(length: u8, nested: &[u8]) -> Vec<u8> {
    let mut fixed = [0; 25];
    fixed[8] = length;
    option(code::IA_PREFIX, &[&fixed, nested].concat())
}

fn reply(options: &[u8]) -> Message {
    Message::decode(&with(7, options)).expect("a message")
}

/// What was passed over: option, the one around it, where, why.
fn passed_over(options: &[u8]) -> Vec<(u16, Option<u16>, usize, RemarkReason)> {
    let short = |remark: &Remark| {
        let offset = remark.offset.expect("an offset");
        (remark.option, remark.inside, offset, remark.reason)
    };
    reply(options).notes.malformed().iter().map(short).collect()
}

fn codes(options: &Options) -> Vec<u16> {
    options.iter().map(|option| option.code).collect()
}

#[test]
fn a_message_with_everything_in_its_place_is_read_whole() {
    // Laid out as dnsmasq lays out its ADVERTISEs.
    let mut bytes = vec![2, 0xab, 0xcd, 0xef];
    bytes.extend(option(1, &[0, 3, 0, 1, 2, 0, 0x5e, 0x10, 0, 1]));
    bytes.extend(option(
        2,
        &[0, 1, 0, 1, 0x2e, 0, 0, 1, 2, 0x6c, 0x61, 0, 0, 1],
    ));
    let host: std::net::Ipv6Addr = "fd00:77::1a2b".parse().expect("an address");
    let mut leased = host.octets().to_vec();
    leased.extend(600_u32.to_be_bytes());
    leased.extend(600_u32.to_be_bytes());
    let mut fixed = vec![0x5e, 0x10, 0, 1];
    fixed.extend(300_u32.to_be_bytes());
    fixed.extend(525_u32.to_be_bytes());
    let nested = [option(5, &leased), option(13, b"\0\0success")].concat();
    bytes.extend(option(3, &[fixed, nested].concat()));
    bytes.extend(option(13, b"\0\0success"));
    bytes.extend(option(7, &[0]));
    bytes.extend(option(23, &host.octets()));

    let message = Message::decode(&bytes).expect("a message");
    assert_eq!(message.message_type, MessageType::Advertise);
    assert_eq!(message.xid, 0xab_cdef);
    assert_eq!(codes(&message.options), [1, 2, 3, 13, 7, 23]);
    assert!(message.notes.malformed().is_empty());
    let ia = message.options.ias().next().expect("an IA");
    assert_eq!((ia.kind, ia.iaid), (IaKind::Addresses, 0x5e10_0001));
    assert_eq!((ia.t1, ia.t2, ia.offset), (300, 525, Some(36)));
    let leased: Vec<IaAddress> = ia.addresses().collect();
    assert_eq!(leased.len(), 1);
    assert_eq!(leased[0].address, host);
    assert_eq!((leased[0].preferred, leased[0].valid), (600, 600));
    assert_eq!(leased[0].offset, Some(52));
    assert_eq!(ia.status().message.as_deref(), Some("success"));
    assert_eq!(message.encode().expect("short"), bytes);
}

#[test]
fn every_type_has_its_number() {
    for number in 0..=u8::MAX {
        let decoded = Message::decode(&with(number, &[]));
        match number {
            1..=11 => {
                let message = decoded.expect("a message");
                assert_eq!(message.message_type.number(), number);
                assert_eq!(
                    message.message_type.is_servers(),
                    [2, 7, 10].contains(&number)
                );
            }
            12 | 13 => assert_eq!(decoded, Err(DecodeError::Relayed(number))),
            _ => assert_eq!(decoded, Err(DecodeError::UnknownType(number))),
        }
    }
}

// RFC 9915, 16: a message of an unknown type is dropped.
#[test]
fn what_is_no_message_is_named_with_the_byte() {
    assert_eq!(
        Message::decode(&[7, 0, 0]),
        Err(DecodeError::TooShort { length: 3 })
    );
    assert_eq!(
        Message::decode(&with(14, &[])),
        Err(DecodeError::UnknownType(14))
    );
    let last_too_long = [option(7, &[0]), vec![0, 23, 0, 16, 1]].concat();
    let error = Message::decode(&with(7, &last_too_long)).expect_err("an error");
    assert_eq!(
        error.to_string(),
        "option 23 at byte 9 runs past the end of the message"
    );
    for (bytes, option) in [
        ([0, 14].as_slice(), 14),
        (&[0, 14, 0], 14),
        (&[0, 14, 0, 1], 14),
        (&[0, 3, 0xff, 0xff], 3),
    ] {
        assert_eq!(
            Message::decode(&with(7, bytes)),
            Err(DecodeError::Truncated { option, offset: 4 }),
            "{bytes:?}"
        );
    }
    assert_eq!(
        Message::decode(&with(7, &[0])),
        Err(DecodeError::Leftover { offset: 4 })
    );
}

#[test]
fn an_answer_has_the_transaction_and_the_client_of_its_question() {
    let mut question = Message::new(MessageType::Request, 0xff12_3456);
    question.options.push(code::CLIENT_ID, [1, 2, 3]);
    question.options.push(code::SERVER_ID, [4, 5, 6]);
    let answer = Message::answer_to(&question, MessageType::Reply);
    assert_eq!(answer.xid, 0x12_3456);
    assert_eq!(codes(&answer.options), [1]);
    let mut status = Options::new();
    status.push_status(&Status {
        code: StatusCode::NotOnLink,
        message: Some("no".into()),
    });
    assert_eq!(status.status().to_string(), "NotOnLink: no");
}

#[test]
fn an_option_longer_than_its_length_can_say_is_not_written() {
    let mut message = Message::new(MessageType::Reply, 1);
    message.options.push(999, vec![0; 65_535]);
    assert!(message.encode().is_ok());
    let mut ia = Ia::new(IaKind::Addresses, 1);
    ia.options.push(998, vec![0; 65_535 - 12 - 4]);
    message.options.push_ia(&ia);
    assert!(message.encode().is_ok());
    ia.options.push(997, []);
    message.options.push_ia(&ia);
    assert_eq!(
        message.encode(),
        Err(EncodeError {
            option: 3,
            length: 65_539
        })
    );
}

/// Options that a decoder has nothing to say against.
fn arbitrary_options() -> impl Strategy<Value = Options> {
    let bytes = |range| prop::collection::vec(any::<u8>(), range);
    let leaf = (1000_u16.., bytes(0..40));
    let lifetimes = any::<(u128, u32, u32, u8)>();
    let ia = (
        any::<bool>(),
        any::<(u32, u32, u32)>(),
        prop::collection::vec(lifetimes, 0..4),
    );
    (
        prop::collection::vec(leaf, 0..6),
        prop::collection::vec(ia, 0..4),
        prop::collection::vec(any::<u16>(), 0..10),
    )
        .prop_map(|(leaves, ias, requests)| {
            let mut options = Options::new();
            options.push_requests(&requests);
            for (code, value) in leaves {
                options.push(code, value);
            }
            for (number, (is_pd, (iaid, t1, t2), held)) in (0..).zip(ias) {
                let kind = if is_pd {
                    IaKind::Prefixes
                } else {
                    IaKind::Addresses
                };
                let mut ia = Ia {
                    t1,
                    t2,
                    ..Ia::new(kind, (iaid & !3) | number)
                };
                for (bits, preferred, valid, length) in held {
                    let address = std::net::Ipv6Addr::from_bits(bits);
                    if is_pd {
                        let prefix = Prefix::new(address, length % 129).expect("a prefix");
                        ia.options
                            .push_prefix(&IaPrefix::new(prefix, preferred, valid));
                    } else {
                        ia.options
                            .push_address(&IaAddress::new(address, preferred, valid));
                    }
                }
                options.push_ia(&ia);
            }
            options
        })
}

proptest! {
    // Field practice: no bytes make the DHCPv6 decoder panic, and an error names option and offset.
    #[test]
    fn any_bytes_are_a_message_or_an_error_and_offsets_lie_within(bytes in prop::collection::vec(any::<u8>(), 0..300), number in 1_u8..=11) {
        for bytes in [bytes.clone(), with(number, &bytes)] {
            match Message::decode(&bytes) {
                Ok(message) => {
                    for remark in message.notes.malformed() {
                        prop_assert!(remark.offset.is_some_and(|offset| offset < bytes.len()));
                    }
                    let again = Message::decode(&message.encode().expect("no longer than it was"));
                    prop_assert_eq!(again, Ok(message));
                }
                Err(DecodeError::Truncated { offset, .. } | DecodeError::Leftover { offset }) => {
                    prop_assert!(offset < bytes.len());
                }
                Err(_) => {}
            }
        }
    }

    #[test]
    fn what_is_written_reads_back(options in arbitrary_options(), xid: u32) {
        for &message_type in MessageType::ALL {
            let message = Message { options: options.clone(), ..Message::new(message_type, xid) };
            let bytes = message.encode().expect("short");
            prop_assert_eq!(bytes.len(), 4 + message.options.wire_len());
            let read = Message::decode(&bytes).expect("a message");
            prop_assert!(read.notes.malformed().is_empty(), "{:?}", read.notes);
            prop_assert_eq!(read, message);
        }
    }

    // Field practice: no bytes make the DHCPv6 decoder panic, and an error names option and offset.
    #[test]
    fn a_message_spoilt_anywhere_costs_no_more_than_its_options(options in arbitrary_options(), at: prop::sample::Index, value: u8) {
        let message = Message { options, ..Message::new(MessageType::Reply, 1) };
        let mut bytes = message.encode().expect("short");
        let at = at.index(bytes.len());
        bytes[at] = value;
        if let Ok(read) = Message::decode(&bytes) {
            prop_assert!(read.options.len() <= bytes.len() / 4);
            prop_assert!(read.encode().expect("no longer").len() <= bytes.len());
        }
    }
}
