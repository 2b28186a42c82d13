//! The built program as a process: its streams and its exit codes.

use std::process::{Command, Output};

fn program(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-imgauto"));
    let kubeconfig = ("KUBECONFIG", "/nowhere/at/all");
    command
        .args(args)
        .env_clear()
        .envs([kubeconfig])
        .output()
        .expect("the program was built")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("streams are UTF-8")
}

#[test]
fn a_manifest_goes_to_standard_output_and_nothing_else_is_said() {
    let output = program(&[
        "create",
        "image",
        "repository",
        "podinfo",
        "--image=ghcr.io/stefanprodan/podinfo",
        "--interval=5m",
        "--export",
    ]);
    assert_eq!(
        text(&output.stdout),
        "---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata:\n  name: podinfo\n  \
         namespace: flux-system\nspec:\n  image: ghcr.io/stefanprodan/podinfo\n  interval: 5m0s\n"
    );
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
}

#[test]
fn a_mistake_goes_to_standard_error_with_exit_2() {
    let output = program(&["create", "image", "polcy", "podinfo", "--export"]);
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(2)));
    assert!(text(&output.stderr).starts_with("✗ unknown command \"polcy\""));
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStringExt as _;

    let argument = std::ffi::OsString::from_vec(b"--image=\xff".to_vec());
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-imgauto"))
        .args(["create", "repository", "podinfo", "--export"])
        .arg(argument)
        .output()
        .unwrap();
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(2)));
    assert!(text(&output.stderr).starts_with("✗ an argument is not valid UTF-8"));
}
