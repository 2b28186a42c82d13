//! Which namespace an object gets.

use super::{REPOSITORY, Run, run, run_with, scratch, with};

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: dev\ncontexts:\n- name: dev\n  context: {cluster: c, user: u, namespace: apps}\n- name: bare\n  context: {cluster: c, user: u}\n- name: bad\n  context: {cluster: c, user: u, namespace: Bad_One}\n";

fn namespace_of(run: &Run) -> &str {
    let line = run
        .stdout
        .lines()
        .find(|line| line.starts_with("  namespace: "));
    line.map_or("", |line| &line["  namespace: ".len()..])
}

#[test]
fn the_flag_comes_first_then_our_variable_then_flux_s() {
    let variables = [
        ("FLUX_SYSTEM_NAMESPACE", "third"),
        ("IMGAUTO_NAMESPACE", "second"),
    ];
    let flag = with(REPOSITORY, &["-n", "first"]);
    assert_eq!(namespace_of(&run_with(&flag, &variables)), "first");
    assert_eq!(namespace_of(&run_with(REPOSITORY, &variables)), "second");
    assert_eq!(
        namespace_of(&run_with(REPOSITORY, &variables[..1])),
        "third"
    );
    assert_eq!(namespace_of(&run(REPOSITORY)), "flux-system");
}

#[test]
fn the_context_comes_after_the_variables_and_is_named() {
    let file = scratch(KUBECONFIG);
    let kubeconfig = ("KUBECONFIG", file.path().to_str().unwrap());
    let run = run_with(REPOSITORY, &[kubeconfig]);
    assert_eq!(namespace_of(&run), "apps");
    assert_eq!(
        run.stderr,
        "► namespace apps, from context dev of the kubeconfig\n"
    );
    let quiet = run_with(&with(REPOSITORY, &["-q"]), &[kubeconfig]);
    assert_eq!((namespace_of(&quiet), quiet.stderr.as_str()), ("apps", ""));
    let both = run_with(REPOSITORY, &[kubeconfig, ("FLUX_SYSTEM_NAMESPACE", "flux")]);
    assert_eq!((namespace_of(&both), both.stderr.as_str()), ("flux", ""));
}

#[test]
fn a_context_without_namespace_decides_nothing() {
    let file = scratch(KUBECONFIG);
    let flag = format!("--kubeconfig={}", file.path().display());
    let run = run(&with(REPOSITORY, &[&flag, "--context=bare"]));
    assert_eq!(
        (namespace_of(&run), run.stderr.as_str()),
        ("flux-system", "")
    );
}

#[test]
fn the_first_of_several_kubeconfigs_to_name_something_wins() {
    let first = scratch("current-context: dev\n");
    let second = scratch(&KUBECONFIG.replace("current-context: dev", "current-context: bare"));
    let list = format!(
        "{}:/nowhere:{}",
        first.path().display(),
        second.path().display()
    );
    assert_eq!(
        namespace_of(&run_with(REPOSITORY, &[("KUBECONFIG", &list)])),
        "apps"
    );
}

#[test]
fn a_bad_namespace_is_refused_wherever_it_comes_from() {
    let file = scratch(KUBECONFIG);
    let kubeconfig = ("KUBECONFIG", file.path().to_str().unwrap());
    let runs = [
        (
            run(&with(REPOSITORY, &["--namespace=bad_ns"])),
            "bad_ns",
            "--namespace",
        ),
        (run(&with(REPOSITORY, &["-n", ""])), "", "--namespace"),
        (
            run_with(REPOSITORY, &[("IMGAUTO_NAMESPACE", "a.b")]),
            "a.b",
            "IMGAUTO_NAMESPACE",
        ),
        (
            run_with(&with(REPOSITORY, &["--context=bad"]), &[kubeconfig]),
            "Bad_One",
            "context bad",
        ),
    ];
    for (run, name, place) in runs {
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{name}");
        let sentence = format!("✗ namespace must be a valid DNS label: \"{name}\"\n");
        assert!(
            run.stderr.starts_with(&sentence) && run.stderr.contains(place),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn a_bad_namespace_of_flux_s_variable_is_passed_over_with_a_warning() {
    let run = run_with(REPOSITORY, &[("FLUX_SYSTEM_NAMESPACE", "Bad")]);
    assert_eq!((run.code, namespace_of(&run)), (0, "flux-system"));
    assert_eq!(
        run.stderr,
        "⚠️ ignoring invalid FLUX_SYSTEM_NAMESPACE: \"Bad\"\n"
    );
}

#[test]
fn a_kubeconfig_that_was_named_and_cannot_be_read_is_told() {
    let run = run(&with(REPOSITORY, &["--kubeconfig=/nowhere/at/all"]));
    assert_eq!((run.code, namespace_of(&run)), (0, "flux-system"));
    assert!(
        run.stderr
            .starts_with("⚠️ cannot read kubeconfig /nowhere/at/all: "),
        "{}",
        run.stderr
    );
}
