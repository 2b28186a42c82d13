//! `verify`: a gate whose exit codes come through the real kubectl.

use harness::program::{run, shell};
use serde_json::Value;

use crate::delivery::{delivered, release};
use crate::running::Running;
use crate::stage::{Answer, Stage};

fn kubectl(stage: &Stage<'_>, arguments: &[&str]) {
    run(stage.namespace.kubectl().args(arguments));
}

/// What `verify` does with these arguments.
fn verify(stage: &Stage<'_>, arguments: &[&str]) -> Answer {
    stage.imgauto(&[&["verify"], arguments].concat())
}

#[test]
fn the_answer_is_yes_no_unknown_or_late() {
    let stage = delivered("verify-codes");
    let image = stage.image();
    let place = format!("{}/deployment/podinfo podinfo", stage.namespace.name());
    let yes = verify(&stage, &["deployment/podinfo"]);
    let want = Answer {
        code: 0,
        stdout: format!("image: {image}:5.0.0\n"),
        stderr: format!("✔ {place}: {image}:5.0.0\n"),
    };
    assert_eq!(yes, want);
    let quiet = verify(&stage, &["deployment/podinfo", "-q"]);
    assert_eq!(quiet, Answer::printed(""));

    release(&stage, "5.0.1");
    let no = verify(&stage, &["deployment/podinfo"]);
    let want = Answer {
        code: 1,
        stdout: String::new(),
        stderr: format!("✖ {place}: running 5.0.0, wanted 5.0.1 [SourceOutdated]\n"),
    };
    assert_eq!(no, want);
    let late = verify(&stage, &["deployment/podinfo", "--wait", "--timeout=1s"]);
    assert_eq!((late.code, &*late.stdout), (124, ""));
    let first = format!("◎ {place}: running 5.0.0, wanted 5.0.1 (committed main@");
    assert!(late.stderr.starts_with(&first), "{}", late.stderr);
    assert!(
        late.stderr
            .contains("timed out, running 5.0.0, wanted 5.0.1 [SourceOutdated]"),
        "{}",
        late.stderr
    );

    for (arguments, said) in [
        (&["deployment/nobody"][..], "there is no deployment nobody"),
        (
            &["deployment/podinfo", "--tag=5.0.0", "--digest"],
            "the expected digest is not known",
        ),
        (&["-l", "app=nobody"], "there is nothing to verify"),
        (&["deployment/podinfo", "--policy=nobody"], "ImagePolicy"),
        (&["deploymnt/podinfo"], "did you mean deployment?"),
    ] {
        let unknown = verify(&stage, arguments);
        assert_eq!((unknown.code, &*unknown.stdout), (2, ""), "{arguments:?}");
        assert!(
            unknown.stderr.contains(said),
            "{arguments:?}: {}",
            unknown.stderr
        );
    }
}

#[test]
fn a_rollout_is_waited_for_step_by_step() {
    let stage = delivered("verify-wait");
    let image = stage.image();
    kubectl(&stage, &["rollout", "pause", "deployment/podinfo"]);
    let commit = release(&stage, "5.0.1");
    let arguments = ["verify", "deployment/podinfo", "--wait", "--timeout=60s"];
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| stage.imgauto(&arguments));
        stage.apply_from_git();
        stage.runs("frontend", &format!("{image}:5.0.1"));
        let paused = verify(&stage, &["deployment/podinfo"]);
        assert_eq!((paused.code, &*paused.stdout), (1, ""));
        assert!(
            paused.stderr.contains("rolling out, 0 of 2 updated"),
            "{}",
            paused.stderr
        );
        let spec = verify(&stage, &["deployment/podinfo", "--rollout=false"]);
        assert_eq!(spec.code, 0, "{}", spec.stderr);
        kubectl(&stage, &["rollout", "resume", "deployment/podinfo"]);
        waiting.join().unwrap()
    });
    assert_eq!(waiting.code, 0, "{}", waiting.stderr);
    assert_eq!(waiting.stdout, format!("image: {image}:5.0.1\n"));
    let lines: Vec<_> = waiting.stderr.lines().collect();
    assert!(lines.is_sorted_by(|line, next| line != next), "{lines:#?}");
    let last = format!(
        "✔ {}/deployment/podinfo podinfo: {image}:5.0.1",
        stage.namespace.name()
    );
    assert_eq!(lines.last(), Some(&&*last));
    let all = verify(&stage, &["--git", "-o", "json"]);
    let report: Value = serde_json::from_str(&all.stdout).unwrap();
    assert_eq!(report["equal"], true, "{report:#}");
    assert_eq!(report["items"][0]["git"]["commit"], *commit);
    assert_eq!(report["items"][0]["expected"]["tag"], "5.0.1");
}

#[test]
fn something_else_than_the_choice_may_be_expected() {
    let stage = delivered("verify-else");
    let image = stage.image();
    let [same, other] = ["5.0.0", "4.9.0"].map(|tag| format!("--image={image}:{tag}"));
    kubectl(&stage, &["label", "deployment/frontend", "tier=web"]);
    let name = stage.namespace.name();
    let policy = format!("--policy={name}/podinfo");
    for (arguments, code) in [
        (&["deployment/podinfo", &*same][..], 0),
        (&["deployment/podinfo", &other], 1),
        (&["deployment/podinfo", "--tag=5.0.0"], 0),
        (&["deployment/podinfo", "--tag=4.9.0"], 1),
        (&["deployment/podinfo", &policy], 0),
        (&[&policy], 0),
        (&["deployment/podinfo", "--image=busybox:1"], 1),
        (&["policy/podinfo"], 0),
        (&["update/flux-system", "--git"], 0),
        (&["-l", "tier=web"], 0),
    ] {
        let answer = verify(&stage, arguments);
        assert_eq!(answer.code, code, "{arguments:?}: {}", answer.stderr);
    }
    let table = verify(&stage, &["-o", "table", "--tag=4.9.0"]);
    assert_eq!(table.code, 1);
    assert!(table.stdout.contains("✖ no"), "{}", table.stdout);
}

#[test]
fn a_failed_rollout_is_no_and_a_stopped_wait_is_130() {
    let stage = delivered("verify-failed");
    let patch = r#"{"spec": {"progressDeadlineSeconds": 1}}"#;
    kubectl(&stage, &["patch", "deployment/podinfo", "-p", patch]);
    let broken = format!("{}:broken", stage.image());
    kubectl(
        &stage,
        &[
            "set",
            "image",
            "deployment/podinfo",
            &format!("podinfo={broken}"),
        ],
    );
    let failed = verify(
        &stage,
        &[
            "deployment/podinfo",
            "--tag=broken",
            "--wait",
            "--timeout=60s",
        ],
    );
    assert_eq!((failed.code, &*failed.stdout), (1, ""), "{}", failed.stderr);
    let last = failed.stderr.lines().last().unwrap();
    assert!(
        last.contains("the rollout does not get on"),
        "{}",
        failed.stderr
    );

    let line = "exec kubectl imgauto verify deployment/frontend --tag=9.9.9 --wait 2>&1";
    let mut waiting = shell(stage.namespace.home(), line);
    let mut waiting = Running::start(waiting.env("KUBECONFIG", stage.namespace.kubeconfig()));
    let told = waiting.line();
    assert!(told.ends_with("running 5.0.0, wanted 9.9.9"), "{told}");
    let (code, rest, _) = waiting.interrupt();
    assert_eq!((code, rest.len()), (130, 0));
}
