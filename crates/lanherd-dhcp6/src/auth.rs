//! Authentication of RECONFIGURE by the key that a server sent before (RFC 9915, 20.3 and 20.4: RKAP).

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use serde::{Deserialize, Serialize};

use super::options::code;
use super::{DhcpOption, EncodeError, Message, Options};

/// The protocol, algorithm and replay detection of RKAP (RFC 9915, 20.4.1).
const RKAP: [u8; 3] = [3, 1, 0];
/// What stands before the authentication information: protocol, algorithm, RDM, replay detection.
const HEADER_LEN: usize = 11;
/// What the 16 bytes of RKAP are.
const TYPE_KEY: u8 = 1;
const TYPE_DIGEST: u8 = 2;

/// What option 11 says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// The key of RECONFIGUREs to come.
    Key {
        /// The key with which the client is to verify them: 16 bytes.
        key: ReconfigureKey,
        /// A number that only grows.
        replay: u64,
    },
    /// The digest of this RECONFIGURE.
    Digest {
        /// HMAC-MD5 over the message, with zeros in its place.
        digest: [u8; 16],
        /// A number that only grows.
        replay: u64,
    },
    /// Another protocol, or a length that RKAP does not have.
    Other,
}

impl Authentication {
    /// What stands in `options`; `None` where no option 11 does.
    pub fn read(options: &Options) -> Option<Self> {
        Some(Self::parse(options.get(code::AUTHENTICATION)?).unwrap_or(Self::Other))
    }

    fn parse(value: &[u8]) -> Option<Self> {
        let (header, information) = value.split_first_chunk::<HEADER_LEN>()?;
        let (kind, rest) = header.split_first_chunk::<3>()?;
        let replay = u64::from_be_bytes(rest.try_into().ok()?);
        let (&what, bytes) = information.split_first()?;
        let bytes = bytes.try_into().ok()?;
        match (*kind, what) {
            (RKAP, TYPE_KEY) => Some(Self::Key {
                key: ReconfigureKey(bytes),
                replay,
            }),
            (RKAP, TYPE_DIGEST) => Some(Self::Digest {
                digest: bytes,
                replay,
            }),
            _ => None,
        }
    }
}

fn value(what: u8, replay: u64, bytes: &[u8; 16]) -> Vec<u8> {
    let mut value = RKAP.to_vec();
    value.extend(replay.to_be_bytes());
    value.push(what);
    value.extend(bytes);
    value
}

/// The key with which a server signs its RECONFIGUREs to one client (RFC 9915, 20.4).
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReconfigureKey(pub [u8; 16]);

impl fmt::Debug for ReconfigureKey {
    /// A secret, which belongs in no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReconfigureKey(..)")
    }
}

impl ReconfigureKey {
    /// As a server sends it in a REPLY.
    pub fn to_option(self, replay: u64) -> DhcpOption {
        let value = value(TYPE_KEY, replay, &self.0);
        DhcpOption::container(code::AUTHENTICATION, value, Options::new())
    }

    /// Signs a RECONFIGURE as its server does: the option goes at the end, where there is one in its place.
    pub fn sign(self, message: &mut Message, replay: u64) -> Result<(), EncodeError> {
        message.notes.bytes = None;
        let unsigned = value(TYPE_DIGEST, replay, &[0; 16]);
        message.options.set(code::AUTHENTICATION, unsigned);
        let digest: [u8; 16] = self.mac(&message.encode()?).finalize().into_bytes().into();
        let signed = value(TYPE_DIGEST, replay, &digest);
        message.options.set(code::AUTHENTICATION, signed);
        Ok(())
    }

    /// Whether this key made the digest of `message`, as it came off the wire.
    // RFC 9915, 20.4.3: the digest is over the whole message, with zeros in its own place.
    pub fn verifies(self, message: &Message) -> bool {
        let Some(Authentication::Digest { digest, .. }) = Authentication::read(&message.options)
        else {
            return false;
        };
        let (Some(bytes), Some(option)) = (
            &message.notes.bytes,
            message.options.first(code::AUTHENTICATION),
        ) else {
            return false;
        };
        let Some(offset) = option.offset() else {
            return false;
        };
        // Number and length of the option, its header, and the type of what follows.
        let start = offset + 4 + HEADER_LEN + 1;
        let mut unsigned = bytes.clone();
        let Some(place) = unsigned.get_mut(start..start + digest.len()) else {
            return false;
        };
        place.fill(0);
        self.mac(&unsigned).verify_slice(&digest).is_ok()
    }

    fn mac(self, bytes: &[u8]) -> Hmac<Md5> {
        // A key of 16 bytes is shorter than a block of MD5, and is always one.
        let mut block = [0; 64];
        block[..16].copy_from_slice(&self.0);
        let mut mac = Hmac::<Md5>::new(&block.into());
        mac.update(bytes);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MessageType;

    const KEY: ReconfigureKey = ReconfigureKey([0x0b; 16]);

    fn reconfigure() -> Message {
        let mut message = Message::new(MessageType::Reconfigure, 0);
        message
            .options
            .push(code::SERVER_ID, [0, 3, 0, 1, 2, 0, 0, 0, 0, 1])
            .push(code::RECONFIGURE_MESSAGE, [5]);
        KEY.sign(&mut message, 7).expect("short");
        let bytes = message.encode().expect("short");
        Message::decode(&bytes).expect("a message")
    }

    #[test]
    fn the_digest_is_hmac_md5() {
        // RFC 2202, 2, test case 1.
        let digest: [u8; 16] = KEY.mac(b"Hi There").finalize().into_bytes().into();
        assert_eq!(
            digest,
            [
                0x92, 0x94, 0x72, 0x7a, 0x36, 0x38, 0xbb, 0x1c, 0x13, 0xf4, 0x8e, 0xf8, 0x15, 0x8b,
                0xfc, 0x9d
            ]
        );
    }

    // RFC 9915, 20.4.3: the digest is over the whole message, with zeros in its own place.
    #[test]
    fn a_message_changed_in_any_bit_or_signed_by_another_key_is_found_out() {
        let message = reconfigure();
        assert!(KEY.verifies(&message));
        assert!(!ReconfigureKey([0x0c; 16]).verifies(&message));
        let bytes = message.encode().expect("short");
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                let verified = Message::decode(&changed).is_ok_and(|it| KEY.verifies(&it));
                assert!(!verified, "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn the_key_reads_back_and_other_authentication_is_told_apart() {
        let mut options = Options::new();
        assert_eq!(Authentication::read(&options), None);
        options.push_option(KEY.to_option(9));
        assert_eq!(
            Authentication::read(&options),
            Some(Authentication::Key {
                key: KEY,
                replay: 9
            })
        );
        for change in [0, 1, 2, 11] {
            let mut value = value(TYPE_KEY, 9, &KEY.0);
            value[change] ^= 4;
            options.set(code::AUTHENTICATION, value);
            assert_eq!(
                Authentication::read(&options),
                Some(Authentication::Other),
                "byte {change}"
            );
        }
        options.set(code::AUTHENTICATION, [RKAP.as_slice(), &[0; 8]].concat());
        assert_eq!(Authentication::read(&options), Some(Authentication::Other));
        assert_eq!(format!("{KEY:?}"), "ReconfigureKey(..)");
    }

    #[test]
    fn a_message_that_was_never_on_a_wire_has_no_digest_to_verify() {
        let mut message = reconfigure();
        message.notes.bytes = None;
        assert!(!KEY.verifies(&message));
    }
}
