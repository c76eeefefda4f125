//! The rate that a link sends at: a token bucket in place of its queue (tc-tbf(8)).

use netlink_packet_core::{DefaultNla, NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage};

use super::request::Request;

/// Of `linux/pkt_sched.h` and `linux/rtnetlink.h`.
const TCA_OPTIONS: u16 = 2;
const TCA_TBF_PARMS: u16 = 1;
const TCA_TBF_BURST: u16 = 6;
const TC_LINKLAYER_ETHERNET: u8 = 1;

/// A token bucket: what a link may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBucket {
    /// In bytes a second, with the heads of Ethernet.
    pub rate: u32,
    /// How many bytes may go at once: no less than a packet has.
    pub burst: u32,
    /// How many bytes may wait; what comes then is dropped.
    pub queue: u32,
}

/// Has a link send no faster than this.
pub fn limit_rate(index: u32, bucket: &TokenBucket) -> Request {
    let mut message = root(index);
    message.attributes = vec![
        TcAttribute::Kind("tbf".to_owned()),
        TcAttribute::Other(DefaultNla::new(TCA_OPTIONS, options(bucket))),
    ];
    Request::new(
        RouteNetlinkMessage::NewQueueDiscipline(message),
        NLM_F_CREATE | NLM_F_REPLACE,
    )
}

/// Has it send as fast as it can again; refused with `ENOENT` where nothing was limited.
pub fn lift_rate_limit(index: u32) -> Request {
    Request::new(RouteNetlinkMessage::DelQueueDiscipline(root(index)), 0)
}

fn root(index: u32) -> TcMessage {
    let mut message = TcMessage::with_index(index.cast_signed());
    message.header.parent = TcHandle::ROOT;
    message
}

/// `struct tc_tbf_qopt`, then the burst in bytes: the kernel wants that also in ticks of its own, and takes this before it.
fn options(bucket: &TokenBucket) -> Vec<u8> {
    let mut parameters = Vec::with_capacity(36);
    // `struct tc_ratespec`: with a link layer the kernel needs no table of times.
    parameters.extend([0, TC_LINKLAYER_ETHERNET, 0, 0, 0, 0, 0, 0]);
    parameters.extend(bucket.rate.to_ne_bytes());
    // No peak rate.
    parameters.extend([0; 12]);
    parameters.extend(bucket.queue.to_ne_bytes());
    parameters.extend([0; 8]);
    let mut options = Vec::new();
    for (kind, value) in [
        (TCA_TBF_PARMS, parameters),
        (TCA_TBF_BURST, bucket.burst.to_ne_bytes().to_vec()),
    ] {
        // A head of four bytes; both lengths are whole multiples of four.
        let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        options.extend(length.to_ne_bytes());
        options.extend(kind.to_ne_bytes());
        options.extend(value);
    }
    options
}
