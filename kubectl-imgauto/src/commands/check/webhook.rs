//! The webhook: whether it runs, whether the API server reaches and trusts it, and what else could go wrong with it.

mod seen;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use engine::admission::Mode;
use engine::admission::keys::{DRIFT, MODE};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;
use kube::core::{Selector, SelectorExt as _};

use super::reconciler::{deployment, version};
use super::report::{Category, Finding};
use super::seen::Seen;
use crate::installation::Controller;
use crate::manifests::{GUARD, MARK, WEBHOOK};
pub(super) use seen::Webhook;
use seen::{Authority, Claim, Configuration, Hook, Server};

const HERE: Category = Category::Webhook;

/// Less than an authority that lives for a year has left when it is renewed.
const SOON: SignedDuration = SignedDuration::from_hours(60 * 24);

/// How many of the same kind are told.
const TOLD: usize = 3;

/// Judges the webhook, at the time `now`.
pub(super) fn findings(seen: &Seen, now: Timestamp) -> Vec<Finding> {
    let Some(webhook) = &seen.webhook else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for server in &webhook.servers {
        findings.extend(of_server(server, now));
    }
    findings.extend(match &webhook.configurations {
        Ok(found) => of_configurations(webhook, found),
        Err(error) => vec![Finding::hidden(HERE, error)],
    });
    findings.extend(match &webhook.namespaces {
        Ok(namespaces) => few(namespaces.iter().filter_map(unknown_mode)),
        Err(error) => vec![Finding::hidden(HERE, error)],
    });
    findings.extend(match &webhook.claims {
        Ok(claims) => few(claims.iter().map(claim)),
        Err(error) => vec![Finding::hidden(HERE, error)],
    });
    findings
}

/// The first of many findings, and how many more there are.
fn few(found: impl Iterator<Item = Finding>) -> Vec<Finding> {
    let mut findings: Vec<_> = found.collect();
    let more = findings.len().saturating_sub(TOLD);
    findings.truncate(TOLD);
    if let (Some(last), 1..) = (findings.last_mut(), more) {
        *last = last.clone().at(format!("and {more} more of the same"));
    }
    findings
}

fn of_server(server: &Server, now: Timestamp) -> Vec<Finding> {
    let controller = &server.controller;
    let namespace = controller.namespace();
    let mut findings = vec![
        deployment(HERE, controller, &server.trouble),
        version(HERE, controller),
    ];
    findings.push(match &server.endpoints {
        Err(error) => Finding::hidden(HERE, error),
        Ok(0) => Finding::bad(
            HERE,
            format!("Service {WEBHOOK} leads nowhere ({namespace})"),
        )
        .hint(format!(
            "kubectl -n {namespace} get endpointslices -l kubernetes.io/service-name={WEBHOOK}"
        )),
        Ok(count) => Finding::good(
            HERE,
            format!("Service {WEBHOOK} leads to {count} ({namespace})"),
        ),
    });
    // Somebody else looks after the certificate.
    if controller.flag("tls-dir").is_none() {
        findings.push(match &server.authority {
            Err(error) => Finding::hidden(HERE, error),
            Ok(None) => Finding::bad(
                HERE,
                format!("{WEBHOOK} has made no authority yet ({namespace})"),
            )
            .hint(logs(&namespace)),
            Ok(Some(authority)) => expiry(authority, controller, now),
        });
    }
    findings
}

fn logs(namespace: &str) -> String {
    format!("kubectl -n {namespace} logs deployment/{WEBHOOK}")
}

fn expiry(authority: &Authority, controller: &Controller, now: Timestamp) -> Finding {
    let namespace = &controller.namespace();
    let Some(end) = authority.not_after else {
        let text =
            format!("the authority of {WEBHOOK} does not say how long it counts ({namespace})");
        return Finding::warning(HERE, text).hint(logs(namespace));
    };
    let left = end.duration_since(now);
    let day = end.strftime("%Y-%m-%d");
    if !left.is_positive() {
        let text = format!("the authority of {WEBHOOK} has counted until {day} ({namespace})");
        return Finding::bad(HERE, text).hint(logs(namespace));
    }
    let text = format!("the authority of {WEBHOOK} counts until {day} ({namespace})");
    // Who has it live shorter knows better.
    if left < SOON && controller.flag("ca-lifetime").is_none() {
        return Finding::warning(HERE, text)
            .at("it should have been renewed")
            .hint(logs(namespace));
    }
    Finding::good(HERE, text)
}

fn of_configurations(webhook: &Webhook, found: &[Configuration]) -> Vec<Finding> {
    let ours = found.iter().filter(|it| it.is_ours());
    let Some(server) = webhook.servers.first() else {
        // Where not all Deployments can be seen, there may be one.
        let orphans = ours.filter(|_| webhook.is_complete);
        return orphans.map(orphan).collect();
    };
    let mut findings = Vec::new();
    for name in [MARK, GUARD] {
        findings.push(match ours.clone().find(|it| it.name == name) {
            None => {
                let namespace = server.controller.namespace();
                Finding::bad(
                    HERE,
                    format!("{name} is not there: the webhook is not called for it"),
                )
                .hint(format!(
                    "kubectl imgauto install -n {namespace} --components=webhook"
                ))
            }
            Some(configuration) => of_configuration(configuration, server),
        });
    }
    let labels = match &server.namespace {
        Ok(Some(namespace)) => namespace.labels().clone(),
        Ok(None) | Err(_) => BTreeMap::new(),
    };
    let namespace = server.controller.namespace();
    let others = found.iter().filter(|it| !it.is_ours());
    findings.extend(few(
        others.filter_map(|other| in_the_way(other, &namespace, &labels))
    ));
    findings
}

