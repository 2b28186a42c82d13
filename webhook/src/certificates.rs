//! Where the certificate that is served comes from.
//!
//! Either the replicas share an authority in a Secret, and each signs a certificate of its own that never leaves its
//! memory; or somebody else puts files into a directory.
//!
//! # Why nobody has to lead
//!
//! Every replica takes every step of a rotation, and no Lease says whose turn it is. That is safe because:
//!
//! - The whole state is one Secret, and is only ever written under the version that was read. Of two replicas that take
//!   a step, one is refused, reads again, and finds the step taken: no step is taken twice, and none on an old state.
//! - The state of a step is trusted before it is used. A new authority is put beside the one that signs and into
//!   `caBundle` of every configuration; a replica has it sign only after *it* has seen it there for the whole time of
//!   announcement, measured by a clock that nobody sets. If `caBundle` could not be written, or had to be written
//!   again, that time begins anew. So a wrong wall clock, another replica's or its own, cannot shorten it.
//! - What the old authority signed stays trusted for as long as the longest of its certificates lives, and replicas
//!   exchange theirs as soon as they see another one sign. A wall clock that is an hour off makes this an hour shorter
//!   or longer, of days.
//! - A replica that was stopped in the middle has left nothing half done: each step is one write.
//! - A Secret that is gone or damaged is written again as it was last known, by whoever comes first; the others know
//!   the same. Only where nobody knows anything, a new authority is made.
//! - A replica that reads an old state and writes an old `caBundle` after another one has written a newer one is
//!   corrected within a round by any of them, and the time of announcement is longer than many rounds.

use std::time::Duration;

mod authority;
mod configurations;
mod files;
mod secret;
mod tend;

pub use authority::{Authority, AuthorityError, Issued};
pub use configurations::{Configuration, Hooks, InjectError, Injected, inject};
pub use files::Files;
pub use secret::{State, Step, plan};
pub use tend::{Issuer, Moment, RoundError, Tending};

/// How long before they are made certificates count: a clock may be an hour off, and another one a little more.
pub const SKEW: Duration = Duration::from_secs(2 * 60 * 60);

/// How long certificates live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// An authority; it is replaced after two thirds of that.
    pub authority: Duration,
    /// A certificate that is served; likewise.
    pub leaf: Duration,
    /// How long an authority is trusted before it signs, so that whoever trusts has heard of it.
    pub announcement: Duration,
}

impl Lifetimes {
    /// A year for authorities, a week for what they sign, ten minutes for new ones to be heard of.
    pub const DEFAULT: Self = Self {
        authority: Duration::from_secs(365 * 24 * 60 * 60),
        leaf: Duration::from_secs(7 * 24 * 60 * 60),
        announcement: Duration::from_secs(10 * 60),
    };

    /// How often Secret and configurations have to be looked at.
    pub fn round(&self) -> Duration {
        let shortest = self.authority.min(self.leaf).min(self.announcement);
        (shortest / 6).clamp(Duration::from_millis(100), Duration::from_secs(3))
    }
}
