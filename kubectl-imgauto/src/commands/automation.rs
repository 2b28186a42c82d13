//! What `run` and `diff` share: objects in, report out.

mod hints;

use std::collections::BTreeSet;
use std::path::PathBuf;

use reconciler::chain::Chain;
use reconciler::local::{
    self, Access, AutomationError, Destination, Origin, Overrides, Progress, Report, Run,
    Signatures,
};
use reconciler::resources::Resources;
use reconciler::update::Severity;

use crate::commands::inputs;
use crate::error::CliError;
use crate::git_login;
use crate::session::Session;

/// What is asked: the flags `run` and `diff` share.
#[derive(Debug, clap::Args)]
pub(crate) struct Question {
    /// Root of the checkout
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// File or folder with the objects, or - for standard input, repeatable; without it they are looked for under PATH
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Run only this automation, also if it is suspended
    #[arg(long, value_name = "NAME")]
    update: Option<String>,
    /// Read tags from a file or folder, ask no registry
    #[arg(long, value_name = "FILE", conflicts_with = "offline")]
    tags_from: Option<PathBuf>,
    /// Ask no registry: take status.latestRef of the policies
    #[arg(long)]
    offline: bool,
}

/// What is to be done with the answer.
pub(crate) struct Order {
    /// What becomes of the edits.
    pub(crate) destination: Destination,
    /// What becomes of commits that should be signed.
    pub(crate) signatures: Signatures,
    /// What the command line says instead of the automations.
    pub(crate) overrides: Overrides,
}

/// Reads the objects, lets the policies choose and carries the automations out.
pub(crate) fn carry_out(
    question: &Question,
    order: &Order,
    session: &mut Session<'_>,
) -> Result<Report, CliError> {
    if !question.path.is_dir() {
        return Err(
            CliError::usage(format!("{} is no folder", question.path.display()))
                .next("kubectl imgauto run PATH, with the root of a checkout as PATH"),
        );
    }
    let resources = resources(question, session)?;
    let (automations, suspended) =
        local::automations(&resources, question.update.as_deref(), &order.overrides).map_err(|error| {
            let next = match &error {
                AutomationError::Branch(_) => "name a branch without refs/heads/, such as --branch=image-updates",
                AutomationError::Selector { .. } => "correct spec.policySelector; operators are In, NotIn, Exists and DoesNotExist",
                AutomationError::Template { .. } => "correct the template, or try another one with --commit-template and --dry-run",
                AutomationError::Unknown { .. } => "--update takes a name, or NAMESPACE/NAME",
                AutomationError::Nothing => "kubectl imgauto create update NAME … --export writes an automation; -f names the file that holds it",
            };
            CliError::usage(Chain(&error).to_string()).next(next)
        })?;
    for key in suspended {
        session.warn(&format!(
            "ImageUpdateAutomation {key} is suspended; --update {} runs it all the same",
            key.name
        ));
    }
    let wanted: BTreeSet<_> = automations
        .iter()
        .flat_map(|automation| automation.policies.clone())
        .collect();
    let runtime = inputs::runtime()?;
    let choices = {
        let files = question.tags_from.as_deref().map(inputs::tag_files);
        let files = files.transpose()?;
        let registries = inputs::registries(session);
        let origin = match (&files, question.offline) {
            (_, true) => Origin::Status,
            (Some(files), _) => Origin::Files(files),
            (None, false) => Origin::Registries(&registries),
        };
        let mut progress = |step: Progress<'_>| tell(step, session);
        runtime.block_on(local::choose(&resources, &wanted, &origin, &mut progress))
    };
    let access = Access {
        home: session.environment.home(),
        agent: session
            .environment
            .variable("SSH_AUTH_SOCK")
            .map(PathBuf::from),
        login: &git_login::login,
        timeout: inputs::timeout(session.globals.timeout),
        runtime: runtime.handle().clone(),
    };
    let run = Run {
        root: &question.path,
        resources: &resources,
        automations: &automations,
        choices: &choices,
        destination: order.destination,
        access,
        signatures: order.signatures,
    };
    let mut progress = |step: Progress<'_>| tell(step, session);
    run.carry_out(&mut progress).map_err(|error| {
        let failed = CliError::failure(Chain(&error).to_string());
        hints::after(&error)
            .into_iter()
            .fold(failed, CliError::next)
    })
}

fn resources(question: &Question, session: &mut Session<'_>) -> Result<Resources, CliError> {
    let namespace = session.namespace()?;
    let mut resources = Resources::default();
    if question.files.is_empty() {
        inputs::load(
            std::slice::from_ref(&question.path),
            &namespace,
            &mut resources,
        )?;
        return Ok(resources);
    }
    inputs::load(&question.files, &namespace, &mut resources)?;
    let faults = resources
        .faults
        .iter()
        .filter(|fault| fault.severity == Severity::Error);
    CliError::all(
        faults
            .map(|fault| {
                CliError::usage(format!("{}: {}", fault.place, fault.reason))
                    .next("correct the file; kubectl imgauto create … --export writes objects that are right")
            })
            .collect(),
    )?;
    Ok(resources)
}

fn tell(step: Progress<'_>, session: &mut Session<'_>) {
    match step {
        Progress::Scanning { repositories: 1 } => session.progress("scanning 1 repository"),
        Progress::Scanning { repositories } => {
            session.progress(&format!("scanning {repositories} repositories"));
        }
        Progress::Chosen { latest, tags, .. } => {
            let digest = latest
                .digest
                .as_ref()
                .map(|digest| format!("@{digest}"))
                .unwrap_or_default();
            session.done(&format!(
                "{}: {tags} tags, selected {}{digest}",
                latest.name, latest.tag
            ));
        }
        Progress::Updating { path } => session.progress(&format!("updating {path}")),
        Progress::Fetching { remote } => session.progress(&format!("fetching {remote}")),
        Progress::Note { text } => session.warn(text),
    }
}

/// Tells on standard error what could not be used, and why.
pub(crate) fn tell_problems(report: &Report, session: &mut Session<'_>) {
    for problem in &report.problems {
        let place = match (&problem.file, problem.line) {
            (Some(file), Some(line)) => format!("{file}:{line}: "),
            (Some(file), None) => format!("{file}: "),
            (None, _) => String::new(),
        };
        let text = format!("{place}{}", problem.reason);
        match problem.severity {
            Severity::Error => session.fail(&text),
            Severity::Warning => session.warn(&text),
        }
    }
}
