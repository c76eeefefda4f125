//! Text that comes from outside, made fit for a terminal: one line, of characters that take a place of their own.

use ratatui::text::Span;

/// What stands for a character that is not shown.
const INSTEAD: char = '\u{fffd}';

/// How many columns a character takes.
pub fn width(char: char) -> usize {
    if char.is_ascii() {
        return usize::from(!char.is_ascii_control());
    }
    Span::raw(char.encode_utf8(&mut [0; 4]) as &str).width()
}

/// Whether a character may be sent to a terminal: it moves nothing, turns nothing round, and is seen.
pub fn is_shown(char: char) -> bool {
    !char.is_control() && !turns_text_round(char) && width(char) > 0
}

/// The marks that change the direction of what follows them (Unicode Standard Annex 9, 2.1 to 2.6).
const fn turns_text_round(char: char) -> bool {
    matches!(
        char,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// The text as one line; for each character that is not to be shown another stands.
pub fn plain(text: &str) -> String {
    let fit = |char: char| match char {
        '\n' | '\r' | '\t' => ' ',
        shown if is_shown(shown) => shown,
        _ => INSTEAD,
    };
    text.trim_end().chars().map(fit).collect()
}

/// A line of our own log, without the colours that it has on a terminal (ECMA-48, 8.3.117).
pub fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let colour = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        if let Some(rest) = colour.strip_prefix('m') {
            text.push_str(rest);
        } else {
            text.push(INSTEAD);
            text.push_str(part);
        }
    }
    text
}

/// The text in lines of at most so many columns, of which each has at least one character.
pub fn folded(text: &str, columns: usize) -> Vec<String> {
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
    for char in text.chars() {
        let wide = width(char);
        if used + wide > columns && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        line.push(char);
        used += wide;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_or_turn_text_round_is_not_shown() {
        assert_eq!(
            plain("a\u{1b}[2Jb\u{7}\u{9b}c"),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}c"
        );
        assert_eq!(
            plain("x\u{202e}y\u{2066}\u{200b}\u{feff}z"),
            "x\u{fffd}y\u{fffd}\u{fffd}\u{fffd}z"
        );
        assert_eq!(plain("one\r\ntwo\tthree\n"), "one  two three");
        assert_eq!(plain("e\u{301}\u{301}"), "e\u{fffd}\u{fffd}");
        assert_eq!(plain("Büro 東京 ✗"), "Büro 東京 ✗");
    }

    #[test]
    fn colours_of_the_log_are_taken_off_and_nothing_else() {
        let line = "\u{1b}[2m2026\u{1b}[0m \u{1b}[33m WARN\u{1b}[0m late";
        assert_eq!(without_colours(line), "2026  WARN late");
        assert_eq!(without_colours("a\u{1b}[2Jb"), "a\u{fffd}2Jb");
        assert_eq!(without_colours("\u{1b}[1;31mred"), "red");
    }

    #[test]
    fn long_text_is_folded_by_columns() {
        assert_eq!(folded("abcdefg", 3), ["abc", "def", "g"]);
        assert_eq!(folded("東京都", 3), ["東", "京", "都"]);
        assert_eq!(folded("東", 1), ["東"]);
        assert_eq!(folded("", 3), [""]);
    }
}
