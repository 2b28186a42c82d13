//! Which namespace a command works in.

use reconciler::chain::Chain;

use crate::cli::Globals;
use crate::environment::Environment;
use crate::error::CliError;
use crate::kubeconfig;
use crate::kubernetes_names as names;

/// A namespace, and who decided it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The namespace.
    pub(crate) name: String,
    /// Who decided.
    pub(crate) decided: Decided,
    /// What was found wrong on the way.
    pub(crate) warnings: Vec<String>,
}

/// Who decided the namespace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decided {
    /// The flag, a variable, or nobody.
    ByUserOrDefault,
    /// The kubeconfig.
    ByContext {
        /// Name of the context.
        context: String,
    },
}

/// Chooses the namespace: `-n`, then `IMGAUTO_NAMESPACE`, then `FLUX_SYSTEM_NAMESPACE`, then the one
/// the kubeconfig sets for the context, then `flux-system`.
pub(crate) fn choose(globals: &Globals, environment: &Environment) -> Result<Choice, CliError> {
    let mut warnings = Vec::new();
    let decided = |name: String, warnings| Choice {
        name,
        decided: Decided::ByUserOrDefault,
        warnings,
    };
    if let Some(name) = &globals.namespace {
        check(name, "--namespace")?;
        return Ok(decided(name.clone(), warnings));
    }
    if let Some(value) = environment.variable("IMGAUTO_NAMESPACE") {
        let name = value.to_string_lossy().into_owned();
        check(&name, "the variable IMGAUTO_NAMESPACE")?;
        return Ok(decided(name, warnings));
    }
    if let Some(value) = environment.variable("FLUX_SYSTEM_NAMESPACE") {
        let name = value.to_string_lossy().into_owned();
        if names::dns_label_problems(&name).is_empty() {
            return Ok(decided(name, warnings));
        }
        // Flux passes over it too: this variable is seldom set with us in mind.
        warnings.push(format!("ignoring invalid FLUX_SYSTEM_NAMESPACE: {name:?}"));
    }
    let flag = globals.connection.kubeconfig.as_deref();
    // A file named on the command line is meant; the usual ones may well be absent.
    let trouble = flag.and_then(kubeconfig::trouble);
    warnings.extend(trouble.map(|error| Chain(&error).to_string()));
    let files = kubeconfig::files(flag, environment);
    let context = globals.connection.context.as_deref();
    Ok(match kubeconfig::context_namespace(&files, context) {
        Some(found) => {
            let place = format!("context {} of the kubeconfig", found.context);
            check(&found.namespace, &place)?;
            Choice {
                name: found.namespace,
                decided: Decided::ByContext {
                    context: found.context,
                },
                warnings,
            }
        }
        None => decided(api::keys::DEFAULT_NAMESPACE.to_owned(), warnings),
    })
}

fn check(name: &str, place: &str) -> Result<(), CliError> {
    let problems = names::dns_label_problems(name);
    if problems.is_empty() {
        return Ok(());
    }
    let error = CliError::usage(format!("namespace must be a valid DNS label: {name:?}"));
    Err(error.at([format!("given by {place}")]).at(problems))
}
