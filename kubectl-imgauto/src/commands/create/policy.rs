//! `create policy`: an ImagePolicy.

use api::policy::{
    DigestReflectionPolicy, Order, OrderPolicy, PolicyChoice, SemVerPolicy, TagFilter,
};
use api::reference::NamespacedObjectReference;
use api::{DurationText, ImagePolicy, ImagePolicySpec};
use serde_json::Value;

use super::{Basis, Common, Draft, Names, checks, metadata};
use crate::commands::field_owners::Path;
use crate::error::CliError;
use crate::kubernetes_names as names;

/// Flags of `create policy`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kubectl imgauto create policy podinfo --image-ref=podinfo --select-semver='>=5.0.0' --export\n  kubectl imgauto create policy podinfo --image-ref=podinfo --select-numeric=asc --filter-regex='^main-[a-f0-9]+-(?P<ts>[0-9]+)' --filter-extract='$ts' --export"
)]
pub(super) struct Args {
    /// Name of the ImageRepository, or NAMESPACE/NAME; required
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    image_ref: String,
    /// Namespace of the ImageRepository, when it is another one
    #[arg(long, value_name = "NAMESPACE")]
    image_ref_namespace: Option<String>,
    /// Choose the highest version of a range, such as 1.x
    #[arg(
        long,
        value_name = "RANGE",
        default_value = "",
        hide_default_value = true
    )]
    select_semver: String,
    /// Choose by text: asc for the last, desc for the first
    #[arg(
        long,
        value_name = "ORDER",
        default_value = "",
        hide_default_value = true
    )]
    select_alpha: String,
    /// Choose by number: asc for the highest, desc for the lowest
    #[arg(
        long,
        value_name = "ORDER",
        default_value = "",
        hide_default_value = true
    )]
    select_numeric: String,
    /// Look only at tags that match a regular expression
    #[arg(
        long,
        value_name = "REGEX",
        default_value = "",
        hide_default_value = true
    )]
    filter_regex: String,
    /// Order by this text, made of the groups of --filter-regex, such as $ts
    #[arg(
        long,
        value_name = "TEMPLATE",
        default_value = "",
        hide_default_value = true
    )]
    filter_extract: String,
    /// Look the digest up: Never, IfNotPresent or Always
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "",
        hide_default_value = true
    )]
    reflect_digest: String,
    #[command(flatten)]
    pub(super) names: Names,
}

impl Args {
    /// The selectors: what messages call them, the field, and what was given.
    fn selectors(&self) -> [(&'static str, &'static str, &str); 3] {
        [
            ("semver", "semver", &self.select_semver),
            ("alpha", "alphabetical", &self.select_alpha),
            ("numeric", "numerical", &self.select_numeric),
        ]
    }
}

impl Draft for Args {
    type Kind = ImagePolicy;

    fn build(
        &self,
        common: &Common,
        basis: Basis<'_, ImagePolicy>,
    ) -> Result<ImagePolicy, CliError> {
        build(self, common, basis)
    }

    fn named(&self, common: &Common, built: &Value) -> Value {
        metadata::named(built, common, &[])
    }

    fn superseded(&self, live: &ImagePolicy) -> Vec<Path> {
        let mut superseded = Vec::new();
        let selectors = self.selectors();
        // The first rule that is set counts, so there must not be another one.
        if selectors.iter().any(|(_, _, value)| !value.is_empty()) {
            let others = selectors.iter().filter(|(_, _, value)| value.is_empty());
            superseded
                .extend(others.map(|(_, field, _)| metadata::path_of(&["spec", "policy", field])));
        }
        let refreshed = matches!(self.reflect_digest.as_str(), "" | "Always");
        if !refreshed && live.spec.interval.is_some() {
            superseded.push(metadata::path_of(&["spec", "interval"]));
        }
        superseded
    }
}

fn build(
    args: &Args,
    common: &Common,
    basis: Basis<'_, ImagePolicy>,
) -> Result<ImagePolicy, CliError> {
    let mut errors = Vec::new();
    let name = metadata::name(&args.names, &mut errors);
    let image_repository_ref = image_ref(args, basis, &mut errors);
    let policy = choice(args, basis, &mut errors);
    let filter_tags = filter(args, basis, &mut errors);
    let digest = digest(args, &mut errors);
    let interval = checks::set_duration(common.interval);
    errors.extend(interval_mistake(basis, digest, interval.as_ref()));
    errors.extend(
        interval
            .as_ref()
            .and_then(|interval| checks::interval(interval).err()),
    );
    let metadata = metadata::metadata(name, common, &mut errors);
    let spec = ImagePolicySpec {
        image_repository_ref,
        policy,
        filter_tags,
        digest_reflection_policy: digest,
        interval,
        suspend: common.suspend.unwrap_or_default(),
    };
    CliError::all(errors)?;
    Ok(ImagePolicy {
        metadata,
        spec,
        status: None,
    })
}

