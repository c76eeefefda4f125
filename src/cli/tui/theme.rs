//! Glyphs and colours: what a terminal can show of what the page shows.

use lanherd::family::Family;
use lanherd::live::Cell;
use lanherd::phase::{Condition, Phase};
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::{Marker, border};

use super::plain::is_shown;

/// What a terminal can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// The sixteen colours that every terminal has.
    pub colours: bool,
    /// More than ASCII.
    pub unicode: bool,
}

/// Borders of ASCII.
const ASCII: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

impl Theme {
    /// What is less important.
    pub const SOFT: Style = Style::new().add_modifier(Modifier::DIM);
    /// What is more.
    pub const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);
    /// What is chosen.
    pub const CHOSEN: Style = Style::new().add_modifier(Modifier::REVERSED);

    /// As the environment says: no colours if `NO_COLOR` is set to anything (no-color.org), ASCII where the locale is not
    /// one of UTF-8 (locale(7)), and on the console of Linux, whose fonts lack most of the rest.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let said = |name| variable(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(said);
        let is_utf8 = locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        Self {
            colours: said("NO_COLOR").is_none(),
            unicode: is_utf8 && variable("TERM").as_deref() != Some("linux"),
        }
    }

    /// What a client in this phase looks like: one column, and another than all other phases.
    pub const fn glyph(self, phase: Phase) -> &'static str {
        let (glyph, ascii) = match phase {
            Phase::Queued => ("·", "."),
            Phase::Namespace => ("▁", "n"),
            Phase::Link => ("▂", "l"),
            Phase::Dhcp => ("▄", "d"),
            Phase::Configure => ("▆", "c"),
            Phase::Router => ("▃", "r"),
            Phase::Dhcp6 => ("▅", "D"),
            Phase::Dad => ("▇", "v"),
            Phase::Online => ("■", "#"),
            Phase::Partial => ("◧", "("),
            Phase::Released => ("○", "o"),
            Phase::V6Only => ("6", "6"),
            Phase::NoCarrier => ("≈", "~"),
            Phase::Leaving => ("←", "<"),
            Phase::Backoff => ("↻", "!"),
            Phase::Failed => ("✗", "X"),
            Phase::Gone => ("_", "_"),
        };
        if self.unicode { glyph } else { ascii }
    }

    /// What a client looks like: as its phase, but of one that is usable in one of two families the half of that is filled, IPv4 on
    /// the left and IPv6 on the right.
    pub fn glyph_of(self, cell: &Cell) -> &'static str {
        match (cell.phase, cell.only_family()) {
            (Phase::Partial, Some(Family::Ipv6)) => self.only_ipv6(),
            (phase, _) => self.glyph(phase),
        }
    }

    /// A client that is partial, and usable in IPv6.
    pub const fn only_ipv6(self) -> &'static str {
        if self.unicode { "◨" } else { ")" }
    }

    /// How it is coloured.
    pub const fn of_condition(self, condition: Condition) -> Style {
        let style = Style::new();
        let (colour, modifier) = match condition {
            Condition::Queued => (Color::Gray, Modifier::DIM),
            Condition::Joining => (Color::Cyan, Modifier::empty()),
            Condition::Online => (Color::Green, Modifier::empty()),
            Condition::Resting => (Color::Magenta, Modifier::empty()),
            Condition::Trouble => (Color::Yellow, Modifier::BOLD),
            Condition::Failed => (Color::Red, Modifier::BOLD),
            Condition::Gone => (Color::DarkGray, Modifier::DIM),
        };
        let style = style.add_modifier(modifier);
        if self.colours {
            style.fg(colour)
        } else {
            style
        }
    }

    /// The frame of a pane.
    pub const fn border(self) -> border::Set<'static> {
        if self.unicode { border::PLAIN } else { ASCII }
    }

    /// What the line of a chart's first, second or third series is made of, and its colour.
    pub fn series(self, index: usize) -> (Marker, Style) {
        let (condition, char) = match index {
            0 => (Condition::Online, '*'),
            1 => (Condition::Trouble, '+'),
            _ => (Condition::Failed, 'x'),
        };
        let marker = if self.unicode && self.colours {
            Marker::Braille
        } else {
            Marker::Custom(char)
        };
        (marker, self.of_condition(condition))
    }

    /// What stands for it before its name.
    pub const fn stroke(self, index: usize) -> &'static str {
        match (self.unicode && self.colours, index) {
            (true, _) => "━",
            (false, 0) => "*",
            (false, 1) => "+",
            (false, _) => "x",
        }
    }

    /// The last thing that is done to whatever was drawn: nothing that a terminal would take for an order leaves, and on a
    /// terminal of ASCII nothing else.
    pub fn seal(self, buffer: &mut Buffer) {
        for cell in &mut buffer.content {
            let symbol = cell.symbol();
            if symbol.is_ascii() && symbol.len() == 1 && symbol != "\u{7f}" && symbol >= " " {
                continue;
            }
            let mut chars = symbol.chars();
            let fit = match (chars.next(), chars.next()) {
                (Some(char), None) if is_shown(char) => {
                    if self.unicode {
                        continue;
                    }
                    ascii(char)
                }
                (None, _) => " ",
                _ => "?",
            };
            cell.set_symbol(fit);
        }
    }
}

