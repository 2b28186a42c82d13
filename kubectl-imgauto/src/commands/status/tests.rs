//! What reports look like, at several widths.

use api::WorkloadKind;
use engine::delivery::{Reason, State};
use expect_test::{Expect, expect};
use unicode_width::UnicodeWidthStr as _;

use super::changed::{Change, Told, line};
use super::document::StatusReport;
use super::list::{self, Breadth, Motion, Namespaces, View};
use super::samples::{self, crowded, fleet, managed, podinfo, progress, unmanaged};
use super::style::{Color, Style};
use super::tree;
use crate::observe::{Ending, Row};
use crate::session::Markers;

fn style(width: Option<usize>) -> Style {
    Style {
        markers: Markers::Flux,
        color: Color::Off,
        width,
    }
}

fn view(width: Option<usize>) -> View {
    View {
        style: style(width),
        namespaces: Namespaces::Shown,
        breadth: Breadth::Usual,
        motion: Motion::Still,
    }
}

fn all(rows: &[Row]) -> Vec<&Row> {
    rows.iter().collect()
}

fn shows(rows: &[Row], view: &View, want: &Expect) {
    let text = list::render(&all(rows), view);
    if let Some(width) = view.style.width {
        for line in text.lines() {
            assert!(line.width() <= width, "{line}");
        }
    }
    want.assert_eq(&text);
}

