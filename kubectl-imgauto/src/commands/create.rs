//! `create`: writes the manifest of a resource, checked as far as that goes without a cluster.

pub(crate) mod checks;
mod message;
mod metadata;
mod policy;
mod repository;
mod selector;
mod update;

use clap::{Subcommand, ValueEnum};
use engine::duration::GoDuration;
use reconciler::chain::Chain;
use serde::Serialize;

use crate::csv::{self, CsvError};
use crate::error::{CliError, ExitStatus};
use crate::export::{self, ExportError};
use crate::flag_value;
use crate::session::Session;

/// Flags of `create`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    noun: Spelling,
}

/// The nouns, and flux's spelling of them.
#[derive(Debug, Subcommand)]
enum Spelling {
    #[command(flatten)]
    Native(Noun),
    /// Flux's spelling: `create image repository` is `create repository`
    #[command(hide = true, alias = "images")]
    Image {
        #[command(flatten)]
        marks: Marks,
        #[command(subcommand)]
        noun: Noun,
    },
}

/// The kinds that can be created.
#[derive(Debug, Subcommand)]
enum Noun {
    /// Write an ImageRepository: which repository of a registry is scanned
    #[command(visible_aliases = ["repositories", "repo", "imgrepo", "imagerepo", "imagerepository"])]
    Repository(repository::Args),
    /// Write an ImagePolicy: which of its tags counts as the latest
    #[command(visible_aliases = ["policies", "imgpol", "imagepol", "imagepolicy"])]
    Policy(policy::Args),
    /// Write an ImageUpdateAutomation: where it is written, committed and pushed
    #[command(visible_aliases = ["updates", "automation", "iua", "imgupd", "imageupdateautomation"])]
    Update(Box<update::Args>),
}

/// The flags all kinds take.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Flags of every kind")]
struct Common {
    /// Print the manifest; no cluster is asked
    #[arg(long, global = true)]
    export: bool,
    /// Apply nothing; `client` prints the manifest like --export
    #[arg(long, global = true, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    dry_run: Option<DryRun>,
    /// How to print the manifest
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "yaml"
    )]
    output: Format,
    /// Time between two scans, checks or runs
    ///
    /// Defaults to 1m0s for a repository and an update. A policy takes it only with
    /// --reflect-digest=Always.
    #[arg(long, global = true, value_name = "DURATION", value_parser = flag_value::duration)]
    interval: Option<GoDuration>,
    /// Write the resource suspended
    #[arg(long, global = true)]
    suspend: bool,
    #[command(flatten)]
    marks: Marks,
}

/// The flags that add up, wherever in the command they stand.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Flags of every kind")]
struct Marks {
    /// Label to set; several are separated by commas or given by several flags
    #[arg(long, value_name = "KEY=VALUE", value_parser = label_list)]
    label: Vec<LabelList>,
    /// Annotation to set, repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    annotation: Vec<String>,
}

impl Marks {
    /// Adds the flags that follow; of two with one key the later one counts.
    fn append(&mut self, mut later: Self) {
        self.label.append(&mut later.label);
        self.annotation.append(&mut later.annotation);
    }
}

/// What is done instead of applying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DryRun {
    /// Nothing: apply
    None,
    /// Print the manifest
    Client,
    /// Ask the API server what it would do
    Server,
}

/// How a manifest is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// As YAML
    Yaml,
    /// As JSON
    Json,
    /// As kind and name only
    Name,
}

/// The labels of one flag.
#[derive(Clone, Debug)]
struct LabelList(Vec<String>);

fn label_list(text: &str) -> Result<LabelList, CsvError> {
    csv::split(text).map(LabelList)
}

/// The positional arguments of a noun.
#[derive(Debug, clap::Args)]
struct Names {
    /// Name of the resource
    name: Option<String>,
    /// What follows the name; flux passes over it.
    #[arg(hide = true)]
    ignored: Vec<String>,
    #[command(flatten)]
    marks: Marks,
}

/// Writes the manifest.
pub(crate) fn run(args: Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let mut common = args.common;
    let mut noun = match args.noun {
        Spelling::Native(noun) => noun,
        Spelling::Image { marks, noun } => {
            common.marks.append(marks);
            noun
        }
    };
    let (word, names) = noun.named();
    common.marks.append(std::mem::take(&mut names.marks));
    let ignored = std::mem::take(&mut names.ignored);
    let text =
        match &noun {
            Noun::Repository(args) => repository::build(args, &common, session)
                .and_then(|object| render(&object, common.output)),
            Noun::Policy(args) => policy::build(args, &common, session)
                .and_then(|object| render(&object, common.output)),
            Noun::Update(args) => update::build(args, &common, session)
                .and_then(|object| render(&object, common.output)),
        };
    let text =
        text.map_err(|error| error.or_next(format!("kubectl imgauto create {word} --help")))?;
    for argument in ignored {
        session.warn(&format!(
            "ignoring {argument:?}: one name is used, the first"
        ));
    }
    session.print(&text)
}

impl Noun {
    /// Returns the noun's own word and the arguments all nouns have.
    fn named(&mut self) -> (&'static str, &mut Names) {
        match self {
            Self::Repository(args) => ("repository", &mut args.names),
            Self::Policy(args) => ("policy", &mut args.names),
            Self::Update(args) => ("update", &mut args.names),
        }
    }
}

/// Returns what is wrong when the command line wants more than a manifest.
fn needs_cluster(common: &Common) -> Option<CliError> {
    if common.export || common.dry_run == Some(DryRun::Client) {
        return None;
    }
    let message = if common.dry_run == Some(DryRun::Server) {
        "--dry-run=server needs a cluster, which create does not talk to: print the manifest with --export"
    } else {
        "create does not talk to a cluster: print the manifest with --export, or with --dry-run=client -o yaml"
    };
    let next = "kubectl imgauto create … --export | kubectl apply -f -";
    Some(CliError::usage(message).next(next))
}

fn render<K>(object: &K, format: Format) -> Result<String, CliError>
where
    K: Serialize + kube::Resource<DynamicType = ()>,
{
    match format {
        Format::Yaml => export::document(object).map_err(|error| match error {
            ExportError::Text { field, source } => {
                CliError::usage(source.to_string()).at([format!("in {field}")])
            }
            ExportError::Json(_) => CliError::failure(Chain(&error).to_string()),
        }),
        Format::Json => {
            let text = serde_json::to_string_pretty(object);
            text.map(|text| format!("{text}\n"))
                .map_err(|error| CliError::failure(Chain(&error).to_string()))
        }
        Format::Name => {
            let kind = K::kind(&()).to_lowercase();
            let name = object.meta().name.clone().unwrap_or_default();
            Ok(format!("{kind}.{}/{name}\n", K::group(&())))
        }
    }
}
