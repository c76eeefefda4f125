//! The one place that prints: results to standard output, everything else to standard error; but while the whole terminal is
//! drawn on (`--tui`), what would go to standard error is buffered.
//!
//! A command that only asks or tells writes at once, and waits for its reader. One that will have something to tear down waits for
//! none: what it says stands in queues ([`Screen::queue`]), which threads of their own write ([`Screen::start`]) as soon as the
//! process may have threads.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;
use std::{panic, thread};

use clap::ValueEnum;
use parking_lot::Mutex;

use lanherd::report::is_standard_output;
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use super::journal::{self, Priority};
use super::output::{Bar, Output, OutputStream, Weight};
use super::stderr_buffer::StderrBuffer;

/// Where words go. Progress bars are drawn below its lines, and make room while something else is printed.
#[derive(Clone)]
pub struct Screen {
    output: Arc<OnceLock<Output>>,
    audience: Audience,
    format: Format,
    /// Whether standard error is the journal's, which is told how much each line matters.
    is_journal: bool,
    stderr_buffer: Arc<Mutex<Option<Arc<StderrBuffer>>>>,
    /// Whether a report goes to standard output.
    is_out_taken: Arc<AtomicBool>,
}

/// How lines are written to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// One JSON object a line
    Json,
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
            output: Arc::default(),
            audience,
            format,
            is_journal: journal::takes(io::stderr().as_fd()),
            stderr_buffer: Arc::default(),
            is_out_taken: Arc::default(),
        }
    }

    /// Who looks at standard error.
    pub fn audience(&self) -> Audience {
        if self.stderr_buffer().is_some() {
            Audience::Watcher
        } else {
            self.audience
        }
    }

    /// How lines are written to standard error.
    #[cfg(feature = "tui")]
    pub fn format(&self) -> Format {
        self.format
    }

    /// From now on the terminal is drawn on, and what would go to standard error goes into this buffer.
    #[cfg(feature = "tui")]
    pub fn buffer_stderr(&self, buffer: Arc<StderrBuffer>) {
        *self.stderr_buffer.lock() = Some(buffer);
    }

    /// The terminal is as it was: what was buffered is written to standard error now, as far as it was kept.
    #[cfg(feature = "tui")]
    pub fn release_stderr(&self) {
        let buffer = self.stderr_buffer.lock().take();
        if let Some(buffer) = buffer {
            let _ = self.write(OutputStream::Err, Weight::Complaint, buffer.kept());
        }
    }

    /// From now on nobody waits for a reader: what is said stands in queues, bounded ones, until there are threads that write it.
    pub fn queue(&self) -> io::Result<()> {
        let (format, is_journal) = (self.format, self.is_journal);
        let output = Output::new(Box::new(move |lost| {
            let text = format!(
                "{lost} line{} not shown: the terminal or program that reads them did not keep up",
                if lost == 1 { " was" } else { "s were" }
            );
            let line = line(format, "WARN", &text);
            if is_journal {
                journal::with_priority(Priority::Warning, &line)
            } else {
                line
            }
        }))?;
        if self.output.set(output).is_ok() {
            self.tell_panics();
        }
        Ok(())
    }

    /// Starts the threads that write what stands in the queues, where there are any.
    pub fn start(&self) -> io::Result<()> {
        self.output.get().map_or(Ok(()), Output::start)
    }

    /// Before somebody draws on the terminal: waits until what was said is on it, for a moment at most.
    #[cfg(feature = "tui")]
    pub fn settle(&self) {
        if let Some(output) = self.output.get() {
            output.settle();
        }
    }

    /// The end of the program: waits until everything is written, for seconds at most.
    pub fn finish(&self) {
        if let Some(output) = self.output.get()
            && output.start().is_ok()
        {
            output.finish();
        }
    }

    /// A panic is told of like all else: the thread that panics does not wait for a reader either.
    pub fn tell_panics(&self) {
        let screen = self.clone();
        panic::set_hook(Box::new(move |panic| {
            let thread = thread::current();
            let name = thread.name().unwrap_or("a thread");
            screen.complain(&format!("{name} {panic}"));
        }));
    }

    /// Where what is said goes while the terminal is drawn on.
    pub fn stderr_buffer(&self) -> Option<Arc<StderrBuffer>> {
        self.stderr_buffer.lock().clone()
    }

    /// What is drawn below the lines of standard error, in place of what was drawn before.
    pub fn draw(&self, bars: Vec<Bar>) {
        if let Some(output) = self.output.get() {
            output.draw(bars);
        }
    }

    /// Where one of these files is standard output itself, results for people go to standard error, so that whoever reads the file
    /// finds nothing else in it.
    pub fn keep_clear(&self, files: &[(&str, &Path)]) {
        if files.iter().any(|(_, path)| is_standard_output(path)) {
            self.is_out_taken.store(true, Ordering::Relaxed);
        }
    }

    /// A result for people, to standard output.
    pub fn result(&self, text: &str) {
        // A reader who has gone (`lanherd … | head`) is no reason to leave a herd behind.
        let _ = self.stream(&visible(text));
    }

    /// A result for programs, to standard output as it is.
    pub fn data(&self, text: &str) {
        let _ = self.stream(text);
    }

    /// One line of data that may go on for long; fails when its reader has gone.
    pub fn stream(&self, text: &str) -> io::Result<()> {
        let to = if self.is_out_taken.load(Ordering::Relaxed) {
            OutputStream::Err
        } else {
            OutputStream::Out
        };
        self.write(to, Weight::Result, format!("{text}\n").into_bytes())
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
        let weight = match level {
            "ERROR" => Weight::Complaint,
            _ => Weight::News,
        };
        let priority = match level {
            // Whoever complains says which it is.
            "ERROR" if text.starts_with("warning") => Priority::Warning,
            "ERROR" => Priority::Error,
            _ => Priority::Information,
        };
        self.to_stderr(weight, priority, line(self.format, level, text));
    }

    fn to_stderr(&self, weight: Weight, priority: Priority, bytes: Vec<u8>) {
        match self.stderr_buffer() {
            Some(buffer) => buffer.put(&bytes),
            None if self.is_journal => {
                let bytes = journal::with_priority(priority, &bytes);
                drop(self.write(OutputStream::Err, weight, bytes));
            }
            None => drop(self.write(OutputStream::Err, weight, bytes)),
        }
    }

    fn write(&self, to: OutputStream, weight: Weight, bytes: Vec<u8>) -> io::Result<()> {
        let directly = |to: &mut dyn Write| to.write_all(&bytes).and_then(|()| to.flush());
        match (self.output.get(), to) {
            (None, OutputStream::Out) => directly(&mut io::stdout().lock()),
            (None, OutputStream::Err) => directly(&mut io::stderr().lock()),
            (Some(output), to) => {
                output.put(to, weight, bytes);
                Ok(())
            }
        }
    }
}

