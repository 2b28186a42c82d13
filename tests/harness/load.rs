//! Writes at a steady rate, whose answers are all looked at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::PostParams;
use serde_json::Value;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

use crate::namespace::Namespace;
use crate::serve::{spawn, wait};

/// The most that wait for their answers. A machine that does not keep up is asked less, instead of being buried.
const WAITING: usize = 50;

/// Creations of Deployments that are only tried, until it is stopped or dropped.
pub struct Load {
    stop: Arc<AtomicBool>,
    answers: Arc<Mutex<Vec<Answer>>>,
    task: Option<JoinHandle<()>>,
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Shape {
    /// How much time there is between two bursts.
    pub period: Duration,
    /// How many are sent at once.
    pub burst: usize,
    /// What is sent, one after another.
    pub objects: Vec<Value>,
}

/// What became of one.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Which one of the objects it was.
    pub object: usize,
    /// When it was sent.
    pub sent: Instant,
    /// The object as it would be written, or what the API server says against it.
    pub result: Result<Value, String>,
}

impl Load {
    /// Begins to send.
    pub fn start(namespace: &Namespace<'_>, shape: Shape) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answers = Arc::new(Mutex::default());
        let sending = send(
            namespace.api(),
            shape,
            Arc::clone(&stop),
            Arc::clone(&answers),
        );
        let task = spawn(sending);
        Self {
            stop,
            answers,
            task: Some(task),
        }
    }

    /// How many were answered.
    pub fn answered(&self) -> usize {
        self.answers.lock().expect("no holder panics").len()
    }

    /// Waits until so many more were answered.
    ///
    /// # Panics
    ///
    /// If that takes more than two minutes.
    pub fn wait_for(&self, more: usize) {
        let (begun, goal) = (Instant::now(), self.answered() + more);
        while self.answered() < goal {
            assert!(begun.elapsed() < Duration::from_secs(120), "no answers");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends no more, and returns all answers once the last one is there.
    pub fn stop(mut self) -> Vec<Answer> {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(task) = self.task.take() {
            wait(task).expect("sending does not panic");
        }
        std::mem::take(&mut *self.answers.lock().expect("no holder panics"))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn send(
    api: Api<Deployment>,
    shape: Shape,
    stop: Arc<AtomicBool>,
    answers: Arc<Mutex<Vec<Answer>>>,
) {
    let mut ticks = tokio::time::interval(shape.period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut under_way = JoinSet::new();
    let objects = shape.objects.iter().enumerate().cycle();
    let mut objects = objects.map(|(index, object)| (index, object.clone()));
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        for (object, body) in objects.by_ref().take(shape.burst) {
            let (api, answers) = (api.clone(), Arc::clone(&answers));
            under_way.spawn(async move {
                let sent = Instant::now();
                let result = create(&api, body).await;
                let mut answers = answers.lock().expect("no holder panics");
                answers.push(Answer {
                    object,
                    sent,
                    result,
                });
            });
        }
        while under_way.try_join_next().is_some() {}
        while under_way.len() >= WAITING {
            under_way.join_next().await;
        }
    }
    while under_way.join_next().await.is_some() {}
}

async fn create(api: &Api<Deployment>, object: Value) -> Result<Value, String> {
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let object = serde_json::from_value(object).expect("a test writes sound objects");
    match api.create(&params, &object).await {
        Ok(created) => Ok(serde_json::to_value(created).expect("objects are JSON")),
        Err(kube::Error::Api(status)) => Err(status.message),
        Err(error) => Err(error.to_string()),
    }
}
