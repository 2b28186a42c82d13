//! `kubectl imgauto logs`, beside the real flux where flux has an answer.

use harness::program::run;
use harness::{ApiFront, ControlPlane, Namespace};

use crate::running::Running;
use crate::stage::{Answer, Stage};

/// Two lines of Flux's controllers, one of them of an older one, and what stands between lines.
const FLUX_LINES: [&str; 4] = [
    r#"{"level":"info","ts":"2026-08-22T10:00:00.000Z","msg":"no new tags found","controller":"imagerepository","controllerKind":"ImageRepository","ImageRepository":{"name":"podinfo","namespace":"apps"},"namespace":"apps","name":"podinfo"}"#,
    "E0822 10:00:01.000000       1 leaderelection.go:325] lost the lease",
    r#"{"level":"error","ts":"2026-08-22T10:00:02.000Z","msg":"Reconciler error","reconciler kind":"ImagePolicy","name":"podinfo","namespace":"other","error":"no tags"}"#,
    r#"{"level":"info","ts":"2026-08-22T10:00:03.000Z","logger":"setup","msg":"starting manager"}"#,
];

fn controller(name: &str, labels: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels: {{app.kubernetes.io/part-of: flux}}
spec:
  selector:
    matchLabels: &labels {{{labels}}}
  template:
    metadata:
      labels: *labels
    spec:
      containers:
      - name: manager
        image: controller
      - name: helper
        image: helper
"
    )
}

/// Makes the Deployment of a controller and waits until its pod runs.
fn install(namespace: &Namespace<'_>, name: &str, labels: &str) {
    namespace.apply(&controller(name, labels));
    crate::workloads::rolls_out(namespace, name);
}

fn install_flux(namespace: &Namespace<'_>) {
    let name = "image-reflector-controller";
    install(namespace, name, "app: image-reflector-controller");
}

/// Runs `logs` of flux and of the plugin through the front.
fn both(namespace: &Namespace<'_>, front: &ApiFront, flags: &[&str]) -> (Answer, Answer) {
    let server = format!("--server={}", front.url());
    let home = format!("--flux-namespace={}", namespace.name());
    let words = [&["logs", &server, &home], flags].concat();
    let flux = Answer::of(namespace.flux().args(&words));
    (flux, Answer::of(namespace.imgauto().args(&words)))
}

#[test]
fn lines_are_those_of_flux() {
    let namespace = ControlPlane::shared().namespace("logs-flux");
    install_flux(&namespace);
    let front = ApiFront::start(namespace.plane());
    front.log("image-reflector-controller", FLUX_LINES);
    let rows: [(&[&str], usize); 7] = [
        (&["-A"], 3),
        (&["--namespace=apps"], 1),
        (&["-A", "--level=error"], 1),
        (&["-A", "--kind=imagerepository"], 1),
        (&["-A", "--kind=ImagePolicy", "--name=PODINFO"], 1),
        (&["-A", "--name=nothing"], 0),
        (&["-A", "--tail=2", "--since=90s"], 3),
    ];
    for (flags, lines) in rows {
        let (flux, ours) = both(&namespace, &front, flags);
        assert_eq!(ours, flux, "{flags:?}");
        assert_eq!(
            ours.stdout.lines().count(),
            lines,
            "{flags:?}: {}",
            ours.stdout
        );
    }
    let asked = front.asked();
    let (path, query) = asked.last().unwrap().split_once('?').unwrap();
    assert!(path.ends_with("/log"), "{path}");
    let mut query: Vec<_> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    query.sort_unstable();
    assert_eq!(
        query,
        ["container=manager", "sinceSeconds=90", "tailLines=2"]
    );
}

#[test]
fn what_our_reconciler_writes_is_read() {
    let stage = Stage::new(ControlPlane::shared(), "logs-ours");
    stage.create_all();
    let namespace = &stage.namespace;
    let name = "imgauto-reconciler";
    install(
        namespace,
        name,
        "app.kubernetes.io/name: imgauto-reconciler",
    );
    let front = ApiFront::start(namespace.plane());
    let lines = stage.reconciler.logs();
    front.log(name, lines.iter().map(String::as_str));

    let server = format!("--server={}", front.url());
    let home = format!("--flux-namespace={}", namespace.name());
    let ours = stage.imgauto(&["logs", &server, &home, "--kind=policy", "--name=podinfo"]);
    assert_eq!((ours.code, &*ours.stderr), (0, ""));
    let resolved = format!("Latest image tag for {} resolved to 5.0.0", stage.image());
    let object = format!("ImagePolicy/podinfo.{}", namespace.name());
    let policy: Vec<_> = ours.stdout.lines().collect();
    let line = policy.iter().find(|line| line.contains(&resolved));
    let line = line.unwrap_or_else(|| panic!("{policy:#?}\n{lines:#?}"));
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(time.parse::<jiff::Timestamp>().is_ok(), "{line}");
    assert_eq!(rest, format!("info {object} - {resolved} "));
    for line in policy {
        assert!(line.contains(&object), "{line}");
    }
}

