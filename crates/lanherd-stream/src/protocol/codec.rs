//! Messages to bytes, and back.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::{
    Accepted, Cookie, Counted, Data, Direction, DirectionEnd, Directions, HEAD, LONGEST_BODY,
    LONGEST_NAME, LONGEST_WORDS, MAGIC, Message, Open, RefusalReason, Refused, StreamResult,
    VERSION,
};
use lanherd_net::bulk::TcpFigures;

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They do not begin as one does.
    #[error(
        "it does not begin with LHSK: whoever said it is no sink of lanherd, and no client of one"
    )]
    NotOurs,
    /// They are of a version that is not spoken here.
    #[error("it is of version {0} of the protocol, and {VERSION} is spoken here")]
    Version(u8),
    /// There is no such kind.
    #[error("it is of kind {0}, which there is not")]
    Kind(u8),
    /// The body is longer than any may be.
    #[error("it has {0} bytes, and {LONGEST_BODY} are the most")]
    TooLong(u16),
    /// The body ends too early.
    #[error("it ends within its {0}")]
    TooShort(&'static str),
    /// A value that there is not.
    #[error("its {0} has a value that there is not")]
    Value(&'static str),
}

/// Why no message came.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The connection ended, or broke.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// What came is none.
    #[error("what came is no message: {0}")]
    Malformed(#[from] DecodeError),
}

/// Reads messages off a connection, and not a byte that comes behind one.
#[derive(Debug, Default)]
pub struct MessageReader {
    read: Vec<u8>,
}

impl MessageReader {
    /// The next message. Nothing is lost where this is dropped before it has returned.
    ///
    /// # Errors
    /// What is no message, and the end of the connection ([`std::io::ErrorKind::UnexpectedEof`]).
    pub async fn next<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
    ) -> Result<Message, ReadError> {
        loop {
            let missing = match decode(&self.read)? {
                Decoded::Whole(message) => {
                    self.read.clear();
                    return Ok(message);
                }
                Decoded::Missing(missing) => missing,
            };
            let mut limited = (&mut *stream).take(missing as u64);
            if limited.read_buf(&mut self.read).await? == 0 {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
}

/// What the beginning of what came is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// All of a message, with nothing missing.
    Whole(Message),
    /// The beginning of one, of which so many bytes at least are missing.
    Missing(usize),
}

/// Reads the message that `bytes` are, or begin with.
///
/// # Errors
/// If they are the beginning of no message.
pub fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    if !bytes.iter().zip(MAGIC).all(|(is, should)| *is == should) {
        return Err(DecodeError::NotOurs);
    }
    match bytes.get(MAGIC.len()) {
        Some(&VERSION) | None => {}
        Some(version) => return Err(DecodeError::Version(*version)),
    }
    let Some((head, rest)) = bytes.split_at_checked(HEAD) else {
        return Ok(Decoded::Missing(HEAD - bytes.len()));
    };
    let length = u16::from_be_bytes([head[6], head[7]]);
    let body = usize::from(length);
    if body > LONGEST_BODY {
        return Err(DecodeError::TooLong(length));
    }
    let Some(body) = rest.get(..body) else {
        return Ok(Decoded::Missing(body - rest.len()));
    };
    let mut body = Body(body);
    let message = match head[5] {
        1 => Message::Open(body.open()?),
        2 => Message::Accepted(Accepted {
            cookie: body.cookie()?,
            most_bytes: body.number("bytes")?,
            congestion_control: body.name()?,
        }),
        3 => Message::Refused(Refused {
            reason: body.word("reason", RefusalReason::ALL)?,
            words: body.text("words", LONGEST_WORDS)?,
        }),
        4 => Message::Data(Data {
            cookie: body.cookie()?,
            direction: body.word("direction", Direction::ALL)?,
        }),
        5 => {
            let directions = body.word("directions", Directions::ALL)?;
            let mut counted = |direction| {
                let has = directions.include(direction);
                has.then(|| body.counted()).transpose()
            };
            Message::Result(Box::new(StreamResult {
                up: counted(Direction::Up)?,
                down: counted(Direction::Down)?,
            }))
        }
        kind => return Err(DecodeError::Kind(kind)),
    };
    Ok(Decoded::Whole(message))
}

/// What is left of a body.
struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(DecodeError::TooShort(what))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let taken = self.take(N, what)?;
        taken.try_into().map_err(|_| DecodeError::TooShort(what))
    }

    fn byte(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        Ok(self.array::<1>(what)?[0])
    }

    fn number(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array(what)?))
    }

    fn micros(&mut self, what: &'static str) -> Result<Duration, DecodeError> {
        Ok(Duration::from_micros(self.number(what)?))
    }

    fn cookie(&mut self) -> Result<Cookie, DecodeError> {
        Ok(Cookie(self.array("cookie")?))
    }

    /// One of these, counted from 1.
    fn word<T: Copy>(&mut self, what: &'static str, all: &[T]) -> Result<T, DecodeError> {
        let number = usize::from(self.byte(what)?);
        let word = number.checked_sub(1).and_then(|at| all.get(at));
        word.copied().ok_or(DecodeError::Value(what))
    }

    fn text(&mut self, what: &'static str, longest: usize) -> Result<String, DecodeError> {
        let length = usize::from(self.byte(what)?);
        if length > longest {
            return Err(DecodeError::Value(what));
        }
        let text = std::str::from_utf8(self.take(length, what)?);
        let text = text.map_err(|_| DecodeError::Value(what))?;
        // They are shown to people.
        if text.chars().any(char::is_control) {
            return Err(DecodeError::Value(what));
        }
        Ok(text.to_owned())
    }

    /// The name of a congestion control, as the kernel's are.
    fn name(&mut self) -> Result<String, DecodeError> {
        let what = "congestion control";
        let name = self.text(what, LONGEST_NAME)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if name.bytes().all(is_plain) {
            Ok(name)
        } else {
            Err(DecodeError::Value(what))
        }
    }

    fn open(&mut self) -> Result<Open, DecodeError> {
        let directions = self.word("directions", Directions::ALL)?;
        let rate = self.number("rate")?;
        let lasts = u32::from_be_bytes(self.array("duration")?);
        let congestion_control = self.name()?;
        Ok(Open {
            directions,
            rate: (rate > 0).then_some(rate),
            lasts: Duration::from_millis(lasts.into()),
            congestion_control: (!congestion_control.is_empty()).then_some(congestion_control),
        })
    }

    fn counted(&mut self) -> Result<Counted, DecodeError> {
        Ok(Counted {
            bytes: self.number("bytes")?,
            took: self.micros("time")?,
            longest_gap: self.micros("longest gap")?,
            measured: (
                self.number("measured bytes")?,
                self.micros("measured time")?,
            ),
            late: self.micros("lateness")?,
            tcp: TcpFigures {
                acknowledged: self.number("acknowledged bytes")?,
                segments: self.number("segments")?,
                retransmitted: self.number("retransmitted segments")?,
                busy: self.micros("busy time")?,
                receiver_limited: self.micros("time limited by the receiver")?,
                buffer_limited: self.micros("time limited by the buffer")?,
                round_trip: self.micros("round trip")?,
                shortest_round_trip: self.micros("shortest round trip")?,
            },
            end: self.word("end", DirectionEnd::ALL)?,
        })
    }
}

