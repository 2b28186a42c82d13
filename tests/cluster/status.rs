//! `status` and `get workload`: wanted, committed and running, on a real cluster and through the real kubectl.

use std::process::{Command, Stdio};

use harness::program::{run, shell};
use harness::{ControlPlane, Namespace};
use serde_json::{Value, json};

use crate::delivery::{delivered, eventually, release, row};
use crate::running::Running;
use crate::stage::{Answer, FOLDER, Stage};

fn kubectl(stage: &Stage<'_>, arguments: &[&str]) -> String {
    run(stage.namespace.kubectl().args(arguments))
}

/// The line of the table about a workload.
fn state(stage: &Stage<'_>, workload: &str) -> String {
    let answer = stage.imgauto(&["status"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    row(stage, &answer.stdout, workload)
}

#[test]
fn one_screen_tells_what_is_wanted_committed_and_running() {
    let stage = delivered("status-screen");
    let table = stage.imgauto(&["status"]);
    assert_eq!((table.code, &*table.stderr), (0, ""));
    let lines: Vec<_> = table.stdout.lines().collect();
    let headings = "WORKLOAD CONTAINER POLICY WANTED GIT RUNNING ROLLOUT STATE";
    let found: Vec<_> = lines[0].split_whitespace().collect();
    assert_eq!((lines.len(), found.join(" ")), (3, headings.to_owned()));
    let synced = "5.0.0 | 5.0.0 | 5.0.0 | 2/2 | ✔ Synced";
    // One has a marker of its own, the other gets its image from a kustomization.
    for (name, tie) in [("frontend", "NS/podinfo"), ("podinfo", "~NS/podinfo")] {
        let workload = format!("deploy/{name}");
        assert_eq!(
            row(&stage, &table.stdout, &workload),
            format!("{workload} | {name} | {tie} | {synced}")
        );
    }

    let commit = release(&stage, "5.0.1");
    assert_eq!(
        state(&stage, "deploy/frontend"),
        "deploy/frontend | frontend | NS/podinfo | 5.0.1 | 5.0.1 | 5.0.0 | 2/2 | ◌ Committed"
    );
    let tree = stage.imgauto(&["status", "deployment/frontend"]).stdout;
    let line = format!("git      5.0.1   main@{}, clusters/", &commit[..7]);
    assert!(tree.contains(&line), "{tree}");
    assert!(tree.contains("(was 5.0.0)"), "{tree}");
    assert!(tree.contains("SourceOutdated"), "{tree}");

    kubectl(&stage, &["rollout", "pause", "deployment/podinfo"]);
    stage.apply_from_git();
    stage.runs("frontend", &format!("{}:5.0.1", stage.image()));
    let [frontend, podinfo] = ["deploy/frontend", "deploy/podinfo"].map(|name| state(&stage, name));
    assert_eq!(
        frontend,
        "deploy/frontend | frontend | NS/podinfo | 5.0.1 | 5.0.1 | 5.0.1 | 2/2 | ✔ Synced"
    );
    assert_eq!(
        podinfo,
        "deploy/podinfo | podinfo | ~NS/podinfo | 5.0.1 | 5.0.1 | 5.0.0 | 0/2 | ◌ RollingOut"
    );
    kubectl(&stage, &["rollout", "resume", "deployment/podinfo"]);
    stage.runs("podinfo", &format!("{}:5.0.1", stage.image()));
    assert_eq!(
        state(&stage, "deploy/podinfo"),
        "deploy/podinfo | podinfo | ~NS/podinfo | 5.0.1 | 5.0.1 | 5.0.1 | 2/2 | ✔ Synced"
    );
}

#[test]
fn a_change_by_hand_needs_attention() {
    let stage = delivered("status-hand");
    let image = stage.image();
    let set = |tag: &str| {
        let image = format!("podinfo={image}:{tag}");
        kubectl(&stage, &["set", "image", "deployment/podinfo", &image]);
    };
    set("4.9.0");
    stage.runs("podinfo", &format!("{image}:4.9.0"));
    assert_eq!(
        state(&stage, "deploy/podinfo"),
        "deploy/podinfo | podinfo | ~NS/podinfo | 5.0.0 | 5.0.0 | 4.9.0 | 2/2 | ✖ Drifted"
    );
    let said = stage.imgauto(&["status", "--problems"]).stdout;
    assert!(!said.contains("frontend"), "{said}");
    assert!(said.contains("\n1 of 1 needs attention:\n"), "{said}");
    assert!(said.contains("ManualChange: "), "{said}");
    assert!(said.contains("\"kubectl-set\""), "{said}");
    assert!(said.contains("    kubectl "), "{said}");

    set("5.0.0");
    stage.runs("podinfo", &format!("{image}:5.0.0"));
    let calm = stage.imgauto(&["status", "--problems"]);
    assert_eq!((calm.code, &*calm.stdout), (0, ""));
    assert!(
        calm.stderr.ends_with("needs attention\n"),
        "{}",
        calm.stderr
    );
}

#[test]
fn an_image_that_cannot_be_pulled_needs_attention() {
    let stage = delivered("status-pull");
    let policy = stage.flux(&[
        "create",
        "image",
        "policy",
        "podinfo",
        "--image-ref=podinfo",
        "--select-alpha=asc",
        "--filter-regex=^broken$",
        "--export",
    ]);
    let file = format!("{FOLDER}/podinfo-image-policy.yaml");
    let files = [(file, policy.stdout)];
    stage
        .repository
        .commit("main", "The images that are no good", &files);
    stage.apply_from_git();
    release(&stage, "broken");
    stage.apply_from_git();
    let item = eventually(
        || {
            let said = stage.imgauto(&["status", "deploy/podinfo", "-o", "json"]);
            let report: Value = serde_json::from_str(&said.stdout).unwrap();
            report["items"][0].clone()
        },
        |item| item["state"] == "Degraded",
    );
    let row = state(&stage, "deploy/podinfo");
    let start = "deploy/podinfo | podinfo | ~NS/podinfo | broken | broken | 5.0.0";
    assert!(row.starts_with(start), "{row}");
    assert_eq!(item["reason"], "ImagePullFailed", "{item:#}");
    assert_eq!(item["rollout"]["done"], false, "{item:#}");
}

/// One of each kind, with the images of a stage.
fn kinds(image: &str) -> String {
    let pods = |app: &str, spec: Value| json!({"metadata": {"labels": {"app": app}}, "spec": spec});
    let selector = |app: &str| json!({"matchLabels": {"app": app}});
    let one = |name: &str| json!([{"name": name, "image": format!("{image}:5.0.0")}]);
    let queue = json!({
        "initContainers": [
            {"name": "migrate", "image": format!("{image}:5.0.0")},
            {"name": "mesh", "image": "mesh:1", "restartPolicy": "Always"},
        ],
        "containers": one("queue"),
    });
    let ends = |name: &str| json!({"restartPolicy": "Never", "containers": one(name)});
    let items = json!([
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "queue"}, "spec": {
            "serviceName": "queue", "replicas": 2, "selector": selector("queue"), "template": pods("queue", queue),
        }},
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"}, "spec": {
            "selector": selector("agent"), "template": pods("agent", json!({"containers": one("agent")})),
        }},
        {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "report"}, "spec": {
            "schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": {"spec": ends("report")}}},
        }},
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"}, "spec": {
            "template": {"spec": ends("once")},
        }},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tool"}, "spec": {
            "containers": [{"name": "tool", "image": "busybox"}],
        }},
    ]);
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

