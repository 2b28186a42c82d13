//! The only user of the Git protocol: mirrors, tree-level commits, push.
//!
//! [`Settings`] say how a remote is reached, [`Remote`] is that made ready. A [`Mirror`] holds what was fetched from a
//! remote, a [`Checkout`] is a user's own; both lead to a [`Repository`], which lists files, makes commits in memory,
//! fetches and pushes. [`Mirror::write`] is the whole job: fetch, build, push, and again when somebody was faster.
//!
//! Everything here blocks. Async callers use `spawn_blocking`; see [`Remote::new`].

mod advertisement;
mod checkout;
mod commit;
mod error;
mod fetch;
#[cfg(fuzzing)]
pub mod fuzzing;
mod http;
mod known_hosts;
mod mirror;
mod private_key;
mod push;
mod remote;
mod repository;
mod settings;
mod signing;
mod ssh;
mod transport;
mod tree;
mod tunnel;
mod url;
mod writer;

pub use checkout::{Checkout, CheckoutError, Head, Upstream};
pub use commit::{Author, Edit, NewCommit, Signer};
pub use error::TransportError;
pub use fetch::{ChooseTags, Fetched, History, Listing};
pub use git2::Oid;
pub use known_hosts::KnownHosts;
pub use mirror::Mirror;
pub use private_key::KeyError;
pub use push::{Expect, Outcome, Push, Pushed, Update};
pub use remote::{Cancel, Remote};
pub use repository::{BoxError, GitError, Repository};
pub use settings::{
    Access, ClientCertificate, DEFAULT_TIMEOUT, Identity, Proxy, Settings, SettingsError, Ssh, Tls,
};
pub use signing::{OpenPgpError, SignError, SigningError, SigningKey, SshKeyError};
pub use tree::{Blob, Blobs, Child, File, Files, Kind, Place};
pub use url::{Address, AddressError, SshAddress, UserInfo};
pub use writer::{DEFAULT_ATTEMPTS, Job, Stage, Tip, Watch, WriteError, Written};

#[cfg(test)]
pub(crate) mod tests;
