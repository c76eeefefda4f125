//! What is streamed: in which direction, how fast, where to, and for how long.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::activity::connect::Endpoint;
use crate::activity::{HasFamilies, InFamilies};
use crate::target::Target;
use crate::units::duration;
use lanherd_stream::PORT;
use lanherd_stream::protocol::{Directions, LONGEST_NAME, Open};
use lanherd_types::bit_rate::BitRate;

/// The least rate, in bits a second: a slower one sends less than once in the time in which a stream must go on.
const SLOWEST: u64 = 8_000;
/// How long a stream lasts where nothing is said.
const LASTS: Duration = Duration::from_secs(10);
/// A shorter one says nothing of a speed, and a longer one is none of a test's.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(86_400);

/// A stream: `down to sink.lab.test`, `both 2 Mbit/s to 192.0.2.10 for 30s with bbr`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamPlan {
    /// In which directions bytes go, as the client sees it.
    pub directions: Directions,
    /// How fast in each direction; `None`: as fast as it goes.
    pub rate: Option<BitRate>,
    /// The sink, with its port.
    pub sink: Endpoint,
    /// For how long.
    pub lasts: Duration,
    /// The congestion control of both ends; `None`: cubic, or the kernel's own where it has no cubic.
    pub congestion_control: Option<String>,
}

impl StreamPlan {
    /// As fast as it goes, for ten seconds.
    pub fn new(directions: Directions, sink: Target) -> Self {
        Self {
            directions,
            rate: None,
            sink: Endpoint {
                target: sink,
                port: PORT,
            },
            lasts: LASTS,
            congestion_control: None,
        }
    }

    pub(super) fn open(&self) -> Open {
        Open {
            directions: self.directions,
            rate: self.rate.map(BitRate::bits_per_second),
            lasts: self.lasts,
            congestion_control: self.congestion_control.clone(),
        }
    }

    pub(super) fn read(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "{text:?} is no stream: write a direction (up, down or both), a rate if it is to have one, the sink, and how long if not \
                 10s, as \"down to sink.lab.test\" or \"up 2 Mbit/s to 192.0.2.10 for 30s\"; behind that the congestion control, as \
                 \"with bbr\""
            )
        };
        let (what, whither) = text.split_once(" to ").ok_or_else(refuse)?;
        let (direction, rate) = match what.trim().split_once(' ') {
            Some((direction, rate)) => (direction, rate.trim()),
            None => (what.trim(), ""),
        };
        let all = Directions::ALL.iter().copied();
        let directions = all
            .into_iter()
            .find(|one| one.as_str().eq_ignore_ascii_case(direction))
            .ok_or_else(refuse)?;
        let rate = match rate {
            "" => None,
            rate => Some(rate.parse::<BitRate>().map_err(|error| error.to_string())?),
        };
        if let Some(rate) = rate.filter(|rate| rate.bits_per_second() < SLOWEST) {
            return Err(format!(
                "{rate} is too slow to be told from a stream that stands still: write 8 kbit/s or more"
            ));
        }
        let (whither, congestion_control) = match whither.rsplit_once(" with ") {
            Some((rest, name)) => (rest, Some(congestion_control(name)?)),
            None => (whither, None),
        };
        let (sink, lasts) = match whither.rsplit_once(" for ") {
            Some((rest, lasts)) => (rest, time(lasts)?),
            None => (whither, LASTS),
        };
        let sink = endpoint(sink.trim())?;
        if let Target::Client(number) = sink.target {
            return Err(format!(
                "client {number} is no sink: streams go to `lanherd sink` on a host behind the router, or to the lab's, sink.lab.test"
            ));
        }
        Ok(Self {
            directions,
            rate,
            sink,
            lasts,
            congestion_control,
        })
    }
}

