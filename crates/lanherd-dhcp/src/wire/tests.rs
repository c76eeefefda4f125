use proptest::prelude::*;

use super::*;

const MAC: Mac = Mac([2, 0, 0x5e, 0x10, 0, 1]);

/// A message whose options field is exactly `options`.
fn raw(options: &[u8]) -> Vec<u8> {
    let mut bytes = Message::request(MessageType::Discover, MAC, 7).encode();
    bytes.truncate(240);
    bytes.extend(options);
    bytes
}

fn decode(options: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, DecodeError> {
    let message = Message::decode(&raw(options))?;
    Ok(message
        .options
        .iter()
        .map(|(code, value)| (code, value.to_vec()))
        .collect())
}

#[test]
fn the_fixed_fields_read_back_as_they_are_written() {
    let mut message = Message::request(MessageType::Request, MAC, 0x0102_0304);
    message.op = Op::Reply;
    message.secs = 515;
    message.broadcast = true;
    message.ciaddr = Ipv4Addr::new(10, 0, 0, 1);
    message.yiaddr = Ipv4Addr::new(10, 0, 0, 2);
    message.siaddr = Ipv4Addr::new(10, 0, 0, 3);
    message.giaddr = Ipv4Addr::new(10, 0, 0, 4);
    assert_eq!(Message::decode(&message.encode()), Ok(message));
}

// RFC 1542, 2.1: a message has 300 bytes at least.
#[test]
fn a_message_is_padded_to_300_bytes_after_its_end_option() {
    let bytes = Message::request(MessageType::Discover, MAC, 7).encode();
    assert_eq!(bytes.len(), 300);
    assert_eq!(bytes[240..244], [53, 1, 1, 255]);
    assert!(bytes[244..].iter().all(|byte| *byte == 0));
}

// RFC 2131, 3: the options begin with the magic cookie.
#[test]
fn what_is_no_ethernet_dhcp_message_is_an_error_and_no_panic() {
    let good = raw(&[53, 1, 1, 255]);
    let with = |offset: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[offset] = byte;
        Message::decode(&bytes)
    };
    assert_eq!(with(0, 3), Err(DecodeError::UnknownOp(3)));
    assert_eq!(
        with(1, 6),
        Err(DecodeError::NotEthernet { htype: 6, hlen: 6 })
    );
    for hlen in [0, 5, 7, 16, 17, 255] {
        assert_eq!(
            with(2, hlen),
            Err(DecodeError::NotEthernet { htype: 1, hlen })
        );
    }
    assert_eq!(
        with(236, 98),
        Err(DecodeError::MagicCookie([98, 130, 83, 99]))
    );
    for length in 0..240 {
        assert_eq!(
            Message::decode(&good[..length]),
            Err(DecodeError::TooShort { length })
        );
    }
}

#[test]
fn padding_between_options_is_skipped_and_what_follows_the_end_is_not_read() {
    assert_eq!(
        decode(&[0, 0, 53, 1, 2, 0, 12, 1, 97, 255, 53, 200]),
        Ok(vec![(53, vec![2]), (12, vec![97])])
    );
}

#[test]
fn a_missing_end_option_is_tolerated() {
    assert_eq!(decode(&[53, 1, 2]), Ok(vec![(53, vec![2])]));
    assert_eq!(decode(&[]), Ok(vec![]));
}

// Field practice: no bytes make the decoder panic, and an error names option and offset.
#[test]
fn a_truncated_option_is_named_with_the_byte_where_it_stands() {
    assert_eq!(
        decode(&[53, 1, 2, 12, 4, 97]),
        Err(DecodeError::Truncated {
            option: 12,
            offset: 243
        })
    );
    assert_eq!(
        decode(&[53, 1, 2, 12]),
        Err(DecodeError::Truncated {
            option: 12,
            offset: 243
        })
    );
}

/// What is noted of the only malformed option in `options`, which is left out of those that are read.
fn remark(options: &[u8]) -> Remark {
    let message = Message::decode(&raw(options)).expect("a message");
    let [remark] = message.notes.malformed() else {
        panic!("{:?}", message.notes);
    };
    assert!(!message.options.contains(remark.option));
    *remark
}

