//! The webhook: how long answers take, how many a core gives, what it costs to know policies, and what an API server that
//! asks it needs more time for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::admission::{Knowledge, Wishes};
use engine::catalog::Catalog;
use engine::policy::Policy;
use harness::{ControlPlane, LoneWebhook, ObjectServer};
use k8s_openapi::jiff::Timestamp;
use tempfile::TempDir;
use webhook::policies::Snapshot;
use webhook::review::{Guard, Known, Setup, mutate, validate};
use webhook::wire;

use crate::process::{pin, processor_time, resident_memory};
use crate::table::Budget::{AtLeast, AtMost, Unset};
use crate::table::{MEBIBYTES, MICROSECONDS, MILLISECONDS, PER_SECOND, PERCENT, figures};
use corpus::Question;
use load::{Client, Exam};

mod corpus;
mod load;
mod paired;
mod population;

/// The cores of the webhook and of whoever asks it, as `taskset` names them.
const CORES: [&str; 2] = ["0", "1"];

/// How often in a second is asked, where not as often as possible.
const RATE: u32 = 1000;

const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_secs(5);

/// The webhook alone: no API server takes its share of the processor.
pub(crate) fn measure() {
    decisions();
    let me = std::process::id();
    pin(me, CORES[1]);
    answers();
    knowledge();
    pin(me, &CORES.join(","));
}

/// The webhook beside a real API server.
pub(crate) fn measure_in_cluster() {
    let plane = ControlPlane::private();
    paired::measure(&plane);
    start(&plane);
}

/// What a review costs without connections.
fn decisions() {
    const TIMES: usize = 200;
    let snapshot = snapshot(1000);
    let setup = Setup::default();
    let known = Known {
        setup: &setup,
        snapshot: &snapshot,
        knowledge: Knowledge::Fresh,
    };
    let answer = |question: &Question| {
        let incoming = wire::read(question.body()).expect("it is a review");
        let request = incoming.request.expect("it is a request");
        let answered = match question.path {
            "/mutate" => mutate(&request, &known),
            _ => validate(&request, &known, Guard::Enforced),
        };
        wire::write(incoming.uid.as_ref(), &answered.reply)
    };
    for (length, budget) in [(8_192, AtMost(20.0)), (51_200, Unset)] {
        let questions = corpus::deployments(length);
        let round = || {
            let begin = Instant::now();
            for question in questions.iter().cycle().take(TIMES) {
                std::hint::black_box(answer(question));
            }
            begin.elapsed().as_secs_f64() / TIMES as f64
        };
        let what = format!(
            "webhook: {} KB review read, decided, answered in memory",
            length / 1024
        );
        figures(
            &what,
            (0..31).map(|_| round()).collect(),
            MICROSECONDS,
            budget,
        );
    }
}

/// As the webhook knows it.
fn snapshot(policies: usize) -> Snapshot {
    let rule: Policy = Policy::try_from(
        &serde_json::from_value::<api::ImagePolicy>(population::policy(0, "1.9.0"))
            .expect("it is one")
            .spec,
    )
    .expect("the range is one");
    let rule = Arc::new(rule);
    let now = Timestamp::now();
    let objects = population::policies(policies)
        .into_iter()
        .zip(population::repositories(policies));
    let entries = objects.map(|(policy, repository)| {
        let policy = serde_json::from_value(policy).expect("it is one");
        let repository = serde_json::from_value(repository).expect("it is one");
        api::catalog::entry(&policy, Some(&repository), Some(Arc::clone(&rule)), now)
    });
    let namespaces = population::namespaces(policies)
        .into_iter()
        .map(|namespace| {
            let metadata = &namespace["metadata"];
            let labels =
                serde_json::from_value(metadata["labels"].clone()).expect("labels are texts");
            let name = metadata["name"].as_str().unwrap_or_default().to_owned();
            (name, Arc::new(Wishes::new(labels, &BTreeMap::new())))
        });
    Snapshot {
        catalog: Catalog::new(entries),
        namespaces: namespaces.collect(),
        ..Snapshot::default()
    }
}

/// A server of so many policies, and a webhook that knows them.
struct Scene {
    server: ObjectServer,
    webhook: LoneWebhook,
    _home: TempDir,
}

impl Scene {
    fn new(policies: usize) -> Self {
        let kinds = [
            (population::NAMESPACES, population::namespaces(policies)),
            (population::REPOSITORIES, population::repositories(policies)),
            (population::POLICIES, population::policies(policies)),
        ];
        let server =
            ObjectServer::start(kinds.map(|((path, list), objects)| (path, list, objects)));
        let home = TempDir::new().expect("the temporary folder is writable");
        let kubeconfig = home.path().join("kubeconfig");
        server.write_kubeconfig(&kubeconfig);
        let webhook = LoneWebhook::start(&kubeconfig, Some(CORES[0]));
        Self {
            server,
            webhook,
            _home: home,
        }
    }

    fn client(&self) -> Client {
        Client::connect(self.webhook.address(), self.webhook.authority())
    }
}

