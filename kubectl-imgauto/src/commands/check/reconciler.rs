//! What runs in the cluster: the reconciler, its version, and who leads.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;

use super::report::{Category, Finding};
use super::seen::{Observed, Seen};
use crate::error::CliError;
use crate::installation::{Controller, Controllers, Role};
use crate::manifests::{self, RECONCILER};

const HERE: Category = Category::Reconciler;

/// How far the clocks of the cluster and of this machine may be apart.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// Judges the reconcilers, at the time `now`.
pub(super) fn findings(seen: &Seen, now: Timestamp) -> Vec<Finding> {
    let Ok(controllers) = &seen.controllers else {
        return Vec::new();
    };
    if seen.reconcilers.is_empty() {
        return vec![absent(controllers)];
    }
    let mut findings = Vec::new();
    findings.extend(several(&seen.reconcilers));
    for observed in &seen.reconcilers {
        findings.push(deployment(HERE, &observed.controller, &observed.trouble));
        findings.push(version(HERE, &observed.controller));
        if observed.controller.replicas() > 0 {
            findings.extend(leadership(observed, now));
        }
    }
    findings
}

/// No reconciler: that is fine where Flux's controllers do its work.
fn absent(controllers: &Controllers) -> Finding {
    let runs = |role| controllers.rivals().any(|rival| rival.role == role);
    if runs(Role::Reflector) && runs(Role::Automation) {
        let text = format!("{RECONCILER} is not installed; Flux's image controllers do its work");
        return Finding::warning(HERE, text).hint("kubectl imgauto install --adopt");
    }
    let finding = Finding::bad(HERE, format!("{RECONCILER} is not installed"));
    let finding = match controllers.rivals().next() {
        None => finding.hint("kubectl imgauto install"),
        Some(rival) => finding
            .at(format!(
                "of Flux's image controllers only {} runs",
                rival.name()
            ))
            .hint("kubectl imgauto install --adopt"),
    };
    match &controllers.only_in {
        None => finding,
        Some(places) => finding.at(format!("looked for in {}", places.join(" and "))),
    }
}

/// Reconcilers that work on the same objects.
fn several(reconcilers: &[Observed]) -> Option<Finding> {
    let running = reconcilers.iter().map(|observed| &observed.controller);
    let running: Vec<_> = running.filter(|it| it.replicas() > 0).collect();
    let work = |controller: &Controller| {
        let own = controller.flag("watch-all-namespaces") == Some("false");
        let namespace = own.then(|| controller.namespace());
        let selector = controller.flag("watch-label-selector").map(str::to_owned);
        (namespace, selector)
    };
    let meet = running.iter().enumerate().any(|(index, one)| {
        running[..index]
            .iter()
            .any(|other| work(one) == work(other))
    });
    meet.then(|| {
        let places: Vec<_> = running.iter().map(|it| it.namespace()).collect();
        let text = format!(
            "{RECONCILER} runs several times: in {}",
            places.join(" and ")
        );
        let mut finding = Finding::bad(HERE, text).at("several writers for the same objects");
        for place in places {
            finding = finding.hint(format!("kubectl imgauto uninstall -n {place}"));
        }
        finding
    })
}

/// Judges the Deployment of a program.
pub(super) fn deployment(
    here: Category,
    controller: &Controller,
    trouble: &Result<Option<String>, CliError>,
) -> Finding {
    let namespace = controller.namespace();
    let name = controller.name();
    if controller.replicas() == 0 {
        let text = format!("{name}: scaled down to 0 ({namespace})");
        let usual = manifests::usual_replicas(controller.role);
        let hint = format!("kubectl -n {namespace} scale deployment {name} --replicas={usual}");
        return Finding::bad(here, text).hint(hint);
    }
    if controller.is_rolled_out() {
        return Finding::good(here, format!("{name}: deployment ready ({namespace})"));
    }
    let status = controller.deployment.status.clone().unwrap_or_default();
    let available = status.available_replicas.unwrap_or_default();
    let text = format!(
        "{name}: deployment not ready, {available} of {} available ({namespace})",
        controller.replicas()
    );
    let finding = Finding::bad(here, text);
    let finding = match trouble {
        Ok(Some(trouble)) => finding.at(trouble),
        Ok(None) | Err(_) => finding,
    };
    finding.hint(format!(
        "kubectl -n {namespace} describe pod -l app.kubernetes.io/name={}",
        controller.role.name()
    ))
}

/// Judges the version of a program.
pub(super) fn version(here: Category, controller: &Controller) -> Finding {
    let theirs = controller.version();
    let ours = format!("v{}", manifests::TAG);
    let text = format!("{} {theirs}", controller.name());
    if theirs == ours {
        return Finding::good(here, text);
    }
    let text = format!("{text} is not the version of kubectl-imgauto, {ours}");
    Finding::warning(here, text)
        .at(controller.image())
        .hint(format!(
            "kubectl imgauto install -n {}",
            controller.namespace()
        ))
        .hint("kubectl krew upgrade imgauto")
}

/// Whether somebody leads, where that is asked for.
fn leadership(observed: &Observed, now: Timestamp) -> Option<Finding> {
    let elects = observed.controller.flag("enable-leader-election");
    if elects.is_none_or(|value| value == "false") {
        return None;
    }
    Some(match &observed.lease {
        Err(error) => Finding::hidden(HERE, error),
        Ok(lease) => leader(lease.as_ref(), &observed.controller, now),
    })
}

fn leader(lease: Option<&Lease>, controller: &Controller, now: Timestamp) -> Finding {
    let namespace = controller.namespace();
    let spec = lease.and_then(|lease| lease.spec.as_ref());
    let holder = spec.and_then(|spec| spec.holder_identity.as_deref());
    let renewed = spec.and_then(|spec| spec.renew_time.as_ref());
    let (Some(holder), Some(renewed)) = (holder.filter(|name| !name.is_empty()), renewed) else {
        return Finding::warning(HERE, format!("no {RECONCILER} leads yet ({namespace})"))
            .hint(format!("kubectl -n {namespace} get leases"));
    };
    let seconds = spec
        .and_then(|spec| spec.lease_duration_seconds)
        .unwrap_or_default();
    let life = SignedDuration::from_secs(seconds.into());
    let age = now.duration_since(renewed.0);
    let pod = holder.split('_').next().unwrap_or(holder);
    if age > life + SKEW {
        let text = format!(
            "{pod} leads, but has not said so for {}s ({namespace})",
            age.as_secs()
        );
        return Finding::bad(HERE, text).hint(format!(
            "kubectl -n {namespace} rollout restart deployment {}",
            controller.name()
        ));
    }
    Finding::good(HERE, format!("{pod} leads ({namespace})"))
}

#[cfg(test)]
mod tests;
