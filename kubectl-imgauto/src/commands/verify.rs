//! `verify`: whether the containers of workloads are what they are expected to be, as a gate.

pub(crate) mod expected;
mod question;
mod report;
mod telling;
#[cfg(test)]
mod tests;
mod verdict;
mod wait;

use std::time::Duration;

use api::ImagePolicy;
use clap::ArgAction;
use engine::image::Reference;
use kube::Api;
use reconciler::chain::Chain;
use reconciler::resources::ObjectKey;

use crate::cluster::{Attempt, Cluster, refused};
use crate::commands::inputs;
use crate::commands::scope::{Scope, ScopeFlags};
use crate::error::{CliError, ExitStatus};
use crate::flag_value::{self, quoted};
use crate::format::Format;
use crate::observe::Report;
use crate::session::Session;
use question::{Answer, Expectation, Question, Subject};
use telling::Teller;
use verdict::{Demand, Demands, Verdict};

/// Flags of `verify`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without names, every workload of the namespace that a policy looks after is verified.

Exit codes: 0 everything is as expected, 1 something is not, 2 it cannot be told, 124 --wait ran out of time.

Examples:
  kubectl imgauto verify deployment/podinfo
  kubectl imgauto verify deployment/podinfo --wait --timeout=3m
  kubectl imgauto verify deployment/podinfo --tag 5.0.3
  kubectl imgauto verify -A --git -o table"
)]
pub(crate) struct Args {
    #[command(flatten)]
    scope: ScopeFlags,
    /// Image to expect in place of the policy's choice
    #[arg(long, value_name = "REF", conflicts_with_all = ["tag", "policy"])]
    image: Option<String>,
    /// Tag to expect in place of the policy's choice
    #[arg(long, value_name = "TAG", conflicts_with = "policy")]
    tag: Option<String>,
    /// Policy whose choice to expect
    #[arg(long, value_name = "[NAMESPACE/]NAME")]
    policy: Option<String>,
    /// Expect that it is committed, too
    #[arg(long)]
    git: bool,
    /// Expect that it is rolled out; false compares what the workload asks for only
    #[arg(
        long,
        value_name = "BOOL",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        value_parser = clap::builder::ValueParser::new(flag_value::switch),
        default_missing_value = "true",
        default_value = "true"
    )]
    rollout: bool,
    /// Expect the digest, too: the tag alone may have been pushed again
    #[arg(long)]
    digest: bool,
    /// Wait until it is so, for --timeout at most
    #[arg(long)]
    wait: bool,
    /// How to print what is verified: image, table, json, yaml, jsonpath=TEMPLATE
    #[arg(short, long, value_name = "FORMAT", default_value = "image")]
    output: String,
}

/// Verifies, once or until it is so.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let format = Format::parse(
        &args.output,
        &["image", "table", "json", "yaml", "jsonpath"],
    )?;
    let scope = args.scope.read("verify", session)?;
    let question = question(args, &scope)?;
    let gate = Gate { scope, question };
    let cluster = Cluster::open(session)?;
    let limit = inputs::timeout(session.globals.timeout);
    let mut teller = Teller::new(session);
    let seen = if args.wait {
        wait::wait(&cluster, &gate, limit, &mut teller, session)?
    } else {
        gate.look_within(&cluster, limit)?
    };
    for missing in &seen.report.missing {
        session.warn(&format!("partial: {missing}"));
    }
    let answers = seen.answers();
    teller.conclude(&answers, session);
    let status = status(&answers);
    let text = report::render(&format, &seen.report, &answers, session)?;
    if !session.globals.quiet {
        session.print(&text)?;
    }
    if answers.is_empty() {
        return Err(nothing(&gate.scope));
    }
    Ok(status)
}

