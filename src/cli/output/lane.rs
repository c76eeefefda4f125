//! One queue, and the thread that writes what is in it.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::bars::{Bar, Painter};
use super::sink::Sink;
use super::{LostNotice, OutputStream};

/// So much is written at a time.
const BATCH: usize = 1 << 16;
/// How often whoever waits for the end looks whether the reader still reads.
const GLANCE: Duration = Duration::from_millis(50);

/// A queue of whole lines.
pub struct Lane {
    state: Mutex<LaneState>,
    changed: Condvar,
    out: Arc<Sink>,
    err: Arc<Sink>,
    /// Writes that lines were lost, where that belongs into this queue.
    notice: Option<Arc<LostNotice>>,
}

#[derive(Default)]
struct LaneState {
    waiting: VecDeque<(OutputStream, Vec<u8>)>,
    /// Bytes of what is waiting and of what is being written.
    bytes: usize,
    /// Lines that were dropped since it was last told.
    lost: u64,
    /// What is to be drawn, where that has changed.
    bars: Option<Vec<Bar>>,
    is_writing: bool,
}

impl LaneState {
    fn push(&mut self, to: OutputStream, bytes: Vec<u8>) {
        self.bytes += bytes.len();
        self.waiting.push_back((to, bytes));
    }

    /// The next pieces for one of the streams, as one.
    fn batch(&mut self) -> Option<(OutputStream, Vec<u8>)> {
        let (to, mut bytes) = self.waiting.pop_front()?;
        while bytes.len() < BATCH && self.waiting.front().is_some_and(|next| next.0 == to) {
            let next = self.waiting.pop_front();
            bytes.extend(next.map(|(_, more)| more).unwrap_or_default());
        }
        Some((to, bytes))
    }
}

/// What the thread does next.
struct Job {
    bars: Option<Vec<Bar>>,
    text: Option<(OutputStream, Vec<u8>)>,
}

impl Lane {
    /// What is put into it waits until [`Lane::start`].
    pub fn new(out: Arc<Sink>, err: Arc<Sink>, notice: Option<Arc<LostNotice>>) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            out,
            err,
            notice,
        }
    }

    /// Starts the thread that writes what is put into it.
    pub fn start(self: &Arc<Self>) -> io::Result<()> {
        let writer = Arc::clone(self);
        thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || writer.go_on())
            .map(drop)
    }

    /// Puts whole lines in, unless more than `limit` bytes would wait. Returns how many lines were lost before these, where it is
    /// not told in this queue.
    pub fn put(&self, to: OutputStream, limit: usize, bytes: Vec<u8>) -> Option<u64> {
        let mut state = self.state();
        // A piece that is larger than any limit is not lost for its size alone.
        if state.bytes > 0 && state.bytes + bytes.len() > limit {
            state.lost += lines(&bytes);
            return None;
        }
        let lost = self.tell_lost(&mut state);
        state.push(to, bytes);
        drop(state);
        self.changed.notify_all();
        lost
    }

    /// What is drawn from now on.
    pub fn draw(&self, bars: Vec<Bar>) {
        self.state().bars = Some(bars);
        self.changed.notify_all();
    }

    /// Waits until everything is written, at most until `deadline`, and no longer than the reader may stand still; returns how
    /// many lines are lost if the program ends now.
    pub fn drain(&self, deadline: Instant, standstill: Duration) -> u64 {
        let mut seen = (self.progress(), Instant::now());
        let mut state = self.state();
        loop {
            let is_idle = state.waiting.is_empty() && state.bars.is_none() && !state.is_writing;
            let now = Instant::now();
            if self.progress() != seen.0 {
                seen = (self.progress(), now);
            }
            if is_idle || now >= deadline || now - seen.1 >= standstill {
                let waiting: u64 = state.waiting.iter().map(|(_, bytes)| lines(bytes)).sum();
                return state.lost + waiting;
            }
            self.changed.wait_for(&mut state, GLANCE);
        }
    }

    fn progress(&self) -> u64 {
        self.out.progress() + self.err.progress()
    }

    /// The loss that is not told yet goes before what comes next, or to whoever can tell it.
    fn tell_lost(&self, state: &mut LaneState) -> Option<u64> {
        if state.lost == 0 {
            return None;
        }
        let lost = std::mem::take(&mut state.lost);
        match &self.notice {
            Some(notice) => {
                state.push(OutputStream::Err, notice(lost));
                None
            }
            None => Some(lost),
        }
    }

    /// The thread: it ends with the program.
    fn go_on(&self) {
        let mut painter = Painter::new(Arc::clone(&self.err));
        loop {
            let job = self.next();
            if let Some(bars) = job.bars {
                painter.draw(bars);
            }
            let written = job.text.map_or(0, |(to, bytes)| {
                let sink = match to {
                    OutputStream::Out => &self.out,
                    OutputStream::Err => &self.err,
                };
                painter.aside(|| sink.write(&bytes));
                bytes.len()
            });
            let mut state = self.state();
            state.bytes -= written;
            state.is_writing = false;
            drop(state);
            self.changed.notify_all();
        }
    }

    fn next(&self) -> Job {
        let mut state = self.state();
        loop {
            if state.waiting.is_empty() && self.notice.is_some() {
                // It is not put off until there is something else to say.
                self.tell_lost(&mut state);
            }
            let bars = state.bars.take();
            let text = state.batch();
            if bars.is_some() || text.is_some() {
                state.is_writing = true;
                return Job { bars, text };
            }
            self.changed.wait(&mut state);
        }
    }

    fn state(&self) -> MutexGuard<'_, LaneState> {
        // Every change is one of a moment.
        self.state.lock()
    }
}

