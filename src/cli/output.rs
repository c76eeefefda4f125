//! What the program writes while it has something to tear down: by threads of their own, from bounded queues, so that a terminal
//! or a pipe that does not read (Ctrl-S, `| less`, a log collector that hangs) never holds up the herd.
//!
//! Standard output and standard error have one thread where both are the same file or both are terminals, so that their lines
//! keep their order; otherwise each has one, so that a reader of the one does not depend on a reader of the other. What finds no
//! room is dropped and counted, and the count is written as soon as there is room again. Whatever a write answers, an error is
//! never more than a lost line: a terminal that has gone (EIO) ends nothing.

mod bars;
mod lane;
mod sink;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use self::bars::Bar;
use self::lane::Lane;
use self::sink::Sink;

/// How long a reader may read nothing at the end of the program before it is no longer waited for.
const STANDSTILL: Duration = Duration::from_secs(3);
/// How long the end of the program waits at most, for a reader that is slow but reads.
const LAST: Duration = Duration::from_secs(15);
/// How long the last words about lost results are waited for.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Where something is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// It goes to standard output.
    Out,
    /// It goes to standard error.
    Err,
}

/// How much may wait in a queue before a piece of this kind is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Progress and logs.
    News,
    /// Errors: there is room for them when there is none for news.
    Complaint,
    /// What the user asked for.
    Result,
}

impl Weight {
    const fn limit(self) -> usize {
        match self {
            Self::News => 1 << 18,
            Self::Complaint => 1 << 19,
            Self::Result => 16 << 20,
        }
    }
}

/// Writes the line that says how many lines were not shown, in the format of all other lines of standard error.
pub type LostNotice = Box<dyn Fn(u64) -> Vec<u8> + Send + Sync>;

/// The queues, and the threads that write what is in them.
pub struct Output {
    out: Arc<Lane>,
    err: Arc<Lane>,
    notice: Arc<LostNotice>,
    is_started: AtomicBool,
}

impl Output {
    /// What is put into it waits until [`Output::start`].
    pub fn new(notice: LostNotice) -> io::Result<Self> {
        let (out, err) = (Sink::stdout()?, Sink::stderr()?);
        let notice = Arc::new(notice);
        let is_shared = out.is_read_with(&err);
        let (out, err) = (Arc::new(out), Arc::new(err));
        let err_lane = Lane::new(
            Arc::clone(&out),
            Arc::clone(&err),
            Some(Arc::clone(&notice)),
        );
        let err_lane = Arc::new(err_lane);
        let out_lane = if is_shared {
            Arc::clone(&err_lane)
        } else {
            Arc::new(Lane::new(out, err, None))
        };
        Ok(Self {
            out: out_lane,
            err: err_lane,
            notice,
            is_started: AtomicBool::new(false),
        })
    }

    /// Starts the threads that write, if there are none yet.
    pub fn start(&self) -> io::Result<()> {
        if self.is_started.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        self.err.start()?;
        if self.is_shared() {
            Ok(())
        } else {
            self.out.start()
        }
    }

    fn is_shared(&self) -> bool {
        Arc::ptr_eq(&self.out, &self.err)
    }

    /// Puts whole lines into the queue, or drops them. Never waits.
    pub fn put(&self, to: OutputStream, weight: Weight, bytes: Vec<u8>) {
        let lane = match to {
            OutputStream::Out => &self.out,
            OutputStream::Err => &self.err,
        };
        if let Some(lost) = lane.put(to, weight.limit(), bytes) {
            // Only a queue without standard error hands its count over.
            let notice = (self.notice)(lost);
            self.err
                .put(OutputStream::Err, Weight::Complaint.limit(), notice);
        }
    }

    /// What is drawn below the lines of standard error from now on. What has not been drawn yet is forgotten.
    pub fn draw(&self, bars: Vec<Bar>) {
        self.err.draw(bars);
    }

    /// Waits until what was put for standard error is written, for a moment at most.
    #[cfg(feature = "tui")]
    pub fn settle(&self) {
        const MOMENT: Duration = Duration::from_millis(500);
        self.err.drain(Instant::now() + MOMENT, MOMENT);
    }

    /// Waits until everything is written, for a bounded time: readers that read nothing for a few seconds lose the rest.
    pub fn finish(&self) {
        let deadline = Instant::now() + LAST;
        self.err.drain(deadline, STANDSTILL);
        if self.is_shared() {
            return;
        }
        let lost = self.out.drain(deadline, STANDSTILL);
        if lost > 0 {
            let notice = (self.notice)(lost);
            self.err
                .put(OutputStream::Err, Weight::Complaint.limit(), notice);
            self.err.drain(Instant::now() + LAST_WORDS, LAST_WORDS);
        }
    }
}
