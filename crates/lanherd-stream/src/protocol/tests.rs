use proptest::prelude::*;

use super::*;

fn counted(end: DirectionEnd) -> Counted {
    Counted {
        end,
        bytes: 1 << 40,
        took: Duration::from_micros(10_000_001),
        longest_gap: Duration::from_micros(2),
        measured: (1 << 39, Duration::from_micros(11)),
        late: Duration::from_micros(12),
        tcp: TcpFigures {
            acknowledged: 3,
            segments: 4,
            retransmitted: 5,
            busy: Duration::from_micros(6),
            receiver_limited: Duration::from_micros(7),
            buffer_limited: Duration::from_micros(8),
            round_trip: Duration::from_micros(9),
            shortest_round_trip: Duration::from_micros(10),
        },
    }
}

/// One of each kind, with each value of each word.
fn messages() -> Vec<Message> {
    let cookie = Cookie(*b"0123456789abcdef");
    let mut all = Vec::new();
    for directions in Directions::ALL {
        for (rate, name) in [(None, None), (Some(u64::MAX), Some("bbr".to_owned()))] {
            all.push(Message::Open(Open {
                directions: *directions,
                rate,
                lasts: Duration::from_millis(u32::MAX.into()),
                congestion_control: name,
            }));
        }
    }
    all.push(Message::Accepted(Accepted {
        cookie,
        most_bytes: 1_000_000,
        congestion_control: "cubic".to_owned(),
    }));
    for reason in RefusalReason::ALL {
        all.push(Message::Refused(Refused {
            reason: *reason,
            words: "weil es für heute reicht".to_owned(),
        }));
    }
    for direction in Direction::ALL {
        all.push(Message::Data(Data {
            cookie,
            direction: *direction,
        }));
    }
    for end in DirectionEnd::ALL {
        let one = Some(counted(*end));
        for (up, down) in [(one, None), (None, one), (one, one)] {
            all.push(Message::Result(Box::new(StreamResult { up, down })));
        }
    }
    all
}

#[test]
fn every_message_reads_back_as_it_was_written() {
    for message in messages() {
        let bytes = message.encode();
        assert!(bytes.len() <= HEAD + LONGEST_BODY, "{message:?}");
        assert_eq!(decode(&bytes), Ok(Decoded::Whole(message)));
    }
}

#[test]
fn of_a_message_that_is_not_whole_it_is_told_how_much_is_missing() {
    for message in messages() {
        let bytes = message.encode();
        for length in 0..bytes.len() {
            let missing = if length < HEAD {
                HEAD - length
            } else {
                bytes.len() - length
            };
            assert_eq!(decode(&bytes[..length]), Ok(Decoded::Missing(missing)));
        }
    }
}

/// Held byte by byte: what stands here is the protocol's version 1.
#[test]
fn the_bytes_of_version_1_are_these() {
    let open = Message::Open(Open {
        directions: Directions::Down,
        rate: Some(1_000_000),
        lasts: Duration::from_secs(10),
        congestion_control: Some("bbr".to_owned()),
    });
    let bytes = b"LHSK\x01\x01\x00\x11\x02\x00\x00\x00\x00\x00\x0f\x42\x40\x00\x00\x27\x10\x03bbr";
    assert_eq!(open.encode(), bytes);
    let data = Message::Data(Data {
        cookie: Cookie(*b"0123456789abcdef"),
        direction: Direction::Up,
    });
    assert_eq!(data.encode(), b"LHSK\x01\x04\x00\x110123456789abcdef\x01");
}

#[test]
fn what_a_later_version_adds_to_a_body_is_passed_over_and_another_version_is_told() {
    let message = messages().remove(0);
    let mut bytes = message.encode();
    bytes.extend(b"more");
    bytes[7] += 4;
    assert_eq!(decode(&bytes), Ok(Decoded::Whole(message)));
    bytes[4] = 2;
    assert_eq!(decode(&bytes[..5]), Err(DecodeError::Version(2)));
}

#[test]
fn what_is_no_message_is_known_by_its_first_byte_and_nonsense_by_its_place() {
    assert_eq!(decode(b"GET / HTTP/1.1"), Err(DecodeError::NotOurs));
    assert_eq!(decode(b"G"), Err(DecodeError::NotOurs));
    assert_eq!(decode(b"LHSK\x01\x09\x00\x00"), Err(DecodeError::Kind(9)));
    assert_eq!(
        decode(b"LHSK\x01\x01\xff\xff"),
        Err(DecodeError::TooLong(0xffff))
    );
    assert_eq!(
        decode(b"LHSK\x01\x04\x00\x03abc"),
        Err(DecodeError::TooShort("cookie"))
    );
    let mut data = messages().remove(0).encode();
    data[HEAD] = 4;
    assert_eq!(decode(&data), Err(DecodeError::Value("directions")));
    for name in ["ba\x1br", "a b", "../x"] {
        let open = Message::Open(Open {
            directions: Directions::Up,
            rate: None,
            lasts: Duration::ZERO,
            congestion_control: Some(name.to_owned()),
        });
        let error = DecodeError::Value("congestion control");
        assert_eq!(decode(&open.encode()), Err(error), "{name:?}");
    }
}

#[tokio::test]
async fn a_reader_takes_no_byte_behind_a_message_and_tells_an_end() {
    for message in messages() {
        let mut bytes = message.encode();
        bytes.extend(b"filler");
        let mut stream = bytes.as_slice();
        let mut reader = MessageReader::default();
        let read = reader.next(&mut stream).await.expect("whole");
        assert_eq!((read, stream), (message, b"filler".as_slice()));
    }
    let mut cut = b"LHSK\x01".as_slice();
    let error = MessageReader::default().next(&mut cut).await;
    assert!(
        matches!(&error, Err(ReadError::Io(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof),
        "{error:?}"
    );
}

proptest! {
    #[test]
    fn whatever_comes_is_read_or_refused_and_what_is_read_is_written_alike(
        kind in 0_u8..7,
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = b"LHSK\x01".to_vec();
        bytes.push(kind);
        bytes.extend(u16::try_from(body.len()).expect("short").to_be_bytes());
        bytes.extend(&body);
        if let Ok(Decoded::Whole(message)) = decode(&bytes) {
            prop_assert_eq!(decode(&message.encode()), Ok(Decoded::Whole(message)));
        }
    }
}
