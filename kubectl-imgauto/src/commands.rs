//! The verbs, one file each: a `struct Args` and a `fn run(args, session)`.

pub(crate) mod check;
pub(crate) mod completion;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod diff;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod get;
pub(crate) mod install;
pub(crate) mod logs;
pub(crate) mod reconcile;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod suspend;
pub(crate) mod tags;
pub(crate) mod uninstall;
pub(crate) mod verify;
pub(crate) mod version;
pub(crate) mod why;

mod automation;
mod field_owners;
pub(crate) mod inputs;
mod manifest;
mod objects;
mod output;
mod ownership;
mod reconciliation;
pub(crate) mod scope;
mod subjects;
mod suspension;