fn lines(bytes: &[u8]) -> u64 {
    bytes.split(|byte| *byte == b'\n').skip(1).count() as u64
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, Read};

    use super::*;

    const LIMIT: usize = 1 << 17;

    /// A lane into a pipe that nobody reads yet.
    fn lane() -> (Arc<Lane>, PipeReader) {
        let (reader, writer) = io::pipe().expect("a pipe");
        let sink = Arc::new(Sink::of_pipe(writer));
        let notice: LostNotice = Box::new(|lost| format!("{lost} lost\n").into_bytes());
        let lane = Arc::new(Lane::new(Arc::clone(&sink), sink, Some(Arc::new(notice))));
        lane.start().expect("a thread");
        (lane, reader)
    }

    fn line(number: usize) -> Vec<u8> {
        format!("{number:>99}\n").into_bytes()
    }

    #[test]
    fn a_reader_that_does_not_read_holds_up_nobody_and_is_told_what_it_missed() {
        let (lane, mut reader) = lane();
        let began = Instant::now();
        for number in 0..10_000 {
            lane.put(OutputStream::Err, LIMIT, line(number));
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        assert!(lane.drain(deadline, Duration::from_millis(100)) > 0);
        assert!(began.elapsed() < Duration::from_secs(30), "it waited");
        // Now it reads.
        let reading = thread::spawn(move || {
            let mut all = String::new();
            let mut buffer = [0; 4096];
            while !all.contains("the end\n") {
                let count = reader.read(&mut buffer).expect("something to read");
                all.push_str(std::str::from_utf8(&buffer[..count]).expect("text"));
            }
            all
        });
        assert_eq!(lane.drain(deadline, Duration::from_secs(60)), 0);
        lane.put(OutputStream::Err, LIMIT, b"the end\n".to_vec());
        let all = reading.join().expect("read");
        let told: u64 = all
            .lines()
            .filter_map(|line| line.strip_suffix(" lost")?.parse::<u64>().ok())
            .sum();
        let shown = all.lines().filter(|line| line.len() == 99).count() as u64;
        assert!(told > 0 && told + shown == 10_000, "{told} and {shown}");
    }

    #[test]
    fn a_reader_that_has_gone_loses_lines_and_nothing_else() {
        let (lane, reader) = lane();
        drop(reader);
        for number in 0..100 {
            lane.put(OutputStream::Out, LIMIT, line(number));
        }
        lane.draw(vec![Bar::Words("here".to_owned())]);
        let deadline = Instant::now() + Duration::from_secs(60);
        assert_eq!(lane.drain(deadline, Duration::from_secs(60)), 0);
        lane.draw(Vec::new());
        lane.put(OutputStream::Err, LIMIT, line(1));
        assert_eq!(lane.drain(deadline, Duration::from_secs(60)), 0);
    }

    #[test]
    fn a_piece_above_the_limit_is_written_where_nothing_else_waits() {
        let (lane, mut reader) = lane();
        let large = vec![b'\n'; 2 * LIMIT];
        let size = large.len();
        lane.put(OutputStream::Out, LIMIT, large);
        let mut all = vec![0; size];
        reader.read_exact(&mut all).expect("all of it");
    }
}
