//! The explanation as a document: the names of its fields are a contract.

use engine::delivery::{Check, CheckVerdict};
use serde::Serialize;

use super::chain::Chain;
use super::events::Told;
use super::fix;
use crate::commands::status::document::{API_VERSION, moment};
use crate::observe::Report;

/// What `why -o json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WhyReport<'a> {
    api_version: &'static str,
    kind: &'static str,
    generated_at: String,
    /// Whether everything could be looked at.
    complete: bool,
    /// What could not, each in a sentence.
    missing_permissions: &'a [String],
    items: Vec<Item<'a>>,
}

/// One thing that was asked about. Every field is always there; what does not apply is null.
#[derive(Debug, Serialize)]
struct Item<'a> {
    namespace: &'a str,
    workload: Option<Named<'a>>,
    container: Option<&'a str>,
    policy: Option<String>,
    update: Option<String>,
    state: &'static str,
    reason: Option<&'static str>,
    message: &'a str,
    /// The link that is broken.
    link: Option<&'static str>,
    checks: Vec<Link<'a>>,
    fix: Option<Fix<'a>>,
    docs: Option<String>,
    events: &'a [Told],
}

#[derive(Debug, Serialize)]
struct Named<'a> {
    kind: &'static str,
    name: &'a str,
}

#[derive(Debug, Serialize)]
struct Link<'a> {
    link: &'static str,
    /// `holds`, `underWay`, `broken`, `unknown` or `notReached`.
    verdict: &'static str,
    reason: Option<&'static str>,
    text: &'a str,
}

#[derive(Debug, Serialize)]
struct Fix<'a> {
    advice: Option<&'static str>,
    /// The command that mends it.
    command: Option<&'a str>,
}

impl<'a> WhyReport<'a> {
    pub(super) fn new(report: &'a Report, chains: &'a [Chain<'a>]) -> Self {
        Self {
            api_version: API_VERSION,
            kind: "WhyReport",
            generated_at: moment(report.at),
            complete: report.missing.is_empty(),
            missing_permissions: &report.missing,
            items: chains.iter().map(Item::new).collect(),
        }
    }
}

impl<'a> Item<'a> {
    fn new(chain: &'a Chain<'a>) -> Self {
        let judgement = &chain.judgement;
        let workload = chain.row.map(|row| &row.workload);
        let object = chain.update.or(chain.policy.as_ref());
        let own = workload.map(|workload| &workload.namespace);
        let namespace = own.or(object.map(|key| &key.namespace));
        let broken = chain.broken();
        let command = chain.fix.as_deref();
        Self {
            namespace: namespace.map_or("", String::as_str),
            workload: workload.map(|workload| Named {
                kind: workload.kind.kind(),
                name: &workload.name,
            }),
            container: chain.row.map(|row| row.container.as_str()),
            policy: chain.policy.as_ref().map(ToString::to_string),
            update: chain.update.map(ToString::to_string),
            state: judgement.state.as_str(),
            reason: judgement.reason.map(|reason| reason.as_str()),
            message: &judgement.message,
            link: broken.map(|(check, _)| check.link.as_str()),
            checks: chain.checks().map(Link::new).collect(),
            fix: (broken.is_some() || command.is_some()).then(|| Fix {
                advice: broken.map(|(_, reason)| fix::advice(reason)),
                command,
            }),
            docs: chain.docs(),
            events: &chain.events,
        }
    }
}

impl<'a> Link<'a> {
    fn new(check: &'a Check) -> Self {
        let (verdict, reason) = match check.verdict {
            CheckVerdict::Holds => ("holds", None),
            CheckVerdict::UnderWay => ("underWay", None),
            CheckVerdict::Broken(reason) => ("broken", Some(reason.as_str())),
            CheckVerdict::Unknown => ("unknown", None),
            CheckVerdict::NotReached => ("notReached", None),
        };
        Self {
            link: check.link.as_str(),
            verdict,
            reason,
            text: &check.text,
        }
    }
}
