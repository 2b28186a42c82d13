//! The cluster a command works on: the way there, and what is said when it is not open.

mod config;
mod refusal;

use std::future::Future;
use std::time::Duration;

use kube::Client;
use tokio::runtime::Runtime;

use crate::commands::inputs;
use crate::error::CliError;
use crate::session::Session;

pub(crate) use refusal::{Attempt, is_unknown_kind, refused, unknown_kind};

/// The name under which this program writes fields: its own, so that what flux or kubectl own stays theirs.
pub(crate) const FIELD_MANAGER: &str = "kubectl-imgauto";

/// A cluster, and the machinery to talk to it.
pub(crate) struct Cluster {
    /// Asks its API server.
    pub(crate) client: Client,
    runtime: Runtime,
}

impl Cluster {
    /// Finds the cluster that flags, variables and kubeconfigs name. Nothing is sent yet.
    pub(crate) fn open(session: &Session<'_>) -> Result<Self, CliError> {
        let runtime = inputs::runtime()?;
        let config = runtime.block_on(config::load(session))?;
        let client = {
            // The client starts a task of its own.
            let _guard = runtime.enter();
            let login = config::login_command(&config);
            Client::try_from(config).map_err(|error| config::no_login(&error, login.as_deref()))?
        };
        Ok(Self { client, runtime })
    }

    /// Does some work to its end, unless the user stops it with Ctrl-C.
    pub(crate) fn run<T>(
        &self,
        work: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        self.runtime.block_on(async {
            tokio::select! {
                done = work => done,
                _ = tokio::signal::ctrl_c() => Err(CliError::interrupted()),
            }
        })
    }

    /// Does some work that has to be done within a time; `late` says what did not come.
    pub(crate) fn run_within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, CliError>>,
        late: impl FnOnce() -> CliError,
    ) -> Result<T, CliError> {
        self.run(async {
            match tokio::time::timeout(limit, work).await {
                Ok(done) => done,
                Err(_) => Err(late()),
            }
        })
    }
}
