//! `ImagePolicy`: which tag of an image repository is the latest.

use engine::policy::{DigestReflection, Policy, PolicyError, PolicySpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::DurationText;
use crate::reference::NamespacedObjectReference;
use crate::schema;

/// How the latest tag is chosen.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "image.toolkit.fluxcd.io",
    version = "v1",
    kind = "ImagePolicy",
    plural = "imagepolicies",
    shortname = "imgpol",
    shortname = "imagepol",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-images",
    status = "ImagePolicyStatus",
    doc = "How the latest tag of an image repository is chosen.",
    annotation("kustomize.toolkit.fluxcd.io/substitute", "disabled"),
    printcolumn = r#"{"name":"Image","type":"string","jsonPath":".status.latestRef.name"}"#,
    printcolumn = r#"{"name":"Tag","type":"string","jsonPath":".status.latestRef.tag"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Status","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].message"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    derive = "PartialEq",
    namespaced
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "message": "spec.interval is only accepted when spec.digestReflectionPolicy is set to 'Always'",
        "rule": "!has(self.interval) || (has(self.digestReflectionPolicy) && self.digestReflectionPolicy == 'Always')"
    },
    {
        "message": "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'",
        "rule": "has(self.interval) || !has(self.digestReflectionPolicy) || self.digestReflectionPolicy != 'Always'"
    }
]))]
pub struct ImagePolicySpec {
    /// The ImageRepository whose tags are chosen from.
    pub image_repository_ref: NamespacedObjectReference,
    /// The rule that orders tags. The first member that is set counts.
    pub policy: PolicyChoice,
    /// Which tags are looked at, and which part of them is ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_tags: Option<TagFilter>,
    /// Whether the digest of the chosen tag is looked up. Defaults to `Never`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Never"))]
    pub digest_reflection_policy: Option<DigestReflectionPolicy>,
    /// How often the digest is refreshed; only with `Always`, and required there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = schema::DURATION))]
    pub interval: Option<DurationText>,
    /// Stops the choice while true.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
}

/// The rule that orders tags; exactly one member should be set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyChoice {
    /// By semantic version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub semver: Option<SemVerPolicy>,
    /// By text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alphabetical: Option<OrderPolicy>,
    /// By number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numerical: Option<OrderPolicy>,
}

/// The highest version of a range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SemVerPolicy {
    /// A range as Masterminds/semver v3 reads it.
    pub range: String,
}

/// The last tag of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderPolicy {
    /// The order; the last tag in it is chosen. Defaults to `asc`.
    #[serde(default)]
    pub order: Order,
}

/// The direction of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The greatest is chosen.
    // Flux's own evaluation takes capitals too; the schema, which the API server checks, does not.
    #[default]
    #[serde(alias = "ASC")]
    Asc,
    /// The least is chosen.
    #[serde(alias = "DESC")]
    Desc,
}

/// Which tags are looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TagFilter {
    /// Regular expression in Go's syntax; empty matches every tag.
    #[serde(default)]
    pub pattern: String,
    /// Template of the text to order by, made of the pattern's groups; empty stands for the tag.
    #[serde(default)]
    pub extract: String,
}

/// When the digest of the chosen tag is looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DigestReflectionPolicy {
    /// At every interval.
    Always,
    /// When the chosen tag changes.
    IfNotPresent,
    /// Not at all.
    #[default]
    Never,
}

/// What was chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImagePolicyStatus {
    /// The chosen image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_ref: Option<ImageRef>,
    /// What was chosen before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_previous_ref: Option<ImageRef>,
    /// The last generation that ended ready or stalled; -1 before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The last value of the annotation that asks for a reconcile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// An image by name, tag and digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageRef {
    /// The repository as the ImageRepository names it.
    pub name: String,
    /// The tag.
    pub tag: String,
    /// The digest, such as `sha256:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl From<DigestReflectionPolicy> for DigestReflection {
    fn from(policy: DigestReflectionPolicy) -> Self {
        match policy {
            DigestReflectionPolicy::Always => Self::Always,
            DigestReflectionPolicy::IfNotPresent => Self::IfNotPresent,
            DigestReflectionPolicy::Never => Self::Never,
        }
    }
}

/// Reads the rule and the filter of a policy, which is where users' mistakes are.
impl TryFrom<&ImagePolicySpec> for Policy {
    type Error = PolicyError;

    fn try_from(spec: &ImagePolicySpec) -> Result<Self, Self::Error> {
        let order = |policy: &OrderPolicy| match policy.order {
            Order::Asc => "asc",
            Order::Desc => "desc",
        };
        let filter = spec.filter_tags.as_ref();
        Self::new(&PolicySpec {
            semver_range: spec
                .policy
                .semver
                .as_ref()
                .map(|semver| semver.range.as_str()),
            alphabetical_order: spec.policy.alphabetical.as_ref().map(order),
            numerical_order: spec.policy.numerical.as_ref().map(order),
            filter_pattern: filter.map(|filter| filter.pattern.as_str()),
            filter_extract: filter.map(|filter| filter.extract.as_str()),
        })
    }
}

#[cfg(test)]
mod tests {
    use engine::policy::{self, PolicyField, Rule};

    use super::*;

    fn policy(spec: &serde_json::Value) -> Result<Policy, PolicyError> {
        let spec: ImagePolicySpec = serde_json::from_value(spec.clone()).unwrap();
        Policy::try_from(&spec)
    }

    fn spec(choice: &serde_json::Value) -> serde_json::Value {
        serde_json::json!({ "imageRepositoryRef": { "name": "podinfo" }, "policy": choice })
    }

    #[test]
    fn the_first_rule_that_is_set_counts() {
        let both = serde_json::json!({ "numerical": {}, "semver": { "range": "1.x" } });
        assert!(matches!(
            policy(&spec(&both)).unwrap().rule,
            Rule::SemVer(_)
        ));
    }

    #[test]
    fn an_order_that_is_left_out_is_ascending() {
        let choice = serde_json::json!({ "alphabetical": {} });
        let rule = policy(&spec(&choice)).unwrap().rule;
        assert!(matches!(rule, Rule::Alphabetical(policy::Order::Asc)));
        let choice = serde_json::json!({ "numerical": { "order": "desc" } });
        let rule = policy(&spec(&choice)).unwrap().rule;
        assert!(matches!(rule, Rule::Numerical(policy::Order::Desc)));
    }

    #[test]
    fn a_filter_is_carried_over() {
        let mut object = spec(&serde_json::json!({ "numerical": {} }));
        object["filterTags"] = serde_json::json!({ "pattern": "^v(?P<n>.*)$", "extract": "$n" });
        let filter = policy(&object).unwrap().filter.unwrap();
        assert_eq!(
            (filter.pattern.source(), filter.extract.source()),
            ("^v(?P<n>.*)$", "$n")
        );
    }

    #[test]
    fn a_mistake_names_its_field() {
        let range = serde_json::json!({ "semver": { "range": "latest" } });
        let error = policy(&spec(&range)).unwrap_err();
        assert_eq!(error.field(), PolicyField::SemverRange);
        let none = policy(&spec(&serde_json::json!({}))).unwrap_err();
        assert_eq!(none.field(), PolicyField::Rule);
    }
}
