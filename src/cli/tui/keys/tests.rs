//! Keys as terminals send them.

use proptest::prelude::*;

use super::*;

fn keys(bytes: &[u8]) -> Vec<Key> {
    Decoder::default().take(bytes)
}

#[test]
fn what_terminals_send_for_a_key_is_that_key() {
    for (bytes, key) in [
        (&b"q"[..], Key::Char('q')),
        (b"\r", Key::Enter),
        (b"\t", Key::Tab),
        (b"\x03", Key::Ctrl('c')),
        (b"\x1a", Key::Ctrl('z')),
        (b"\x7f", Key::Backspace),
        (b"\x1b[A", Key::Up),
        (b"\x1bOB", Key::Down),
        (b"\x1b[1;5C", Key::Right),
        (b"\x1b[D", Key::Left),
        (b"\x1b[H", Key::Home),
        (b"\x1b[1~", Key::Home),
        (b"\x1bOF", Key::End),
        (b"\x1b[4~", Key::End),
        (b"\x1b[5~", Key::PageUp),
        (b"\x1b[6~", Key::PageDown),
        (b"\x1b[Z", Key::BackTab),
    ] {
        assert_eq!(keys(bytes), [key], "{bytes:?}");
    }
}

#[test]
fn a_key_that_comes_in_pieces_is_one_key() {
    let mut decoder = Decoder::default();
    assert_eq!(decoder.take(b"\x1b"), []);
    assert_eq!(decoder.take(b"["), []);
    assert!(decoder.is_waiting());
    assert_eq!(decoder.take(b"5"), []);
    assert_eq!(decoder.take(b"~7"), [Key::PageUp, Key::Char('7')]);
    assert!(!decoder.is_waiting());
}

#[test]
fn escape_alone_is_known_when_nothing_follows() {
    let mut decoder = Decoder::default();
    assert_eq!(decoder.take(b"\x1b"), []);
    assert_eq!(decoder.give_up(), [Key::Escape]);
    assert_eq!(decoder.give_up(), []);
    assert_eq!(keys(b"\x1bq"), [Key::Escape, Key::Char('q')]);
    assert_eq!(keys(b"\x1b\x1b[A"), [Key::Escape, Key::Up]);
}

#[test]
fn what_is_no_key_is_passed_over() {
    assert_eq!(keys("\u{e9}q".as_bytes()), [Key::Char('q')]);
    assert_eq!(keys(b"\x1b[200~q"), [Key::Char('q')]);
    assert_eq!(keys(b"\x1b[1\x03"), [Key::Ctrl('c')]);
    assert_eq!(keys(&[0x1b, b'[', 0xff, b'q']), [Key::Char('q')]);
}

#[test]
fn no_key_means_two_things() {
    let all: Vec<Key> = BINDINGS.iter().flat_map(|b| b.keys).copied().collect();
    for (at, key) in all.iter().enumerate() {
        let again = all.iter().skip(at + 1).any(|other| other == key);
        assert!(!again, "{key}");
    }
}

/// The rows of the table in the documentation.
#[test]
fn the_keys_are_documented_as_they_are() {
    let page = include_str!("../../../../docs/tui.md");
    let documented: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let row = |binding: &Binding| {
        let keys: Vec<String> = binding
            .keys
            .iter()
            .map(|key| format!("`{}`", name(*key)))
            .collect();
        format!("| {} | {} |", keys.join(" "), binding.does)
    };
    let expected: Vec<String> = BINDINGS.iter().map(row).collect();
    assert_eq!(documented, expected);
}

proptest! {
    #[test]
    fn whatever_is_sent_the_decoder_keeps_little_and_ctrl_c_is_heard_after_it(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8)
    ) {
        let mut decoder = Decoder::default();
        for piece in pieces {
            decoder.take(&piece);
            prop_assert!(decoder.pending.len() <= LONGEST);
        }
        decoder.give_up();
        prop_assert_eq!(decoder.take(b"\x03"), [Key::Ctrl('c')]);
    }
}
