//! The one place that prints: results to standard output, everything else to standard error.

use std::io::{self, IsTerminal, Write};

use indicatif::MultiProgress;
use tracing_subscriber::fmt::MakeWriter;

/// Where words go. Progress bars live on it, and step aside while something else is printed.
#[derive(Debug, Clone)]
pub struct Screen {
    bars: MultiProgress,
    audience: Audience,
}

/// Who looks at standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// A person at a terminal: bars.
    Person,
    /// A file or a program: lines.
    Log,
    /// Nobody, by wish: errors only.
    Nobody,
}

impl Screen {
    /// This process's, quiet or not.
    pub fn new(quiet: bool) -> Self {
        let audience = if quiet {
            Audience::Nobody
        } else if io::stderr().is_terminal() {
            Audience::Person
        } else {
            Audience::Log
        };
        Self {
            bars: MultiProgress::new(),
            audience,
        }
    }

    /// Who looks at standard error.
    pub fn audience(&self) -> Audience {
        self.audience
    }

    /// Where bars are added.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// A result, to standard output.
    pub fn result(&self, text: &str) {
        let text = format!("{text}\n");
        self.write(&mut io::stdout().lock(), text.as_bytes());
    }

    /// News on the way, to standard error, unless nobody wants to hear.
    pub fn say(&self, text: &str) {
        match self.audience {
            Audience::Person | Audience::Log => self.complain(text),
            Audience::Nobody => {}
        }
    }

    /// What must be heard, to standard error.
    pub fn complain(&self, text: &str) {
        let text = format!("{text}\n");
        self.write(&mut io::stderr().lock(), text.as_bytes());
    }

    fn write(&self, to: &mut impl Write, bytes: &[u8]) {
        // A reader who has gone (`lanherd … | head`) is no reason to leave a herd behind.
        let _ = self
            .bars
            .suspend(|| to.write_all(bytes).and_then(|()| to.flush()));
    }
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
            self.screen.write(&mut io::stderr().lock(), &self.buffer);
        }
    }
}
