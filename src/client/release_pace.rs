//! One RELEASE after the other: nobody answers them, so what overruns the server's socket is lost, and nobody sends it
//! again (RFC 2131, 4.4.6).

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::lan::leftovers::RELEASE_PAUSE;

/// Who was kept from taking a turn in time, by a timer or a busy machine, may make so much of it up: a few RELEASEs at one
/// time fit into any socket.
const MADE_UP: Duration = Duration::from_millis(16);

/// Whose turn it is to send a RELEASE, for a whole herd: one each 2 ms.
#[derive(Debug, Default)]
pub struct ReleasePace {
    next: Mutex<Option<Instant>>,
}

impl ReleasePace {
    /// Returns when it is the caller's turn; callers come in the order in which they have asked.
    pub async fn turn(&self) {
        let mut next = self.next.lock().await;
        let now = Instant::now();
        let at = next.unwrap_or(now);
        if at > now {
            sleep_until(at).await;
        }
        let earliest = Instant::now().checked_sub(MADE_UP).unwrap_or(at);
        *next = Some(at.max(earliest) + RELEASE_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_thousand_take_two_seconds_and_a_single_one_no_time() {
        let pace = ReleasePace::default();
        let began = Instant::now();
        pace.turn().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        for _ in 0..1_000 {
            pace.turn().await;
        }
        assert_eq!(began.elapsed().as_millis(), 2_000);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_pause_has_saved_up_is_a_few_and_no_burst() {
        let pace = ReleasePace::default();
        pace.turn().await;
        tokio::time::advance(Duration::from_secs(3)).await;
        let began = Instant::now();
        let mut at_once = 0;
        while began.elapsed() < Duration::from_millis(1) {
            pace.turn().await;
            at_once += 1;
        }
        assert!((2..=10).contains(&at_once), "{at_once}");
    }
}
