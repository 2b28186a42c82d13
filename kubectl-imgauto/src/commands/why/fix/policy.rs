//! Policies that do not choose.

use engine::policy::{Policy, PolicyError, PolicyField, Rule};
use engine::version::Version;
use serde_json::{Value, json};

use super::{Scene, imgauto, patch};

pub(super) fn resume(scene: &Scene<'_>) -> Option<String> {
    Some(imgauto("resume", "policy", scene.policy()?))
}

/// Lists the tags, and gives the policy a rule that the tag in use fits.
pub(super) fn rule(scene: &Scene<'_>) -> Option<String> {
    let name = scene.policy()?;
    let policy = scene.facts.policy.present()?;
    if scene.text.contains("spec.interval must be set") {
        return Some(patch(
            "imagepolicy",
            name,
            &json!({"spec": {"interval": "10m"}}),
        ));
    }
    // The tags are shown first, whatever becomes of that: they say what rule would fit.
    let tags = format!(
        "kubectl imgauto tags policy/{} -n {}",
        name.name, name.namespace
    );
    let mended = scene
        .tag()
        .and_then(|tag| fitting(&policy.rule, &tag))
        .map(|spec| patch("imagepolicy", name, &json!({"spec": spec})));
    Some(match mended {
        Some(mended) => format!("{tags}; {mended}"),
        None => tags,
    })
}

/// The part of a spec by which a policy chooses this tag or a later one, as near to the present rule as can be.
fn fitting(rule: &Result<Policy, PolicyError>, tag: &str) -> Option<Value> {
    let version = Version::from_tag(tag);
    match rule {
        Ok(policy) => match (&policy.rule, version) {
            (Rule::SemVer(_), Some(_)) => Some(versions(tag)),
            (Rule::Alphabetical(_), _) => Some(json!({"filterTags": null})),
            _ => numbers(tag),
        },
        Err(error) => match (error.field(), version) {
            (PolicyField::AlphabeticalOrder, _) => {
                Some(json!({"policy": {"alphabetical": {"order": "asc"}}}))
            }
            (PolicyField::NumericalOrder, _) => {
                Some(json!({"policy": {"numerical": {"order": "asc"}}}))
            }
            (_, Some(_)) => Some(versions(tag)),
            (_, None) => numbers(tag),
        },
    }
}

/// Versions from this one on.
fn versions(tag: &str) -> Value {
    let version = tag.strip_prefix('v').unwrap_or(tag);
    let version = version.split('+').next().unwrap_or(version);
    json!({
        "filterTags": null,
        "policy": {
            "semver": {"range": format!(">={version}")}, "alphabetical": null, "numerical": null
        }
    })
}

/// The number at the end of tags that are like this one: `^prod-(?P<n>[0-9]+)$` for `prod-42`.
fn numbers(tag: &str) -> Option<Value> {
    let pattern = number_pattern(tag)?;
    Some(json!({
        "filterTags": {"pattern": pattern, "extract": "$n"},
        "policy": {"semver": null, "alphabetical": null, "numerical": {"order": "asc"}}
    }))
}

fn number_pattern(tag: &str) -> Option<String> {
    let end = tag.rfind(|letter: char| letter.is_ascii_digit())? + 1;
    let start = tag[..end]
        .rfind(|letter: char| !letter.is_ascii_digit())
        .map_or(0, |before| before + 1);
    // Tags hold letters, digits and these: a dot alone means something in a pattern.
    let literal = |text: &str| text.replace('.', r"\.");
    Some(format!(
        "^{}(?P<n>[0-9]+){}$",
        literal(&tag[..start]),
        literal(&tag[end..])
    ))
}
