//! The recorded scenarios: what Flux's controllers wrote when they were played, ours must write too.
//!
//! `tests/fixtures/status-cases/README.md` describes their format, and what may differ.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;

use harness::reconciler::ReconcilerOptions;
use harness::registry::{RegistryAuth, RegistryOptions};
use harness::{ControlPlane, Namespace, Reconciler, Registry, checkout};
use serde_json::{Value, json};

use cluster::Cluster;
use format::Scenario;
use objects::ObjectName;
use observer::Observer;
use play::{Stage, play};

mod cluster;
mod compare;
mod format;
mod objects;
mod observer;
mod placeholders;
mod play;
mod record;
mod replaced;
mod repositories;
mod settled;

/// How many scenarios play at a time.
const AT_A_TIME: usize = 8;

/// Names the one scenario to play.
const VARIABLE: &str = "IMGAUTO_SCENARIO";

/// Flags all scenarios run with: they do not wait for long retries.
const FLAGS: [&str; 1] = ["--max-retry-delay=4s"];

/// How many lines of the reconciler's log are shown for a scenario that differs.
const LOG: usize = 20;

/// A scenario with what is expected of it.
struct Case {
    name: String,
    document: Value,
    scenario: Scenario,
    expected: Value,
    /// What we do otherwise, if anything.
    ours: Value,
}

/// A scenario that differs.
struct Failure {
    name: String,
    /// What is wrong.
    words: String,
    /// Its namespace, if it got one.
    namespace: Option<String>,
}

#[test]
fn recorded_scenarios_leave_the_same_record() {
    let mut cases = cases();
    if let Ok(name) = std::env::var(VARIABLE) {
        cases.retain(|case| case.name == name);
        assert!(!cases.is_empty(), "there is no scenario {name}");
    }
    let mut groups: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in cases {
        let flags = case.scenario.flags.clone();
        groups.entry(flags).or_default().push(case);
    }
    // The reconcilers watch the whole cluster, as the recorded controllers did.
    let plane = ControlPlane::private();
    plane.install_manifests();
    let runtime = tokio::runtime::Runtime::new().expect("the system gives threads");
    let stage = stage(&plane, &runtime);
    let mut failures = Vec::new();
    for (flags, cases) in groups {
        let flags: Vec<_> = FLAGS.into_iter().chain(flags.split_whitespace()).collect();
        let options = ReconcilerOptions {
            flags: &flags,
            ..ReconcilerOptions::default()
        };
        let reconciler = Reconciler::start(&plane, options);
        let mut different = play_all(&plane, &stage, cases);
        let log = reconciler.logs();
        for failure in &mut different {
            failure.add(&log);
        }
        failures.append(&mut different);
    }
    assert!(failures.is_empty(), "{}", report(&failures));
}

fn stage(plane: &ControlPlane, runtime: &tokio::runtime::Runtime) -> Stage {
    let cluster = Cluster {
        client: plane.client(),
        runtime: runtime.handle().clone(),
    };
    let reader = ("reader".to_owned(), "secret".to_owned());
    Stage {
        observer: Observer::start(&cluster),
        cluster,
        open: Registry::start(RegistryOptions::default()),
        guarded: Registry::start(RegistryOptions {
            auth: RegistryAuth::Htpasswd(vec![reader]),
            ..RegistryOptions::default()
        }),
    }
}

/// Plays scenarios, some at a time, and returns those that differ by name.
fn play_all(plane: &ControlPlane, stage: &Stage, cases: Vec<Case>) -> Vec<Failure> {
    let threads = cases.len().min(AT_A_TIME);
    let waiting = Mutex::new(cases.into_iter());
    let failures = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = waiting.lock().expect("no holder panics").next();
            let Some(case) = next else { return };
            if let Some(failure) = check(plane, stage, case) {
                failures.lock().expect("no holder panics").push(failure);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let mut failures = failures.into_inner().expect("no holder panics");
    failures.sort_by(|one, other| one.name.cmp(&other.name));
    failures
}

/// Plays one scenario and says what is wrong.
fn check(plane: &ControlPlane, stage: &Stage, case: Case) -> Option<Failure> {
    let namespaces = Mutex::new(Vec::new());
    let played = catch_unwind(AssertUnwindSafe(|| {
        let made = self::namespaces(plane, stage, &case.scenario);
        let names: Vec<_> = made.iter().map(|made| made.name().to_owned()).collect();
        names.clone_into(&mut namespaces.lock().expect("no holder panics"));
        let (mut got, late) = play(stage, &case.document, names);
        let mut expected = case.expected.clone();
        compare::leave_out_optional(&mut expected, &mut got, &case.ours)
            .expect("the events are expected and the steps were played");
        let late = late.iter();
        let mut wrong: Vec<_> = late
            .map(|step| format!("step {step:?} was not over in time"))
            .collect();
        wrong.extend(compare::differences(&expected, &got));
        wrong.join("\n")
    }));
    let words = played.unwrap_or_else(|panic| words(panic.as_ref()));
    let namespaces = namespaces.into_inner().expect("no holder panics");
    (!words.is_empty()).then(|| Failure {
        name: case.name,
        words,
        namespace: namespaces.into_iter().next(),
    })
}

/// Makes the namespaces of a play: its own, and the second one if it wants that.
fn namespaces<'a>(
    plane: &'a ControlPlane,
    stage: &Stage,
    scenario: &Scenario,
) -> Vec<Namespace<'a>> {
    let mut namespaces = vec![plane.namespace("scenario")];
    if let Some(labels) = &scenario.second_namespace {
        let second = plane.namespace("second");
        let name = ObjectName::parse(&format!("Namespace/{}", second.name()), "");
        let labels = json!({"metadata": {"labels": labels}});
        stage.cluster.patch(&name, &labels);
        namespaces.push(second);
    }
    namespaces
}

