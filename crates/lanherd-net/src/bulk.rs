//! Bytes in bulk over TCP, of which nobody looks at any: sent from a file in memory without being copied by this process, and
//! discarded by the kernel where they arrive. What they cost, the router between costs; not this process.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::sendfile::sendfile;
use nix::sys::socket::{MsgFlags, recv};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest};
use tokio::net::TcpStream;

use crate::sys;

/// The most that is sent, or discarded, in one go, in bytes.
pub const CHUNK: usize = 1 << 20;
/// As much as may wait in a connection's buffer that has not been sent yet, where it goes as fast as it can, in bytes: enough for a
/// task that comes back every millisecond at a gigabit a second, and little enough to be gone soon when the time is over.
pub const UNSENT: u32 = 128 << 10;
/// For so long at its rate may as much wait, where there is a rate.
const UNSENT_TIME: Duration = Duration::from_millis(5);
/// The least that may, in bytes: a few segments.
const LEAST_UNSENT: u32 = 16 << 10;

/// The congestion control that hosts have where nothing else is said: that of Linux, Windows and Apple's systems.
pub const USUAL_CONGESTION_CONTROL: &str = "cubic";

/// How a connection is to be that carries bytes in bulk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// The congestion control, as the kernel names it; `None`: [`USUAL_CONGESTION_CONTROL`], or the kernel's own default where it has
    /// none of that name.
    pub congestion_control: Option<String>,
    /// The most that is sent, in bits a second; `None`: as fast as it goes.
    pub rate: Option<u64>,
}

/// What the kernel tells of a connection over which this side sends (`TCP_INFO`, tcp(7)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpFigures {
    /// Bytes that the other side has acknowledged, the one that stands for the beginning included where this side connected.
    pub acknowledged: u64,
    /// Segments with data that were sent, those that were sent again included.
    pub segments: u64,
    /// Segments that were sent again.
    pub retransmitted: u64,
    /// For how long there was something to send, or to be acknowledged.
    pub busy: Duration,
    /// For how long of that the other side's window kept this one from sending.
    pub receiver_limited: Duration,
    /// For how long of that this side's own buffer did.
    pub buffer_limited: Duration,
    /// The round trip time, smoothed.
    pub round_trip: Duration,
    /// The shortest round trip of late.
    pub shortest_round_trip: Duration,
}

/// A connection that can carry bytes in bulk.
pub trait Bulk: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static {
    /// Sends up to `most` bytes of no meaning, at least one, as soon as there is room; returns how many. Nothing was sent where this
    /// is dropped before it has returned.
    fn send_filler(&self, most: usize) -> impl Future<Output = io::Result<usize>> + Send;

    /// Takes up to `most` bytes that have arrived, and throws them away; returns how many, 0 at the end. Nothing is lost where this is
    /// dropped before it has returned.
    fn discard(&self, most: usize) -> impl Future<Output = io::Result<usize>> + Send;

    /// Has the connection be so; returns the congestion control that it has now. One that is dropped before both sides have ended it is
    /// broken off (RST), so that it outlives neither this process nor its namespace.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`], where the kernel has no congestion control of that name, or does not let this process use it.
    fn shape(&self, shape: &Shape) -> io::Result<String>;

    /// What the kernel tells of it; not to be asked more than ten times a second.
    fn tcp_figures(&self) -> io::Result<TcpFigures>;
}

impl Bulk for TcpStream {
    async fn send_filler(&self, most: usize) -> io::Result<usize> {
        let filler = filler()?;
        let send = || {
            // From anywhere, so that what is sent in small pieces is not the same piece again and again.
            let start = fastrand::usize(..CHUNK / 2);
            let mut from = i64::try_from(start).unwrap_or(0);
            let sent = sendfile(self, filler, Some(&mut from), most.min(CHUNK - start))?;
            Ok(sent)
        };
        self.async_io(Interest::WRITABLE, send).await
    }

