//! `--tui`: the herd at a glance, on the whole terminal.
//!
//! Who owns what: a thread has the terminal; it alone reads keys and draws, so that a terminal that stands still (Ctrl-S, a slow
//! connection) holds up nobody else. A task follows the herd and tells the thread what is new, a few times a second, and waits
//! where the thread does. Both belong to the [`Tui`]: when it is dropped they end, the terminal is as it was, and what was said
//! meanwhile is said again. Should the thread fail, the terminal is as it was as well, and the run goes on without it.

mod areas;
mod backend;
mod draw;
mod feed;
mod grid;
mod keys;
mod model;
mod plain;
mod roster;
#[cfg(test)]
mod sample;
mod size;
mod terminal;
mod theme;
mod view;

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, io};

use anyhow::Context as _;
use lanherd::identity::ClientNumber;
use lanherd::live::Live;
use lanherd::tester::TesterFigures;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use self::feed::FeedMessage;
use self::keys::{Decoder, Key};
pub use self::model::HerdInfo;
use self::model::Model;
use self::terminal::{TerminalInput, TuiTerminal};
use self::theme::Theme;
use self::view::{Order, View};
use super::exit::UsageError;
use super::screen::{Audience, Format, Screen};
use super::stderr_buffer::StderrBuffer;

/// Between two frames, unless a key was pressed.
const FRAME: Duration = Duration::from_millis(200);
/// How long keys are waited for, in milliseconds, before news are looked for.
const PATIENCE: u8 = 100;
/// How long the rest of a key is waited for.
const REST: u8 = 50;
/// How long the thread may take to give the terminal back before it is left to itself.
const STANDSTILL: Duration = Duration::from_secs(3);
/// How often it is looked whether it has.
const GLANCE: Duration = Duration::from_millis(5);
/// So many news wait for the thread before the task waits, too.
const NEWS: usize = 16;

/// Whether there can be a screen; asked before anything is made.
pub fn check(screen: &Screen) -> anyhow::Result<()> {
    if screen.audience() == Audience::Nobody {
        return Err(UsageError::because(
            "--tui shows everything, and --quiet nothing: leave one of them out",
        ));
    }
    if screen.format() == Format::Json {
        return Err(UsageError::because(
            "--tui draws where --log-format json writes its lines: leave one of them out",
        ));
    }
    terminal::check().map_err(UsageError::because)
}

/// The screen, as long as there is one.
pub struct Tui {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
    screen: Screen,
    tasks: [JoinHandle<()>; 2],
}

impl Tui {
    /// Takes the terminal, and shows the herd that is followed, of a run that began at `started`. Within a runtime.
    pub fn start(
        screen: &Screen,
        started: Instant,
        about: HerdInfo,
        live: Arc<Live>,
        tester: TesterFigures,
    ) -> anyhow::Result<Self> {
        let (send, news) = mpsc::channel(NEWS);
        let signals = feed::signals(send.clone()).context("signals cannot be listened to")?;
        // A line that is written after the terminal was cleared would stay wherever nothing is drawn over it.
        screen.settle();
        let held = TuiTerminal::take().context("the terminal cannot be drawn on")?;
        let buffer = Arc::new(StderrBuffer::new(started));
        screen.buffer_stderr(Arc::clone(&buffer));
        let (open, opened) = watch::channel(None);
        let stop = Arc::<AtomicBool>::default();
        let show = ScreenLoop {
            held,
            model: Model::new(about),
            view: View::default(),
            theme: Theme::of(|name| env::var(name).ok()),
            decoder: Decoder::default(),
            started,
            buffer,
            news,
            open,
            is_stopped: false,
            stop: Arc::clone(&stop),
        };
        let tasks = [
            tokio::spawn(feed::follow(live, tester, opened, send)),
            tokio::spawn(signals),
        ];
        let thread = {
            let screen = screen.clone();
            thread::Builder::new()
                .name("screen".to_owned())
                .spawn(move || guarded(&screen, show, ScreenLoop::go_on))
        };
        if thread.is_err() {
            // The terminal went back with what the thread would have had.
            screen.release_stderr();
        }
        Ok(Self {
            stop,
            thread: Some(thread.context("the screen's thread could not be started")?),
            screen: screen.clone(),
            tasks,
        })
    }
}

impl Drop for Tui {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let deadline = Instant::now() + STANDSTILL;
            while !thread.is_finished() && Instant::now() < deadline {
                thread::sleep(GLANCE);
            }
            if thread.is_finished() {
                // What can go wrong in it has been told by itself.
                let _ = thread.join();
            } else {
                // It hangs in a write to a terminal that does not read, and ends with the program.
                terminal::restore_modes();
                self.screen.release_stderr();
            }
        }
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Does something with what has the terminal, which is as it was afterwards, even after a panic; then writes what was
/// buffered, and what went wrong.
fn guarded<T>(screen: &Screen, mut holder: T, work: impl FnOnce(&mut T) -> io::Result<()>) {
    let ended = panic::catch_unwind(AssertUnwindSafe(|| work(&mut holder)));
    drop(holder);
    screen.release_stderr();
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            screen.complain(&format!("error: {error}; the run goes on without --tui"));
        }
        Err(_) => screen.complain(
            "error: the screen of --tui died: this is a bug in lanherd; the run goes on without it",
        ),
    }
}

