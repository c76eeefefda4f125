//! What systemd's journal is told beside the words: how much a line matters (sd-daemon(3), "<3>" for an error).

use std::env;
use std::fmt::Display;
use std::os::fd::BorrowedFd;

use nix::sys::stat::fstat;
use tracing::Level;

/// Names the stream that is the journal's, as `DEVICE:INODE` (systemd.exec(5)).
const STREAM: &str = "JOURNAL_STREAM";

/// How much a line matters (syslog(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// The line tells of something that went wrong.
    Error = 3,
    /// The line tells of something that may go wrong.
    Warning = 4,
    /// The line tells what happens.
    Information = 6,
    /// The line tells how it happens.
    Debug = 7,
}

impl Priority {
    /// Of what is logged at a level.
    pub fn of(level: Level) -> Self {
        match level {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warning,
            Level::INFO => Self::Information,
            _ => Self::Debug,
        }
    }
}

/// Whether what is written to `stream` goes to the journal. The variable alone does not say so: what a unit starts inherits it, with
/// its standard error elsewhere.
pub fn takes(stream: BorrowedFd<'_>) -> bool {
    let Ok(named) = env::var(STREAM) else {
        return false;
    };
    fstat(stream).is_ok_and(|status| is_named(&named, status.st_dev, status.st_ino))
}

/// The numbers are as wide as the machine has them.
fn is_named(named: &str, device: impl Display, inode: impl Display) -> bool {
    named == format!("{device}:{inode}")
}

/// The lines, each of which the journal keeps by itself, with their priority before them.
pub fn with_priority(priority: Priority, lines: &[u8]) -> Vec<u8> {
    let mut told = Vec::with_capacity(lines.len() + 16);
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        told.extend_from_slice(format!("<{}>", priority as u8).as_bytes());
        told.extend_from_slice(line);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journals_stream_is_told_by_device_and_inode() {
        assert!(is_named("8:4711", 8, 4711));
        assert!(!is_named("8:4711", 9, 4711));
        assert!(!is_named("8:4711", 8, 471));
        assert!(!is_named("", 0, 0));
    }

    #[test]
    fn each_line_has_its_priority() {
        let told = with_priority(Priority::of(Level::WARN), b"one\ntwo\n");
        assert_eq!(told, b"<4>one\n<4>two\n");
        assert_eq!(with_priority(Priority::Error, b""), b"");
    }
}
