//! Keys: what a terminal sends, and what it means.

use std::fmt;

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Char(char),
    Ctrl(char),
    Enter,
    Escape,
    Tab,
    BackTab,
    Backspace,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Char(char) => write!(f, "{char}"),
            Self::Ctrl(char) => write!(f, "Ctrl-{}", char.to_ascii_uppercase()),
            Self::Enter => f.write_str("Enter"),
            Self::Escape => f.write_str("Esc"),
            Self::Tab => f.write_str("Tab"),
            Self::BackTab => f.write_str("Shift-Tab"),
            Self::Backspace => f.write_str("Backspace"),
            Self::Up => f.write_str("Up"),
            Self::Down => f.write_str("Down"),
            Self::Left => f.write_str("Left"),
            Self::Right => f.write_str("Right"),
            Self::PageUp => f.write_str("PgUp"),
            Self::PageDown => f.write_str("PgDn"),
            Self::Home => f.write_str("Home"),
            Self::End => f.write_str("End"),
        }
    }
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyCommand {
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    First,
    Last,
    Open,
    Back,
    GoTo,
    NextDown,
    NextPane,
    AllSteps,
    Help,
    Redraw,
    Suspend,
    Quit,
    Interrupt,
}

/// The keys of one command, and what they do.
#[derive(Debug)]
pub struct Binding {
    pub command: KeyCommand,
    pub keys: &'static [Key],
    pub does: &'static str,
}

/// All keys there are: what is not here does nothing.
pub const BINDINGS: &[Binding] = &[
    Binding {
        command: KeyCommand::Left,
        keys: &[Key::Left, Key::Char('h')],
        does: "the client before; while one is open, too",
    },
    Binding {
        command: KeyCommand::Right,
        keys: &[Key::Right, Key::Char('l')],
        does: "the client after; while one is open, too",
    },
    Binding {
        command: KeyCommand::Up,
        keys: &[Key::Up, Key::Char('k')],
        does: "the row above",
    },
    Binding {
        command: KeyCommand::Down,
        keys: &[Key::Down, Key::Char('j')],
        does: "the row below",
    },
    Binding {
        command: KeyCommand::PageUp,
        keys: &[Key::PageUp, Key::Ctrl('b')],
        does: "a page up",
    },
    Binding {
        command: KeyCommand::PageDown,
        keys: &[Key::PageDown, Key::Ctrl('f'), Key::Char(' ')],
        does: "a page down",
    },
    Binding {
        command: KeyCommand::First,
        keys: &[Key::Home],
        does: "the first client; the oldest event",
    },
    Binding {
        command: KeyCommand::Last,
        keys: &[Key::End, Key::Char('G')],
        does: "the last client; the latest event and those to come",
    },
    Binding {
        command: KeyCommand::Open,
        keys: &[Key::Enter],
        does: "all about the chosen client: lease, pings, failure, events",
    },
    Binding {
        command: KeyCommand::Back,
        keys: &[Key::Escape],
        does: "closes what is open",
    },
    Binding {
        command: KeyCommand::GoTo,
        keys: &[Key::Char('/'), Key::Char('g')],
        does: "goes to a client by its number",
    },
    Binding {
        command: KeyCommand::NextDown,
        keys: &[Key::Char('f')],
        does: "goes to the next client that should be online and is not",
    },
    Binding {
        command: KeyCommand::NextPane,
        keys: &[Key::Tab, Key::BackTab],
        does: "between clients and events",
    },
    Binding {
        command: KeyCommand::AllSteps,
        keys: &[Key::Char('a')],
        does: "every step of every client among the events, or not",
    },
    Binding {
        command: KeyCommand::Help,
        keys: &[Key::Char('?')],
        does: "this list",
    },
    Binding {
        command: KeyCommand::Redraw,
        keys: &[Key::Ctrl('l')],
        does: "draws everything anew",
    },
    Binding {
        command: KeyCommand::Suspend,
        keys: &[Key::Ctrl('z')],
        does: "stops lanherd and its clients until the shell's fg",
    },
    Binding {
        command: KeyCommand::Quit,
        keys: &[Key::Char('q')],
        does: "ends the run, once y has confirmed it",
    },
    Binding {
        command: KeyCommand::Interrupt,
        keys: &[Key::Ctrl('c')],
        does: "ends the run at once, and in order",
    },
];

