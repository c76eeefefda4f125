//! What the fuzz target does with its bytes, and what must hold whatever the bytes are.
//!
//! Included by path: by the fuzz target, and by the tests that replay seeds.

use lanherd_stream::protocol::{Decoded, HEAD, LONGEST_BODY, decode};

/// Bytes are a message, the beginning of one, or refused; a message that was read can be written and read again.
pub fn message(data: &[u8]) {
    match decode(data) {
        Ok(Decoded::Whole(message)) => {
            let bytes = message.encode();
            assert!(bytes.len() <= HEAD + LONGEST_BODY);
            assert_eq!(decode(&bytes), Ok(Decoded::Whole(message)));
        }
        Ok(Decoded::Missing(missing)) => {
            assert!(missing > 0 && data.len() + missing <= HEAD + LONGEST_BODY);
        }
        Err(error) => assert!(!error.to_string().contains(char::is_control)),
    }
}
