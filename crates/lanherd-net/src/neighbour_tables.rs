//! The kernel's tables of neighbours (arp(7)): one of IPv4 and one of IPv6, each for all network namespaces together.
//!
//! What finds no room there is lost on this host, and looks as if the network had lost it. Only the initial network namespace
//! shows what the tables hold and how often they were full.

use std::fs;
use std::io;

use lanherd_types::family::Family;

/// The limits of a table, and how often there was no room in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NeighbourTable {
    /// `gc_thresh1` to `gc_thresh3`: how many entries are left alone, from how many on the kernel throws out those that are older
    /// than five seconds, and how many there are at most. `None`: this network namespace does not show them.
    pub thresholds: Option<[u64; 3]>,
    /// How often there was no room for an entry since the machine was started, which a packet was waiting for. `None`: this network
    /// namespace does not show it.
    pub overflows: Option<u64>,
}

impl NeighbourTable {
    /// Reads what the calling thread's network namespace shows of the table of `family`.
    pub fn read(family: Family) -> Self {
        Self {
            thresholds: thresholds(family).ok(),
            overflows: overflows(family).ok(),
        }
    }

    /// How many entries there are at most.
    pub fn limit(&self) -> Option<u64> {
        self.thresholds.map(|[_, _, most]| most)
    }
}

fn thresholds(family: Family) -> io::Result<[u64; 3]> {
    let mut thresholds = [0; 3];
    for (number, threshold) in (1..).zip(&mut thresholds) {
        let path = format!("/proc/sys/net/{family}/neigh/default/gc_thresh{number}");
        *threshold = fs::read_to_string(path)?
            .trim()
            .parse()
            .map_err(io::Error::other)?;
    }
    Ok(thresholds)
}

/// How often there was no room in the table of `family` since the machine was started; `NotFound` where the calling thread's
/// network namespace does not show it.
pub fn overflows(family: Family) -> io::Result<u64> {
    let name = match family {
        Family::Ipv4 => "arp_cache",
        Family::Ipv6 => "ndisc_cache",
    };
    // `/proc/net` would be the main thread's.
    let text = fs::read_to_string(format!("/proc/thread-self/net/stat/{name}"))?;
    full(&text).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The sum of the column `table_fulls`, in which each processor has a line of its own.
fn full(text: &str) -> Option<u64> {
    let mut lines = text.lines();
    let column = lines
        .next()?
        .split_whitespace()
        .position(|name| name == "table_fulls")?;
    lines
        .map(|line| u64::from_str_radix(line.split_whitespace().nth(column)?, 16).ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_found_no_room_is_summed_over_all_processors() {
        let text = "entries  allocs   table_fulls later\n\
                    00000002 0003c20e 000018e9 00000007\n\
                    00000002 0003cebf 00001258 00000007\n";
        assert_eq!(full(text), Some(0x18e9 + 0x1258));
        assert_eq!(full("entries\n00000002\n"), None, "another kernel");
        assert_eq!(full("table_fulls\n\n"), None, "a line without it");
        assert_eq!(full(""), None);
    }

    #[test]
    fn another_namespace_than_the_first_does_not_show_it() {
        let elsewhere = std::thread::spawn(|| {
            // Without the privilege for that nothing is shown anyhow, if the test itself is elsewhere.
            let inside = crate::netns::NetNs::create()
                .and_then(|namespace| namespace.with(|| NeighbourTable::read(Family::Ipv6)));
            inside.ok()
        });
        let inside = elsewhere.join().expect("a thread");
        assert!(
            inside.is_none_or(|table| table == NeighbourTable::default()),
            "{inside:?}"
        );
    }
}
