//! What the API server answered when it did not do what was asked, and what to do about it.

use kube::core::Status;
use reconciler::chain::Chain;
use reconciler::process::connect::Refusal;

use crate::error::CliError;

/// What was tried: a verb, and what it was about.
///
/// Reads as `list ImagePolicy`, `get Deployment default/web`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt<'a> {
    /// `get`, `list`, `watch`, `apply`, `delete`.
    pub(crate) verb: &'a str,
    /// The kind, and where one object is meant, its namespace and name.
    pub(crate) what: &'a str,
    /// The group and version of the kind, such as `apps/v1`.
    pub(crate) api_version: &'a str,
}

/// Turns an error of the client into what the user sees.
pub(crate) fn refused(error: &kube::Error, attempt: Attempt<'_>) -> CliError {
    let Attempt { verb, what, .. } = attempt;
    match error {
        kube::Error::Api(status) => answered(status, attempt),
        kube::Error::Auth(_) => CliError::failure(format!(
            "cannot {verb} {what}: no credentials for the API server"
        ))
        .at([Chain(error).to_string()])
        .next("kubectl auth whoami shows whether kubectl can log in with the same kubeconfig"),
        _ => CliError::failure(format!(
            "cannot {verb} {what}: no answer from the API server"
        ))
        .at([Refusal(error).to_string()])
        .next("kubectl cluster-info shows whether the cluster can be reached"),
    }
}

fn answered(status: &Status, attempt: Attempt<'_>) -> CliError {
    let Attempt {
        verb,
        what,
        api_version,
    } = attempt;
    let kind = what.split(' ').next().unwrap_or(what);
    if is_unknown_kind(status) {
        return unknown_kind(verb, kind, api_version);
    }
    match status.code {
        401 => CliError::failure(format!(
            "cannot {verb} {what}: the API server does not know these credentials"
        ))
        .next("kubectl auth whoami shows who you are; --context and --user name others"),
        403 => CliError::failure(format!("cannot {verb} {what}: not allowed"))
            .at([status.message.clone()])
            .next(format!(
                "ask for the right to {verb} it; kubectl auth can-i --list shows what you may do"
            )),
        _ => CliError::failure(format!("cannot {verb} {what}: {}", status.message)),
    }
}

/// Says that the cluster does not serve a kind, and how it gets there.
pub(crate) fn unknown_kind(verb: &str, kind: &str, api_version: &str) -> CliError {
    let message = format!("cannot {verb} {kind}: this cluster has no kind {kind} in {api_version}");
    with_installation(CliError::failure(message), api_version)
}

/// Adds how the kinds of a group get into a cluster.
fn with_installation(error: CliError, api_version: &str) -> CliError {
    if api_version == api::keys::IMAGE_API_VERSION {
        error
            .next("kubectl imgauto install")
            .next("flux install --components-extra=image-reflector-controller,image-automation-controller")
    } else if api_version.starts_with(api::keys::IMGAUTO_GROUP)
        || api_version == api::keys::SOURCE_API_VERSION
    {
        error.next("kubectl imgauto install")
    } else {
        error.next("kubectl api-versions lists what this cluster has")
    }
}

/// Whether an answer is about a kind the server does not serve, and not about an object that is not there.
///
/// The latter names the kind of the object in its details.
pub(crate) fn is_unknown_kind(status: &Status) -> bool {
    let named = status
        .details
        .as_ref()
        .is_some_and(|details| !details.name.is_empty());
    status.code == 404 && !named
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Markers;

    const LIST: Attempt<'_> = Attempt {
        verb: "list",
        what: "ImagePolicy",
        api_version: "image.toolkit.fluxcd.io/v1",
    };

    fn status(json: serde_json::Value) -> kube::Error {
        kube::Error::Api(Box::new(serde_json::from_value(json).unwrap()))
    }

    #[test]
    fn a_missing_kind_names_the_commands_that_bring_it() {
        let error = status(serde_json::json!({
            "status": "Failure", "message": "404 page not found\n", "reason": "NotFound", "code": 404,
        }));
        let text = refused(&error, LIST).render(Markers::Flux);
        assert_eq!(
            text,
            "✗ cannot list ImagePolicy: this cluster has no kind ImagePolicy in image.toolkit.fluxcd.io/v1
  next: kubectl imgauto install
    or: flux install --components-extra=image-reflector-controller,image-automation-controller
"
        );
    }

    #[test]
    fn an_installation_brings_what_automations_work_on_too() {
        let error = status(serde_json::json!({
            "status": "Failure", "message": "404 page not found\n", "reason": "NotFound", "code": 404,
        }));
        for api_version in ["source.toolkit.fluxcd.io/v1", "imgauto.dev/v1alpha1"] {
            let attempt = Attempt {
                api_version,
                ..LIST
            };
            let text = refused(&error, attempt).render(Markers::Flux);
            assert!(
                text.ends_with("  next: kubectl imgauto install\n"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_refusal_holds_the_permission_the_server_names() {
        let sentence = "imagepolicies.image.toolkit.fluxcd.io is forbidden: User \"eve\" cannot list resource \"imagepolicies\"";
        let error = status(serde_json::json!({
            "status": "Failure", "message": sentence, "reason": "Forbidden", "code": 403,
        }));
        let text = refused(&error, LIST).render(Markers::Flux);
        assert!(text.contains(sentence), "{text}");
        assert!(text.contains("kubectl auth can-i --list"), "{text}");
    }

    #[test]
    fn an_object_that_is_not_there_is_no_missing_kind() {
        let error = status(serde_json::json!({
            "status": "Failure", "message": "imagepolicies.image.toolkit.fluxcd.io \"x\" not found",
            "reason": "NotFound", "code": 404, "details": {"name": "x", "kind": "imagepolicies"},
        }));
        let text = refused(&error, LIST).render(Markers::Flux);
        assert_eq!(
            text,
            "✗ cannot list ImagePolicy: imagepolicies.image.toolkit.fluxcd.io \"x\" not found\n"
        );
    }
}