    async fn discard(&self, most: usize) -> io::Result<usize> {
        self.async_io(Interest::READABLE, || discard(self, most))
            .await
    }

    fn shape(&self, shape: &Shape) -> io::Result<String> {
        let socket = SockRef::from(self);
        socket.set_linger(Some(Duration::ZERO))?;
        let used = choose_congestion_control(&socket, shape.congestion_control.as_deref())?;
        socket.set_tcp_notsent_lowat(unsent(shape.rate))?;
        if let Some(rate) = shape.rate {
            // A little more, since who sends keeps to the rate: this only keeps what it sends from going out at once.
            let bytes = rate / 8;
            sys::pace(self.as_fd(), bytes.saturating_add(bytes / 20).max(1))?;
        }
        Ok(used)
    }

    fn tcp_figures(&self) -> io::Result<TcpFigures> {
        let told = sys::tcp_info(self.as_fd())?;
        Ok(TcpFigures {
            acknowledged: told.tcpi_bytes_acked,
            segments: told.tcpi_data_segs_out.into(),
            retransmitted: told.tcpi_total_retrans.into(),
            busy: Duration::from_micros(told.tcpi_busy_time),
            receiver_limited: Duration::from_micros(told.tcpi_rwnd_limited),
            buffer_limited: Duration::from_micros(told.tcpi_sndbuf_limited),
            round_trip: Duration::from_micros(told.tcpi_rtt.into()),
            shortest_round_trip: Duration::from_micros(told.tcpi_min_rtt.into()),
        })
    }
}

/// Sets it, and says which it is.
fn choose_congestion_control(socket: &SockRef<'_>, wanted: Option<&str>) -> io::Result<String> {
    let name = wanted.unwrap_or(USUAL_CONGESTION_CONTROL);
    match socket.set_tcp_congestion(name.as_bytes()) {
        // Without a wish the kernel's own stands, and is told.
        Err(_) if wanted.is_none() => {}
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
            let why = format!(
                "only root may have the congestion control {name:?} here: add it to net.ipv4.tcp_allowed_congestion_control, or choose another"
            );
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
            let available = std::fs::read_to_string(AVAILABLE);
            let available: Cow<'_, str> = match &available {
                Ok(names) => names.trim().into(),
                Err(_) => "not known".into(),
            };
            let why = format!(
                "this kernel has no congestion control {name:?} (it has: {available}): load its module, as \
                 `modprobe tcp_{name}`, or choose another"
            );
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
        set => set?,
    }
    let used = socket.tcp_congestion()?;
    // The kernel fills the name up with zeros.
    let used = String::from_utf8_lossy(&used);
    Ok(used.trim_end_matches('\0').to_owned())
}

/// The congestion controls that the kernel has at hand.
const AVAILABLE: &str = "/proc/sys/net/ipv4/tcp_available_congestion_control";

/// How much may wait unsent at that rate, in bytes.
fn unsent(rate: Option<u64>) -> u32 {
    let of_time = |rate: u64| {
        let bytes = u128::from(rate / 8) * UNSENT_TIME.as_millis() / 1000;
        u32::try_from(bytes).unwrap_or(u32::MAX)
    };
    rate.map_or(UNSENT, |rate| of_time(rate).clamp(LEAST_UNSENT, UNSENT))
}

/// What is sent, for all connections: bytes that no link can compress, in a file in memory.
fn filler() -> io::Result<&'static OwnedFd> {
    static FILLER: OnceLock<OwnedFd> = OnceLock::new();
    if let Some(filler) = FILLER.get() {
        return Ok(filler);
    }
    let file = memfd_create(c"lanherd-filler", MFdFlags::MFD_CLOEXEC)?;
    let mut bytes = vec![0; CHUNK];
    fastrand::Rng::with_seed(0x6c61_6e68).fill(&mut bytes);
    let mut written = 0;
    while written < bytes.len() {
        written += nix::unistd::write(&file, &bytes[written..])?;
    }
    Ok(FILLER.get_or_init(|| file))
}

