//! The bodies of requests: which are read, how far, and how many at a time.

use std::time::{Duration, Instant};

use axum::body::{Body, BodyDataStream};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use futures::StreamExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant as Deadline, timeout_at};

#[cfg(test)]
mod tests;

/// The longest body: an object may have 1.5 MiB, and a review holds two of them as JSON.
pub const MAX_BODY: usize = 10 * 1024 * 1024;

/// All bodies that are in memory at a time, in KiB.
const ROOM: usize = 64 * 1024;
/// What a request counts for at least, in KiB, so that there are never too many; more is taken as it comes.
const STEP: usize = 64;
/// How much of a body that is refused is heard out. Who is cut off while still speaking may not hear the answer.
const COURTESY: usize = 2 * MAX_BODY;
/// How long.
const COURTESY_TIME: Duration = Duration::from_secs(1);

/// Why a body is not read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// It is something else, or packed.
    #[error("the body has to be application/json, as it is")]
    MediaType,
    /// It is too long.
    #[error("the body is longer than {MAX_BODY} bytes")]
    TooLong,
    /// It ended before its end.
    #[error("the body ended before its end")]
    Broken(#[source] axum::Error),
    /// There is no room for it.
    #[error("there are too many requests")]
    Busy,
    /// It did not come in time.
    #[error("there was no time left")]
    Late,
}

/// The memory there is for bodies.
#[derive(Debug)]
pub struct Room(Semaphore);

/// A body, and the room it takes.
#[derive(Debug)]
pub struct Whole<'r> {
    /// Its bytes.
    pub bytes: Vec<u8>,
    _room: SemaphorePermit<'r>,
}

impl Default for Room {
    fn default() -> Self {
        Self(Semaphore::new(ROOM))
    }
}

impl Room {
    /// Reads a body to its end. Room is taken for what has come, not for what is said to come: nobody keeps others out
    /// by announcing much and sending little.
    ///
    /// # Errors
    ///
    /// When it is not to be read, or does not come by `deadline`.
    pub async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        deadline: Instant,
    ) -> Result<Whole<'_>, Unread> {
        let mut pieces = body.into_data_stream();
        let whole = self.collect(headers, &mut pieces, deadline).await;
        if matches!(
            whole,
            Err(Unread::Busy | Unread::TooLong | Unread::MediaType)
        ) {
            hear_out(pieces).await;
        }
        whole
    }

    async fn collect(
        &self,
        headers: &HeaderMap,
        pieces: &mut BodyDataStream,
        deadline: Instant,
    ) -> Result<Whole<'_>, Unread> {
        let length = length(headers)?;
        let mut room = self.take(STEP)?;
        // What nothing is written to costs no memory.
        let mut bytes = Vec::with_capacity(length.unwrap_or(STEP * 1024));
        let deadline = Deadline::from_std(deadline);
        loop {
            let piece = timeout_at(deadline, pieces.next()).await;
            let Some(piece) = piece.map_err(|_| Unread::Late)? else {
                break;
            };
            let piece = piece.map_err(Unread::Broken)?;
            if bytes.len() + piece.len() > MAX_BODY {
                return Err(Unread::TooLong);
            }
            let needed = (bytes.len() + piece.len()).div_ceil(1024);
            if needed > room.num_permits() {
                let missing = needed - room.num_permits();
                room.merge(self.take(missing.next_multiple_of(STEP))?);
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Whole { bytes, _room: room })
    }

    fn take(&self, kibibytes: usize) -> Result<SemaphorePermit<'_>, Unread> {
        let permits = u32::try_from(kibibytes).unwrap_or(u32::MAX);
        self.0.try_acquire_many(permits).map_err(|_| Unread::Busy)
    }
}

/// Lets the other side finish what nobody wants to know, within limits.
async fn hear_out(mut pieces: BodyDataStream) {
    let deadline = Deadline::now() + COURTESY_TIME;
    let mut heard = 0;
    while let Ok(Some(Ok(piece))) = timeout_at(deadline, pieces.next()).await {
        heard += piece.len();
        if heard > COURTESY {
            return;
        }
    }
}

/// The length of a body that can be read, if it says.
fn length(headers: &HeaderMap) -> Result<Option<usize>, Unread> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let media = text(CONTENT_TYPE).and_then(|text| text.split(';').next());
    if !media.is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Unread::MediaType);
    }
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    if !encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Unread::MediaType);
    }
    match text(CONTENT_LENGTH).and_then(|text| text.parse().ok()) {
        Some(length) if length > MAX_BODY => Err(Unread::TooLong),
        length => Ok(length),
    }
}
