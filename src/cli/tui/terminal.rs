//! The terminal, taken and given back.

use std::env;
use std::io::{self, BufWriter, IsTerminal, Stderr};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgid, getpgrp, getppid, getsid, tcgetpgrp};
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::layout::{Rect, Size};
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};

use super::backend::SixteenColours;
use super::size::size;

/// Why a terminal cannot be drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Standard error goes elsewhere.
    #[error(
        "--tui draws on the terminal, and standard error is none: do not redirect it, or leave --tui out"
    )]
    NoOutput,
    /// Standard input comes from elsewhere.
    #[error(
        "--tui is steered by keys, and standard input is no terminal: do not redirect it, or leave --tui out"
    )]
    NoInput,
    /// `TERM` says that it can do nothing.
    #[error(
        "--tui cannot draw on this terminal (TERM is dumb, or not set): set TERM, to xterm for example, or leave --tui out"
    )]
    Dumb,
}

/// Whether this process' terminal can be drawn on.
pub fn check() -> Result<(), Unfit> {
    if !io::stderr().is_terminal() {
        return Err(Unfit::NoOutput);
    }
    if !io::stdin().is_terminal() {
        return Err(Unfit::NoInput);
    }
    match env::var("TERM").as_deref() {
        Ok("" | "dumb") | Err(_) => Err(Unfit::Dumb),
        Ok(_) => Ok(()),
    }
}

/// What is drawn goes to standard error, so that results can be redirected.
type TuiBackend = SixteenColours<BufWriter<Stderr>>;

/// A terminal that is drawn on. It is given back when this is dropped, by a panic, too.
pub struct TuiTerminal {
    terminal: Terminal<TuiBackend>,
    size: Size,
    is_taken: bool,
}

impl TuiTerminal {
    /// Takes the terminal, and draws on nothing else until it is given back.
    pub fn take() -> io::Result<Self> {
        let backend = SixteenColours(BufWriter::new(io::stderr()));
        let size = size();
        let viewport = Viewport::Fixed(whole(size));
        let mut held = Self {
            size,
            terminal: Terminal::with_options(backend, TerminalOptions { viewport })?,
            is_taken: false,
        };
        held.retake()?;
        Ok(held)
    }

    /// Takes it again, after somebody else has had it.
    pub fn retake(&mut self) -> io::Result<()> {
        self.is_taken = true;
        // A shell that had it in between has left its modes.
        disable_raw_mode()?;
        enable_raw_mode()?;
        execute!(
            io::stderr(),
            EnterAlternateScreen,
            Hide,
            Clear(ClearType::All)
        )?;
        self.clear()
    }

    /// Gives it back.
    pub fn give_back(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.is_taken) {
            return Ok(());
        }
        // Each is tried, whatever becomes of the other.
        let shown = execute!(io::stderr(), Show, LeaveAlternateScreen);
        disable_raw_mode().and(shown)
    }

    /// Whether it is ours at the moment.
    pub const fn is_taken(&self) -> bool {
        self.is_taken
    }

    /// Somebody else has it now: there is nothing to give back.
    pub const fn is_lost(&mut self) {
        self.is_taken = false;
    }

    /// Everything is to be drawn anew.
    pub fn clear(&mut self) -> io::Result<()> {
        self.size = size();
        self.terminal.resize(whole(self.size))
    }

    /// Its size, as it is drawn on.
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Draws what has changed.
    pub fn draw(&mut self, frame: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(frame).map(drop)
    }
}

impl Drop for TuiTerminal {
    fn drop(&mut self) {
        // Where the terminal has gone there is nothing to give back.
        let _ = self.give_back();
    }
}

const fn whole(size: Size) -> Rect {
    Rect::new(0, 0, size.width, size.height)
}

/// What came from the keyboard.
#[derive(Debug, PartialEq, Eq)]
pub enum TerminalInput {
    Bytes(Vec<u8>),
    /// Nothing, within the time.
    Nothing,
    /// The terminal has gone.
    Gone,
}

/// Waits so many milliseconds for keys.
pub fn input(milliseconds: u8) -> TerminalInput {
    let stdin = io::stdin();
    let mut polled = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    match poll(&mut polled, PollTimeout::from(milliseconds)) {
        Ok(0) | Err(nix::errno::Errno::EINTR) => return TerminalInput::Nothing,
        Ok(_) => {}
        Err(_) => return TerminalInput::Gone,
    }
    let mut buffer = [0; 256];
    match nix::unistd::read(stdin.as_fd(), &mut buffer) {
        Ok(0) => TerminalInput::Gone,
        Ok(count) => TerminalInput::Bytes(buffer.get(..count).unwrap_or_default().to_vec()),
        Err(nix::errno::Errno::EINTR | nix::errno::Errno::EAGAIN) => TerminalInput::Nothing,
        Err(_) => TerminalInput::Gone,
    }
}

/// Whether this process has the terminal to itself: a shell has put it into the foreground.
pub fn is_in_foreground() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp())
}

/// Whether there is a shell that would let this process go on once it is stopped: a parent in another process group of the
/// same session (POSIX.1-2024, 3.253 "orphaned process group").
pub fn can_be_resumed() -> bool {
    let parent = Some(getppid());
    match (getsid(parent), getsid(None), getpgid(parent)) {
        (Ok(theirs), Ok(ours), Ok(group)) => theirs == ours && group != getpgrp(),
        _ => false,
    }
}

/// Keys are shown and wait for Enter again, even while the terminal does not take what is written to it.
pub fn restore_modes() {
    // Where the terminal has gone there is nothing to restore.
    let _ = disable_raw_mode();
}

/// Stops this process, until somebody lets it go on.
pub fn stop() {
    // Our own process: it cannot fail.
    let _ = kill(Pid::this(), Signal::SIGSTOP);
}