#[test]
fn every_kind_of_workload_has_its_rows() {
    let stage = delivered("status-kinds");
    stage.namespace.apply(&kinds(&stage.image()));
    let waited = stage.imgauto(&["verify", "--wait", "--timeout=60s"]);
    assert_eq!(waited.code, 0, "{}", waited.stderr);
    assert_eq!(
        waited.stdout,
        format!("image: {}:5.0.0\n", stage.image()).repeat(7)
    );
    let tool = ["verify", "pod/tool", "--image=busybox", "--wait"];
    assert_eq!(stage.imgauto(&tool).code, 0);

    let table = stage.imgauto(&["status"]);
    let rows = [
        "sts/queue | migrate (init) | ~NS/podinfo | 5.0.0 | 5.0.0 | 5.0.0 | 2/2 | ✔ Synced",
        "ds/agent | agent | ~NS/podinfo | 5.0.0 | 5.0.0 | 5.0.0 | 1/1 | ✔ Synced",
        "cronjob/report | report | ~NS/podinfo | 5.0.0 | 5.0.0 | - | - | ✔ Synced",
        "job/once | once | ~NS/podinfo | 5.0.0 | 5.0.0 | 5.0.0 | 1/1 | ✔ Synced",
    ];
    for wanted in rows {
        let name = wanted.split(' ').next().unwrap();
        assert_eq!(row(&stage, &table.stdout, name), wanted);
    }
    assert!(!table.stdout.contains("tool"), "{}", table.stdout);
    assert_eq!(
        table.stderr,
        "► 2 containers have no policy; --unmanaged shows them\n"
    );
    let all = stage.imgauto(&["status", "--unmanaged"]);
    assert_eq!(
        row(&stage, &all.stdout, "pod/tool"),
        "pod/tool | tool | - | - | - | latest | 1/1 | ◌ Unmanaged"
    );
    assert!(all.stdout.contains("mesh (sidecar)"), "{}", all.stdout);
    assert_eq!(all.stderr, "");

    let set = stage.imgauto(&["get", "workload", "sts/queue", "-o", "image"]);
    let image = stage.image();
    let images = format!("image: {image}:5.0.0\nimage: mesh:1\nimage: {image}:5.0.0\n");
    assert_eq!(set, Answer::printed(&images));
    let names = stage.imgauto(&["get", "workloads", "-o", "name"]).stdout;
    let known = kubectl(&stage, &["get", "deploy,sts,ds,cronjob,job", "-o", "name"]);
    let known = known + "pod/tool\n";
    let sorted = |names: &str| {
        let mut names: Vec<_> = names.lines().map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(sorted(&names), sorted(&known));
}

#[test]
fn workloads_are_got_as_kubectl_gets_them() {
    let stage = delivered("status-get");
    let grep = "kubectl get deployment/podinfo -oyaml | grep -o 'image:.*'";
    let mut grep = shell(stage.namespace.home(), grep);
    let found = run(grep.env("KUBECONFIG", stage.namespace.kubeconfig()));
    let words = ["get", "workload", "deployment/podinfo", "-o", "image"];
    assert_eq!(stage.imgauto(&words), Answer::printed(&found));

    for form in ["yaml", "json", "jsonpath={.spec.replicas}"] {
        let known = kubectl(&stage, &["get", "deployment/podinfo", "-o", form]);
        let words = ["get", "deployment/podinfo", "-o", form];
        assert_eq!(stage.imgauto(&words), Answer::printed(&known), "{form}");
    }
    kubectl(&stage, &["label", "deployment/frontend", "tier=web"]);
    let table = stage.imgauto(&["get", "workloads", "-A", "-l", "tier=web"]);
    let line = table
        .stdout
        .lines()
        .find(|line| line.starts_with(stage.namespace.name()));
    let line = line.unwrap().replace('~', "");
    let cells: Vec<_> = line.split_whitespace().skip(1).collect();
    let image = format!("{}:5.0.0", stage.image());
    let policy = format!("{}/podinfo", stage.namespace.name());
    assert_eq!(
        cells,
        [
            "deployment/frontend",
            "frontend",
            &image,
            &policy,
            "5.0.0",
            "yes"
        ]
    );
    let absent = stage.imgauto(&["get", "workload", "deployment/nobody"]);
    assert_eq!((absent.code, &*absent.stdout), (1, ""));
    assert!(
        absent.stderr.contains("no deployment nobody"),
        "{}",
        absent.stderr
    );
}

#[test]
fn a_watch_tells_each_change_in_a_line() {
    let stage = delivered("status-watch");
    let mut watch =
        Running::start(
            stage
                .namespace
                .imgauto()
                .args(["status", "deploy/frontend", "-w"]),
        );
    let place = format!("{}/deployment/frontend frontend:", stage.namespace.name());
    let mut next = |wanted: &str| {
        let line = watch.line();
        let (_, told) = line.split_once(' ').unwrap();
        assert!(told.starts_with(wanted), "{line}");
    };
    next(&format!("✔ {place} Synced, running 5.0.0, 2/2"));
    let until = stage
        .namespace
        .imgauto()
        .args(["status", "--until=synced", "--timeout=60s", "-o", "name"])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(until.code(), Some(0));
    let broken = format!("frontend={}:broken", stage.image());
    kubectl(&stage, &["set", "image", "deployment/frontend", &broken]);
    let (code, rest, errors) = {
        let mut line = watch.line();
        while !line.contains("Drifted") {
            line = watch.line();
        }
        watch.interrupt()
    };
    assert_eq!((code, &*errors), (130, ""), "{rest:?}");
    let late = stage.imgauto(&["status", "--until=synced", "--timeout=1s"]);
    assert_eq!(late.code, 124, "{}", late.stderr);
    assert!(
        late.stderr.contains("not everything is synced"),
        "{}",
        late.stderr
    );
}

/// A terminal of 80 columns in which the plugin is started.
fn terminal(stage: &Stage<'_>, words: &str) -> Command {
    let line = format!(
        r#"exec script --quiet --return --command "stty cols 80 rows 24; exec kubectl imgauto {words}" /dev/null"#
    );
    let mut command = shell(stage.namespace.home(), &line);
    command
        .env("KUBECONFIG", stage.namespace.kubeconfig())
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh");
    command
}

#[test]
fn a_terminal_is_drawn_over_and_left_clean() {
    let stage = delivered("status-terminal");
    let mut watch = Running::start(terminal(&stage, "status --watch").stdin(Stdio::piped()));
    let first = watch.lines(3).join("\n");
    assert!(first.starts_with("WORKLOAD "), "{first:?}");
    assert!(first.contains("\x1b[32m✔ Synced\x1b[0m\x1b[K"), "{first:?}");
    kubectl(&stage, &["rollout", "pause", "deployment/podinfo"]);
    let image = format!("podinfo={}:4.9.0", stage.image());
    kubectl(&stage, &["set", "image", "deployment/podinfo", &image]);
    let mut second = watch.line();
    assert!(second.starts_with("\x1b[J\x1b[3A\rWORKLOAD "), "{second:?}");
    while !second.contains("ManualChange") {
        second = watch.line();
    }
    watch.type_in("\x03");
    let (code, rest, _) = watch.end();
    let rest = rest.concat();
    assert_eq!(code, 130, "{rest:?}");
    // The cursor was never hidden, and no other screen was opened.
    assert!(!rest.contains("\x1b[?"), "{rest:?}");
    assert!(rest.contains("^C"), "{rest:?}");

    let mut dumb = terminal(&stage, "status --watch");
    let mut dumb = Running::start(dumb.env("TERM", "dumb").stdin(Stdio::piped()));
    let lines = dumb.lines(2).concat();
    dumb.type_in("\x03");
    let (code, rest, _) = dumb.end();
    assert_eq!(code, 130);
    assert!(!(lines + &rest.concat()).contains('\x1b'), "{rest:?}");
}

#[test]
fn what_may_not_be_seen_is_told() {
    let stage = delivered("status-rights");
    let rules = json!([
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["image.toolkit.fluxcd.io"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
    ]);
    let partial = stage.namespace.account("partial", &rules);
    let nobody = stage.namespace.account("nobody", &json!([]));
    let asked = |kubeconfig: &std::path::Path, arguments: &[&str]| {
        let mut command = stage.namespace.imgauto();
        let arguments = [arguments, &["-n", stage.namespace.name()]].concat();
        Answer::of(command.args(arguments).env("KUBECONFIG", kubeconfig))
    };
    let seen = asked(partial.path(), &["status", "-o", "json"]);
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert!(
        seen.stderr.contains("partial: cannot list pods"),
        "{}",
        seen.stderr
    );
    let report: Value = serde_json::from_str(&seen.stdout).unwrap();
    assert_eq!(report["complete"], false);
    assert!(!report["missingPermissions"].as_array().unwrap().is_empty());
    assert_eq!(report["items"].as_array().unwrap().len(), 2);

    for words in [&["status"], &["verify"]] {
        let unseen = asked(nobody.path(), words);
        assert_eq!((unseen.code, &*unseen.stdout), (2, ""), "{}", unseen.stderr);
        assert!(unseen.stderr.contains("cannot list"), "{}", unseen.stderr);
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let stage = delivered("status-pipe");
    for line in [
        "kubectl imgauto status | head -1",
        "kubectl imgauto status -w | head -1",
        "kubectl imgauto get workloads | head -1",
    ] {
        let mut piped = shell(stage.namespace.home(), line);
        piped.env("KUBECONFIG", stage.namespace.kubeconfig());
        let mut piped = Running::start(&mut piped);
        piped.line();
        if line.contains("-w") {
            // Whether anybody reads on is seen when there is something to say.
            let set = [
                "set",
                "image",
                "deployment/frontend",
                "frontend=busybox:broken",
            ];
            kubectl(&stage, &set);
        }
        let (code, rest, errors) = piped.end();
        assert_eq!((code, rest.len(), &*errors), (0, 0, ""), "{line}");
    }
}

#[test]
fn a_cluster_without_the_kinds_names_the_commands_that_bring_them() {
    let plane = ControlPlane::private();
    let namespace: Namespace<'_> = plane.namespace("status-bare");
    let answer = Answer::of(namespace.imgauto().arg("status"));
    assert_eq!((answer.code, &*answer.stdout), (2, ""));
    assert!(
        answer.stderr.contains("kubectl imgauto install"),
        "{}",
        answer.stderr
    );
}
