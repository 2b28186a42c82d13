//! `create policy`: an ImagePolicy.

use api::policy::{
    DigestReflectionPolicy, Order, OrderPolicy, PolicyChoice, SemVerPolicy, TagFilter,
};
use api::reference::NamespacedObjectReference;
use api::{DurationText, ImagePolicy, ImagePolicySpec};

use super::{Common, Names, checks, metadata, needs_cluster};
use crate::error::CliError;
use crate::kubernetes_names as names;
use crate::session::Session;

/// Flags of `create policy`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kubectl imgauto create policy podinfo --image-ref=podinfo --select-semver='>=5.0.0' --export\n  kubectl imgauto create policy podinfo --image-ref=podinfo --select-numeric=asc --filter-regex='^main-[a-f0-9]+-(?P<ts>[0-9]+)' --filter-extract='$ts' --export"
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) names: Names,
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
}

/// Returns the object, or everything that is wrong with the command line.
pub(super) fn build(
    args: &Args,
    common: &Common,
    session: &mut Session<'_>,
) -> Result<ImagePolicy, CliError> {
    let mut errors = Vec::new();
    let name = metadata::name(&args.names, &mut errors);
    let image_repository_ref = image_ref(args, &mut errors);
    let policy = choice(args, &mut errors);
    let filter_tags = filter(args, &mut errors);
    let digest = digest(args, &mut errors);
    let interval = checks::set_duration(common.interval);
    errors.extend(interval_mistake(args, digest, interval.as_ref()));
    errors.extend(
        interval
            .as_ref()
            .and_then(|interval| checks::interval(interval).err()),
    );
    errors.extend(needs_cluster(common));
    let metadata = metadata::metadata(name, common, session, &mut errors);
    let spec = ImagePolicySpec {
        image_repository_ref,
        policy,
        filter_tags,
        digest_reflection_policy: digest,
        interval,
        suspend: common.suspend,
    };
    CliError::all(errors)?;
    Ok(ImagePolicy {
        metadata,
        spec,
        status: None,
    })
}

fn image_ref(args: &Args, errors: &mut Vec<CliError>) -> NamespacedObjectReference {
    if args.image_ref.is_empty() {
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
        if !problems.is_empty() || name.is_empty() || name.contains('/') {
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

fn choice(args: &Args, errors: &mut Vec<CliError>) -> PolicyChoice {
    let given: Vec<&str> = [
        ("semver", &args.select_semver),
        ("alpha", &args.select_alpha),
        ("numeric", &args.select_numeric),
    ]
    .into_iter()
    .filter_map(|(name, value)| (!value.is_empty()).then_some(name))
    .collect();
    let mut refuse = |why: String| errors.push(CliError::usage(why));
    match given.as_slice() {
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

fn filter(args: &Args, errors: &mut Vec<CliError>) -> Option<TagFilter> {
    let (pattern, extract) = (&args.filter_regex, &args.filter_extract);
    if pattern.is_empty() {
        if !extract.is_empty() {
            errors.push(CliError::usage(
                "cannot specify --filter-extract without specifying --filter-regex",
            ));
        }
        return None;
    }
    errors.extend(checks::filter(pattern, extract).err());
    Some(TagFilter {
        pattern: pattern.clone(),
        extract: extract.clone(),
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
    args: &Args,
    digest: Option<DigestReflectionPolicy>,
    interval: Option<&DurationText>,
) -> Option<CliError> {
    let always = digest == Some(DigestReflectionPolicy::Always);
    match interval {
        Some(_) if !always => Some(CliError::usage(
            "the --interval flag can only be used with the 'Always' digest reflection policy, use --reflect-digest=Always",
        )),
        None if always => Some(
            CliError::usage(
                "--reflect-digest=Always needs an --interval: spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'",
            )
            .next(format!("add --interval=10m to --reflect-digest={}", args.reflect_digest)),
        ),
        _ => None,
    }
}