impl Failure {
    /// Adds what the reconciler logged of the scenario's namespace.
    fn add(&mut self, log: &[String]) {
        let Some(namespace) = &self.namespace else {
            return;
        };
        let lines = log.iter().filter(|line| line.contains(namespace));
        let lines: Vec<_> = lines.map(String::as_str).collect();
        let last = &lines[lines.len().saturating_sub(LOG)..];
        self.words = format!("{}\nlog of {namespace}:\n{}", self.words, last.join("\n"));
    }
}

fn report(failures: &[Failure]) -> String {
    let names: Vec<_> = failures
        .iter()
        .map(|failure| failure.name.as_str())
        .collect();
    let details = failures
        .iter()
        .map(|failure| format!("== {}\n{}\n", failure.name, failure.words));
    format!(
        "{}{} scenarios differ: {}",
        details.collect::<String>(),
        names.len(),
        names.join(", ")
    )
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}

/// The folder of the scenarios.
fn folder() -> PathBuf {
    checkout().join("tests/fixtures/status-cases")
}

/// All scenarios, with the differences we declare merged into what is expected.
fn cases() -> Vec<Case> {
    let files = files("");
    let names = files.iter().filter_map(|file| file.strip_suffix(".yaml"));
    let cases = names.map(|name| {
        let text = read(&format!("{name}.yaml"));
        // As PyYAML reads it, for which `y` is a text.
        let options = serde_saphyr::options! { strict_booleans: true };
        let mut document: Value = serde_saphyr::from_str_with_options(&text, options)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut expected = read_json(&format!("{name}.expected.json"));
        let file = format!("ours/{name}.json");
        let ours = match folder().join(&file).is_file() {
            true => read_json(&file),
            false => Value::Null,
        };
        compare::declare(&mut document, &mut expected, &ours)
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        let scenario =
            Scenario::parse(document.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        Case {
            name: name.to_owned(),
            document,
            scenario,
            expected,
            ours,
        }
    });
    cases.collect()
}

/// The names of the files in a folder of the scenarios.
fn files(below: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder().join(below)).expect("the scenarios are there");
    let names = entries.map(|entry| {
        let name = entry.expect("the folder is readable").file_name();
        name.into_string().expect("the names are plain")
    });
    names.collect()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(folder().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn read_json(file: &str) -> Value {
    serde_json::from_str(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn every_scenario_is_understood_and_has_its_record() {
    let cases = cases();
    assert!(cases.len() >= 96, "{}", cases.len());
    for case in &cases {
        assert!(!case.scenario.what.is_empty(), "{}", case.name);
        let titles = case.scenario.steps.iter().map(|step| step.title.as_str());
        let recorded = case.expected["steps"].as_array().unwrap();
        let recorded = recorded.iter().map(|step| step["do"].as_str().unwrap());
        assert!(titles.eq(recorded), "{}", case.name);
    }
}

#[test]
fn only_weaknesses_of_flux_are_done_otherwise() {
    let cases = cases();
    for file in files("ours") {
        let name = file.trim_end_matches(".json");
        let case = cases.iter().find(|case| case.name == name);
        let case = case.unwrap_or_else(|| panic!("there is no scenario {name}"));
        let ours = read_json(&format!("ours/{file}"));
        let weakness = case.scenario.quirk.is_some() || ours["steps"].is_null();
        assert!(weakness, "{name} has no quirk");
        let (steps, perhaps) = (&ours["steps"], &ours["perhaps"]);
        assert!(steps.is_object() || perhaps.is_object(), "{name} is empty");
        let reason = ours["reason"].as_str().unwrap_or_default();
        assert!(reason.len() > 20, "{name} does not say why");
    }
}
