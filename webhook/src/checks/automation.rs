use api::ImageUpdateAutomationSpec;
use api::automation::GIT_REPOSITORY;
use engine::branch::{Refspec, is_branch_name};
use engine::template::Template;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::Selector;

use super::{Findings, cut, quoted};

/// Looks at an automation.
pub(super) fn check(spec: &ImageUpdateAutomationSpec) -> Findings {
    let mut findings = Findings::default();
    source(spec, &mut findings);
    if let Some(selector) = &spec.policy_selector {
        selects(selector, &mut findings);
    }
    let Some(git) = &spec.git else {
        findings.doubt("spec.git", "is not set, so nothing can be committed");
        return findings;
    };
    let range = git.checkout.as_ref();
    let range = range.and_then(|checkout| checkout.reference.semver.as_deref());
    if let Some(range) = range.filter(|range| !range.is_empty()) {
        findings.range("spec.git.checkout.ref.semver", range);
    }
    if let Some(template) = &git.commit.message_template
        && let Err(error) = Template::parse(template)
    {
        let field = "spec.git.commit.messageTemplate";
        findings.problem(field, cut(&error.to_string(), 512));
    }
    let push = git.push.as_ref();
    let branch = push.and_then(|push| push.branch.as_deref());
    if let Some(branch) = branch.filter(|branch| !branch.is_empty() && !is_branch_name(branch)) {
        let what = format!("{} is no name of a branch", quoted(branch));
        findings.problem("spec.git.push.branch", what);
    }
    let refspec = push.and_then(|push| push.refspec.as_deref());
    if let Some(refspec) = refspec.filter(|refspec| !refspec.is_empty())
        && let Err(error) = Refspec::parse(refspec)
    {
        let what = format!("{}: {error}", quoted(refspec));
        findings.problem("spec.git.push.refspec", cut(&what, 512));
    }
    findings
}

fn source(spec: &ImageUpdateAutomationSpec, findings: &mut Findings) {
    let source = &spec.source_ref;
    if source.kind != GIT_REPOSITORY {
        let what = format!("{} is not {GIT_REPOSITORY}", quoted(&source.kind));
        findings.problem("spec.sourceRef.kind", what);
    }
    if source.name.is_empty() {
        findings.problem("spec.sourceRef.name", format!("names no {GIT_REPOSITORY}"));
    }
}

fn selects(selector: &LabelSelector, findings: &mut Findings) {
    let field = "spec.policySelector";
    let expressions = selector.match_expressions.iter().flatten();
    let mut is_known = true;
    for (place, expression) in expressions.enumerate() {
        let has_values = expression
            .values
            .as_ref()
            .is_some_and(|values| !values.is_empty());
        let operator = expression.operator.as_str();
        let what = match (operator, has_values) {
            ("In" | "NotIn", true) | ("Exists" | "DoesNotExist", false) => continue,
            ("In" | "NotIn", false) => format!("{operator} needs values"),
            ("Exists" | "DoesNotExist", true) => format!("{operator} takes no values"),
            _ => format!(
                "{} is none of In, NotIn, Exists and DoesNotExist",
                quoted(operator)
            ),
        };
        is_known = false;
        findings.problem(format!("{field}.matchExpressions[{place}]"), what);
    }
    if is_known && let Err(error) = Selector::try_from(selector.clone()) {
        findings.problem(field, cut(&error.to_string(), 512));
    }
}
