//! Takes notices from the queue to the API server and to `--events-addr`, each on a task of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use reqwest::Url;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, error_span, info, warn};

use super::post::Poster;
use super::record::{event, event_name, repetition};
use super::series::{Memory, Series};
use super::{Events, Notice, Severity};
use crate::chain::Chain;
use crate::metrics::{EventSink, Metrics};
use crate::process::connect::Refusal;

#[cfg(test)]
mod tests;

/// How many notices wait for each sink before new ones are dropped.
const WAITING: usize = 1000;

/// How often an event is tried to be written while the API server cannot be reached.
const TRIES: u32 = 12;

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How long one try may take, with what the client repeats by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// A notice and the time it was queued.
type Told = (Arc<Notice>, Timestamp);

/// The delivery under way. Dropping it lets it go on until all queues are gone.
#[derive(Debug)]
pub struct Delivery {
    ending: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Delivery {
    /// Begins to deliver what comes out of the queue of `events`: to the API server, and if there is one to the address `post_to`,
    /// as the process on machine `instance`.
    ///
    /// # Errors
    ///
    /// When no HTTP client can be made.
    pub fn begin(
        events: &Events,
        queue: Receiver<Notice>,
        client: Client,
        post_to: Option<Url>,
        instance: String,
        metrics: Metrics,
    ) -> Result<Self, reqwest::Error> {
        let poster = post_to.map(|url| Poster::new(url, instance)).transpose()?;
        let ending = CancellationToken::new();
        let (records, to_write) = mpsc::channel(WAITING);
        let mut tasks = vec![tokio::spawn(
            Writer::new(client, metrics.clone()).run(to_write),
        )];
        let posts = poster.map(|poster| {
            let (posts, to_post) = mpsc::channel(WAITING);
            tasks.push(tokio::spawn(post_all(poster, to_post, metrics.clone())));
            posts
        });
        let sorter = Sorter {
            records: Exit::new(records, EventSink::Kubernetes, metrics.clone()),
            posts: posts.map(|posts| Exit::new(posts, EventSink::Notification, metrics.clone())),
            lost: Arc::clone(&events.lost),
            metrics,
        };
        tasks.push(tokio::spawn(sorter.run(queue, ending.clone())));
        Ok(Self { ending, tasks })
    }

    /// Takes no more notices, and delivers those that wait for `limit` at most.
    pub async fn finish(mut self, limit: Duration) {
        self.ending.cancel();
        let all = async {
            for task in &mut self.tasks {
                // One that panicked has nothing more to deliver.
                let _ = task.await;
            }
        };
        if timeout(limit, all).await.is_err() {
            warn!("some events were not told before the end");
            for task in &self.tasks {
                task.abort();
            }
        }
    }
}

/// Logs notices and passes them on.
struct Sorter {
    records: Exit,
    posts: Option<Exit>,
    /// Counts what did not fit into the queue.
    lost: Arc<AtomicU64>,
    metrics: Metrics,
}

impl Sorter {
    async fn run(mut self, mut queue: Receiver<Notice>, ending: CancellationToken) {
        loop {
            let notice = tokio::select! {
                biased;
                notice = queue.recv() => notice,
                () = ending.cancelled(), if !queue.is_closed() => {
                    // What waits still comes out.
                    queue.close();
                    continue;
                }
            };
            let Some(notice) = notice else { break };
            for _ in 0..self.lost.swap(0, Ordering::Relaxed) {
                self.metrics.event_dropped(EventSink::Kubernetes);
            }
            log(&notice);
            let told = (Arc::new(notice), Timestamp::now());
            if let Some(posts) = self
                .posts
                .as_mut()
                .filter(|_| told.0.severity != Severity::Trace)
            {
                posts.pass(told.clone());
            }
            self.records.pass(told);
        }
    }
}

/// The way to one sink, on which nothing waits: what does not fit is dropped and counted.
struct Exit {
    queue: Sender<Told>,
    sink: EventSink,
    metrics: Metrics,
    /// Whether the last notice was dropped, so that a whole flood is one line in the log.
    is_full: bool,
}

impl Exit {
    fn new(queue: Sender<Told>, sink: EventSink, metrics: Metrics) -> Self {
        Self {
            queue,
            sink,
            metrics,
            is_full: false,
        }
    }