impl Message {
    /// As it goes over the wire. What is too long for its place is cut off: names, and words for people.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let kind = match self {
            Self::Open(open) => {
                body.push(number_of(Directions::ALL, open.directions));
                put(&mut body, open.rate.unwrap_or_default());
                let lasts = u32::try_from(open.lasts.as_millis()).unwrap_or(u32::MAX);
                body.extend(lasts.to_be_bytes());
                let name = open.congestion_control.as_deref().unwrap_or_default();
                put_text(&mut body, name, LONGEST_NAME);
                1
            }
            Self::Accepted(accepted) => {
                body.extend(accepted.cookie.0);
                put(&mut body, accepted.most_bytes);
                put_text(&mut body, &accepted.congestion_control, LONGEST_NAME);
                2
            }
            Self::Refused(refused) => {
                body.push(number_of(RefusalReason::ALL, refused.reason));
                put_text(&mut body, &refused.words, LONGEST_WORDS);
                3
            }
            Self::Data(data) => {
                body.extend(data.cookie.0);
                body.push(number_of(Direction::ALL, data.direction));
                4
            }
            Self::Result(result) => {
                let StreamResult { up, down } = result.as_ref();
                let directions = match (up, down) {
                    (Some(_), Some(_)) => Directions::Both,
                    (None, Some(_)) => Directions::Down,
                    // A stream has one at least.
                    (_, None) => Directions::Up,
                };
                body.push(number_of(Directions::ALL, directions));
                let none = Counted::nothing(DirectionEnd::Missing);
                if directions.include(Direction::Up) {
                    put_counted(&mut body, up.as_ref().unwrap_or(&none));
                }
                if directions.include(Direction::Down) {
                    put_counted(&mut body, down.as_ref().unwrap_or(&none));
                }
                5
            }
        };
        let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
        let mut bytes = Vec::with_capacity(HEAD + body.len());
        bytes.extend(MAGIC);
        bytes.extend([VERSION, kind]);
        bytes.extend(length.to_be_bytes());
        bytes.extend(body);
        bytes
    }
}

fn put(body: &mut Vec<u8>, number: u64) {
    body.extend(number.to_be_bytes());
}

/// With its length before it, cut where it is too long.
fn put_text(body: &mut Vec<u8>, text: &str, longest: usize) {
    let mut end = longest.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let cut = &text[..end];
    body.push(u8::try_from(cut.len()).unwrap_or_default());
    body.extend(cut.as_bytes());
}

fn put_counted(body: &mut Vec<u8>, counted: &Counted) {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let tcp = &counted.tcp;
    for number in [
        counted.bytes,
        micros(counted.took),
        micros(counted.longest_gap),
        counted.measured.0,
        micros(counted.measured.1),
        micros(counted.late),
        tcp.acknowledged,
        tcp.segments,
        tcp.retransmitted,
        micros(tcp.busy),
        micros(tcp.receiver_limited),
        micros(tcp.buffer_limited),
        micros(tcp.round_trip),
        micros(tcp.shortest_round_trip),
    ] {
        put(body, number);
    }
    body.push(number_of(DirectionEnd::ALL, counted.end));
}

/// Its place among all, counted from 1.
fn number_of<T: PartialEq + Copy>(all: &[T], one: T) -> u8 {
    let at = all.iter().position(|other| *other == one);
    at.and_then(|at| u8::try_from(at + 1).ok())
        .unwrap_or_default()
}
