//! Domain names as servers and routers send them, let through only when they are safe to write into a resolver's configuration.

/// The longest name in text (RFC 1035, 2.3.4: 255 octets on the wire).
pub const MAX_LEN: usize = 253;

/// Whether these bytes can be a label: letters, digits, hyphens (RFC 952), and the underscores that networks in the field have; 1 to
/// 63 of them.
pub fn is_label(label: &[u8]) -> bool {
    (1..=63).contains(&label.len())
        && label
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The name that these labels make, without a dot at its end; `None` where one of them is none, or there is none.
pub fn join(labels: &[&[u8]]) -> Option<String> {
    if labels.is_empty() || !labels.iter().all(|label| is_label(label)) {
        return None;
    }
    let name = String::from_utf8(labels.join(&b'.')).ok()?;
    (name.len() <= MAX_LEN).then_some(name)
}

/// A list of names, and why others that stood in it were passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameList {
    /// The names, without a dot at their ends, in their order.
    pub names: Vec<String>,
    /// How many are none.
    pub dropped: usize,
    /// How many are beyond the limit.
    pub beyond: usize,
}

impl NameList {
    /// Adds a name, if it is one and there are fewer than `limit`.
    pub fn add(&mut self, name: Option<String>, limit: usize) {
        match name {
            Some(name) if self.names.len() < limit => self.names.push(name),
            Some(_) => self.beyond += 1,
            None => self.dropped += 1,
        }
    }

    /// Reads names that stand one after the other without compression (RFC 1035, 3.1), as RFC 9915 (10) and RFC 8106 (5.2) have
    /// them, and keeps at most `limit`. With `padded`, zeros may follow the last name (RFC 8106, 5.2).
    ///
    /// A name with characters, or a length, that no domain has is passed over; where the structure itself is broken, or a name
    /// is compressed, so is all that follows, for nobody can tell where the next name begins.
    // RFC 8106, 5.2: names of a search list are not compressed, and are padded with zeros.
    pub fn read_uncompressed(value: &[u8], padded: bool, limit: usize) -> Self {
        let mut list = Self::default();
        let mut rest = value;
        while !rest.is_empty() {
            if padded && rest.iter().all(|byte| *byte == 0) {
                break;
            }
            let Some((labels, after)) = read_labels(rest) else {
                list.dropped += 1;
                break;
            };
            rest = after;
            list.add(join(&labels), limit);
        }
        list
    }
}

/// The labels of the name at the beginning, and what follows it; `None`: it has no end, or is compressed.
fn read_labels(value: &[u8]) -> Option<(Vec<&[u8]>, &[u8])> {
    let mut labels = Vec::new();
    let mut rest = value;
    loop {
        let (&length, after) = rest.split_first()?;
        match length {
            0 => return Some((labels, after)),
            1..=63 => {
                let (label, after) = after.split_at_checked(usize::from(length))?;
                labels.push(label);
                rest = after;
            }
            // A pointer, or a kind of label that does not exist (RFC 1035, 4.1.4).
            64.. => return None,
        }
    }
}

/// Appends `name` as labels without compression (RFC 1035, 3.1); `false`, and nothing appended, where it is no name.
pub fn write_uncompressed(bytes: &mut Vec<u8>, name: &str) -> bool {
    let labels: Vec<&[u8]> = name.split('.').map(str::as_bytes).collect();
    if join(&labels).is_none() {
        return false;
    }
    for label in labels {
        bytes.extend(u8::try_from(label.len()));
        bytes.extend(label);
    }
    bytes.push(0);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &[u8]) -> (Vec<String>, usize, usize) {
        let NameList {
            names,
            dropped,
            beyond,
        } = NameList::read_uncompressed(value, false, 3);
        (names, dropped, beyond)
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        let mut bytes = Vec::new();
        assert!(write_uncompressed(&mut bytes, "lan.test"));
        assert!(write_uncompressed(&mut bytes, "home"));
        assert_eq!(bytes, b"\x03lan\x04test\0\x04home\0");
        let names = vec!["lan.test".to_owned(), "home".to_owned()];
        assert_eq!(read(&bytes), (names.clone(), 0, 0));
        let padded = [&bytes, [0; 5].as_slice()].concat();
        assert_eq!(
            NameList::read_uncompressed(&padded, true, 3),
            NameList {
                names,
                ..NameList::default()
            }
        );
        assert_eq!(read(&padded).1, 5, "padding where none belongs");
    }

    #[test]
    fn what_is_no_name_is_not_written() {
        for name in ["", ".", "a..b", "a b", "lan.", &"a".repeat(64), "ä"] {
            let mut bytes = Vec::new();
            assert!(!write_uncompressed(&mut bytes, name), "{name:?}");
            assert!(bytes.is_empty());
        }
    }

    #[test]
    fn a_name_with_forbidden_characters_is_passed_over_alone_and_a_broken_one_with_all_that_follows()
     {
        let a = vec!["a".to_owned()];
        assert_eq!(read(b"\x03a b\0\x01a\0"), (a.clone(), 1, 0));
        for broken in [b"\xc0\x00".as_slice(), b"\x05ab", b"\x40", b"\x3f"] {
            let value = [b"\x01a\0", broken, b"\x01b\0"].concat();
            let (names, dropped, _) = read(&value);
            assert_eq!((names, dropped), (a.clone(), 1), "{broken:?}");
        }
    }

    // RFC 8106, 5.2: names of a search list are not compressed, and are padded with zeros.
    #[test]
    fn padded_names_are_read_up_to_the_padding() {
        let padded = |value: &[u8]| {
            let list = NameList::read_uncompressed(value, true, 3);
            (list.names, list.dropped)
        };
        let both = vec!["lan.test".to_owned(), "a".to_owned()];
        assert_eq!(padded(b"\x03lan\x04test\0\x01a\0\0\0\0"), (both, 0));
        assert_eq!(padded(b"\0\0\0\0\0\0\0\0"), (vec![], 0));
        let home = vec!["home".to_owned()];
        for broken in [
            b"\x04home\0\xc0\0".as_slice(),
            b"\x04home\0\x05ab",
            b"\x04home\0\x40\0",
        ] {
            assert_eq!(padded(broken), (home.clone(), 1), "{broken:?}");
        }
    }

    #[test]
    fn a_name_that_could_break_out_of_resolv_conf_is_passed_over_alone() {
        let value = b"\x03a b\0\x01a\0\x01\n\0\x01.\0\x01b\0";
        assert_eq!(read(value), (vec!["a".to_owned(), "b".to_owned()], 3, 0));
    }

    #[test]
    fn long_lists_are_cut_and_a_long_name_is_passed_over_alone() {
        assert_eq!(read(&b"\x01a\0".repeat(1000)).2, 997);
        let label = [b"\x3f".as_slice(), &[b'a'; 63]].concat();
        let long = [label.repeat(4).as_slice(), b"\0\x01b\0"].concat();
        assert_eq!(read(&long), (vec!["b".to_owned()], 1, 0));
        let endless = label.repeat(1000);
        assert_eq!(read(&endless), (Vec::new(), 1, 0));
    }
}
