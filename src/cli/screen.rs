//! The one place that prints: results to standard output, everything else to standard error; but while the whole terminal is
//! drawn on (`--tui`), what would go to standard error stands aside.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use indicatif::MultiProgress;
use tracing_subscriber::fmt::MakeWriter;

use super::logging::Format;
use super::tui::Aside;

/// Where words go. Progress bars live on it, and step aside while something else is printed.
#[derive(Debug, Clone)]
pub struct Screen {
    bars: MultiProgress,
    audience: Audience,
    format: Format,
    aside: Arc<Mutex<Option<Arc<Aside>>>>,
}

/// Who looks at standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// A person at a terminal: bars.
    Person,
    /// The same, before a screen that shows all by itself.
    Watcher,
    /// A file or a program: lines.
    Log,
    /// Nobody, by wish: errors only.
    Nobody,
}

impl Screen {
    /// This process's, quiet or not.
    pub fn new(quiet: bool, format: Format) -> Self {
        let audience = match format {
            Format::Text | Format::Json if quiet => Audience::Nobody,
            Format::Text if io::stderr().is_terminal() => Audience::Person,
            Format::Text | Format::Json => Audience::Log,
        };
        Self {
            bars: MultiProgress::new(),
            audience,
            format,
            aside: Arc::default(),
        }
    }

    /// Who looks at standard error.
    pub fn audience(&self) -> Audience {
        if self.aside().is_some() {
            Audience::Watcher
        } else {
            self.audience
        }
    }

    /// How lines are written to standard error.
    pub fn format(&self) -> Format {
        self.format
    }

    /// From now on the terminal is drawn on, and what would go to standard error is put aside.
    pub fn put_aside(&self, aside: Arc<Aside>) {
        *self.aside.lock().unwrap_or_else(PoisonError::into_inner) = Some(aside);
    }

    /// The terminal is as it was: what was put aside is said now, as far as it was kept.
    pub fn take_back(&self) {
        let aside = self
            .aside
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(aside) = aside {
            let _ = self.write(&mut io::stderr().lock(), &aside.kept());
        }
    }

    /// Where what is said goes while the terminal is drawn on.
    pub fn aside(&self) -> Option<Arc<Aside>> {
        self.aside
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Where bars are added.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// A result, to standard output.
    pub fn result(&self, text: &str) {
        // A reader who has gone (`lanherd … | head`) is no reason to leave a herd behind.
        let _ = self.stream(text);
    }

    /// One line of a result that may go on for long; fails when its reader has gone.
    pub fn stream(&self, text: &str) -> io::Result<()> {
        self.write(&mut io::stdout().lock(), format!("{text}\n").as_bytes())
    }

    /// News on the way, to standard error, unless nobody wants to hear.
    pub fn say(&self, text: &str) {
        match self.audience {
            Audience::Person | Audience::Watcher | Audience::Log => self.write_line("INFO", text),
            Audience::Nobody => {}
        }
    }

    /// What must be heard, to standard error.
    pub fn complain(&self, text: &str) {
        self.write_line("ERROR", text);
    }

    fn write_line(&self, level: &str, text: &str) {
        let line = match self.format {
            Format::Text => format!("{text}\n"),
            Format::Json => json_line(SystemTime::now(), level, text),
        };
        self.to_stderr(line.as_bytes());
    }

    fn to_stderr(&self, bytes: &[u8]) {
        match self.aside() {
            Some(aside) => aside.put(bytes),
            None => drop(self.write(&mut io::stderr().lock(), bytes)),
        }
    }

    fn write(&self, to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        self.bars
            .suspend(|| to.write_all(bytes).and_then(|()| to.flush()))
    }
}

/// A line of the same shape as those of the log, so that one reader understands all of standard error.
fn json_line(now: SystemTime, level: &str, text: &str) -> String {
    let line = serde_json::json!({
        "timestamp": humantime::format_rfc3339_micros(now).to_string(),
        "level": level,
        "fields": { "message": text.trim() },
        "target": "lanherd",
    });
    format!("{line}\n")
}

/// Log lines go to standard error as they are.
impl<'a> MakeWriter<'a> for Screen {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            screen: self,
            buffer: Vec::new(),
        }
    }
}

/// One event of the log; printed as a whole when it is complete.
pub struct Line<'a> {
    screen: &'a Screen,
    buffer: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if !self.buffer.is_empty() {
            self.screen.to_stderr(&self.buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_json_is_one_object_whatever_the_text() {
        let line = json_line(SystemTime::UNIX_EPOCH, "ERROR", "  two\nlines, \"quoted\"");
        assert_eq!(line.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&line).expect("an object");
        assert_eq!(value["timestamp"], "1970-01-01T00:00:00.000000Z");
        assert_eq!(value["level"], "ERROR");
        assert_eq!(value["fields"]["message"], "two\nlines, \"quoted\"");
    }
}