/// Has the kernel throw away what has arrived (`MSG_TRUNC`, tcp(7)): the room that it is given is never touched, and so takes no memory.
fn discard(stream: &TcpStream, most: usize) -> io::Result<usize> {
    thread_local! {
        static UNTOUCHED: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK]);
    }
    UNTOUCHED.with_borrow_mut(|room| {
        let most = most.min(room.len());
        let flags = MsgFlags::MSG_TRUNC | MsgFlags::MSG_DONTWAIT;
        Ok(recv(stream.as_raw_fd(), &mut room[..most], flags)?)
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let to = listener.local_addr().expect("its address");
        let (near, far) = tokio::join!(TcpStream::connect(to), listener.accept());
        (near.expect("connected"), far.expect("accepted").0)
    }

    #[tokio::test]
    async fn every_byte_that_is_sent_arrives_is_acknowledged_and_is_thrown_away() {
        let (mut near, far) = pair().await;
        let control = near.shape(&Shape::default()).expect("shaped");
        assert!(!control.is_empty());
        let sending = async {
            let mut bytes = 0;
            while bytes < 5_000_000 {
                bytes += near.send_filler(300_000).await.expect("sent");
            }
            near.shutdown().await.expect("ended");
            // The other side ends as well: all is acknowledged.
            assert_eq!(near.discard(1).await.expect("the end"), 0);
            (bytes, near.tcp_figures().expect("figures"))
        };
        let receiving = async move {
            let mut bytes = 0;
            loop {
                match far.discard(CHUNK).await.expect("received") {
                    0 => break bytes,
                    some => bytes += some,
                }
            }
        };
        let ((sent, figures), received) = tokio::join!(sending, receiving);
        assert_eq!(sent, received);
        let sent = u64::try_from(received).expect("few");
        // One more stands for the beginning of the connection, one for the end.
        assert!(
            (sent..=sent + 2).contains(&figures.acknowledged),
            "{sent} {figures:?}"
        );
        assert!(figures.segments > 0, "{figures:?}");
    }

    #[tokio::test]
    async fn the_kernel_paces_what_is_to_have_a_rate() {
        let (near, far) = pair().await;
        // 8 Mbit/s: a million bytes take a second.
        let shape = Shape {
            rate: Some(8_000_000),
            ..Shape::default()
        };
        near.shape(&shape).expect("shaped");
        let began = std::time::Instant::now();
        let send = async {
            let mut sent = 0;
            while sent < 1_000_000 {
                sent += near.send_filler(100_000).await.expect("sent");
            }
        };
        let receive = async {
            let mut received = 0;
            while received < 900_000 {
                received += far.discard(CHUNK).await.expect("received");
            }
        };
        tokio::join!(send, receive);
        // A busy machine only makes it longer.
        assert!(began.elapsed() > Duration::from_millis(500));
    }

    #[tokio::test]
    async fn a_congestion_control_that_is_not_there_is_refused_with_those_that_are() {
        let (near, _far) = pair().await;
        let shape = Shape {
            congestion_control: Some("nosuch".to_owned()),
            ..Shape::default()
        };
        let error = near.shape(&shape).expect_err("none of that name");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let why = error.to_string();
        assert!(why.contains("\"nosuch\"") && why.contains("reno"), "{why}");
        let shape = Shape {
            congestion_control: Some("reno".to_owned()),
            ..Shape::default()
        };
        assert_eq!(near.shape(&shape).expect("it is always there"), "reno");
    }

    #[test]
    fn at_a_low_rate_little_waits_unsent_and_at_none_enough() {
        assert_eq!(unsent(None), UNSENT);
        assert_eq!(unsent(Some(1_000)), LEAST_UNSENT);
        assert_eq!(unsent(Some(100_000_000)), 62_500);
        assert_eq!(unsent(Some(u64::MAX)), UNSENT);
    }
}