    fn pass(&mut self, told: Told) {
        let fits = self.queue.try_send(told).is_ok();
        if !fits {
            self.metrics.event_dropped(self.sink);
            if !self.is_full {
                error!(sink = ?self.sink, "events are dropped: too many wait");
            }
        }
        self.is_full = !fits;
    }
}

fn log(notice: &Notice) {
    let object = &notice.regarding;
    let span = error_span!(
        "event",
        controller = notice.controller,
        controllerGroup = api::keys::IMAGE_GROUP,
        controllerKind = object.kind,
        namespace = object.namespace,
        name = object.name,
    );
    let (reason, message) = (notice.reason, &notice.message);
    span.in_scope(|| match notice.severity {
        Severity::Trace => debug!(reason, "{message}"),
        Severity::Info => info!(reason, "{message}"),
        Severity::Error => error!(reason, "{message}"),
    });
}

async fn post_all(poster: Poster, mut queue: Receiver<Told>, metrics: Metrics) {
    while let Some((notice, time)) = queue.recv().await {
        if let Err(error) = poster.post(&notice, time).await {
            metrics.event_dropped(EventSink::Notification);
            error!(error = %Chain(&error), reason = notice.reason, "cannot post an event");
        }
    }
}

/// Writes events to the API server.
struct Writer {
    client: Client,
    metrics: Metrics,
    memory: Memory,
    /// The time in the name of the last event, so that no two have one name.
    named: Timestamp,
}

impl Writer {
    fn new(client: Client, metrics: Metrics) -> Self {
        Self {
            client,
            metrics,
            memory: Memory::default(),
            named: Timestamp::MIN,
        }
    }

    async fn run(mut self, mut queue: Receiver<Told>) {
        while let Some((notice, time)) = queue.recv().await {
            if !self.memory.allows(&notice, Instant::now()) {
                self.metrics.event_dropped(EventSink::Kubernetes);
                debug!(
                    name = notice.regarding.name,
                    "too many events of one object"
                );
                continue;
            }
            if let Err(reason) = self.tell(&notice, time).await {
                self.metrics.event_dropped(EventSink::Kubernetes);
                warn!(
                    name = notice.regarding.name,
                    error = reason,
                    "cannot write an event"
                );
            }
        }
    }

    /// Writes an event, or counts up the one that says the same. Tries on while the API server is away.
    async fn tell(&mut self, notice: &Notice, time: Timestamp) -> Result<(), String> {
        let series = match self.memory.repeated(notice, time) {
            Some(series) => series,
            None => Series {
                name: self.name(notice, time),
                count: 1,
                first: time,
                last: time,
            },
        };
        for attempt in 1.. {
            let written = timeout(PATIENCE, self.write(notice, &series)).await;
            let reason = match written {
                Ok(Ok(())) => break,
                Ok(Err(error)) if !is_passing(&error) => return Err(Refusal(&error).to_string()),
                Ok(Err(error)) => Refusal(&error).to_string(),
                Err(_) => format!("no answer within {PATIENCE:?}"),
            };
            if attempt == TRIES {
                return Err(reason);
            }
            sleep(Duration::from_secs(1 << (attempt - 1).min(4)).min(LONGEST_WAIT)).await;
        }
        self.memory.remember(notice, series);
        Ok(())
    }

    async fn write(&self, notice: &Notice, series: &Series) -> Result<(), kube::Error> {
        let namespace = notice.regarding.namespace.as_deref().unwrap_or("default");
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        if series.count > 1 {
            let patch = Patch::Merge(repetition(series.count, series.last));
            match api
                .patch(&series.name, &PatchParams::default(), &patch)
                .await
            {
                // Events live for an hour or so; one that is gone begins again.
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                patched => return patched.map(drop),
            }
        }
        let (name, count) = (series.name.clone(), series.count);
        let event = event(notice, name, count, series.first, series.last);
        match api.create(&PostParams::default(), &event).await {
            // An answer to an earlier try was lost.
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(()),
            created => created.map(drop),
        }
    }

    fn name(&mut self, notice: &Notice, time: Timestamp) -> String {
        let next = self.named.saturating_add(Duration::from_nanos(1));
        self.named = next.map_or(time, |next| next.max(time));
        event_name(
            notice.regarding.name.as_deref().unwrap_or_default(),
            self.named,
        )
    }
}

/// Whether it may help to try again later.
fn is_passing(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code == 429 || status.code >= 500,
        _ => true,
    }
}
