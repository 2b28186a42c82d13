//! `get workload`: the images of workloads, and whether they are what policies chose.

use std::collections::BTreeSet;

use api::WorkloadKind;
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

use super::fetch::{self, Place};
use super::{Args, Kind, Need, Query, text};
use crate::cluster::Cluster;
use crate::commands::inputs;
use crate::commands::scope::{Reach, Scope};
use crate::commands::status::cells;
use crate::commands::verify::expected::{Expected, Likeness};
use crate::error::{CliError, ExitStatus};
use crate::format::{self, Document, Format};
use crate::noun::{Noun, Target};
use crate::observe::{Report, Row, Workload};
use crate::session::Session;
use crate::table::{Headings, Table};

/// What `-o` takes.
const FORMATS: &[&str] = &["table", "wide", "name", "image", "json", "yaml", "jsonpath"];

/// Tells whether workloads are asked for. They have a table of their own and are not asked for together with others.
pub(super) fn are_meant(targets: &[Target]) -> Result<bool, CliError> {
    let is_workload = |target: &&Target| matches!(target.noun, Noun::Workload(_));
    match targets.iter().filter(is_workload).count() {
        0 => Ok(false),
        count if count == targets.len() => Ok(true),
        _ => Err(CliError::usage("workloads are got by themselves")
            .next("kubectl imgauto get workloads")
            .next("kubectl imgauto status policy/NAME shows the workloads of a policy")),
    }
}

/// Prints workloads.
pub(super) fn run(
    targets: Vec<Target>,
    args: &Args,
    session: &mut Session<'_>,
) -> Result<ExitStatus, CliError> {
    check(args)?;
    let format = Format::parse(args.output.as_deref().unwrap_or("table"), FORMATS)?;
    let scope = Scope {
        home: session.namespace_to_look_in()?,
        reach: match args.all_namespaces {
            true => Reach::Everywhere,
            false => Reach::Home,
        },
        selector: args.selector.clone().filter(|labels| !labels.is_empty()),
        targets,
    };
    let cluster = Cluster::open(session)?;
    let limit = inputs::timeout(session.globals.timeout);
    let look = async {
        let report = scope.look(&cluster, None).await?;
        scope.check(&report.rows)?;
        let printed = match &format {
            Format::Document(form) => Some(objects(&cluster, &scope, &report, form).await?),
            _ => None,
        };
        Ok((report, printed))
    };
    let late = || CliError::timed_out("the API server did not answer in time");
    let (report, printed) = cluster.run_within(limit, look, late)?;
    for missing in &report.missing {
        session.warn(&format!("partial: {missing}"));
    }
    let rows: Vec<_> = report.rows.iter().filter(|row| scope.covers(row)).collect();
    if rows.is_empty() && printed.is_none() {
        session.note(&format!("there is no workload{}", place(&scope)));
        return Ok(ExitStatus::Done);
    }
    let text = match (&format, printed) {
        (_, Some(printed)) => printed,
        (Format::Image, _) => images(&rows),
        (Format::Name, _) => cells::names(&rows),
        _ => shown(&rows, &scope, args, &format, session),
    };
    session.print(&text)
}

/// Refuses what is about the state of other objects.
fn check(args: &Args) -> Result<(), CliError> {
    let flags = [
        ("--watch", args.watch),
        ("--ready", args.ready.is_some()),
        ("--suspended", args.suspended.is_some()),
        ("--status-selector", args.status_selector.is_some()),
        ("--sort-by", args.sort_by.is_some()),
    ];
    let given = flags.iter().find(|(_, given)| *given);
    given.map_or(Ok(()), |(flag, _)| {
        Err(CliError::usage(format!("{flag} is not for workloads"))
            .next("kubectl imgauto status --watch shows how they change"))
    })
}

fn place(scope: &Scope) -> String {
    match scope.namespace() {
        Some(namespace) => format!(" in namespace {namespace}"),
        None => " in any namespace".to_owned(),
    }
}

/// One line for each container, as a search for `image:` in the manifests would find them.
fn images(rows: &[&Row]) -> String {
    let line = |row: &&Row| format!("image: {}\n", row.image);
    rows.iter().map(line).collect()
}

fn shown(
    rows: &[&Row],
    scope: &Scope,
    args: &Args,
    format: &Format,
    session: &Session<'_>,
) -> String {
    let headings = match args.no_headers {
        true => Headings::Hidden,
        false => Headings::Shown,
    };
    let table = table(rows, scope.reach);
    match session.environment.columns {
        Some(width) if *format == Format::Table => {
            // Images are long, and their ends are in the column of what is wanted.
            let elastic = ["IMAGE", "POLICY", "CONTAINER", "WORKLOAD", "NAMESPACE"];
            let place = |wanted: &str| table.headings.iter().position(|found| found == wanted);
            let elastic: Vec<_> = elastic.into_iter().filter_map(place).collect();
            table.fitted(headings, width, &elastic)
        }
        _ => table.aligned(headings),
    }
}

fn table(rows: &[&Row], reach: Reach) -> Table {
    let headings = [
        "NAMESPACE",
        "WORKLOAD",
        "CONTAINER",
        "IMAGE",
        "POLICY",
        "WANTED",
        "MATCH",
    ];
    let first = match reach {
        Reach::Home => 1,
        Reach::Everywhere | Reach::Wherever => 0,
    };
    let mut table = Table::new(&headings[first..]);
    table.rows = rows
        .iter()
        .map(|row| {
            let all = [
                row.workload.namespace.clone(),
                cells::long_name(&row.workload),
                cells::container(row),
                row.image.clone(),
                cells::policy(row),
                cells::wanted(row),
                matches(row).to_owned(),
            ];
            all[first..].iter().map(|cell| cells::plain(cell)).collect()
        })
        .collect();
    table
}

