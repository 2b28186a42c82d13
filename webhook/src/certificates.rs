//! Where the certificate that is served comes from.
//!
//! Either the replicas share an authority in a Secret, and each signs a certificate of its own that never leaves its
//! memory; or somebody else puts files into a directory.

use std::time::Duration;

mod authority;
mod configurations;
mod files;
mod secret;

pub use authority::{Authority, AuthorityError, Issued};
pub use configurations::{Configuration, Hooks, InjectError, inject};
pub use files::Files;
pub use secret::{Issuer, State, Step, plan, tend};

/// How long an authority lives.
pub const AUTHORITY_LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How long a certificate that is served lives.
pub const LEAF_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long before it is made certificates count, since clocks differ.
pub const SKEW: Duration = Duration::from_secs(60 * 60);
