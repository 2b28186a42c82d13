//! What people see who sit before a terminal. `script` gives the plugin one.

use std::process::{Command, Stdio};

use harness::program::{output, shell};
use serde_json::json;

use super::{Objects, condition};
use crate::running::Running;

/// A terminal of 80 columns in which the plugin is started.
fn terminal(objects: &Objects<'_>, words: &str) -> Command {
    let home = objects.namespace.home();
    let line = format!(
        r#"exec script --quiet --return --command "stty cols 80 rows 24; exec kubectl imgauto {words}" /dev/null"#
    );
    let mut command = shell(home, &line);
    command.env("KUBECONFIG", objects.namespace.kubeconfig());
    command.env("TERM", "xterm").env("SHELL", "/bin/sh");
    command
}

fn seen(command: &mut Command) -> String {
    let output = output(command);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text.replace("\r\n", "\n")
}

#[test]
fn tables_fit_80_columns() {
    let objects = Objects::new("get-columns");
    let text = seen(&mut terminal(&objects, "get all -A --selector=name=web"));
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    // Nothing but the message gives way, and both programs take the names as they are shown.
    let policy = text
        .lines()
        .find(|line| line.contains("policy/web"))
        .unwrap();
    let cells: Vec<_> = policy.split_whitespace().collect();
    assert_eq!(
        cells[..5],
        [
            objects.namespace.name(),
            "policy/web",
            "ghcr.io/acme/web",
            "5.0.3",
            "True"
        ]
    );
    assert!(policy.ends_with('…'), "{policy}");

    let wide = seen(&mut terminal(&objects, "get repository web -o wide"));
    let message = "successful scan: found 13 tags with checksum 2894109832";
    assert!(wide.contains("2026-08-22T08:00:00Z"), "{wide}");
    assert!(wide.contains(message), "{wide}");
    let update = seen(&mut terminal(&objects, "get update --no-headers"));
    assert_eq!(update.lines().count(), 1, "{update}");
}

#[test]
fn a_watched_table_is_drawn_again() {
    let objects = Objects::new("get-redraw");
    let mut command = terminal(&objects, "get policy --watch");
    let mut watch = Running::start(command.stdin(Stdio::piped()));
    let first = watch.lines(3).concat();
    assert!(
        first.contains("NAME  IMAGE             TAG    READY  MESSAGE\x1b[K"),
        "{first:?}"
    );
    assert!(
        first.contains("waiting to be reconciled\x1b[K"),
        "{first:?}"
    );
    let stalled = json!({"conditions": [condition("Ready", "False", "no tag matches")]});
    objects.status("imagepolicy/new", &stalled);
    let second = watch.lines(3).concat();
    assert!(
        second.starts_with("\x1b[J\x1b[3A\rNAME  IMAGE"),
        "{second:?}"
    );
    assert!(second.contains("False  no tag matches\x1b[K"), "{second:?}");
    watch.type_in("\x03");
    let (code, rest, _) = watch.end();
    let rest = rest.concat();
    assert_eq!(code, 130, "{rest:?}");
    assert!(!rest.contains("\x1b[?"), "{rest:?}");
}

#[test]
fn no_escape_byte_comes_where_none_is_wanted() {
    let objects = Objects::new("get-plain");
    for (variable, value, flag) in [
        ("NO_COLOR", "1", ""),
        ("TERM", "dumb", ""),
        ("TERM", "xterm", "--no-color"),
    ] {
        let words = format!("get policy --watch {flag}");
        let mut command = terminal(&objects, &words);
        command.env(variable, value).stdin(Stdio::piped());
        let mut watch = Running::start(&mut command);
        let mut text = watch.lines(3).concat();
        watch.type_in("\x03");
        text += &watch.end().1.concat();
        assert!(
            text.contains("waiting to be reconciled"),
            "{variable}: {text:?}"
        );
        assert!(!text.contains('\x1b'), "{variable} {flag}: {text:?}");
    }
}
