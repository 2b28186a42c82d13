//! The lines of one container's log.

use std::pin::Pin;
use std::time::Duration;

use futures::io::{AsyncBufRead, AsyncBufReadExt as _, Lines};
use futures::stream::{BoxStream, StreamExt as _, unfold};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;

use super::entry::Entry;
use crate::cluster::{Attempt, refused};
use crate::error::CliError;

/// The time before a log that broke off is opened again.
const PAUSE: Duration = Duration::from_secs(1);

/// The log of one container.
pub(super) struct Source {
    /// The pods of its namespace.
    pub(super) api: Api<Pod>,
    /// Its pod.
    pub(super) pod: String,
    /// Which container, and which lines.
    pub(super) parameters: LogParams,
}

type Open = Lines<Pin<Box<dyn AsyncBufRead + Send>>>;

/// How far a log is read.
struct Progress {
    source: Source,
    open: Option<Open>,
    /// The time of the last line.
    last: Option<Timestamp>,
    /// Lines up to this time were read before the log broke off.
    known: Option<Timestamp>,
}

impl Source {
    /// Its lines as they come. An error ends them.
    pub(super) fn lines(self) -> BoxStream<'static, Result<String, CliError>> {
        let progress = Progress {
            source: self,
            open: None,
            last: None,
            known: None,
        };
        unfold(Some(progress), |progress| async {
            let mut progress = progress?;
            match progress.next().await {
                Ok(line) => Some((Ok(line?), Some(progress))),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }

    async fn open(&self) -> Result<Open, CliError> {
        let log = self.api.log_stream(&self.pod, &self.parameters).await;
        let log = log.map_err(|error| {
            let attempt = Attempt {
                verb: "read the log of",
                what: &format!("Pod {}", self.pod),
                api_version: "v1",
            };
            refused(&error, attempt)
        })?;
        let log: Pin<Box<dyn AsyncBufRead + Send>> = Box::pin(log);
        Ok(log.lines())
    }
}

impl Progress {
    /// The next line; `None` where the log ends.
    ///
    /// A connection on which nothing comes is closed after some minutes: a log that is followed is opened again where
    /// it broke off.
    async fn next(&mut self) -> Result<Option<String>, CliError> {
        loop {
            let open = match &mut self.open {
                Some(open) => open,
                None => self.open.insert(self.source.open().await?),
            };
            match open.next().await {
                None => return Ok(None),
                Some(Ok(line)) => {
                    if self.is_news(&line) {
                        return Ok(Some(line));
                    }
                }
                Some(Err(_)) if self.source.parameters.follow => {
                    tokio::time::sleep(PAUSE).await;
                    self.resume();
                }
                Some(Err(error)) => {
                    let pod = &self.source.pod;
                    return Err(CliError::failure(format!(
                        "the log of Pod {pod} broke off: {error}"
                    )));
                }
            }
        }
    }

    /// Asks for the lines after the last one. The API server knows full seconds only.
    fn resume(&mut self) {
        self.open = None;
        if let Some(last) = self.last {
            let parameters = &mut self.source.parameters;
            parameters.since_time = Some(last);
            parameters.since_seconds = None;
            parameters.tail_lines = None;
            self.known = Some(last);
        }
    }

    fn is_news(&mut self, line: &str) -> bool {
        let time = Entry::parse(line).and_then(|entry| entry.time.parse().ok());
        let is_known = matches!((time, self.known), (Some(time), Some(known)) if time <= known);
        self.last = time.or(self.last);
        !is_known
    }
}