/// Whether the image of the spec is the one that the policy chose.
fn matches(row: &Row) -> &'static str {
    let Some(wanted) = &row.wanted else {
        return cells::NOTHING;
    };
    match Expected::of_choice(wanted).compare(&row.image) {
        Likeness::Same => "yes",
        Likeness::Other => "no",
        Likeness::Incomparable => "unknown",
    }
}

/// The objects themselves, as kubectl prints them: the workloads that nothing else owns.
async fn objects(
    cluster: &Cluster,
    scope: &Scope,
    report: &Report,
    form: &Document,
) -> Result<String, CliError> {
    let rows = report.rows.iter().filter(|row| scope.covers(row));
    let workloads: BTreeSet<&Workload> = rows.map(|row| &row.workload).collect();
    let kinds: BTreeSet<_> = workloads.iter().map(|workload| workload.kind).collect();
    let kinds: Vec<_> = kinds.into_iter().collect();
    let queries: Vec<_> = kinds.iter().map(|kind| query(*kind, scope)).collect();
    let place = Place {
        namespace: scope.namespace().map(str::to_owned),
        labels: scope.selector.clone(),
    };
    let asked = fetch::all(&cluster.client, &queries, place).await;
    CliError::all(asked.problems)?;
    let mut found = Vec::new();
    for (kind, objects) in kinds.into_iter().zip(asked.found) {
        let is_meant = |object: &Value| {
            workloads.contains(&Workload {
                namespace: text(object, "/metadata/namespace").to_owned(),
                kind,
                name: text(object, "/metadata/name").to_owned(),
            })
        };
        found.extend(objects.into_iter().filter(is_meant));
    }
    match (scope.single(), found.as_mut_slice()) {
        (Some(_), [object]) if scope.reach == Reach::Home => form.objects(object.take()),
        _ => form.objects(format::list(found)),
    }
}

/// Asks for one object by its name if only one is meant, else for all of a kind.
fn query(kind: WorkloadKind, scope: &Scope) -> Query {
    let (group, version) = kind
        .api_version()
        .split_once('/')
        .unwrap_or(("", kind.api_version()));
    let gvk = GroupVersionKind::gvk(group, version, kind.kind());
    Query {
        kind: Kind {
            noun: Noun::Workload(Some(kind)),
            resource: ApiResource::from_gvk_with_plural(&gvk, kind.plural()),
        },
        names: scope.single().map(str::to_owned).into_iter().collect(),
        need: Need::Each,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::commands::status::samples::{crowded, fleet};

    #[test]
    fn a_table_tells_whether_images_match() {
        let rows = [fleet(), crowded()].concat();
        let rows: Vec<_> = rows.iter().collect();
        expect![[r#"
            NAMESPACE  WORKLOAD            CONTAINER        IMAGE                                                                                       POLICY               WANTED  MATCH
            default    deployment/podinfo  podinfod         ghcr.io/stefanprodan/podinfo:5.0.3                                                          flux-system/podinfo  5.0.3   yes
            default    deployment/web      web              ghcr.io/acme/web:1.8.4                                                                      flux-system/web      1.9.0   no
            default    pod/tool            tool             busybox                                                                                     -                    -       -
            prod       deployment/api      api              ghcr.io/acme/api:2.4.0                                                                      flux-system/api      2.4.0   yes
            prod       cronjob/report      report           ghcr.io/acme/report:0.9                                                                     ~flux-system/report  -       -
            staging    statefulset/queue   queue            ghcr.io/acme/queue:7.2.1                                                                    flux-system/queue    7.2.1   yes
            prod       deployment/shop     migrate (init)   ghcr.io/acme/shop:1.1                                                                       flux-system/shop     1.1     yes
            prod       deployment/shop     shop             ghcr.io/acme/shop:1.1                                                                       flux-system/shop     1.1     yes
            prod       deployment/shop     proxy (sidecar)  ghcr.io/mesh/proxy@sha256:8888888888888888888888888888888888888888888888888888888888888888  -                    -       -
        "#]].assert_eq(&table(&rows, Reach::Everywhere).aligned(Headings::Shown));
        let home = table(&rows[..1], Reach::Home).aligned(Headings::Shown);
        expect![[r#"
            WORKLOAD            CONTAINER  IMAGE                               POLICY               WANTED  MATCH
            deployment/podinfo  podinfod   ghcr.io/stefanprodan/podinfo:5.0.3  flux-system/podinfo  5.0.3   yes
        "#]].assert_eq(&home);
    }

    #[test]
    fn images_have_a_line_for_each_container() {
        let rows = crowded();
        let rows: Vec<_> = rows.iter().collect();
        let text = images(&rows[..2]);
        assert_eq!(text, "image: ghcr.io/acme/shop:1.1\n".repeat(2));
        assert_eq!(cells::names(&rows), "deployment.apps/shop\n");
    }

    #[test]
    fn workloads_are_got_by_themselves() {
        let target = |noun| Target { noun, name: None };
        let workload = target(Noun::Workload(None));
        assert!(are_meant(std::slice::from_ref(&workload)).unwrap());
        assert!(!are_meant(&[target(Noun::Policy)]).unwrap());
        let mixed = are_meant(&[workload, target(Noun::Policy)]).unwrap_err();
        assert_eq!(mixed.status(), ExitStatus::Usage);
    }
}