fn question(args: &Args, scope: &Scope) -> Result<Question, CliError> {
    let expectation = if let Some(image) = &args.image {
        let image = Reference::parse(image)
            .map_err(|error| CliError::usage(format!("--image: {}", Chain(&error))))?;
        Expectation::Image(image)
    } else if let Some(tag) = &args.tag {
        if Reference::parse(&format!("image:{tag}")).is_err() {
            return Err(CliError::usage(format!("--tag: {} is no tag", quoted(tag))));
        }
        Expectation::Tag(tag.clone())
    } else if let Some(policy) = &args.policy {
        let policy = match policy.split_once('/') {
            Some((namespace, name)) => ObjectKey::new(namespace, name),
            None => ObjectKey::new(&scope.home, policy),
        };
        let chosen = None;
        Expectation::ChoiceOf { policy, chosen }
    } else {
        Expectation::Choice
    };
    let needed = |flag| {
        if flag {
            Demand::Needed
        } else {
            Demand::Ignored
        }
    };
    Ok(Question {
        expectation,
        demands: Demands {
            rollout: needed(args.rollout),
            git: needed(args.git),
            digest: needed(args.digest),
        },
        subject: if scope.names_workloads() {
            Subject::Named
        } else {
            Subject::All
        },
    })
}

/// What is verified, and where.
struct Gate {
    scope: Scope,
    question: Question,
}

/// What was seen at one time.
struct Seen {
    /// The containers that are meant.
    report: Report,
    /// The question, with what its policy has chosen by then.
    question: Question,
}

impl Seen {
    fn answers(&self) -> Vec<Answer<'_>> {
        self.question.answers(&self.report.rows)
    }
}

impl Gate {
    fn look_within(&self, cluster: &Cluster, limit: Duration) -> Result<Seen, CliError> {
        let late = || CliError::timed_out("the API server did not answer in time");
        let seen = cluster.run_within(limit, self.look(cluster), late)?;
        Ok(seen)
    }

    /// Looks at the cluster. That something cannot be looked at is no answer.
    async fn look(&self, cluster: &Cluster) -> Result<Seen, CliError> {
        let report = self.scope.look(cluster, None);
        let mut report = report.await.map_err(CliError::undecided)?;
        self.scope
            .check(&report.rows)
            .map_err(CliError::undecided)?;
        report.rows.retain(|row| self.scope.covers(row));
        let mut question = self.question.clone();
        if let Expectation::ChoiceOf { policy, chosen } = &mut question.expectation {
            *chosen = choice(cluster, policy).await.map_err(CliError::undecided)?;
        }
        Ok(Seen { report, question })
    }
}

/// What a policy chose, if it has.
async fn choice(cluster: &Cluster, policy: &ObjectKey) -> Result<Option<Reference>, CliError> {
    let policies: Api<ImagePolicy> = Api::namespaced(cluster.client.clone(), &policy.namespace);
    let found = policies.get(&policy.name).await.map_err(|error| {
        let attempt = Attempt {
            verb: "get",
            what: &format!("ImagePolicy {policy}"),
            api_version: api::keys::IMAGE_API_VERSION,
        };
        refused(&error, attempt)
    })?;
    let latest = found.status.and_then(|status| status.latest_ref);
    Ok(latest.and_then(|latest| {
        let digest = latest.digest.map(|digest| format!("@{digest}"));
        let digest = digest.unwrap_or_default();
        Reference::parse(&format!("{}:{}{digest}", latest.name, latest.tag)).ok()
    }))
}

/// Yes if every answer is yes, no if one is; else it cannot be told.
fn status(answers: &[Answer<'_>]) -> ExitStatus {
    let has = |is: fn(&Verdict) -> bool| answers.iter().any(|answer| is(&answer.verdict));
    if has(|verdict| matches!(verdict, Verdict::Different { .. })) {
        ExitStatus::No
    } else if has(|verdict| matches!(verdict, Verdict::Unknown { .. })) {
        ExitStatus::Usage
    } else {
        ExitStatus::Done
    }
}

fn nothing(scope: &Scope) -> CliError {
    let flag = scope.flag();
    CliError::usage("there is nothing to verify: no workload that is meant is tied to a policy")
        .next(format!("kubectl imgauto status --unmanaged{flag}"))
}