/// The text without what would do something to a terminal: names of files, servers and clients come from outside. Line breaks, tabs
/// and colours (ECMA-48, 8.3.117 SGR) stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    let is_harmless = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    if text.chars().all(is_harmless) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = colour(rest) {
            let (colour, after) = rest.split_at(length);
            shown.push_str(colour);
            rest = after;
            continue;
        }
        if is_harmless(c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_default());
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    shown.into()
}

/// How long the colour is that a text begins with.
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters
        .get(end..)?
        .starts_with('m')
        .then_some(2 + end + 1)
}

/// A line for standard error.
fn line(format: Format, level: &str, text: &str) -> Vec<u8> {
    match format {
        Format::Text => format!("{}\n", visible(text)),
        Format::Json => json_line(SystemTime::now(), level, text),
    }
    .into_bytes()
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
    type Writer = LogLine<'a>;

    fn make_writer(&'a self) -> LogLine<'a> {
        LogLine {
            screen: self,
            priority: Priority::Information,
            buffer: Vec::new(),
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> LogLine<'a> {
        let mut line = self.make_writer();
        line.priority = Priority::of(*metadata.level());
        line
    }
}

/// One event of the log; printed as a whole when it is complete.
pub struct LogLine<'a> {
    screen: &'a Screen,
    priority: Priority,
    buffer: Vec<u8>,
}

impl Write for LogLine<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogLine<'_> {
    fn drop(&mut self) {
        if !self.buffer.is_empty() {
            let line = std::mem::take(&mut self.buffer);
            self.screen.to_stderr(Weight::News, self.priority, line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_do_something_to_a_terminal_is_shown_as_text() {
        assert_eq!(visible("two\nlines\tand é"), "two\nlines\tand é");
        assert_eq!(
            visible("\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J \u{9b}1m \r\x08"),
            "\x1b[31mred\x1b[0m \\u{1b}]0;title\\u{7} \\u{1b}[2J \\u{9b}1m \\r\\u{8}"
        );
    }

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