fn image_ref(
    args: &Args,
    basis: Basis<'_, ImagePolicy>,
    errors: &mut Vec<CliError>,
) -> NamespacedObjectReference {
    if args.image_ref.is_empty() && basis.is_nothing() {
        errors.push(CliError::usage(
            "the name of an ImageRepository in the namespace is required (--image-ref)",
        ));
    }
    let given = checks::set_text(args.image_ref_namespace.as_ref());
    let (namespace, name) = match args.image_ref.split_once('/') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name),
        None => (given.clone(), args.image_ref.as_str()),
    };
    let mut refuse = |why: String| errors.push(CliError::usage(why));
    if given.is_some() && given != namespace {
        refuse("--image-ref and --image-ref-namespace name different namespaces".to_owned());
    }
    if let Some(namespace) = &namespace {
        let problems = names::dns_label_problems(namespace);
        let nameless = name.is_empty() && (basis.is_nothing() || args.image_ref.contains('/'));
        if !problems.is_empty() || nameless || name.contains('/') {
            refuse(format!(
                "--image-ref is a NAME or a NAMESPACE/NAME, not {:?}",
                args.image_ref
            ));
        }
    }
    NamespacedObjectReference {
        name: name.to_owned(),
        namespace,
    }
}

fn choice(args: &Args, basis: Basis<'_, ImagePolicy>, errors: &mut Vec<CliError>) -> PolicyChoice {
    let given: Vec<&str> = args
        .selectors()
        .into_iter()
        .filter_map(|(name, _, value)| (!value.is_empty()).then_some(name))
        .collect();
    let mut refuse = |why: String| errors.push(CliError::usage(why));
    match given.as_slice() {
        [] if !basis.is_nothing() => {}
        [] => refuse(
            "a policy must be provided with either --select-semver or --select-alpha, or with --select-numeric"
                .to_owned(),
        ),
        [_] => {}
        [first @ .., last] => refuse(format!(
            "only one of --select-semver, --select-alpha or --select-numeric can be specified (got {} and {last})",
            first.join(", ")
        )),
    }
    let mut order = |flag: &str, value: &str| match value {
        "" => None,
        "asc" => Some(OrderPolicy { order: Order::Asc }),
        "desc" => Some(OrderPolicy { order: Order::Desc }),
        _ => {
            refuse(format!("{flag} must be one of [\"asc\", \"desc\"]"));
            None
        }
    };
    let alphabetical = order("--select-alpha", &args.select_alpha);
    let numerical = order("--select-numeric", &args.select_numeric);
    let range = &args.select_semver;
    if !range.is_empty() {
        errors.extend(checks::range(range).err());
    }
    PolicyChoice {
        semver: (!range.is_empty()).then(|| SemVerPolicy {
            range: range.clone(),
        }),
        alphabetical,
        numerical,
    }
}

fn filter(
    args: &Args,
    basis: Basis<'_, ImagePolicy>,
    errors: &mut Vec<CliError>,
) -> Option<TagFilter> {
    if args.filter_regex.is_empty() && args.filter_extract.is_empty() {
        return None;
    }
    let live = basis
        .object()
        .and_then(|live| live.spec.filter_tags.as_ref());
    let or_live = |given: &str, live: Option<&String>| match given {
        "" => live.cloned().unwrap_or_default(),
        given => given.to_owned(),
    };
    let pattern = or_live(&args.filter_regex, live.map(|live| &live.pattern));
    let extract = or_live(&args.filter_extract, live.map(|live| &live.extract));
    if !pattern.is_empty() {
        errors.extend(checks::filter(&pattern, &extract).err());
    } else if basis.is_known() {
        errors.push(CliError::usage(
            "cannot specify --filter-extract without specifying --filter-regex",
        ));
    }
    Some(TagFilter {
        pattern: args.filter_regex.clone(),
        extract: args.filter_extract.clone(),
    })
}

fn digest(args: &Args, errors: &mut Vec<CliError>) -> Option<DigestReflectionPolicy> {
    match args.reflect_digest.as_str() {
        "" => None,
        "Never" => Some(DigestReflectionPolicy::Never),
        "IfNotPresent" => Some(DigestReflectionPolicy::IfNotPresent),
        "Always" => Some(DigestReflectionPolicy::Always),
        _ => {
            errors.push(CliError::usage(
                "invalid value for --reflect-digest, must be one of 'Never', 'IfNotPresent', 'Always'",
            ));
            None
        }
    }
}

/// The two rules the API server has for the interval of a policy.
fn interval_mistake(
    basis: Basis<'_, ImagePolicy>,
    digest: Option<DigestReflectionPolicy>,
    interval: Option<&DurationText>,
) -> Option<CliError> {
    let live = basis.object().map(|live| &live.spec);
    let known = digest.or(live.and_then(|live| live.digest_reflection_policy));
    let is_always = known == Some(DigestReflectionPolicy::Always);
    let is_settled = known.is_some() || basis.is_known();
    if interval.is_some() {
        return (is_settled && !is_always).then(|| CliError::usage(
            "the --interval flag can only be used with the 'Always' digest reflection policy, use --reflect-digest=Always",
        ));
    }
    let lacks = digest == Some(DigestReflectionPolicy::Always)
        && basis.is_known()
        && live.is_none_or(|live| live.interval.is_none());
    lacks.then(|| {
        CliError::usage(
            "--reflect-digest=Always needs an --interval: spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'",
        )
        .next("add --interval=10m to --reflect-digest=Always")
    })
}
