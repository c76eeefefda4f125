//! Domain names as servers send them, let through only when they are safe to write into a resolver's configuration.

use lanherd_types::domain_name::{MAX_LEN as MAX_NAME_LEN, NameList, is_label, join};

/// How many names of a search list are kept.
pub(super) const MAX_SEARCH_NAMES: usize = 32;
/// The two bits that make a length a compression pointer (RFC 1035, 4.1.4).
const POINTER: u8 = 0b1100_0000;

/// The name in option 15, without a dot at its end; `None` if it is none.
pub(super) fn parse_name(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let valid =
        name.len() <= MAX_NAME_LEN && name.split('.').all(|label| is_label(label.as_bytes()));
    valid.then(|| name.to_owned())
}

/// The names in option 15. One belongs there (RFC 2132, 3.17), but many routers put their whole search list in it, with spaces
/// between; ISC's `dhclient-script(8)` and `NetworkManager` take it for that, and so do we. Where any of them is no name, the
/// text is no such list, and none is taken.
pub(super) fn parse_names(text: &str) -> NameList {
    let mut list = NameList::default();
    let parts = text.split(' ').filter(|part| !part.is_empty());
    match parts.map(parse_name).collect::<Option<Vec<String>>>() {
        Some(names) if !names.is_empty() => {
            for name in names {
                list.add(Some(name), MAX_SEARCH_NAMES);
            }
        }
        Some(_) | None => list.dropped = 1,
    }
    list
}

/// Reads option 119, all instances joined (RFC 3397, 2 and 3).
///
/// A name with characters that no domain has is passed over; where the structure itself is broken, so is all that
/// follows, for nobody can tell where the next name begins.
pub(super) fn parse_search_list(value: &[u8]) -> NameList {
    let mut list = NameList::default();
    let mut offset = 0;
    while offset < value.len() {
        let Some((labels, next)) = read_labels(value, offset) else {
            list.dropped += 1;
            break;
        };
        offset = next;
        list.add(join(&labels), MAX_SEARCH_NAMES);
    }
    list
}

/// The labels of the name at `start`, and where the next name begins.
///
/// Ends because each pointer must point before the part that it stands in, and a name cannot outgrow its limit.
// RFC 3397, 2: a search list is read with its compression, and ends.
fn read_labels(value: &[u8], start: usize) -> Option<(Vec<&[u8]>, usize)> {
    let mut labels = Vec::new();
    let mut length = 0;
    let mut part = start;
    let mut offset = start;
    let mut next = None;
    loop {
        let &head = value.get(offset)?;
        match head & POINTER {
            0 if head == 0 => return Some((labels, next.unwrap_or(offset + 1))),
            0 => {
                let end = offset + 1 + usize::from(head);
                labels.push(value.get(offset + 1..end)?);
                length += usize::from(head) + 1;
                if length > MAX_NAME_LEN + 1 {
                    return None;
                }
                offset = end;
            }
            POINTER => {
                let &low = value.get(offset + 1)?;
                let target = usize::from(u16::from_be_bytes([head & !POINTER, low]));
                if target >= part {
                    return None;
                }
                next = next.or(Some(offset + 2));
                part = target;
                offset = target;
            }
            // 01 and 10 are reserved (RFC 1035, 4.1.4).
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(value: &[u8]) -> (Vec<String>, usize) {
        let list = parse_search_list(value);
        (list.names, list.dropped)
    }

    #[test]
    fn a_domain_name_that_could_break_out_of_resolv_conf_is_none() {
        let name_of_254 = ["a".repeat(63).as_str(); 4].join(".")[..254].to_owned();
        for bad in [
            "",
            ".",
            "a..b",
            "a b",
            "a\nnameserver 6.6.6.6",
            "a;b",
            "a#b",
            "ä.de",
            "a\0b",
            ".a",
            &"a".repeat(64),
            &name_of_254,
        ] {
            assert_eq!(parse_name(bad), None, "{bad:?}");
        }
        assert_eq!(parse_name("fritz.box."), Some("fritz.box".to_owned()));
        assert_eq!(parse_name("_x.home-net1"), Some("_x.home-net1".to_owned()));
    }

    #[test]
    fn several_names_in_option_15_are_all_taken_unless_one_is_none() {
        let read = |text: &str| {
            let list = parse_names(text);
            (list.names, list.dropped, list.beyond)
        };
        let both = vec!["lan.test".to_owned(), "test".to_owned()];
        assert_eq!(read("lan.test test"), (both.clone(), 0, 0));
        assert_eq!(read(" lan.test.  test. "), (both, 0, 0));
        assert_eq!(read("lan.test a;b test"), (vec![], 1, 0));
        assert_eq!(read(""), (vec![], 1, 0));
        assert_eq!(read("  "), (vec![], 1, 0));
        let (names, dropped, beyond) = read(&"a ".repeat(100));
        assert_eq!(
            (names.len(), dropped, beyond),
            (MAX_SEARCH_NAMES, 0, 100 - MAX_SEARCH_NAMES)
        );
    }

    // RFC 3397, 2: a search list is read with its compression, and ends.
    #[test]
    fn the_example_of_rfc_3397_is_read() {
        let value = b"\x03eng\x05apple\x03com\x00\x09marketing\xc0\x04";
        assert_eq!(
            names(value),
            (
                vec!["eng.apple.com".to_owned(), "marketing.apple.com".to_owned()],
                0
            )
        );
    }

    // RFC 3397, 2: a search list is read with its compression, and ends.
    #[test]
    fn pointers_that_point_forwards_or_at_themselves_end_the_list() {
        let home = vec!["home".to_owned()];
        for hostile in [
            b"\xc0\x06".as_slice(),
            b"\xc0\x07",
            b"\x01a\xc0\x06",
            b"\xff\xff",
            b"\xc0",
            b"\x80\x01",
            b"\x05ab",
        ] {
            let value = [b"\x04home\x00", hostile].concat();
            assert_eq!(names(&value), (home.clone(), 1), "{hostile:?}");
        }
    }

    // RFC 3397, 2: a search list is read with its compression, and ends.
    #[test]
    fn a_name_that_grows_through_pointers_beyond_its_limit_ends_the_list() {
        let mut value = vec![63];
        value.extend([b'a'; 63]);
        value.push(0);
        let mut last = 0;
        for _ in 0..4 {
            let here = u16::try_from(value.len()).expect("a short list");
            value.push(60);
            value.extend([b'b'; 60]);
            value.extend((0xc000_u16 | last).to_be_bytes());
            last = here;
        }
        let (names, dropped) = names(&value);
        assert_eq!((names.len(), dropped), (4, 1));
        assert!(names.iter().all(|name| name.len() <= 253));
    }

    #[test]
    fn a_name_with_forbidden_characters_is_passed_over_alone() {
        let value = b"\x03a b\x00\x01a\x00\x00\x01b\x00";
        assert_eq!(names(value), (vec!["a".to_owned(), "b".to_owned()], 2));
    }

    #[test]
    fn a_list_of_thousands_is_cut() {
        let value = [b"\x01a\x00".as_slice(), &b"\xc0\x00".repeat(20_000)].concat();
        assert_eq!(names(&value).0.len(), MAX_SEARCH_NAMES);
    }
}
