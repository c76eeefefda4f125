//! Domain names in options (RFC 8106, 5.2), let through only when they are safe to write into a resolver's configuration.

/// The longest name in text (RFC 1035, 2.3.4: 255 octets on the wire).
const MAX_NAME_LEN: usize = 253;
/// The longest label (RFC 1035, 2.3.4).
const MAX_LABEL_LEN: usize = 63;
/// How many names of one option are kept.
pub(crate) const MAX_NAMES: usize = 32;

/// The names of an option, and what was passed over.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) kept: Vec<String>,
    /// How many are none.
    pub(crate) dropped: usize,
    /// How many are beyond [`MAX_NAMES`].
    pub(crate) beyond: usize,
}

/// Reads names one after the other, with zeros at the end.
///
/// A name with characters that no domain has is passed over; where the structure itself is broken, so is all that follows,
/// for nobody can tell where the next name begins.
// RFC 8106, 5.2: names of a search list are not compressed, and are padded with zeros.
pub(crate) fn read_names(value: &[u8]) -> Names {
    let mut found = Names::default();
    let mut rest = value;
    while !rest.is_empty() && rest.iter().any(|byte| *byte != 0) {
        let Some((name, length)) = read_name(rest) else {
            found.dropped += 1;
            break;
        };
        rest = &rest[length..];
        match name {
            Some(name) if found.kept.len() < MAX_NAMES => found.kept.push(name),
            Some(_) => found.beyond += 1,
            None => found.dropped += 1,
        }
    }
    found
}

/// The name at the beginning of `value`, with its length in bytes. `None`: it has no end, or is compressed; a name of `None`
/// has characters, or a length, that no domain has.
pub(crate) fn read_name(value: &[u8]) -> Option<(Option<String>, usize)> {
    let mut labels: Vec<&[u8]> = Vec::new();
    let mut offset = 0;
    loop {
        let length = usize::from(*value.get(offset)?);
        // Two bits are a pointer's (RFC 1035, 4.1.4), which must not be here.
        if length > MAX_LABEL_LEN {
            return None;
        }
        let end = offset + 1 + length;
        if length == 0 {
            return Some((join(&labels), end));
        }
        labels.push(value.get(offset + 1..end)?);
        offset = end;
    }
}

/// Writes a name that [`is_name`] lets through.
pub(crate) fn write_name(bytes: &mut Vec<u8>, name: &str) {
    for label in name.split('.') {
        bytes.extend(u8::try_from(label.len()));
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
}

/// Whether `name` can stand in an option and, read again, is the same.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME_LEN && name.split('.').all(|label| is_label(label.as_bytes()))
}

fn join(labels: &[&[u8]]) -> Option<String> {
    let name = String::from_utf8(labels.join(&b'.')).ok()?;
    is_name(&name).then_some(name)
}

/// Letters, digits, hyphens (RFC 952), and the underscores that networks in the field have.
fn is_label(label: &[u8]) -> bool {
    (1..=MAX_LABEL_LEN).contains(&label.len())
        && label
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(value: &[u8]) -> (Vec<String>, usize) {
        let found = read_names(value);
        (found.kept, found.dropped)
    }

    // RFC 8106, 5.2: names of a search list are not compressed, and are padded with zeros.
    #[test]
    fn names_are_read_up_to_the_padding() {
        let both = vec!["lan.test".to_owned(), "a".to_owned()];
        assert_eq!(names(b"\x03lan\x04test\0\x01a\0\0\0\0"), (both, 0));
        assert_eq!(names(b"\0\0\0\0\0\0\0\0"), (vec![], 0));
        let home = vec!["home".to_owned()];
        for broken in [
            b"\x04home\0\xc0\0".as_slice(),
            b"\x04home\0\x05ab",
            b"\x04home\0\x40\0",
        ] {
            assert_eq!(names(broken), (home.clone(), 1), "{broken:?}");
        }
    }

    #[test]
    fn a_name_that_could_break_out_of_resolv_conf_is_passed_over_alone() {
        let value = b"\x03a b\0\x01a\0\x01\n\0\x01.\0\x01b\0";
        assert_eq!(names(value), (vec!["a".to_owned(), "b".to_owned()], 3));
        let long = [b"\x3f".as_slice(), &[b'a'; 63]].concat().repeat(4);
        assert_eq!(
            names(&[long.as_slice(), b"\0\x01b\0"].concat()),
            (vec!["b".to_owned()], 1)
        );
    }

    #[test]
    fn a_list_of_hundreds_is_cut() {
        let found = read_names(&b"\x01a\0".repeat(300));
        assert_eq!(
            (found.kept.len(), found.beyond),
            (MAX_NAMES, 300 - MAX_NAMES)
        );
    }

    #[test]
    fn a_name_that_is_written_reads_back() {
        let mut bytes = Vec::new();
        write_name(&mut bytes, "lan.test");
        assert_eq!(bytes, b"\x03lan\x04test\0");
        assert_eq!(read_name(&bytes), Some((Some("lan.test".to_owned()), 10)));
    }
}
