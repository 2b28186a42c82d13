//! What a connection is at, and since when.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing was asked yet.
    Fresh,
    /// Nothing is asked any more.
    Idle,
    /// The head of a request comes.
    Head,
    /// A request is read and answered.
    Request,
    /// Its answer is written.
    Answer,
}

/// The phase of a connection. Written with every request, and read only once in a while.
#[derive(Debug)]
pub(super) struct Pulse {
    begin: Instant,
    /// The millisecond since the beginning at which the phase began, and in the lowest three bits the phase.
    phase: AtomicU64,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self {
            begin: Instant::now(),
            phase: AtomicU64::new(Phase::Fresh as u64),
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        let millis = u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX >> 3);
        self.phase
            .store(millis << 3 | phase as u64, Ordering::Relaxed);
    }

    fn phase(&self) -> Phase {
        phase(self.phase.load(Ordering::Relaxed))
    }

    /// The phase, and how long it has taken.
    pub(super) fn read(&self) -> (Phase, Duration) {
        let bits = self.phase.load(Ordering::Relaxed);
        let since = Duration::from_millis(bits >> 3);
        (phase(bits), self.begin.elapsed().saturating_sub(since))
    }
}

fn phase(bits: u64) -> Phase {
    match bits & 7 {
        0 => Phase::Fresh,
        1 => Phase::Idle,
        2 => Phase::Head,
        3 => Phase::Request,
        _ => Phase::Answer,
    }
}

/// A stream that tells when a request begins to come, and when its answer is gone.
#[derive(Debug)]
pub(super) struct Pulsing<S> {
    stream: S,
    pulse: Arc<Pulse>,
}

impl<S> Pulsing<S> {
    pub(super) fn new(stream: S, pulse: Arc<Pulse>) -> Self {
        Self { stream, pulse }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Pulsing<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before
            && matches!(self.pulse.phase(), Phase::Fresh | Phase::Idle)
        {
            self.pulse.enter(Phase::Head);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Pulsing<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        if self.pulse.phase() == Phase::Answer {
            self.pulse.enter(Phase::Idle);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
