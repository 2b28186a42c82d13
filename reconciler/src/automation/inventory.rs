//! The inventory of an automation: which line stands behind which image, and what cannot be used.

use std::collections::{HashMap, HashSet};

use api::automation::ImageUpdateAutomation;
use api::image_inventory::{
    ImageInventory, Inventory, InventoryCause, InventoryEntry, InventoryField, InventoryProblem,
    InventorySource,
};
use engine::change::ObjectId;
use engine::marker::{self, Field, FileScan, Reason, Site, Wanted};
use git2::Oid;
use kube::api::{Api, ObjectMeta, Patch, PatchParams};
use kube::{Client, Resource as _, ResourceExt as _};

use super::Context;
use super::policies::Followed;
use crate::chain::Chain;
use crate::cluster::FIELD_MANAGER;
use crate::update::{EditedFile, MarkedFile, Plan};
use crate::writers::Done;

mod unclaimed;

/// Writes the inventory of what a run found, if it is not that already, and counts markers.
///
/// It is there to look at: that it cannot be written is logged and stops nothing.
pub(super) async fn tell(
    context: &Context,
    object: &ImageUpdateAutomation,
    followed: &Followed,
    done: &Done,
    url: &str,
    branch: &str,
) {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let entries = entries(&done.plan, &followed.wanted, done.commit);
    let problems = problems(&done.plan, &followed.wanted);
    let update = object.spec.update.as_ref();
    let path = update.and_then(|update| update.path.as_deref());
    let unclaimed = done.marked.as_ref().map(|files| {
        let others = || unclaimed::others(context, object, url);
        let path = path.unwrap_or_default();
        unclaimed::unclaimed(files, path, &followed.wanted, others)
    });
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let metrics = &context.shared.metrics;
    metrics.markers(
        &namespace,
        &name,
        count(entries.len()),
        count(problems.len()),
    );
    let source = InventorySource {
        automation: name.clone(),
        url: url.to_owned(),
        branch: Some(branch.to_owned()),
        revision: done.revision.clone().unwrap_or_default(),
    };
    let client = &context.shared.client;
    let found = Found {
        entries,
        problems,
        unclaimed,
    };
    if let Err(error) = write(client, object, source, found).await {
        tracing::warn!(name, namespace, error = %Chain(&error), "cannot write the ImageInventory");
    }
}

/// What an inventory holds.
struct Found {
    entries: Vec<InventoryEntry>,
    problems: Vec<InventoryProblem>,
    /// `None` if it could not be looked for; then what was found last is as good as nothing new.
    unclaimed: Option<Vec<InventoryProblem>>,
}

/// Lists the markers that work, as they stand after the edits of `plan`.
fn entries(plan: &Plan, wanted: &Wanted, commit: Option<Oid>) -> Vec<InventoryEntry> {
    let edited: HashMap<&str, &EditedFile> = plan
        .files
        .iter()
        .map(|file| (file.path.as_str(), file))
        .collect();
    let mut entries = Vec::new();
    for file in &plan.marked {
        match edited.get(file.path.as_str()) {
            None => add(&mut entries, file, &file.scan, wanted, None),
            Some(edit) => {
                let after = marker::scan(&edit.after);
                let commit = commit.map(|commit| commit.to_string());
                add(&mut entries, file, &after, wanted, commit.as_deref());
            }
        }
    }
    entries
}

/// Adds the markers of one file as `scan` has them; `commit` wrote those that were otherwise before.
fn add(
    entries: &mut Vec<InventoryEntry>,
    file: &MarkedFile,
    scan: &FileScan,
    wanted: &Wanted,
    commit: Option<&str>,
) {
    for resolved in marker::plan(&file.path, scan, wanted).resolved {
        let Some(site) = scan.sites.get(resolved.site) else {
            continue;
        };
        let object = scan.objects.get(site.object).cloned().unwrap_or_default();
        let before = file.scan.sites.get(resolved.site);
        let written = before.is_some_and(|before| before.value != site.value);
        entries.push(InventoryEntry {
            file: file.path.clone(),
            line: as_line(site.line),
            api_version: present(&object.api_version),
            kind: present(&object.kind),
            namespace: present(&object.namespace),
            name: present(&object.name),
            container: site.container.as_deref().map(str::to_owned),
            policy: site.policy().to_owned(),
            field: match resolved.field {
                Field::Image => InventoryField::Reference,
                Field::Name => InventoryField::Name,
                Field::Tag => InventoryField::Tag,
                Field::Digest => InventoryField::Digest,
            },
            value: site.value.to_string(),
            commit: commit.filter(|_| written).map(str::to_owned),
        });
    }
}

