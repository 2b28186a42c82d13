//! `tags`: the tags of an image or of an object, which one wins, and why the others do not.

mod objects;
mod report;

use std::path::PathBuf;

use api::{ImageRepository, ImageRepositorySpec};
use engine::image::Repository;
use engine::policy::{Exclusions, Policy, PolicyField, PolicySpec};
use reconciler::chain::Chain;
use reconciler::local::{self, Registries};
use reconciler::resources::{ObjectKey, Resources};

use crate::commands::create::checks;
use crate::commands::inputs;
use crate::commands::output::Format;
use crate::error::{CliError, ExitStatus};
use crate::session::{Markers, Session};
use objects::Origin;
use report::{Question, Report};

/// Flags of `tags`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl imgauto tags ghcr.io/stefanprodan/podinfo --select-semver '>=5.0.0'
  kubectl imgauto tags policy/podinfo
  kubectl imgauto tags policy/podinfo -f clusters/my-cluster
  kubectl imgauto tags repository/podinfo -f clusters/my-cluster -o json --all")]
pub(crate) struct Args {
    /// An image, or policy/NAME or repository/NAME of files or of the cluster
    #[arg(value_name = "IMAGE | KIND/NAME", required = true, num_args = 1..=2)]
    subject: Vec<String>,
    /// File or folder with the objects; without it they are looked for below the current folder, then in the cluster
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Range of semantic versions to choose from
    #[arg(long, value_name = "RANGE", conflicts_with_all = ["select_alpha", "select_numeric"])]
    select_semver: Option<String>,
    /// Choose by alphabetical order, asc or desc
    #[arg(long, value_name = "ORDER", conflicts_with = "select_numeric")]
    select_alpha: Option<String>,
    /// Choose by numerical order, asc or desc
    #[arg(long, value_name = "ORDER")]
    select_numeric: Option<String>,
    /// Regular expression that tags have to match
    #[arg(long, value_name = "REGEX")]
    filter_regex: Option<String>,
    /// What of a match is compared, such as $ts
    #[arg(long, value_name = "TEMPLATE")]
    filter_extract: Option<String>,
    /// Regular expression of tags to leave out, repeatable
    #[arg(long, value_name = "REGEX")]
    exclude: Vec<String>,
    /// Read tags from a file or folder, ask no registry
    #[arg(long, value_name = "FILE")]
    tags_from: Option<PathBuf>,
    /// Number of tags to print
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Print all tags
    #[arg(long)]
    all: bool,
    /// Ask for the digest of the selected tag
    #[arg(long)]
    digests: bool,
    /// Allow plain HTTP
    #[arg(long)]
    insecure: bool,
    /// How to print them
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

/// What is asked, from the command line or from an object.
struct Subject {
    key: ObjectKey,
    repository: ImageRepository,
    policy: Option<(Option<ObjectKey>, Policy)>,
    current: Option<String>,
}

/// Lists the tags.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let mut resources = Resources::default();
    let subject = subject(args, session, &mut resources)?;
    let spec = &subject.repository.spec;
    let image = Repository::parse(&spec.image)
        .map_err(|error| CliError::usage(Chain(&error).to_string()))?;
    let list = spec.exclusion_list.as_deref().unwrap_or_default();
    let exclusions =
        Exclusions::new(list).map_err(|error| CliError::usage(Chain(&error).to_string()))?;
    let tags = exclusions.keep(list_tags(args, session, &subject, &image, &resources)?);
    let question = Question {
        image: &spec.image,
        policy: subject
            .policy
            .as_ref()
            .map(|(key, policy)| (key.as_ref(), policy)),
        current: subject.current.as_deref(),
    };
    let mut report = Report::new(&question, &tags);
    if args.digests
        && let Some(tag) = report.selected.clone()
    {
        report.digest = Some(digest(session, &subject, &image, &tag, &resources)?);
    }
    if !args.all {
        report.limit(args.limit);
    }
    let markers = Markers::of(session.globals);
    session.print(&args.output.render(&report, || report.table(markers))?)
}

fn list_tags(
    args: &Args,
    session: &mut Session<'_>,
    subject: &Subject,
    image: &Repository,
    resources: &Resources,
) -> Result<Vec<String>, CliError> {
    let cannot = |error: &dyn std::error::Error| {
        CliError::failure(format!(
            "cannot list tags of {}: {}",
            subject.repository.spec.image,
            Chain(error)
        ))
        .next("correct the image or its credentials, or read tags from a file with --tags-from")
    };
    if let Some(path) = &args.tags_from {
        return inputs::tag_files(path)?
            .tags(&subject.key, &subject.repository.spec.image)
            .map_err(|error| cannot(&error));
    }
    if let Some(text) = Registries::stand_in(&subject.key, &subject.repository, resources) {
        session.warn(&text);
    }
    let registries = inputs::registries(session);
    let listed = inputs::runtime()?.block_on(registries.tags(
        &subject.key,
        &subject.repository,
        image,
        resources,
    ));
    listed.map_err(|error| cannot(&error))
}

fn digest(
    session: &mut Session<'_>,
    subject: &Subject,
    image: &Repository,
    tag: &str,
    resources: &Resources,
) -> Result<String, CliError> {
    let registries = inputs::registries(session);
    let asked = registries.digest(&subject.key, &subject.repository, image, tag, resources);
    let digest = inputs::runtime()?.block_on(asked);
    digest.map_err(|error| {
        CliError::failure(format!(
            "cannot read the digest of {tag}: {}",
            Chain(&error)
        ))
    })
}

