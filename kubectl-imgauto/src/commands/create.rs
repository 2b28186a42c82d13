//! `create`: makes or changes a resource, or writes its manifest, checked as far as that goes without a cluster.

mod apply;
pub(crate) mod checks;
mod merge;
mod message;
mod metadata;
mod policy;
mod repository;
mod selector;
mod update;

use clap::{Subcommand, ValueEnum};
use engine::duration::GoDuration;
use kube::Resource as _;
use reconciler::chain::Chain;
use serde_json::Value;

use super::field_owners::Path;
use super::manifest;
use crate::csv::{self, CsvError};
use crate::error::{CliError, ExitStatus};
use crate::flag_value;
use crate::image_kind::ImageKind;
use crate::namespace;
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
    /// An ImageRepository: which repository of a registry is scanned
    #[command(visible_aliases = ["repositories", "repo", "imgrepo", "imagerepo", "imagerepository"])]
    Repository(repository::Args),
    /// An ImagePolicy: which of its tags counts as the latest
    #[command(visible_aliases = ["policies", "imgpol", "imagepol", "imagepolicy"])]
    Policy(policy::Args),
    /// An ImageUpdateAutomation: where it is written, committed and pushed
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
    /// Apply nothing: `client` prints the manifest like --export, `server` asks what would be
    #[arg(long, global = true, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    dry_run: Option<DryRun>,
    /// Print the resource, and how; a manifest that is only printed is YAML unless told otherwise
    #[arg(short, long, global = true, value_name = "FORMAT")]
    output: Option<Format>,
    /// Change what is named, and leave the rest of an existing resource alone
    #[arg(long, global = true, conflicts_with = "replace", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", value_parser = flag_value::switch, action = clap::ArgAction::Set)]
    patch: bool,
    /// Give an existing resource the spec and the labels of the command line, as flux does
    ///
    /// What is not named goes back to its default, and the command says what that was.
    #[arg(long, global = true)]
    replace: bool,
    /// Take fields over from others who apply them, such as Flux's kustomize-controller
    #[arg(long, global = true)]
    force_conflicts: bool,
    /// Wait until the resource is reconciled
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", value_parser = flag_value::switch, action = clap::ArgAction::Set)]
    wait: bool,
    /// Time between two scans, checks or runs
    ///
    /// Defaults to 1m0s for a repository and an update. A policy takes it only with
    /// --reflect-digest=Always.
    #[arg(long, global = true, value_name = "DURATION", value_parser = flag_value::duration)]
    interval: Option<GoDuration>,
    /// Whether the resource is suspended
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = flag_value::switch, action = clap::ArgAction::Set)]
    suspend: Option<bool>,
    #[command(flatten)]
    marks: Marks,
}

impl Common {
    /// Whether what is not named goes back to its default.
    fn is_replacement(&self) -> bool {
        self.replace || !self.patch
    }
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

/// What a command line adds to.
#[derive(Debug)]
enum Basis<'a, K> {
    /// Nothing: it has to bring all that is required.
    Nothing,
    /// It is not known yet: only what is wrong in any case is a mistake.
    Unknown,
    /// An object that is there.
    Object(&'a K),
}

impl<K> Clone for Basis<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Basis<'_, K> {}

impl<'a, K> Basis<'a, K> {
    /// Whether all has to be there that is required.
    fn is_nothing(self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// Whether it is known what there is.
    fn is_known(self) -> bool {
        !matches!(self, Self::Unknown)
    }

    /// The object that is there.
    fn object(self) -> Option<&'a K> {
        match self {
            Self::Object(object) => Some(object),
            Self::Nothing | Self::Unknown => None,
        }
    }
}

/// The flags of one kind, as the draft of an object.
trait Draft {
    /// The kind.
    type Kind: ImageKind;

    /// Returns the object without its namespace, or everything that is wrong with the command line.
    ///
    /// With an object to add to, what the command line leaves out is empty or has its default.
    fn build(&self, common: &Common, basis: Basis<'_, Self::Kind>) -> Result<Self::Kind, CliError>;

    /// Returns the part of a built object that the command line names.
    fn named(&self, common: &Common, built: &Value) -> Value;

    /// Returns the fields of an object that cannot stand beside what the command line names.
    fn superseded(&self, live: &Self::Kind) -> Vec<Path>;
}

/// Makes or changes the resource, or writes its manifest.
pub(crate) fn run(args: Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let mut common = args.common;
    let mut noun = match args.noun {
        Spelling::Native(noun) => noun,
        Spelling::Image { marks, noun } => {
            common.marks.append(marks);
            noun
        }
    };
    let names = noun.names();
    common.marks.append(std::mem::take(&mut names.marks));
    let ignored = std::mem::take(&mut names.ignored);
    let status = match &noun {
        Noun::Repository(args) => carry_out(args, &common, session),
        Noun::Policy(args) => carry_out(args, &common, session),
        Noun::Update(args) => carry_out(&**args, &common, session),
    }?;
    for argument in ignored {
        session.warn(&format!(
            "ignoring {argument:?}: one name is used, the first"
        ));
    }
    Ok(status)
}

fn carry_out<D: Draft>(
    draft: &D,
    common: &Common,
    session: &mut Session<'_>,
) -> Result<ExitStatus, CliError> {
    let help = |error: CliError| match error.status() {
        ExitStatus::Usage => {
            let word = D::Kind::NOUN.word();
            error.or_next(format!("kubectl imgauto create {word} --help"))
        }
        _ => error,
    };
    if !common.export && common.dry_run != Some(DryRun::Client) {
        return apply::run(draft, common, session).map_err(help);
    }
    let text = write(draft, common, session).map_err(help)?;
    session.print(&text)
}

/// Writes the manifest.
fn write<D: Draft>(
    draft: &D,
    common: &Common,
    session: &mut Session<'_>,
) -> Result<String, CliError> {
    let built = draft.build(common, Basis::Nothing);
    // The session tells who decided the namespace; that is of no use beside errors.
    let namespace = match &built {
        Ok(_) => session.namespace(),
        Err(_) => namespace::choose(session.globals, session.environment).map(|choice| choice.name),
    };
    match (built, namespace) {
        (Ok(mut object), Ok(namespace)) => {
            object.meta_mut().namespace = Some(namespace);
            print(&object, common.output.unwrap_or(Format::Yaml))
        }
        (built, namespace) => {
            let errors = built.err().into_iter().chain(namespace.err());
            CliError::all(errors.collect()).map(|()| String::new())
        }
    }
}

impl Noun {
    /// Returns the arguments all nouns have.
    fn names(&mut self) -> &mut Names {
        match self {
            Self::Repository(args) => &mut args.names,
            Self::Policy(args) => &mut args.names,
            Self::Update(args) => &mut args.names,
        }
    }
}

/// Returns the manifest of an object.
fn print<K: ImageKind>(object: &K, format: Format) -> Result<String, CliError> {
    let manifest = manifest::of(object)?;
    match format {
        Format::Yaml => manifest::yaml(&manifest),
        Format::Json => {
            let text = serde_json::to_string_pretty(&manifest);
            text.map(|text| format!("{text}\n"))
                .map_err(|error| CliError::failure(Chain(&error).to_string()))
        }
        Format::Name => {
            let kind = K::KIND.to_lowercase();
            let name = object.meta().name.as_deref().unwrap_or_default();
            Ok(format!("{kind}.{}/{name}\n", K::group(&())))
        }
    }
}