#[test]
fn a_log_that_breaks_off_is_followed_on() {
    let namespace = ControlPlane::shared().namespace("logs-follow");
    install_flux(&namespace);
    let front = ApiFront::start(namespace.plane());
    let pod = "image-reflector-controller";
    let line = |second: u32| {
        format!(
            r#"{{"level":"info","ts":"2026-08-22T10:00:0{second}.000Z","msg":"line {second}"}}"#
        )
    };
    front.log(pod, [line(1).as_str(), &line(2)]);
    let mut logs = namespace.imgauto();
    logs.args(["logs", "-A", "--follow", "--tail=2"]);
    logs.arg(format!("--server={}", front.url()));
    logs.arg(format!("--flux-namespace={}", namespace.name()));
    let mut logs = Running::start(&mut logs);
    let shown = |second: u32| format!("2026-08-22T10:00:0{second}.000Z info  - line {second} ");
    assert_eq!(logs.lines(2), [shown(1), shown(2)]);
    front.log(pod, [line(3).as_str()]);
    assert_eq!(logs.line(), shown(3));
    front.break_off(pod);
    front.log(pod, [line(4).as_str()]);
    // The server has the lines before as well, which are not told twice.
    assert_eq!(logs.line(), shown(4));
    let asked = front.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[0].contains("tailLines=2"), "{asked:?}");
    assert!(
        asked[1].contains("sinceTime=2026-08-22T10%3A00%3A03Z"),
        "{asked:?}"
    );
    let (code, rest, errors) = logs.interrupt();
    assert_eq!((code, rest, &*errors), (130, Vec::new(), ""));
}

#[test]
fn a_log_that_cannot_be_read_does_not_keep_the_others_back() {
    let namespace = ControlPlane::shared().namespace("logs-broken");
    install_flux(&namespace);
    install(
        &namespace,
        "image-automation-controller",
        "app: image-automation-controller",
    );
    let front = ApiFront::start(namespace.plane());
    front.log("image-reflector-controller", FLUX_LINES);
    let (flux, ours) = both(&namespace, &front, &["-A"]);
    assert_eq!((ours.code, &ours.stdout), (1, &flux.stdout));
    let pod = run(namespace.kubectl().args([
        "get",
        "pods",
        "--selector=app=image-automation-controller",
        "--output=jsonpath={.items[*].metadata.name}",
    ]));
    assert_eq!(
        ours.stderr,
        format!("✗ cannot read the log of Pod {pod}: the container is waiting to start\n")
    );
}

#[test]
fn without_controllers_it_says_where_it_looked() {
    let namespace = ControlPlane::shared().namespace("logs-none");
    let ours = |flags: &[&str]| Answer::of(namespace.imgauto().arg("logs").args(flags));
    let home = format!("--flux-namespace={}", namespace.name());
    let none = ours(&[&home]);
    assert_eq!((none.code, &*none.stdout), (1, ""));
    let said = format!(
        "✗ no running pods of imgauto or of Flux's image controllers found in namespace {:?}\n",
        namespace.name()
    );
    assert!(none.stderr.starts_with(&said), "{}", none.stderr);
    let rows: [(&[&str], &str); 4] = [
        (&["--level=eror"], "did you mean error?"),
        (&["--kind=polcy"], "did you mean policy?"),
        (
            &["--since=1m", "--since-time=2026-01-01T00:00:00Z"],
            "at most one of",
        ),
        (
            &["--since-time=yesterday"],
            "yesterday is not a valid (RFC3339) time",
        ),
    ];
    for (flags, words) in rows {
        let answer = ours(flags);
        assert_eq!((answer.code, &*answer.stdout), (2, ""), "{flags:?}");
        assert!(
            answer.stderr.contains(words),
            "{flags:?}: {}",
            answer.stderr
        );
    }
}