/// A target, with the sink's own port where it names none.
fn endpoint(text: &str) -> Result<Endpoint, String> {
    let bare = text.trim_matches(['[', ']']);
    let with_port = match bare.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("[{address}]:{PORT}"),
        _ if text.contains(':') => text.to_owned(),
        _ => format!("{text}:{PORT}"),
    };
    Endpoint::read(&with_port)
        .map_err(|_| format!("{text:?} is no sink: write a host and, if it is not {PORT}, its port, as sink.lab.test or 192.0.2.10:{PORT}"))
}

fn time(text: &str) -> Result<Duration, String> {
    let time = duration(text.trim()).map_err(|error| error.to_string())?;
    if (SHORTEST..=LONGEST).contains(&time) && time.subsec_nanos() % 1_000_000 == 0 {
        Ok(time)
    } else {
        Err(format!(
            "a stream lasts {text}: write whole milliseconds from 100ms to 24h"
        ))
    }
}

fn congestion_control(text: &str) -> Result<String, String> {
    let name = text.trim();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_plain) {
        Ok(name.to_owned())
    } else {
        Err(format!(
            "{name:?} is the name of no congestion control: write it as the kernel has it, as cubic, bbr or reno"
        ))
    }
}

impl fmt::Display for StreamPlan {
    /// As it reads back, without what is so where nothing is said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Endpoint { target, port } = &self.sink;
        let sink = match target {
            _ if *port != PORT => self.sink.to_string(),
            // As it is written: "the router" is for sentences.
            Target::Router => "router".to_owned(),
            target => target.to_string(),
        };
        let mut words = vec![self.directions.to_string()];
        words.extend(self.rate.map(|rate| rate.to_string()));
        words.push(format!("to {sink}"));
        if self.lasts != LASTS {
            words.push(format!("for {}", humantime::format_duration(self.lasts)));
        }
        let name = self.congestion_control.iter();
        words.extend(name.map(|name| format!("with {name}")));
        f.pad(&words.join(" "))
    }
}

impl HasFamilies for StreamPlan {
    fn standing(&self) -> InFamilies {
        self.sink.standing()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_told_as_it_is_read_without_what_is_so_anyway() {
        for (text, told) in [
            ("down to sink.lab.test", "down to sink.lab.test"),
            ("UP to sink.lab.test for 10s", "up to sink.lab.test"),
            (
                "both 2Mbit/s to 192.0.2.10 for 90s with bbr",
                "both 2 Mbit/s to 192.0.2.10 for 1m 30s with bbr",
            ),
            ("down to 192.0.2.10:4374", "down to 192.0.2.10"),
            ("down to 192.0.2.10:5000", "down to 192.0.2.10:5000"),
            ("up to 2001:db8::10", "up to 2001:db8::10"),
            ("up to [2001:db8::10]:5000", "up to [2001:db8::10]:5000"),
            (
                "up 64 kbit/s to router for 500ms",
                "up 64 kbit/s to router for 500ms",
            ),
        ] {
            let plan = StreamPlan::read(text).expect(text);
            assert_eq!(plan.to_string(), told);
            assert_eq!(StreamPlan::read(told), Ok(plan), "it reads what it tells");
        }
    }

    #[test]
    fn what_is_no_stream_is_refused_with_the_remedy() {
        for (text, says) in [
            ("", "is no stream"),
            ("sideways to sink.lab.test", "is no stream"),
            ("down sink.lab.test", "is no stream"),
            ("down 5 to sink.lab.test", "no rate of bits"),
            ("down 5 MB/s to sink.lab.test", "as 500 kbit/s"),
            ("down 7 kbit/s to sink.lab.test", "8 kbit/s or more"),
            ("down to nobody", "is no sink"),
            ("down to client 3", "lanherd sink"),
            ("down to sink.lab.test for 5ms", "from 100ms to 24h"),
            ("down to sink.lab.test for 25h", "from 100ms to 24h"),
            ("down to sink.lab.test for long", "500ms, 30s"),
            ("down to sink.lab.test with a/b", "cubic, bbr or reno"),
        ] {
            let why = StreamPlan::read(text).expect_err(text);
            assert!(why.contains(says), "{text}: {why}");
        }
    }
}