/// The nearest that ASCII has.
const fn ascii(char: char) -> &'static str {
    match char {
        '─' | '━' | '—' | '–' => "-",
        '│' => "|",
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => "+",
        '→' => ">",
        '•' => "*",
        'µ' | 'μ' => "u",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ratatui::layout::Rect;

    use super::super::plain::width;
    use super::*;

    const ALL: [Theme; 4] = [
        Theme {
            colours: true,
            unicode: true,
        },
        Theme {
            colours: true,
            unicode: false,
        },
        Theme {
            colours: false,
            unicode: true,
        },
        Theme {
            colours: false,
            unicode: false,
        },
    ];

    fn theme(variables: &[(&str, &str)]) -> Theme {
        Theme::of(|name| {
            let mut found = variables.iter().filter(|(other, _)| *other == name);
            found.next().map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_locale_decides_on_glyphs_and_no_color_on_colours() {
        let unicode = |variables: &[(&str, &str)]| theme(variables).unicode;
        assert!(unicode(&[("LANG", "de_DE.UTF-8")]));
        assert!(unicode(&[("LC_ALL", "C.utf8"), ("LANG", "C")]));
        assert!(!unicode(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]));
        assert!(unicode(&[("LC_ALL", ""), ("LC_CTYPE", "C.UTF-8")]));
        assert!(!unicode(&[]));
        assert!(!unicode(&[("LANG", "C.UTF-8"), ("TERM", "linux")]));
        assert!(theme(&[]).colours && theme(&[("NO_COLOR", "")]).colours);
        assert!(!theme(&[("NO_COLOR", "1")]).colours);
    }

    #[test]
    fn every_phase_has_a_glyph_of_its_own_of_one_column() {
        for theme in ALL {
            let glyphs: BTreeSet<&str> = Phase::ALL.iter().map(|p| theme.glyph(*p)).collect();
            assert_eq!(glyphs.len(), Phase::ALL.len());
            for glyph in glyphs {
                assert_eq!(glyph.chars().map(width).sum::<usize>(), 1, "{glyph}");
                assert!(theme.unicode || glyph.is_ascii(), "{glyph}");
            }
        }
    }

    #[test]
    fn the_glyphs_are_documented_as_they_are() {
        let page = include_str!("../../../docs/tui.md");
        let (_, table) = page.split_once("| phase | glyph |").expect("a table");
        let mut documented = Vec::new();
        for row in table.lines().filter(|row| row.contains('`')) {
            let mut columns = row.split('|').skip(1).map(str::trim);
            let mut column = |between| {
                let column = columns.next().unwrap_or_default();
                column.split(between).map(|part| part.replace('`', ""))
            };
            let (phases, glyphs, ascii) = (column(", "), column(" "), column(" "));
            documented.extend(phases.zip(glyphs).zip(ascii));
        }
        documented.truncate(Phase::ALL.len());
        let row = |phase: &Phase| {
            let glyphs = (ALL[0].glyph(*phase), ALL[1].glyph(*phase));
            (
                (phase.to_string(), glyphs.0.to_owned()),
                glyphs.1.to_owned(),
            )
        };
        let mut expected: Vec<_> = Phase::ALL.iter().map(row).collect();
        documented.sort();
        expected.sort();
        assert_eq!(documented, expected);
    }

    #[test]
    fn without_colours_nothing_is_coloured() {
        for condition in Condition::ALL {
            let style = ALL[2].of_condition(*condition);
            assert_eq!((style.fg, style.bg), (None, None), "{condition}");
        }
    }

    #[test]
    fn no_order_to_the_terminal_leaves_whatever_was_drawn() {
        for theme in ALL {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
            for (cell, symbol) in
                buffer
                    .content
                    .iter_mut()
                    .zip(["\u{1b}", "a\u{202e}", "\u{9b}", "ok", "", "é"])
            {
                cell.set_symbol(symbol);
            }
            theme.seal(&mut buffer);
            let symbols: Vec<&str> = buffer
                .content
                .iter()
                .map(ratatui::buffer::Cell::symbol)
                .collect();
            let last = if theme.unicode { "é" } else { "?" };
            assert_eq!(symbols, ["?", "?", "?", "?", " ", last]);
        }
    }
}
