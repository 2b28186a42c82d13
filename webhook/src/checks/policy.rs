use api::ImagePolicySpec;
use engine::pattern::{Extract, Group, Pattern};
use engine::policy::{Policy, PolicyError};
use engine::tie::is_granted;

use super::{Findings, pattern_fault, quoted, range_fault};
use crate::policies::Snapshot;

const EXTRACT: &str = "spec.filterTags.extract";
const PATTERN: &str = "spec.filterTags.pattern";

/// Looks at a policy of a namespace.
pub(super) fn check(spec: &ImagePolicySpec, namespace: &str, snapshot: &Snapshot) -> Findings {
    let mut findings = Findings::default();
    rule(spec, &mut findings);
    let filter = spec.filter_tags.as_ref();
    if let Some(filter) = filter.filter(|filter| !filter.pattern.is_empty())
        && let Ok(pattern) = Pattern::new(&filter.pattern)
    {
        extract(&pattern, &filter.extract, &mut findings);
    }
    reference(spec, namespace, snapshot, &mut findings);
    findings
}

fn rule(spec: &ImagePolicySpec, findings: &mut Findings) {
    let Err(error) = Policy::try_from(spec) else {
        return;
    };
    let range = spec.policy.semver.as_ref().map(|semver| &*semver.range);
    let what = match &error {
        PolicyError::NoRule => "one of semver, alphabetical and numerical must be set".to_owned(),
        PolicyError::Range(fault) => range_fault(range.unwrap_or_default(), fault),
        PolicyError::Pattern { pattern, source } => pattern_fault(pattern, source),
        PolicyError::Order { .. } => error.to_string(),
    };
    findings.problem(error.field().path(), what);
    // The rule is read first, and a filter that is wrong too is worth telling at once.
    let is_pattern = matches!(error, PolicyError::Pattern { .. });
    let filter = spec.filter_tags.as_ref().filter(|_| !is_pattern);
    if let Some(filter) = filter {
        findings.pattern(PATTERN, &filter.pattern);
    }
}

/// A group that is not there leaves a hole in every value, and tags would be ordered by what is left.
fn extract(pattern: &Pattern, template: &str, findings: &mut Findings) {
    let groups: Vec<_> = pattern.group_names().flatten().collect();
    let extract = Extract::parse(template);
    let column = |position: usize| {
        let before = template.get(..position).unwrap_or_default();
        before.chars().count() + 1
    };
    for reference in extract.references() {
        if let Group::Name(name) = reference.group
            && !groups.contains(&name)
        {
            let place = column(reference.position);
            let what = format!(
                "{} names the group {}, which the pattern does not have, at position {place}",
                quoted(template),
                quoted(name),
            );
            findings.problem(EXTRACT, what);
        }
    }
    if let Some(position) = extract.malformed() {
        let place = column(position);
        let what = format!(
            "{} has a dollar sign without the name of a group, at position {place}",
            quoted(template)
        );
        findings.problem(EXTRACT, what);
    }
}

/// What is named may be applied in a moment, so its absence is no more than a doubt.
fn reference(
    spec: &ImagePolicySpec,
    namespace: &str,
    snapshot: &Snapshot,
    findings: &mut Findings,
) {
    let reference = &spec.image_repository_ref;
    let field = "spec.imageRepositoryRef";
    if reference.name.is_empty() {
        findings.problem(format!("{field}.name"), "names no ImageRepository");
        return;
    }
    let other = reference.namespace_or(namespace);
    let name = format!("{other}/{}", reference.name);
    let key = (other.to_owned(), reference.name.clone());
    let Some(access) = snapshot.repositories.get(&key) else {
        findings.doubt(
            field,
            format!("there is no ImageRepository {}", quoted(&name)),
        );
        return;
    };
    let wishes = snapshot.namespaces.get(namespace);
    if other != namespace && wishes.is_some_and(|wishes| !is_granted(access.iter(), &wishes.labels))
    {
        let what = format!(
            "spec.accessFrom of the ImageRepository {} does not let this namespace use it",
            quoted(&name)
        );
        findings.doubt(field, what);
    }
}
