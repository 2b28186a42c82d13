use expect_test::expect;
use jiff::tz::{self, TimeZone};
use serde_json::json;

use super::rows::{Columns, Presence, table};
use super::*;
use crate::noun::targets;

fn as_flux() -> Writing {
    Writing::AsFlux(TimeZone::fixed(tz::offset(2)))
}

fn repository() -> Value {
    json!({
        "kind": "ImageRepository",
        "metadata": {"name": "podinfo", "namespace": "flux-system"},
        "spec": {"suspend": true},
        "status": {
            "lastScanResult": {"scanTime": "2026-08-22T08:00:00Z"},
            "conditions": [
                {"type": "Reconciling", "status": "True", "message": "no"},
                {"type": "Ready", "status": "True", "message": "successful scan: found 13 tags with checksum 2894109832"},
            ],
        },
    })
}

fn in_all_namespaces() -> Columns {
    Columns {
        namespace: Presence::Shown,
        kind: Presence::Shown,
    }
}

const ALONE: Columns = Columns {
    namespace: Presence::Hidden,
    kind: Presence::Hidden,
};

#[test]
fn the_table_is_that_of_flux() {
    let table = table(
        Noun::Repository,
        &[repository()],
        in_all_namespaces(),
        &as_flux(),
    );
    let text = lay_out(&table, Headings::Shown, Width::AsFlux);
    assert_eq!(
        text,
        "NAMESPACE  \tNAME                   \tLAST SCAN                \tSUSPENDED\tREADY\tMESSAGE                                                 \n\
         flux-system\timagerepository/podinfo\t2026-08-22T10:00:00+02:00\tTrue     \tTrue \tsuccessful scan: found 13 tags with checksum 2894109832\t\n"
            .replace("2894109832 ", "2894109832")
    );
}

#[test]
fn what_is_not_known_yet_is_said_as_by_flux() {
    let new = json!({"kind": "ImagePolicy", "metadata": {"name": "new"}});
    let table = table(Noun::Policy, &[new], ALONE, &as_flux());
    assert_eq!(
        table.rows,
        [["new", "", "", "False", "waiting to be reconciled"]]
    );
}

#[test]
fn the_other_kinds_have_columns_of_their_own() {
    let policy = json!({
        "metadata": {"name": "p"},
        "status": {
            "latestRef": {"name": "ghcr.io/x/y", "tag": "1.0"},
            "conditions": [{"type": "Ready", "status": "False", "message": "m"}],
        },
    });
    let policies = table(Noun::Policy, &[policy], ALONE, &as_flux());
    assert_eq!(
        policies.headings,
        ["NAME", "IMAGE", "TAG", "READY", "MESSAGE"]
    );
    assert_eq!(policies.rows, [["p", "ghcr.io/x/y", "1.0", "False", "m"]]);
    let update = json!({
        "metadata": {"name": "u"},
        "status": {"lastAutomationRunTime": "2026-01-02T03:04:05Z"},
    });
    let updates = table(
        Noun::Update,
        &[update],
        ALONE,
        &Writing::AsFlux(TimeZone::UTC),
    );
    assert_eq!(
        updates.headings,
        ["NAME", "LAST RUN", "SUSPENDED", "READY", "MESSAGE"]
    );
    assert_eq!(updates.rows[0][1], "2026-01-02T03:04:05Z");
}

#[test]
fn a_terminal_of_80_columns_gets_ages_and_shorter_messages() {
    let view = View {
        format: Format::Table,
        headings: Headings::Shown,
        order: None,
        columns: in_all_namespaces(),
        zone: TimeZone::UTC,
        width: Width::Columns(80),
    };
    let mut object = repository();
    // The age is that of the future, so that it stays the same.
    object["status"]["lastScanResult"]["scanTime"] = json!("2999-01-01T00:00:00Z");
    let text = view.table(Noun::Repository, &[object]);
    expect![[r#"
        NAMESPACE    NAME                LAST SCAN  SUSPENDED  READY  MESSAGE
        flux-system  repository/podinfo  <invalid>  True       True   successful scan: …

    "#]]
    .assert_eq(&text);
    let width = Width::Unlimited;
    let wide = View { width, ..view }.table(Noun::Repository, &[repository()]);
    assert!(wide.ends_with("successful scan: found 13 tags with checksum 2894109832\n\n"));
}

#[test]
fn words_of_servers_do_not_steer_a_terminal() {
    let mut object = repository();
    object["status"]["conditions"][1]["message"] = json!("red \u{1b}[31m\nand more");
    let table = table(Noun::Repository, &[object], ALONE, &as_flux());
    for width in [Width::AsFlux, Width::Unlimited, Width::Columns(200)] {
        assert!(!lay_out(&table, Headings::Shown, width).contains('\u{1b}'));
    }
    let text = lay_out(&table, Headings::Hidden, Width::Unlimited);
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn targets_of_one_kind_are_asked_for_together() {
    let words = ["policy/a", "update/u", "policy/b", "policy/a"].map(str::to_owned);
    let queries = queries(&targets(&words, "get", NOUNS).unwrap());
    let asked: Vec<_> = queries
        .iter()
        .map(|query| (query.kind.resource.kind.as_str(), query.names.join(",")))
        .collect();
    assert_eq!(
        asked,
        [
            ("ImagePolicy", "a,b".to_owned()),
            ("ImageUpdateAutomation", "u".to_owned()),
        ]
    );
    assert!(queries.iter().all(|query| query.need == Need::Each));
}