fn present(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn problems(plan: &Plan, wanted: &Wanted) -> Vec<InventoryProblem> {
    let places = plan
        .problems
        .iter()
        .filter_map(|problem| problem.file.as_deref());
    let troubled: HashSet<&str> = places.collect();
    let files = plan
        .marked
        .iter()
        .filter(|file| troubled.contains(file.path.as_str()));
    let mut markers = HashMap::new();
    for file in files {
        let by_place = file
            .scan
            .sites
            .iter()
            .map(|site| ((site.line, &*site.setter), site));
        let by_place: HashMap<(usize, &str), &Site> = by_place.collect();
        for unresolved in marker::plan(&file.path, &file.scan, wanted).unresolved {
            if let Some(site) = by_place.get(&(unresolved.line, unresolved.setter.as_str())) {
                let marker = InventoryProblem {
                    cause: cause(&unresolved.reason),
                    ..place(file, site)
                };
                let reason = unresolved.reason.to_string();
                markers.insert((file.path.as_str(), unresolved.line, reason), marker);
            }
        }
    }
    let problems = plan.problems.iter().map(|problem| {
        let file = problem.file.as_deref().unwrap_or_default();
        let line = problem.line.unwrap_or_default();
        let marker = markers.get(&(file, line, problem.reason.clone()));
        InventoryProblem {
            file: file.to_owned(),
            line: problem.line.map(as_line),
            reason: problem.reason.clone(),
            ..marker.cloned().unwrap_or_default()
        }
    });
    problems.collect()
}

/// The word for what is wrong, where there is one.
fn cause(reason: &Reason) -> Option<InventoryCause> {
    match reason {
        Reason::OtherNamespace { .. } => Some(InventoryCause::OtherNamespace),
        Reason::UnknownPolicy { .. } => Some(InventoryCause::UnknownPolicy),
        Reason::NotSelected(_) => Some(InventoryCause::NotSelected),
        Reason::Pending(_)
        | Reason::InvalidImage { .. }
        | Reason::NoDigest(_)
        | Reason::BeyondFlux(_)
        | Reason::ForeignTag(_) => None,
    }
}

/// Where a marker stands, and what it says.
fn place(file: &MarkedFile, site: &Site) -> InventoryProblem {
    let object = file.scan.objects.get(site.object);
    let of_object = |read: fn(&ObjectId) -> &str| object.map(read).and_then(present);
    InventoryProblem {
        file: file.path.clone(),
        line: Some(as_line(site.line)),
        setter: Some(site.setter.to_string()),
        api_version: of_object(|object| &object.api_version),
        kind: of_object(|object| &object.kind),
        namespace: of_object(|object| &object.namespace),
        name: of_object(|object| &object.name),
        container: site.container.as_deref().map(str::to_owned),
        ..InventoryProblem::default()
    }
}

fn as_line(line: usize) -> i64 {
    i64::try_from(line).unwrap_or(i64::MAX)
}

/// Lets entries keep the commit that wrote them, where they are what they were.
fn keep_commits(entries: &mut [InventoryEntry], before: &Inventory) {
    let identity = |entry: &InventoryEntry| InventoryEntry {
        line: 0,
        commit: None,
        ..entry.clone()
    };
    let known = before
        .entries
        .iter()
        .map(|entry| (identity(entry), &entry.commit));
    let known: std::collections::BTreeMap<InventoryEntry, &Option<String>> = known.collect();
    for entry in entries.iter_mut().filter(|entry| entry.commit.is_none()) {
        if let Some(commit) = known.get(&identity(entry)) {
            entry.commit.clone_from(commit);
        }
    }
}

/// Whether two inventories say the same; the revision alone is not worth a write.
fn says_the_same(before: &Inventory, after: &Inventory) -> bool {
    let revision = before.source.revision.clone();
    let source = InventorySource {
        revision,
        ..after.source.clone()
    };
    let after = Inventory {
        source,
        ..after.clone()
    };
    *before == after
}

async fn write(
    client: &Client,
    object: &ImageUpdateAutomation,
    source: InventorySource,
    mut found: Found,
) -> Result<(), kube::Error> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let inventories = Api::<ImageInventory>::namespaced(client.clone(), &namespace);
    let before = inventories.get_opt(&name).await?;
    let before = before.map(|before| before.spec);
    if let Some(before) = &before {
        keep_commits(&mut found.entries, before);
    }
    let known = before.as_ref().map(|before| before.unclaimed.clone());
    let unclaimed = found.unclaimed.or(known).unwrap_or_default();
    let after = Inventory::new(source, found.entries, found.problems, unclaimed);
    if before
        .as_ref()
        .is_some_and(|before| says_the_same(before, &after))
    {
        return Ok(());
    }
    let known = before.as_ref().map_or(&[][..], |before| &before.problems);
    if known != after.problems {
        tracing::info!(
            name,
            namespace,
            problems = after.problem_count,
            first = after
                .problems
                .first()
                .map(|first| format!("{}: {}", first.file, first.reason)),
            "markers that cannot be used, see the ImageInventory"
        );
    }
    let inventory = ImageInventory {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(namespace),
            owner_references: object.owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        spec: after,
    };
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let patch = Patch::Apply(&inventory);
    let applied = inventories.patch(&name, &params, &patch).await;
    applied.map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine::change::LatestRef;
    use engine::marker::Policy;

    use super::*;
    use crate::update::Problem;

    fn wanted() -> Wanted {
        let latest = LatestRef {
            name: "app".into(),
            tag: "2".into(),
            digest: None,
        };
        Wanted {
            namespace: "ns".into(),
            policies: [("app".into(), Policy::Latest(latest))].into(),
            ..Wanted::default()
        }
    }

    const BEFORE: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: one\n    image: app:1 # {\"$imagepolicy\": \"ns:app\"}\n  - name: two\n    image: app:2 # {\"$imagepolicy\": \"ns:app\"}\n";

    fn plan() -> Plan {
        let scan = Arc::new(marker::scan(BEFORE.as_bytes()));
        let edit = |after: String| EditedFile {
            path: "a.yaml".into(),
            before: BEFORE.into(),
            after: after.into(),
            changes: Vec::new(),
        };
        let marked = |path: &str| MarkedFile {
            path: path.into(),
            scan: Arc::clone(&scan),
        };
        Plan {
            files: vec![edit(BEFORE.replace("app:1", "app:2"))],
            marked: vec![marked("a.yaml")],
            problems: vec![Problem::warning("b.yaml", 3, "no policy")],
            ..Plan::default()
        }
    }

    #[test]
    fn an_entry_tells_what_stands_there_after_the_commit_and_who_wrote_it() {
        let commit = Oid::from_bytes(&[1; 20]).unwrap();
        let entries = entries(&plan(), &wanted(), Some(commit));
        let one = &entries[0];
        assert_eq!((one.file.as_str(), one.line), ("a.yaml", 8));
        assert_eq!(one.kind.as_deref(), Some("Deployment"));
        assert_eq!(one.name.as_deref(), Some("web"));
        assert_eq!(one.container.as_deref(), Some("one"));
        assert_eq!((one.policy.as_str(), one.value.as_str()), ("app", "app:2"));
        assert_eq!(one.commit, Some(commit.to_string()));
        assert_eq!(entries[1].container.as_deref(), Some("two"));
        assert_eq!(entries[1].commit, None, "it was right before");
    }

    fn inventory(revision: &str, entries: Vec<InventoryEntry>) -> Inventory {
        let source = InventorySource {
            automation: "all".into(),
            revision: revision.into(),
            ..InventorySource::default()
        };
        Inventory::new(source, entries, problems(&plan(), &wanted()), Vec::new())
    }

    #[test]
    fn entries_keep_their_commit_as_long_as_they_are_what_they_were() {
        let commit = Oid::from_bytes(&[1; 20]).unwrap();
        let before = inventory("main@sha1:1", entries(&plan(), &wanted(), Some(commit)));
        let scan = Arc::new(marker::scan(
            format!("# moved\n{}", BEFORE.replace("app:1", "app:2")).as_bytes(),
        ));
        let moved = Plan {
            marked: vec![MarkedFile {
                path: "a.yaml".into(),
                scan,
            }],
            ..Plan::default()
        };
        let mut after = entries(&moved, &wanted(), None);
        keep_commits(&mut after, &before);
        assert_eq!(after[0].line, 9);
        assert_eq!(after[0].commit, Some(commit.to_string()));
        after[0].value = "app:3".into();
        after[0].commit = None;
        keep_commits(&mut after, &before);
        assert_eq!(after[0].commit, None);
    }

    #[test]
    fn a_new_revision_alone_is_not_worth_a_write() {
        let entries = entries(&plan(), &wanted(), None);
        let before = inventory("main@sha1:1", entries.clone());
        assert!(says_the_same(
            &before,
            &inventory("main@sha1:2", entries.clone())
        ));
        assert!(!says_the_same(
            &before,
            &inventory("main@sha1:1", entries[1..].to_vec())
        ));
    }
}
