//! `kubectl imgauto`: image updates through Git, from the shell.

mod changes;
mod cli;
mod cluster;
mod commands;
mod complete;
mod consent;
mod csv;
mod environment;
mod error;
mod export;
mod flag_value;
mod format;
mod git_login;
mod image_kind;
mod installation;
mod kubeconfig;
mod kubernetes_names;
mod manifests;
mod namespace;
mod noun;
mod observe;
mod session;
mod table;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use crate::cli::{Invocation, Outcome};
use crate::complete::Request;
use crate::environment::Environment;
use crate::error::ExitStatus;
use crate::session::{Markers, Session};

fn main() -> ExitCode {
    // The first thing in the process: whoever opens a connection later finds this provider. It
    // fails only where one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let status = run_from(
        std::env::args_os().collect(),
        &Environment::of_process(),
        &mut std::io::stdout(),
        &mut std::io::stderr(),
    );
    ExitCode::from(status.code())
}

/// Runs the program on `args`, the first of which is its own name.
///
/// Everything it reads of the process is in `environment`, and everything it says goes to the two
/// streams, so that tests can run it in their own process.
fn run_from(
    args: Vec<OsString>,
    environment: &Environment,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> ExitStatus {
    if let Some(request) = Request::of(&args) {
        return request.answer(environment, stdout);
    }
    let markers = cli::early_markers(&args);
    let invocation = Invocation::of(&args);
    let cli = match cli::parse(args, environment) {
        Ok(cli) => cli,
        Err(outcome) => {
            let text = match &outcome {
                Outcome::Help(text) | Outcome::Incomplete(text) => text.clone(),
                Outcome::Mistake(error) => error.render(markers),
            };
            let text = invocation.told(&text);
            // What cannot be written to a stream that is gone is lost on both.
            let _ = match &outcome {
                Outcome::Help(_) => stdout.write_all(text.as_bytes()),
                Outcome::Incomplete(_) | Outcome::Mistake(_) => stderr.write_all(text.as_bytes()),
            };
            return outcome.status();
        }
    };
    let mut session = Session {
        globals: &cli.globals,
        environment,
        stdout,
        stderr,
    };
    match cli.verb.run(&mut session) {
        Ok(status) => status,
        Err(error) => {
            let text = error.render(Markers::of(&cli.globals));
            let text = invocation.told(&text);
            let _ = stderr.write_all(session::printable(&text).as_bytes());
            error.status()
        }
    }
}
