//! What the commands that work on files read: objects, credentials, and the machinery to ask registries.

use std::path::{Path, PathBuf};

use api::{DurationText, ImageRepositorySpec};
use engine::duration::GoDuration;
use reconciler::chain::Chain;
use reconciler::local::{self, Registries, TagFiles};
use reconciler::registry::UserConfig;
use reconciler::resources::{Found, ObjectKey, Objects, Resources};
use tokio::runtime::{Builder, Runtime};

use crate::error::CliError;
use crate::session::Session;

/// Reads the objects of `paths`; what cannot be read at all is a usage error.
pub(crate) fn load(
    paths: &[PathBuf],
    namespace: &str,
    resources: &mut Resources,
) -> Result<(), CliError> {
    for path in paths {
        local::load(path, namespace, resources).map_err(|error| {
            CliError::usage(Chain(&error).to_string())
                .next("name a file or folder with -f that holds the objects")
        })?;
    }
    Ok(())
}

/// Returns tags from files in place of registries, if there is anything at `path`.
pub(crate) fn tag_files(path: &Path) -> Result<TagFiles, CliError> {
    match path.metadata() {
        Ok(_) => Ok(TagFiles::new(path)),
        Err(error) => Err(CliError::usage(format!(
            "cannot read tags from {}: {error}",
            path.display()
        ))
        .next("--tags-from names a file with one tag a line, or a folder with such a file for each ImageRepository")),
    }
}

/// Returns an object by its key, or says why it is not there.
pub(crate) fn find<'a, T>(
    objects: &'a Objects<T>,
    kind: &str,
    key: &ObjectKey,
    resources: &Resources,
) -> Result<&'a Found<T>, CliError> {
    if let Some(found) = objects.get(key) {
        return Ok(found);
    }
    let faults = resources
        .faults
        .iter()
        .filter(|fault| fault.reason.starts_with(kind));
    let faults: Vec<_> = faults
        .map(|fault| format!("{}: {}", fault.place, fault.reason))
        .collect();
    if !faults.is_empty() {
        let text = format!("{kind} {key} is in none of the files that can be used");
        return Err(CliError::usage(text)
            .at(faults)
            .next("correct the field that is named"));
    }
    let there: Vec<_> = objects.keys().map(ToString::to_string).collect();
    let next = match there.as_slice() {
        [] => format!("name the file that holds an {kind} with -f"),
        there => format!("one of {}; -n names another namespace", there.join(", ")),
    };
    Err(CliError::usage(format!("{kind} {key} is in none of the files")).next(next))
}

/// Returns access to registries with the credentials of the user, limited by --timeout.
pub(crate) fn registries(session: &Session<'_>) -> Registries {
    Registries::new(UserConfig::from_env(), timeout(session.globals.timeout))
}

/// Returns a limit as the standard library has it; none below nothing.
pub(crate) fn timeout(duration: GoDuration) -> std::time::Duration {
    duration.try_into().unwrap_or_default()
}

/// Starts what runs network traffic.
pub(crate) fn runtime() -> Result<Runtime, CliError> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.map_err(|error| {
        CliError::failure(format!("cannot start the asynchronous runtime: {error}"))
    })
}

/// What a repository object holds that nobody described.
pub(crate) fn bare_repository(image: &str) -> ImageRepositorySpec {
    ImageRepositorySpec {
        image: image.to_owned(),
        interval: DurationText::from(GoDuration::from_nanoseconds(0)),
        timeout: None,
        secret_ref: None,
        proxy_secret_ref: None,
        service_account_name: None,
        cert_secret_ref: None,
        suspend: false,
        access_from: None,
        exclusion_list: None,
        provider: None,
        insecure: false,
    }
}