fn orphan(configuration: &Configuration) -> Finding {
    let Configuration { kind, name, .. } = configuration;
    Finding::bad(HERE, format!("{name} is there, and no {WEBHOOK} to call"))
        .at("namespaces that enforce take no workloads")
        .hint(format!("kubectl delete {} {name}", kind.to_lowercase()))
        .hint("kubectl imgauto install --components=webhook")
}

/// Whether the API server reaches and trusts what it is to call.
fn of_configuration(configuration: &Configuration, server: &Server) -> Finding {
    let Configuration { name, hooks, .. } = configuration;
    let namespace = server.controller.namespace();
    let place = (namespace.as_str(), WEBHOOK);
    let again = format!("kubectl imgauto install -n {namespace} --components=webhook");
    let strays = |hook: &&Hook| {
        let service = hook.client_config.service.as_ref();
        service.is_some_and(|service| (service.namespace.as_str(), service.name.as_str()) != place)
    };
    if let Some(stray) = hooks.iter().find(strays) {
        let text = format!("{name} does not lead to {WEBHOOK} in {namespace}");
        return Finding::bad(HERE, text).at(&stray.name).hint(again);
    }
    let bundle = |hook: &Hook| hook.client_config.ca_bundle.clone().unwrap_or_default().0;
    let blind = hooks.iter().filter(|hook| bundle(hook).is_empty()).count();
    if blind > 0 {
        let text = format!("{name}: caBundle is empty in {blind} of {}", hooks.len());
        return Finding::bad(HERE, text)
            .at("the API server does not trust the webhook, which writes it within seconds")
            .hint(logs(&namespace));
    }
    if let Ok(Some(authority)) = &server.authority
        && server.controller.flag("tls-dir").is_none()
        && hooks.iter().any(|hook| bundle(hook) != authority.bundle)
    {
        let text = format!("{name}: caBundle is not what the webhook wants trusted");
        return Finding::bad(HERE, text)
            .at("the webhook corrects it within seconds if nobody else writes it")
            .hint(logs(&namespace));
    }
    let enforces = |hook: &&Hook| {
        let path = hook
            .client_config
            .service
            .as_ref()
            .and_then(|it| it.path.as_deref());
        path == Some("/validate/enforce")
    };
    let mut strict = hooks.iter().filter(enforces);
    if strict.any(|hook| hook.failure_policy.as_deref() == Some("Ignore")) {
        let text =
            format!("{name} lets all pass in namespaces that enforce while the webhook is away");
        return Finding::warning(HERE, text).hint(again);
    }
    Finding::good(HERE, format!("{name}: the API server trusts the webhook"))
}

/// Whether somebody else's webhook keeps our pods from starting when it is away.
fn in_the_way(
    configuration: &Configuration,
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> Option<Finding> {
    let mut hooks = configuration.hooks.iter();
    let hook = hooks.find(|hook| {
        let fails = hook.failure_policy.as_deref() != Some("Ignore");
        fails && is_asked_about_pods(hook) && selects(hook, labels)
    })?;
    let kind = configuration.kind.to_lowercase();
    let text = format!(
        "{} of {} may refuse the pods of {WEBHOOK}: it fails when it is away, and is asked about {namespace}",
        hook.name, configuration.name
    );
    Some(
        Finding::warning(HERE, text)
            .hint(format!("kubectl get {kind} {} -o yaml", configuration.name)),
    )
}

fn is_asked_about_pods(hook: &Hook) -> bool {
    hook.rules.iter().any(|rule| {
        let has = |list: &Option<Vec<String>>, words: &[&str]| {
            let mut list = list.iter().flatten();
            list.any(|word| words.contains(&word.as_str()))
        };
        has(&rule.api_groups, &["", "*"])
            && has(&rule.resources, &["pods", "*", "*/*"])
            && has(&rule.operations, &["CREATE", "*"])
            && rule.scope.as_deref() != Some("Cluster")
    })
}

fn selects(hook: &Hook, labels: &BTreeMap<String, String>) -> bool {
    let selector = hook.namespace_selector.clone().unwrap_or_default();
    // What cannot be read may select anything.
    Selector::try_from(selector).map_or(true, |selector| selector.matches(labels))
}

fn unknown_mode(namespace: &k8s_openapi::api::core::v1::Namespace) -> Option<Finding> {
    let name = namespace.name_any();
    let mistake = namespace.labels().get(MODE)?.parse::<Mode>().err()?;
    let text = format!("namespace {name}: {MODE} {mistake}; it counts as warn");
    Some(Finding::warning(HERE, text).hint(format!(
        "kubectl label --overwrite namespace {name} {MODE}=warn"
    )))
}

fn claim(claim: &Claim) -> Finding {
    let Claim {
        kind,
        namespace,
        name,
        manager,
    } = claim;
    let text = format!(
        "{kind} {namespace}/{name}: {manager} applies the label {DRIFT}, which imgauto writes"
    );
    let kind = kind.to_lowercase();
    Finding::warning(HERE, text)
        .at("take it out of the manifest")
        .hint(format!(
            "kubectl -n {namespace} get {kind} {name} -o yaml --show-managed-fields"
        ))
}
