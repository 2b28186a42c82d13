//! `version`: which version this is, and which one runs in the cluster.

use clap::ValueEnum;
use serde_json::{Map, Value};

use crate::cluster::Cluster;
use crate::commands::{inputs, output};
use crate::error::{CliError, ExitStatus};
use crate::installation::{self, Controller};
use crate::kubeconfig;
use crate::manifests;
use crate::session::Session;

/// Flags of `version`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without a kubeconfig there is no cluster to ask, and only this program's version is printed.

Examples:
  kubectl imgauto version
  kubectl imgauto version --client -o json"
)]
pub(crate) struct Args {
    /// Print the version of this program only, without asking a cluster
    #[arg(long)]
    client: bool,
    /// How to print it
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Format>,
}

/// How to print the version.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// As YAML
    Yaml,
    /// As JSON
    Json,
}

/// Prints the versions: of this program, and of what runs in the cluster, if there is one to ask.
///
/// A cluster that does not answer is an error, after what is known was printed.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let server = if args.client || !has_cluster(session) {
        Ok(Vec::new())
    } else {
        in_cluster(session)
    };
    let mut versions = vec![("kubectl-imgauto".to_owned(), format!("v{}", manifests::TAG))];
    let trouble = match server {
        Ok(found) => {
            versions.extend(found);
            None
        }
        Err(error) => Some(error),
    };
    let status = session.print(&rendered(&versions, args.output)?)?;
    trouble.map_or(Ok(status), Err)
}

/// Whether anything says which cluster is meant.
fn has_cluster(session: &Session<'_>) -> bool {
    let flags = &session.globals.connection;
    let in_pod = session.environment.variable("KUBERNETES_SERVICE_HOST");
    let files = kubeconfig::files(flags.kubeconfig.as_deref(), session.environment);
    flags.kubeconfig.is_some()
        || flags.server.is_some()
        || in_pod.is_some()
        || files.iter().any(|file| file.exists())
}

/// The versions of imgauto's programs in the cluster.
fn in_cluster(session: &mut Session<'_>) -> Result<Vec<(String, String)>, CliError> {
    let named = session.globals.namespace.clone();
    let likely = [
        named.as_deref().unwrap_or(manifests::NAMESPACE),
        api::keys::DEFAULT_NAMESPACE,
    ];
    let cluster = Cluster::open(session)?;
    let limit = inputs::timeout(session.globals.timeout);
    let late = || CliError::timed_out("timed out waiting for the API server");
    let looked = installation::controllers(&cluster.client, &likely);
    let found = cluster.run_within(limit, looked, late)?;
    let here = found
        .ours()
        .filter(|it| named.as_ref().is_none_or(|named| *named == it.namespace()));
    Ok(titled(&here.collect::<Vec<_>>()))
}

/// Names each program; where it runs several times, with its namespace.
fn titled(controllers: &[&Controller]) -> Vec<(String, String)> {
    let titles = controllers.iter().map(|controller| {
        let same = controllers.iter().filter(|it| it.role == controller.role);
        let title = match same.count() {
            1 => controller.name(),
            _ => format!("{}/{}", controller.namespace(), controller.name()),
        };
        (title, controller.version())
    });
    titles.collect()
}

fn rendered(versions: &[(String, String)], format: Option<Format>) -> Result<String, CliError> {
    match format {
        None | Some(Format::Yaml) => {
            let lines = versions.iter();
            Ok(lines
                .map(|(name, version)| format!("{name}: {version}\n"))
                .collect())
        }
        Some(Format::Json) => {
            let fields = versions.iter();
            let fields = fields.map(|(name, version)| (name.clone(), Value::from(version.clone())));
            output::json(&fields.collect::<Map<_, _>>())
        }
    }
}
