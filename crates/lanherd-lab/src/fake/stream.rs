//! A connection on the fake LAN.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use lanherd_net::bulk::{Bulk, Shape, TcpFigures, USUAL_CONGESTION_CONTROL};

/// How many bytes of a stream of traffic go at once.
const CHUNK: usize = 16 << 10;

/// One end of a connection: what is written on one is read on the other, without any delay.
#[derive(Debug)]
pub struct FakeStream {
    stream: Mutex<DuplexStream>,
    written: AtomicU64,
}

impl FakeStream {
    /// Both ends of one.
    pub(super) fn pair() -> (Self, Self) {
        let end = |stream| Self {
            stream: Mutex::new(stream),
            written: AtomicU64::new(0),
        };
        let (near, far) = tokio::io::duplex(65_536);
        (end(near), end(far))
    }

    fn write(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut *self.stream.lock()).poll_write(context, bytes))?;
        self.written.fetch_add(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }
}

impl AsyncRead for FakeStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_read(context, buffer)
    }
}

impl AsyncWrite for FakeStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(context)
    }
}

impl Bulk for FakeStream {
    async fn send_filler(&self, most: usize) -> io::Result<usize> {
        let filler = [0; CHUNK];
        poll_fn(|context| self.write(context, &filler[..most.min(CHUNK)])).await
    }

    async fn discard(&self, most: usize) -> io::Result<usize> {
        let mut room = [0; CHUNK];
        poll_fn(|context| {
            let mut buffer = ReadBuf::new(&mut room[..most.min(CHUNK)]);
            let mut stream = self.stream.lock();
            ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
            Poll::Ready(Ok(buffer.filled().len()))
        })
        .await
    }

    fn shape(&self, shape: &Shape) -> io::Result<String> {
        let name = shape.congestion_control.as_deref();
        Ok(name.unwrap_or(USUAL_CONGESTION_CONTROL).to_owned())
    }

    /// What was written has arrived, and a beginning counts for one.
    fn tcp_figures(&self) -> io::Result<TcpFigures> {
        Ok(TcpFigures {
            acknowledged: 1 + self.written.load(Ordering::Relaxed),
            ..TcpFigures::default()
        })
    }
}