// Field practice: a malformed option of no importance costs that option alone.
#[test]
fn a_malformed_value_costs_its_option_and_is_noted_with_the_byte_where_it_stands() {
    let length = |option: u8, value: &[u8]| {
        let field = [
            &[53, 1, 2, option, u8::try_from(value.len()).expect("short")],
            value,
        ]
        .concat();
        let expected = Remark {
            option,
            offset: Some(243),
            length: value.len(),
            reason: RemarkReason::Length,
        };
        assert_eq!(remark(&field), expected);
    };
    for option in [1, 50, 51, 54, 58, 59, 108] {
        length(option, &[]);
        length(option, &[1; 3]);
        length(option, &[1; 5]);
    }
    for option in [3, 6, 42] {
        length(option, &[]);
        length(option, &[1; 7]);
    }
    for option in [26, 57] {
        length(option, &[1]);
        length(option, &[1; 4]);
    }
    for option in [12, 15, 56] {
        length(option, &[]);
    }
    length(121, &[0; 4]);
    for broken in [
        [121, 5, 33, 1, 1, 1, 1].as_slice(),
        &[121, 6, 0, 1, 1, 1, 1, 0],
    ] {
        let noted = remark(broken);
        assert_eq!(
            (noted.option, noted.offset, noted.reason),
            (121, Some(240), RemarkReason::Value)
        );
    }
}

#[test]
fn a_malformed_option_that_says_how_to_read_the_message_makes_it_an_error() {
    let length = |option: u8, length: usize| {
        Err(DecodeError::Length {
            option,
            offset: 240,
            length,
        })
    };
    assert_eq!(decode(&[52, 0]), length(52, 0));
    assert_eq!(decode(&[53, 2, 1, 1]), length(53, 2));
    assert_eq!(decode(&[53, 0]), length(53, 0));
    for value in [0, 4] {
        assert_eq!(
            decode(&[52, 1, value]),
            Err(DecodeError::Value {
                option: 52,
                offset: 240
            })
        );
    }
}

// RFC 3396, 7: the parts of an option are joined, adjacent or not.
#[test]
fn a_malformed_split_option_is_named_by_its_first_part() {
    let noted = remark(&[51, 2, 0, 0, 53, 1, 5, 51, 1, 9]);
    assert_eq!(
        (noted.option, noted.offset, noted.length),
        (51, Some(240), 3)
    );
    let good = Message::decode(&raw(&[51, 2, 0, 0, 53, 1, 5, 51, 2, 9, 9])).expect("a message");
    assert_eq!(good.notes.malformed(), []);
}

// RFC 2131, 4.1: options may go on in file and sname, as option 52 says.
#[test]
fn overloaded_options_follow_in_the_order_options_then_file_then_sname() {
    let overloaded = |which: u8| {
        let mut bytes = raw(&[53, 1, 2, 52, 1, which, 12, 1, b'a', 255]);
        bytes[108..113].copy_from_slice(&[12, 1, b'b', 255, 9]);
        bytes[44..48].copy_from_slice(&[12, 1, b'c', 255]);
        let message = Message::decode(&bytes).expect("an overloaded message");
        assert!(!message.options.contains(code::OVERLOAD));
        message.options.text(code::HOST_NAME)
    };
    assert_eq!(overloaded(1).as_deref(), Some("ab"));
    assert_eq!(overloaded(2).as_deref(), Some("ac"));
    assert_eq!(overloaded(3).as_deref(), Some("abc"));
}

#[test]
fn file_and_sname_are_not_read_without_option_52() {
    let mut bytes = raw(&[53, 1, 2, 255]);
    bytes[44..236].fill(12);
    assert!(Message::decode(&bytes).is_ok());
}

// RFC 2131, 4.1: options may go on in file and sname, as option 52 says.
#[test]
fn an_option_does_not_run_from_one_overloaded_field_into_the_next() {
    let mut bytes = raw(&[53, 1, 2, 52, 1, 3, 255]);
    bytes[106..108].copy_from_slice(&[12, 2]);
    assert_eq!(
        Message::decode(&bytes),
        Err(DecodeError::Truncated {
            option: 12,
            offset: 106
        })
    );
}

