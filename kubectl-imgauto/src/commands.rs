//! The verbs, one file each: a `struct Args` and a `fn run(args, session)`.

pub(crate) mod check;
pub(crate) mod completion;
pub(crate) mod create;
pub(crate) mod diff;
pub(crate) mod install;
pub(crate) mod run;
pub(crate) mod tags;
pub(crate) mod uninstall;
pub(crate) mod version;

mod automation;
pub(crate) mod inputs;
mod output;