#[test]
fn a_list_for_programs_is_never_cut() {
    shows(
        &fleet(),
        &view(None),
        &expect![[r#"
        NAMESPACE  WORKLOAD        CONTAINER  POLICY               WANTED  GIT    RUNNING        ROLLOUT  STATE
        default    deploy/podinfo  podinfod   flux-system/podinfo  5.0.3   5.0.3  5.0.3          2/2      ✔ Synced
        default    deploy/web      web        flux-system/web      1.9.0   1.8.4  1.8.4          3/3      ◌ UpdateAvailable
        default    pod/tool        tool       -                    -       -      -              -        ◌ Unmanaged
        prod       deploy/api      api        flux-system/api      2.4.0   2.4.0  2.3.9          5/5      ✖ Drifted
        prod       cronjob/report  report     ~flux-system/report  -       ~0.9   0.9            -        ✖ Blocked
        staging    sts/queue       queue      flux-system/queue    7.2.1   7.2.1  7.2.0 > 7.2.1  1/3      ◌ RollingOut

        2 of 6 need attention:
          prod/deploy/api        ManualChange: running 2.3.9 differs from Git; image set by "kubectl-set" 3m ago    kubectl imgauto why deploy/api -n prod
          prod/cronjob/report    NoTagMatches: none of 41 tags fits ^prod-(?P<n>\d+)$                               kubectl imgauto tags policy/report -n prod
    "#]],
    );
}

#[test]
fn a_list_fits_a_wide_terminal() {
    shows(
        &fleet(),
        &view(Some(120)),
        &expect![[r#"
        NAMESPACE  WORKLOAD        CONTAINER  POLICY               WANTED  GIT    RUNNING        ROLLOUT  STATE
        default    deploy/podinfo  podinfod   flux-system/podinfo  5.0.3   5.0.3  5.0.3          2/2      ✔ Synced
        default    deploy/web      web        flux-system/web      1.9.0   1.8.4  1.8.4          3/3      ◌ UpdateAvailable
        default    pod/tool        tool       -                    -       -      -              -        ◌ Unmanaged
        prod       deploy/api      api        flux-system/api      2.4.0   2.4.0  2.3.9          5/5      ✖ Drifted
        prod       cronjob/report  report     ~flux-system/report  -       ~0.9   0.9            -        ✖ Blocked
        staging    sts/queue       queue      flux-system/queue    7.2.1   7.2.1  7.2.0 > 7.2.1  1/3      ◌ RollingOut

        2 of 6 need attention:
          prod/deploy/api
            ManualChange: running 2.3.9 differs from Git; image set by "kubectl-set" 3m ago
            kubectl imgauto why deploy/api -n prod
          prod/cronjob/report
            NoTagMatches: none of 41 tags fits ^prod-(?P<n>\d+)$
            kubectl imgauto tags policy/report -n prod
    "#]],
    );
}

#[test]
fn a_list_fits_a_terminal_of_usual_width() {
    shows(
        &fleet(),
        &view(Some(80)),
        &expect![[r#"
        NAMESPACE  WORKLOAD        WANTED  GIT    RUNNING     ROLLOUT  STATE
        default    deploy/podinfo  5.0.3   5.0.3  5.0.3       2/2      ✔ Synced
        default    deploy/web      1.9.0   1.8.4  1.8.4       3/3      ◌ UpdateAvailable
        default    pod/tool        -       -      -           -        ◌ Unmanaged
        prod       deploy/api      2.4.0   2.4.0  2.3.9       5/5      ✖ Drifted
        prod       cronjob/report  -       ~0.9   0.9         -        ✖ Blocked
        staging    sts/queue       7.2.1   7.2.1  7.2.0 > 7…  1/3      ◌ RollingOut

        2 of 6 need attention:
          prod/deploy/api
            ManualChange: running 2.3.9 differs from Git; image set by "kubectl-set" 3m
            ago
            kubectl imgauto why deploy/api -n prod
          prod/cronjob/report
            NoTagMatches: none of 41 tags fits ^prod-(?P<n>\d+)$
            kubectl imgauto tags policy/report -n prod
    "#]],
    );
    let one = View {
        namespaces: Namespaces::Hidden,
        ..view(Some(80))
    };
    shows(
        &fleet()[..2],
        &one,
        &expect![[r#"
        WORKLOAD        POLICY   WANTED  GIT    RUNNING  ROLLOUT  STATE
        deploy/podinfo  podinfo  5.0.3   5.0.3  5.0.3    2/2      ✔ Synced
        deploy/web      web      1.9.0   1.8.4  1.8.4    3/3      ◌ UpdateAvailable
    "#]],
    );
}

#[test]
fn no_line_of_a_list_is_wider_than_the_terminal_but_commands() {
    let rows = [fleet(), crowded()].concat();
    for width in 40..200 {
        let text = list::render(&all(&rows), &view(Some(width)));
        for line in text.lines().filter(|line| !line.contains("kubectl")) {
            assert!(line.width() <= width, "{width}: {line}");
        }
        for row in &rows {
            let next = row.next.as_deref().unwrap_or_default();
            assert!(text.contains(next), "{width}: {next} is cut in {text}");
        }
    }
}

#[test]
fn a_wide_list_tells_reason_image_and_line() {
    let wide = View {
        breadth: Breadth::Wide,
        ..view(Some(80))
    };
    let text = list::render(&all(&fleet()[..4]), &wide);
    expect![[r#"
        NAMESPACE  WORKLOAD        CONTAINER  POLICY               WANTED  GIT    RUNNING  ROLLOUT  STATE              REASON        IMAGE                               LINE
        default    deploy/podinfo  podinfod   flux-system/podinfo  5.0.3   5.0.3  5.0.3    2/2      ✔ Synced           -             ghcr.io/stefanprodan/podinfo:5.0.3  clusters/my-cluster/podinfo-deployment.yaml:18
        default    deploy/web      web        flux-system/web      1.9.0   1.8.4  1.8.4    3/3      ◌ UpdateAvailable  -             ghcr.io/acme/web:1.8.4              -
        default    pod/tool        tool       -                    -       -      -        -        ◌ Unmanaged        -             busybox                             -
        prod       deploy/api      api        flux-system/api      2.4.0   2.4.0  2.3.9    5/5      ✖ Drifted          ManualChange  ghcr.io/acme/api:2.4.0              -

        1 of 4 needs attention:
          prod/deploy/api    ManualChange: running 2.3.9 differs from Git; image set by "kubectl-set" 3m ago    kubectl imgauto why deploy/api -n prod
    "#]].assert_eq(&text);
}

#[test]
fn ascii_lists_and_trees_have_no_other_character() {
    let ascii = |width| View {
        style: Style {
            markers: Markers::Ascii,
            ..style(width)
        },
        motion: Motion::Live,
        ..view(width)
    };
    for width in [None, Some(80), Some(40)] {
        let text = list::render(&all(&fleet()), &ascii(width));
        assert!(text.is_ascii(), "{text}");
        let text = tree::render(&all(&crowded()), samples::now(), ascii(width).style);
        assert!(text.is_ascii(), "{text}");
    }
    shows(
        &fleet()[1..6],
        &ascii(Some(80)),
        &expect![[r#"
        NAMESPACE  WORKLOAD        WANTED  GIT    RUNNING     ROLLOUT  STATE
        default    deploy/web      1.9.0   1.8.4  1.8.4       3/3      o UpdateAvailable
        default    pod/tool        -       -      -           -        o Unmanaged
        prod       deploy/api      2.4.0   2.4.0  2.3.9       5/5      x Drifted
        prod       cronjob/report  -       ~0.9   0.9         -        x Blocked
        staging    sts/queue       7.2.1   7.2.1  7.2.0 > 7+  1/3      o RollingOut

        2 of 5 need attention:
          prod/deploy/api
            ManualChange: running 2.3.9 differs from Git; image set by "kubectl-set" 3m
            ago
            kubectl imgauto why deploy/api -n prod
          prod/cronjob/report
            NoTagMatches: none of 41 tags fits ^prod-(?P<n>\d+)$
            kubectl imgauto tags policy/report -n prod
    "#]],
    );
}

#[test]
fn colour_adds_to_the_marks_and_changes_no_width() {
    let mut colored = view(Some(100));
    colored.style.color = Color::On;
    let rows = [fleet(), crowded()].concat();
    let text = list::render(&all(&rows), &colored);
    assert!(text.contains("\u{1b}[32m✔ Synced\u{1b}[0m"), "{text}");
    assert!(text.contains("\u{1b}[31m✖ Drifted\u{1b}[0m"), "{text}");
    let plain: String = text
        .split('\u{1b}')
        .enumerate()
        .map(|(index, part)| match part.split_once('m') {
            Some((_, rest)) if index > 0 => rest,
            _ => part,
        })
        .collect();
    assert_eq!(plain, list::render(&all(&rows), &view(Some(100))));
}

#[test]
fn a_rollout_has_a_bar_while_it_is_watched() {
    let live = View {
        motion: Motion::Live,
        ..view(Some(120))
    };
    let bar_of = |desired, updated, available| {
        let row = Row {
            rollout: Some(progress(desired, updated, available, Ending::UnderWay)),
            ..managed("a", WorkloadKind::Deployment, "b", "1", "1")
        };
        let text = list::render(&[&row], &live);
        let line = text.lines().nth(1).unwrap().to_owned();
        let bar = line
            .split("  ")
            .find(|cell| cell.contains('/') && cell.contains(' '));
        bar.unwrap().trim().to_owned()
    };
    assert_eq!(bar_of(3, 1, 2), "███░░░░░░░ 1/3");
    assert_eq!(bar_of(3, 3, 2), "██████░░░░ 2/3");
    assert_eq!(bar_of(0, 0, 0), "░░░░░░░░░░ 0/0");
    assert_eq!(bar_of(2, 5, 5), "██████████ 5/2");
}

fn grows(rows: &[Row], width: Option<usize>, want: &Expect) {
    let text = tree::render(&all(rows), samples::now(), style(width));
    want.assert_eq(&text);
}

#[test]
fn a_tree_tells_the_way_of_an_image() {
    grows(
        &[podinfo()],
        None,
        &expect![[r#"
        deploy/podinfo · default                                   ✔ Synced   5.0.3
        └─ podinfod
           ├─ wanted   5.0.3   policy flux-system/podinfo, semver >=5.0.0, 13 tags scanned 41s ago, chosen 6m ago (was 5.0.0)
           ├─ git      5.0.3   main@3f9c2ab, clusters/my-cluster/podinfo-deployment.yaml:18, pushed 5m ago by update flux-system/flux-system
           ├─ applied  5.0.3   Kustomization flux-system/flux-system at main@3f9c2ab
           └─ running  5.0.3   2/2 ready, ReplicaSet podinfo-6c9d7f, sha256:8704da9123456789
    "#]],
    );
    grows(
        &[podinfo()],
        Some(80),
        &expect![[r#"
        deploy/podinfo · default                                   ✔ Synced   5.0.3
        └─ podinfod
           ├─ wanted   5.0.3   policy flux-system/podinfo, semver >=5.0.0, 13 tags
           │                   scanned 41s ago, chosen 6m ago (was 5.0.0)
           ├─ git      5.0.3   main@3f9c2ab,
           │                   clusters/my-cluster/podinfo-deployment.yaml:18, pushed 5m
           │                   ago by update flux-system/flux-system
           ├─ applied  5.0.3   Kustomization flux-system/flux-system at main@3f9c2ab
           └─ running  5.0.3   2/2 ready, ReplicaSet podinfo-6c9d7f, sha256:8704da9…
    "#]],
    );
}

#[test]
fn a_tree_has_a_branch_for_each_container() {
    grows(
        &crowded(),
        Some(80),
        &expect![[r#"
            deploy/shop · prod                                         ✖ Degraded
            ├─ migrate (init)
            │  ├─ state    ✔ Synced
            │  ├─ wanted   1.1   policy flux-system/shop
            │  ├─ git      1.1
            │  ├─ applied  1.1   ghcr.io/acme/shop:1.1
            │  └─ running  1.1   2/2 ready, sha256:6666666…
            ├─ shop
            │  ├─ state    ✖ Degraded, ImagePullFailed: 2 pods cannot pull
            │  │           ghcr.io/acme/shop:1.1
            │  ├─ wanted   1.1   policy flux-system/shop
            │  ├─ git      1.1
            │  ├─ applied  1.1   ghcr.io/acme/shop:1.1
            │  └─ running  1.1   0/2 ready, sha256:7777777…
            └─ proxy (sidecar)
               ├─ state    ◌ Unmanaged
               ├─ applied  sha256:8888888…   ghcr.io/mesh/proxy@sha256:88888888888888888888…
               └─ running  sha256:8888888…   2/2 ready

            next: kubectl imgauto why deploy/shop -n prod
        "#]],
    );
}

#[test]
fn a_tree_says_what_is_not_known() {
    let lost = Row {
        wanted: None,
        git: None,
        judgement: samples::judgement(
            State::Blocked,
            Some(Reason::InvalidPattern),
            "the range \"~x\" is none",
        ),
        next: Some("kubectl imgauto why cronjob/report -n prod".to_owned()),
        ..managed("prod", WorkloadKind::CronJob, "report", "-", "0.9")
    };
    grows(
        &[lost],
        Some(80),
        &expect![[r#"
        cronjob/report · prod                                      ✖ Blocked
        └─ report
           ├─ state    ✖ Blocked, InvalidPattern: the range "~x" is none
           ├─ wanted   -     policy flux-system/report has not chosen yet
           ├─ git      ?     neither an inventory nor an automation tells
           ├─ applied  0.9   ghcr.io/acme/report:0.9
           └─ running  -     no pod

        next: kubectl imgauto why cronjob/report -n prod
    "#]],
    );
}

#[test]
fn trees_fit_their_terminals() {
    for width in 40..120 {
        for rows in [vec![podinfo()], crowded()] {
            let text = tree::render(&all(&rows), samples::now(), style(Some(width)));
            for line in text.lines().filter(|line| !line.contains("kubectl")) {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }
}

#[test]
fn a_document_holds_every_field_of_a_container() {
    let mut report = samples::report(vec![podinfo()]);
    report.missing = vec!["cannot list pods in all namespaces: not allowed".to_owned()];
    let document = StatusReport::new(&report, &all(&report.rows));
    let text = serde_json::to_string_pretty(&document).unwrap();
    expect![[r#"
        {
          "apiVersion": "cli.imgauto.dev/v1alpha1",
          "kind": "StatusReport",
          "generatedAt": "2026-08-22T10:00:00Z",
          "complete": false,
          "missingPermissions": [
            "cannot list pods in all namespaces: not allowed"
          ],
          "items": [
            {
              "namespace": "default",
              "workload": {
                "kind": "Deployment",
                "name": "podinfo"
              },
              "container": "podinfod",
              "role": "container",
              "policy": "flux-system/podinfo",
              "policyCertainty": "stated",
              "image": "ghcr.io/stefanprodan/podinfo:5.0.3",
              "drift": "none",
              "wanted": {
                "tag": "5.0.3",
                "digest": null,
                "since": "2026-08-22T09:53:20Z"
              },
              "git": {
                "tag": "5.0.3",
                "digest": null,
                "commit": "3f9c2ab0123456789abcdef0123456789abcdef0",
                "branch": "main",
                "file": "clusters/my-cluster/podinfo-deployment.yaml",
                "line": 18,
                "pushedAt": "2026-08-22T09:54:40Z",
                "source": "inventory"
              },
              "running": [
                {
                  "tag": "5.0.3",
                  "digest": "sha256:8704da9123456789",
                  "pods": 2,
                  "ready": 2
                }
              ],
              "rollout": {
                "desired": 2,
                "updated": 2,
                "available": 2,
                "done": true
              },
              "state": "Synced",
              "reason": null,
              "message": "",
              "next": null
            }
          ]
        }"#]]
    .assert_eq(&text);
}

#[test]
fn what_is_not_known_is_null_in_a_document() {
    let report = samples::report(vec![unmanaged(
        "default",
        WorkloadKind::Pod,
        "tool",
        "busybox",
    )]);
    let document = serde_json::to_value(StatusReport::new(&report, &all(&report.rows))).unwrap();
    expect![[r#"{"namespace":"default","workload":{"kind":"Pod","name":"tool"},"container":"tool","role":"container","policy":null,"policyCertainty":null,"image":"busybox","drift":"unmanaged","wanted":null,"git":null,"running":[],"rollout":null,"state":"Unmanaged","reason":null,"message":"","next":null}"#]].assert_eq(&document["items"][0].to_string());
    assert_eq!(document["complete"], true);
}

#[test]
fn changes_are_told_once() {
    let mut told = Told::default();
    let mut rows = vec![podinfo(), fleet()[1].clone()];
    let mut tell = |rows: &[Row]| -> String {
        let changes = told.changes(&all(rows), style(None));
        let text = |change: &Change<'_>| match change {
            Change::Seen(_, text) | Change::Gone(text) => line(text, samples::now()),
        };
        changes.iter().map(text).collect()
    };
    expect![[r#"
        2026-08-22T10:00:00Z ✔ default/deployment/podinfo podinfod: Synced, running 5.0.3, 2/2
        2026-08-22T10:00:00Z ◌ default/deployment/web web: UpdateAvailable, running 1.8.4, 3/3
    "#]]
    .assert_eq(&tell(&rows));
    assert_eq!(tell(&rows), "");
    rows[1].rollout = Some(progress(3, 1, 3, Ending::UnderWay));
    rows[1].judgement = samples::judgement(State::RollingOut, None, "1 of 3 pods are new");
    expect![[r#"
        2026-08-22T10:00:00Z ◌ default/deployment/web web: RollingOut, running 1.8.4, 1/3: 1 of 3 pods are new
    "#]].assert_eq(&tell(&rows));
    rows.pop();
    expect![[r#"
        2026-08-22T10:00:00Z ◌ default/deployment/web web: gone
    "#]]
    .assert_eq(&tell(&rows));
    assert_eq!(tell(&rows), "");
}