/// Whether a frame is due, so long after the last one: whatever happens, five times a second are enough.
fn is_due(since: Duration, is_another: bool) -> bool {
    is_another && since >= FRAME
}

/// What the thread has.
struct ScreenLoop {
    held: TuiTerminal,
    model: Model,
    view: View,
    theme: Theme,
    decoder: Decoder,
    started: Instant,
    buffer: Arc<StderrBuffer>,
    news: mpsc::Receiver<FeedMessage>,
    open: watch::Sender<Option<ClientNumber>>,
    /// The program is about to be stopped, or was and has not been let go on.
    is_stopped: bool,
    stop: Arc<AtomicBool>,
}

impl ScreenLoop {
    /// Until it is told to stop, or the terminal has gone.
    fn go_on(&mut self) -> io::Result<()> {
        let mut drawn: Option<(Instant, u64)> = None;
        let mut is_changed = true;
        while !self.stop.load(Ordering::Relaxed) {
            let keys = self.keys()?;
            let mut is_urgent = !keys.is_empty();
            for key in keys {
                self.press(key)?;
            }
            is_changed |= self.hear()?;
            self.model.now = self.started.elapsed();
            if self.held.is_taken() && size::size() != self.held.size() {
                self.held.clear()?;
                is_urgent = true;
            }
            let opened = self.view.opened(&self.model);
            self.open
                .send_if_modified(|open| std::mem::replace(open, opened) != opened);
            let second = self.model.now.as_secs();
            let is_due =
                drawn.is_none_or(|(at, shown)| is_due(at.elapsed(), is_changed || shown != second));
            if self.held.is_taken() && (is_urgent || is_due) {
                self.draw()?;
                drawn = Some((Instant::now(), second));
                is_changed = false;
            }
        }
        self.held.give_back()
    }

    fn draw(&mut self) -> io::Result<()> {
        let (model, view, theme) = (&self.model, &mut self.view, self.theme);
        view.settle(model, self.held.size());
        self.held
            .draw(|frame| draw::draw(model, view, theme, frame.buffer_mut()))
    }

    /// Keys that were pressed; waits a little for them.
    fn keys(&mut self) -> io::Result<Vec<Key>> {
        if !self.held.is_taken() {
            thread::sleep(Duration::from_millis(PATIENCE.into()));
            if !self.is_stopped && terminal::is_in_foreground() {
                self.held.retake()?;
            }
            return Ok(Vec::new());
        }
        let is_waiting = self.decoder.is_waiting();
        match terminal::input(if is_waiting { REST } else { PATIENCE }) {
            TerminalInput::Bytes(bytes) => Ok(self.decoder.take(&bytes)),
            TerminalInput::Nothing if is_waiting => Ok(self.decoder.give_up()),
            TerminalInput::Nothing => Ok(Vec::new()),
            TerminalInput::Gone => Err(io::Error::other("the terminal has gone")),
        }
    }

    fn press(&mut self, key: Key) -> io::Result<()> {
        let size = self.held.size();
        self.view.settle(&self.model, size);
        match self.view.press(key, &self.model, size) {
            // As the terminal does it where nobody reads keys; so all else is the same, too.
            Some(Order::Interrupt) => kill(Pid::this(), Signal::SIGINT).map_err(io::Error::from),
            Some(Order::Suspend) => self.suspend(),
            Some(Order::Redraw) => self.held.retake(),
            None => Ok(()),
        }
    }

    /// Takes what is new; returns whether anything is.
    fn hear(&mut self) -> io::Result<bool> {
        let mut is_changed = false;
        while let Ok(news) = self.news.try_recv() {
            is_changed = true;
            match news {
                FeedMessage::Update(update) => self.model.apply(update),
                FeedMessage::Stop => self.suspend()?,
                FeedMessage::GoOn => self.resume()?,
            }
        }
        for (after, said) in self.buffer.take() {
            self.model.say(after, &said);
            is_changed = true;
        }
        let stage = self.buffer.stage();
        is_changed |= std::mem::replace(&mut self.model.stage, stage) != stage;
        Ok(is_changed)
    }

    /// Stops the program, with the terminal as it was, until the shell lets it go on.
    fn suspend(&mut self) -> io::Result<()> {
        if !terminal::can_be_resumed() {
            let refusal = "not stopped: there is no shell that would let lanherd go on";
            self.model.say(self.model.now, refusal);
            return Ok(());
        }
        self.held.give_back()?;
        // This thread may go on for a moment before all are stopped.
        self.is_stopped = true;
        terminal::stop();
        Ok(())
    }

    /// It goes on: in the foreground, or without a terminal until it is there.
    fn resume(&mut self) -> io::Result<()> {
        self.is_stopped = false;
        if terminal::is_in_foreground() {
            self.held.retake()
        } else {
            self.held.is_lost();
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
