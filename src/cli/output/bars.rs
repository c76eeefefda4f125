//! Progress bars, drawn by the thread that writes to standard error.

use std::io::{self, Write as _};
use std::sync::Arc;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use parking_lot::Mutex;
use terminal_size::{Height, Width, terminal_size_of};

use super::sink::Sink;

/// One line that is drawn again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bar {
    /// How many have a step behind them.
    Steps {
        /// What the step is called.
        label: &'static str,
        /// How many have it behind them.
        done: u64,
        /// How many there are.
        all: u64,
        /// What else there is to say.
        message: String,
    },
    /// Words behind a sign of life.
    Words(String),
}

impl Bar {
    fn start(&self) -> ProgressBar {
        match self {
            Self::Steps { label, all, .. } => ProgressBar::new(*all)
                .with_style(style("{prefix:>9} {bar:40} {pos}/{len} {msg}"))
                .with_prefix(*label),
            Self::Words(_) => ProgressBar::new_spinner().with_style(style("{spinner} {msg}")),
        }
    }

    fn is_drawn_like(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Steps { label, all, .. },
                Self::Steps {
                    label: l, all: a, ..
                },
            ) => label == l && all == a,
            (Self::Words(_), Self::Words(_)) => true,
            _ => false,
        }
    }
}

/// A template that is known to be one.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The bars that are on the terminal.
pub struct Painter {
    sink: Arc<Sink>,
    /// Made with the first bar: standard error may be no terminal.
    all: Option<MultiProgress>,
    drawn: Vec<(Bar, ProgressBar)>,
}

impl Painter {
    pub fn new(sink: Arc<Sink>) -> Self {
        Self {
            sink,
            all: None,
            drawn: Vec::new(),
        }
    }

    /// Draws these, and no others.
    pub fn draw(&mut self, bars: Vec<Bar>) {
        let is_alike = bars.len() == self.drawn.len()
            && bars
                .iter()
                .zip(&self.drawn)
                .all(|(new, (old, _))| new.is_drawn_like(old));
        if !is_alike {
            self.clear();
            for bar in &bars {
                let drawn = self.multi().add(bar.start());
                self.drawn.push((bar.clone(), drawn));
            }
        }
        for (new, (_, drawn)) in bars.into_iter().zip(&self.drawn) {
            match new {
                Bar::Steps { done, message, .. } => {
                    drawn.set_position(done);
                    drawn.set_message(message);
                }
                Bar::Words(words) => drawn.set_message(words),
            }
            drawn.tick();
        }
    }

    /// Writes something while the bars stand aside.
    pub fn aside(&self, write: impl FnOnce()) {
        match &self.all {
            Some(all) if !self.drawn.is_empty() => all.suspend(write),
            _ => write(),
        }
    }

    fn clear(&mut self) {
        for (_, bar) in self.drawn.drain(..) {
            bar.finish_and_clear();
            if let Some(all) = &self.all {
                all.remove(&bar);
            }
        }
    }

    fn multi(&mut self) -> &MultiProgress {
        let sink = &self.sink;
        self.all.get_or_insert_with(|| {
            let terminal = Terminal {
                sink: Arc::clone(sink),
                frame: Mutex::default(),
            };
            MultiProgress::with_draw_target(ProgressDrawTarget::term_like(Box::new(terminal)))
        })
    }
}

/// Standard error as indicatif draws on it. No call fails: indicatif panics where one does, as on a terminal that has gone.
#[derive(Debug)]
struct Terminal {
    sink: Arc<Sink>,
    /// What is written at once when it is complete.
    frame: Mutex<Vec<u8>>,
}

impl Terminal {
    fn add(&self, bytes: std::fmt::Arguments<'_>) {
        let mut frame = self.frame.lock();
        // Writing to a vector cannot fail.
        let _ = frame.write_fmt(bytes);
    }

    fn go(&self, by: usize, direction: char) {
        if by > 0 {
            self.add(format_args!("\x1b[{by}{direction}"));
        }
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        size().0
    }

    fn height(&self) -> u16 {
        size().1
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.go(n, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.go(n, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.go(n, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.go(n, 'D');
        Ok(())
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.add(format_args!("{s}\n"));
        Ok(())
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.add(format_args!("{s}"));
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add(format_args!("\r\x1b[2K"));
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let frame = std::mem::take(&mut *self.frame.lock());
        self.sink.write(&frame);
        Ok(())
    }
}

/// Columns and rows; what terminals began with, where they cannot be told.
fn size() -> (u16, u16) {
    match terminal_size_of(io::stderr()) {
        Some((Width(columns), Height(rows))) if columns > 0 && rows > 0 => (columns, rows),
        Some(_) | None => (80, 24),
    }
}