/// A webhook with 1,000 policies on a core of its own.
fn answers() {
    let (eight, fifty) = (corpus::deployments(8_192), corpus::deployments(51_200));
    let all = corpus::all();
    let scene = Scene::new(1000);
    // The webhook gives up connections on which nothing is asked at first.
    let mut client = scene.client();
    let (eight, fifty, all) = (
        client.examine(&eight),
        client.examine(&fifty),
        client.examine(&all),
    );
    client.at_rate(&eight, RATE, ROUND);
    let what = "webhook: 8 KB reviews, 25 TLS connections, 1,000 per second: median";
    at_rate(&mut client, &eight, what, [AtMost(100.0), AtMost(1000.0)]);
    let what = "webhook: 50 KB reviews, 25 TLS connections, 1,000 per second: median";
    at_rate(&mut client, &fifty, what, [AtMost(250.0), AtMost(2000.0)]);
    let what = "webhook: all kinds of reviews, 25 TLS connections, 1,000 per second: median";
    at_rate(&mut client, &all, what, [Unset, Unset]);
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let before = processor_time(scene.webhook.id());
        let count = client.at_once(&eight, ROUND) as f64;
        let used = processor_time(scene.webhook.id()) - before;
        rates.push(count / ROUND.as_secs_f64());
        costs.push(used.as_secs_f64() / count * 1000.0);
    }
    figures(
        "webhook: 8 KB reviews, as many as one core answers",
        rates,
        PER_SECOND,
        AtLeast(10_000.0),
    );
    figures(
        "the same: processor time for 1,000 of them",
        costs,
        MILLISECONDS,
        Unset,
    );
    let times = (0..500)
        .map(|_| client.anew(&eight).as_secs_f64())
        .collect();
    figures(
        "webhook: 8 KB review on a new TLS connection",
        times,
        MICROSECONDS,
        Unset,
    );
    let [now, peak] = resident_memory(scene.webhook.id());
    figures(
        "webhook: resident memory after all that, 1,000 policies",
        vec![now],
        MEBIBYTES,
        AtMost(40.0),
    );
    figures(
        "the same: peak of resident memory",
        vec![peak],
        MEBIBYTES,
        AtMost(40.0),
    );
}

/// Median and 99th percentile of several rounds.
fn at_rate(client: &mut Client, exam: &Exam<'_>, what: &str, budgets: [crate::table::Budget; 2]) {
    let rounds = (0..ROUNDS).map(|_| {
        let mut times = client.at_rate(exam, RATE, ROUND);
        times.sort_unstable();
        [50, 99].map(|percent| times[(times.len() - 1) * percent / 100].as_secs_f64())
    });
    let rounds: Vec<_> = rounds.collect();
    let names = [what, "the same: 99th percentile"];
    for (at, (name, budget)) in names.into_iter().zip(budgets).enumerate() {
        let column = rounds.iter().map(|round| round[at]);
        figures(name, column.collect(), MICROSECONDS, budget);
    }
}

/// A webhook with 5,000 policies: at rest, and while they change.
fn knowledge() {
    const POLICIES: usize = 5000;
    let scene = Scene::new(POLICIES);
    let id = scene.webhook.id();
    let [now, _] = resident_memory(id);
    figures(
        "webhook: resident memory with 5,000 policies",
        vec![now],
        MEBIBYTES,
        Unset,
    );
    let period = Duration::from_secs(1) / 100;
    let mut policies = (0..POLICIES).cycle();
    let mut share = |round: usize| {
        let (begin, before) = (Instant::now(), processor_time(id));
        let changes = (0u32..).map(|number| begin + period * number);
        for (due, policy) in changes
            .take_while(|due| *due < begin + ROUND)
            .zip(&mut policies)
        {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let (path, _) = population::POLICIES;
            scene
                .server
                .change(path, population::policy(policy, &format!("1.9.{round}")));
        }
        (processor_time(id) - before).as_secs_f64() / begin.elapsed().as_secs_f64()
    };
    let shares = (0..ROUNDS).map(&mut share).collect();
    figures(
        "the same: share of a core while 100 of them change per second",
        shares,
        PERCENT,
        AtMost(5.0),
    );
    let [now, _] = resident_memory(id);
    figures(
        "the same: resident memory after it",
        vec![now],
        MEBIBYTES,
        Unset,
    );
}

/// A webhook that is started where a real API server has 5,000 policies.
fn start(plane: &ControlPlane) {
    plane.install_manifests();
    population::make(plane, 5000);
    let (mut times, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let webhook = LoneWebhook::start(plane.kubeconfig(), None);
        times.push(webhook.started_within().as_secs_f64());
        memory.push(resident_memory(webhook.id())[1]);
    }
    let what = "webhook: start to ready, 5,000 policies of a real API server";
    figures(what, times, MILLISECONDS, AtMost(3000.0));
    figures(
        "the same: peak of resident memory",
        memory,
        MEBIBYTES,
        Unset,
    );
}