fn subject(
    args: &Args,
    session: &mut Session<'_>,
    resources: &mut Resources,
) -> Result<Subject, CliError> {
    let joined = args.subject.join("/");
    if let Some((noun, name)) = joined.split_once('/')
        && let Some(noun) = Noun::of(noun)
        && !name.contains('.')
    {
        return object(args, noun, name, session, resources);
    }
    match args.subject.as_slice() {
        [image] => bare(args, image),
        _ => Err(CliError::usage(format!("'{}' is no kind that has tags", args.subject[0]))
            .next("kubectl imgauto tags policy/NAME, repository/NAME or an image such as ghcr.io/org/app")),
    }
}

/// The kinds that have tags.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Noun {
    Policy,
    Repository,
}

impl Noun {
    fn of(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "policy" | "policies" | "imgpol" | "imagepol" | "imagepolicy" | "imagepolicies" => {
                Some(Self::Policy)
            }
            "repository" | "repositories" | "repo" | "imgrepo" | "imagerepo"
            | "imagerepository" | "imagerepositories" => Some(Self::Repository),
            _ => None,
        }
    }
}

fn bare(args: &Args, image: &str) -> Result<Subject, CliError> {
    Repository::parse(image).map_err(|error| {
        CliError::usage(Chain(&error).to_string())
            .next("name an image without tag or digest, such as ghcr.io/stefanprodan/podinfo")
    })?;
    let spec = ImageRepositorySpec {
        insecure: args.insecure,
        exclusion_list: Some(args.exclude.clone()),
        ..inputs::bare_repository(image)
    };
    Ok(Subject {
        key: ObjectKey::new("", image.rsplit('/').next().unwrap_or(image)),
        repository: ImageRepository::new("", spec),
        policy: flagged_policy(args)?.map(|policy| (None, policy)),
        current: None,
    })
}

/// The policy the flags describe; none when nothing is selected or filtered.
fn flagged_policy(args: &Args) -> Result<Option<Policy>, CliError> {
    let spec = PolicySpec {
        semver_range: args.select_semver.as_deref(),
        alphabetical_order: args.select_alpha.as_deref(),
        numerical_order: args.select_numeric.as_deref(),
        filter_pattern: args.filter_regex.as_deref(),
        filter_extract: args.filter_extract.as_deref(),
    };
    let rules = [
        spec.semver_range,
        spec.alphabetical_order,
        spec.numerical_order,
    ];
    if rules.iter().all(Option::is_none)
        && spec.filter_pattern.is_none()
        && spec.filter_extract.is_none()
    {
        return Ok(None);
    }
    Policy::new(&spec).map(Some).map_err(|error| {
        let field = error.field();
        let shown = match field {
            PolicyField::SemverRange => spec
                .semver_range
                .and_then(|range| checks::range(range).err()),
            PolicyField::FilterPattern => spec
                .filter_pattern
                .and_then(|regex| checks::filter_regex(regex).err()),
            PolicyField::Rule | PolicyField::AlphabeticalOrder | PolicyField::NumericalOrder => {
                None
            }
        };
        let shown = shown.unwrap_or_else(|| CliError::usage(Chain(&error).to_string()));
        shown.next(flag_of(field))
    })
}

fn flag_of(field: PolicyField) -> &'static str {
    match field {
        PolicyField::Rule => "choose with --select-semver, --select-alpha or --select-numeric",
        PolicyField::SemverRange => "correct --select-semver, such as --select-semver='>=1.0.0'",
        PolicyField::AlphabeticalOrder => "--select-alpha takes asc or desc",
        PolicyField::NumericalOrder => "--select-numeric takes asc or desc",
        PolicyField::FilterPattern => "correct --filter-regex; its syntax is that of Go (RE2)",
    }
}

fn object(
    args: &Args,
    noun: Noun,
    name: &str,
    session: &mut Session<'_>,
    resources: &mut Resources,
) -> Result<Subject, CliError> {
    let namespace = session.namespace()?;
    let wanted = match name.split_once('/') {
        Some((namespace, name)) => ObjectKey::new(namespace, name),
        None => ObjectKey::new(&namespace, name),
    };
    let asked = (noun, &wanted);
    let origin = objects::load(&args.files, asked, &namespace, session, resources)?;
    match noun {
        Noun::Repository => {
            let repository = inputs::find(
                &resources.repositories,
                "ImageRepository",
                &wanted,
                resources,
            )?;
            Ok(Subject {
                policy: flagged_policy(args)?.map(|policy| (None, policy)),
                key: wanted,
                repository: repository.object.clone(),
                current: None,
            })
        }
        Noun::Policy => {
            let found = inputs::find(&resources.policies, "ImagePolicy", &wanted, resources)?;
            let policy = Policy::try_from(&found.object.spec).map_err(|error| {
                let place = (origin == Origin::Files).then(|| found.place.to_string());
                CliError::usage(format!("ImagePolicy {wanted}: {}: {}", error.field().path(), Chain(&error)))
                    .at(place.into_iter().chain(error.place()))
                    .next("correct the field; kubectl imgauto tags IMAGE --select-… tries a rule without a file")
            })?;
            let key = local::repository_of(&wanted, &found.object);
            let repository =
                inputs::find(&resources.repositories, "ImageRepository", &key, resources)?;
            let status = found.object.status.as_ref();
            let latest = status.and_then(|status| status.latest_ref.as_ref());
            Ok(Subject {
                key,
                repository: repository.object.clone(),
                current: latest.map(|latest| latest.tag.clone()),
                policy: Some((Some(wanted), policy)),
            })
        }
    }
}
