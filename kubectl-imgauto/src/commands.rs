//! The verbs, one file each: a `struct Args` and a `fn run(args, session)`.

pub(crate) mod completion;
pub(crate) mod create;
pub(crate) mod diff;
pub(crate) mod events;
pub(crate) mod get;
pub(crate) mod logs;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod tags;
pub(crate) mod verify;
pub(crate) mod version;
pub(crate) mod why;

mod automation;
pub(crate) mod inputs;
mod output;
pub(crate) mod scope;