impl KeyCommand {
    /// What a key asks for.
    pub fn of(key: Key) -> Option<Self> {
        BINDINGS
            .iter()
            .find(|binding| binding.keys.contains(&key))
            .map(|binding| binding.command)
    }
}

impl Binding {
    /// The names of its keys.
    pub fn names(&self) -> String {
        let names: Vec<String> = self.keys.iter().map(|key| name(*key)).collect();
        names.join(" ")
    }
}

/// A key by a word, where it is none itself.
fn name(key: Key) -> String {
    match key {
        Key::Char(' ') => "Space".to_owned(),
        other => other.to_string(),
    }
}

/// The longest sequence of a key that is worth waiting for.
const LONGEST: usize = 32;
const ESCAPE: u8 = 0x1b;

/// Makes keys of what a terminal sends, in whatever pieces it comes.
#[derive(Debug, Default)]
pub struct Decoder {
    pending: Vec<u8>,
}

impl Decoder {
    /// The keys that are complete with these bytes.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.pending.extend_from_slice(bytes);
        let mut keys = Vec::new();
        let mut at = 0;
        while let Some((key, used)) = self.pending.get(at..).and_then(first) {
            keys.extend(key);
            at += used;
        }
        self.pending.drain(..at);
        if self.pending.len() > LONGEST {
            self.pending.clear();
        }
        keys
    }

    /// Whether something has begun: the Escape key, or more, of which the rest is about to come.
    pub fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The rest does not come: it was Escape.
    pub fn give_up(&mut self) -> Vec<Key> {
        if std::mem::take(&mut self.pending).first() == Some(&ESCAPE) {
            vec![Key::Escape]
        } else {
            Vec::new()
        }
    }
}

/// The first key, if it is one, and how many bytes it takes; `None`: more must come first.
fn first(bytes: &[u8]) -> Option<(Option<Key>, usize)> {
    let key = match *bytes.first()? {
        ESCAPE => return sequence(bytes),
        b'\r' | b'\n' => Some(Key::Enter),
        b'\t' => Some(Key::Tab),
        0x08 | 0x7f => Some(Key::Backspace),
        control @ 0x01..=0x1a => Some(Key::Ctrl(char::from(control - 1 + b'a'))),
        printable @ 0x20..=0x7e => Some(Key::Char(char::from(printable))),
        _ => None,
    };
    Some((key, 1))
}

/// What begins with Escape (ECMA-48, 5.4; and SS3, which some terminals send for the same keys).
fn sequence(bytes: &[u8]) -> Option<(Option<Key>, usize)> {
    match *bytes.get(1)? {
        b'O' => {
            let last = *bytes.get(2)?;
            Some((named(last, &[]), 3))
        }
        b'[' => {
            let rest = bytes.get(2..)?;
            let length = rest.iter().position(|byte| !(0x20..=0x3f).contains(byte))?;
            let last = *rest.get(length)?;
            if (0x40..=0x7e).contains(&last) {
                Some((named(last, rest.get(..length)?), length + 3))
            } else {
                // Not a sequence: what follows is read for itself.
                Some((None, length + 2))
            }
        }
        _ => Some((Some(Key::Escape), 1)),
    }
}

fn named(last: u8, parameters: &[u8]) -> Option<Key> {
    let number = parameters.split(|byte| *byte == b';').next()?;
    Some(match (last, number) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', _) => Key::Right,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', b"1" | b"7") => Key::Home,
        (b'F', _) | (b'~', b"4" | b"8") => Key::End,
        (b'Z', _) => Key::BackTab,
        (b'M', b"") => Key::Enter,
        (b'~', b"5") => Key::PageUp,
        (b'~', b"6") => Key::PageDown,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
