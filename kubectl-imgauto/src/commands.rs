//! The verbs, one file each: a `struct Args` and a `fn run(args, session)`.

pub(crate) mod completion;
pub(crate) mod create;
pub(crate) mod version;
