//! What the program is called, and how it gets completed.

use std::ffi::OsString;
use std::path::Path;

use expect_test::expect;

use super::{Run, run};
use crate::environment::Environment;
use crate::run_from;

/// Runs the program as it is when it is called by another name.
fn run_as(program: &Path, args: &[&str]) -> Run {
    let program = std::iter::once(program.as_os_str().to_owned());
    let args = program.chain(args.iter().map(OsString::from));
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let environment = Environment::default();
    let status = run_from(args.collect(), &environment, &mut stdout, &mut stderr);
    Run {
        code: status.code(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

#[test]
fn users_read_the_name_they_typed() {
    let rows = [
        ("/root/.krew/bin/kubectl-imgauto", "kubectl imgauto"),
        ("flux-imgauto", "flux imgauto"),
        ("./imgauto", "imgauto"),
    ];
    for (program, name) in rows {
        let help = run_as(Path::new(program), &["create", "--help"]).stdout;
        assert!(help.contains(&format!("Usage: {name} create")), "{help}");
        let wrong = run_as(Path::new(program), &["crate"]);
        let want = format!(
            "✗ unknown command \"crate\" for \"{name}\"\n    did you mean create?\n  next: {name} --help\n"
        );
        assert_eq!((wrong.code, wrong.stderr), (2, want));
        let failed = run_as(Path::new(program), &["create", "policy", "--export"]);
        let next = format!("  next: {name} create policy --help\n");
        assert!(failed.stderr.ends_with(&next), "{}", failed.stderr);
    }
}

#[test]
fn the_script_for_kubectl_asks_the_plugin() {
    let run = run(&["completion", "kubectl"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    expect![[r#"
        #!/bin/sh
        exec kubectl imgauto __complete "$@"
    "#]]
    .assert_eq(&run.stdout);
}

#[cfg(unix)]
#[test]
fn the_link_for_kubectl_points_to_the_name_that_was_called() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("kubectl-imgauto");
    let link = folder.path().join("kubectl_complete-imgauto");
    let install = || run_as(&plugin, &["completion", "kubectl", "--install"]);
    let name = link.display();
    let made = format!("✔ kubectl completes the plugin through {name}\n");

    let first = install();
    assert_eq!(
        (first.code, first.stdout, first.stderr),
        (0, String::new(), made.clone())
    );
    let target = || std::fs::read_link(&link).unwrap();
    assert_eq!(target(), Path::new("kubectl-imgauto"));
    let second = install();
    assert_eq!(second.stderr, format!("✔ {name} is there already\n"));

    // A link that leads elsewhere is an old one.
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("store/v0.0.9/kubectl-imgauto", &link).unwrap();
    assert_eq!(install().stderr, made);
    assert_eq!(target(), Path::new("kubectl-imgauto"));

    // A file is somebody's work.
    std::fs::remove_file(&link).unwrap();
    std::fs::write(&link, "#!/bin/sh\n").unwrap();
    let refused = install();
    let want = format!("✗ {name} is there, and no link\n  next: rm {name}\n");
    assert_eq!((refused.code, refused.stderr), (1, want));
    assert_eq!(std::fs::read(&link).unwrap(), b"#!/bin/sh\n");
}

#[test]
fn only_kubectl_has_a_link_and_only_for_its_own_plugins() {
    let bash = run(&["completion", "bash", "--install"]);
    assert_eq!((bash.code, bash.stdout.as_str()), (2, ""));
    let renamed = run_as(
        Path::new("/opt/imgauto"),
        &["completion", "kubectl", "--install"],
    );
    assert_eq!(renamed.code, 1);
    assert!(
        renamed
            .stderr
            .starts_with("✗ kubectl does not look for plugins called imgauto\n"),
        "{}",
        renamed.stderr
    );
    // Called by a name that is on no PATH.
    let lost = run(&["completion", "kubectl", "--install"]);
    assert_eq!(lost.code, 1);
    assert!(
        lost.stderr.contains("is on no folder of the PATH"),
        "{}",
        lost.stderr
    );
}