// RFC 3396, 5: a long option is written in parts.
#[test]
fn a_value_over_255_bytes_is_split_on_the_wire_and_joined_again() {
    let value: Vec<u8> = (0..=255).cycle().take(600).collect();
    let mut message = Message::request(MessageType::Discover, MAC, 7);
    message
        .options
        .push(43, value.clone())
        .push(code::HOST_NAME, *b"x");
    let decoded = Message::decode(&message.encode()).expect("our own message");
    let lengths: Vec<(u8, usize)> = decoded
        .options
        .iter()
        .map(|(code, part)| (code, part.len()))
        .collect();
    assert_eq!(lengths, [(53, 1), (43, 255), (43, 255), (43, 90), (12, 1)]);
    assert_eq!(decoded.options.get(43).as_deref(), Some(value.as_slice()));
}

#[test]
fn a_reply_carries_what_identifies_the_request() {
    let mut request = Message::request(MessageType::Discover, MAC, 7);
    request.broadcast = true;
    request.giaddr = Ipv4Addr::new(10, 0, 0, 9);
    request.options.push(code::CLIENT_ID, [1, 2, 3]);
    let reply = Message::reply_to(&request, MessageType::Offer);
    assert_eq!((reply.op, reply.xid, reply.broadcast), (Op::Reply, 7, true));
    assert_eq!((reply.giaddr, reply.chaddr), (request.giaddr, MAC));
    assert_eq!(reply.message_type(), Some(MessageType::Offer));
    assert_eq!(
        reply.options.get(code::CLIENT_ID).as_deref(),
        Some([1, 2, 3].as_slice())
    );
}

/// Options that decode accepts: unchecked codes with any value, and a few checked ones with good values.
fn any_option() -> impl Strategy<Value = (u8, Vec<u8>)> {
    prop_oneof![
        (200..=250_u8, proptest::collection::vec(any::<u8>(), 0..600)),
        proptest::collection::vec(any::<u8>(), 1..20).prop_map(|value| (code::HOST_NAME, value)),
        proptest::collection::vec(any::<[u8; 4]>(), 1..80)
            .prop_map(|hosts| (code::ROUTERS, hosts.concat())),
    ]
}

prop_compose! {
    fn any_message()(
        reply: bool, xid: u32, secs: u16, broadcast: bool, addresses: [u32; 4], mac: [u8; 6],
        options in proptest::collection::vec(any_option(), 0..12),
    ) -> Message {
        let [ciaddr, yiaddr, siaddr, giaddr] = addresses.map(Ipv4Addr::from_bits);
        let mut collected = Options::new();
        for (code, value) in options {
            collected.push(code, value);
        }
        Message {
            op: if reply { Op::Reply } else { Op::Request },
            xid, secs, broadcast, ciaddr, yiaddr, siaddr, giaddr, chaddr: Mac(mac), options: collected,
            notes: Notes::default(),
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back(message in any_message()) {
        let bytes = message.encode();
        let decoded = Message::decode(&bytes).expect("our own message");
        for (code, _) in message.options.iter() {
            prop_assert_eq!(decoded.options.get(code), message.options.get(code));
        }
        prop_assert_eq!(decoded.encode(), bytes);
        prop_assert_eq!(Message { options: Options::new(), ..decoded }, Message { options: Options::new(), ..message });
    }

    // Field practice: no bytes make the decoder panic, and an error names option and offset.
    #[test]
    fn any_bytes_are_a_message_or_an_error(
        options in proptest::collection::vec(any::<u8>(), 0..400),
        fields in proptest::collection::vec(any::<u8>(), 192),
        overload in 0..5_u8,
    ) {
        let mut bytes = raw(&[&[52, 1, overload], options.as_slice()].concat());
        bytes[44..236].copy_from_slice(&fields);
        match Message::decode(&bytes) {
            Ok(message) => prop_assert_eq!(Message::decode(&message.encode()), Ok(message)),
            Err(DecodeError::Truncated { option, offset }
                | DecodeError::Length { option, offset, .. }
                | DecodeError::Value { option, offset }) => prop_assert_eq!(bytes[offset], option),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
