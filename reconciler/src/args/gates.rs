//! Feature gates: those of Flux's two controllers.

use std::str::FromStr;

use reconciler::cluster::Gates;
use thiserror::Error;

use super::Idle;
use super::values::{ValueError, switch};

/// Gates whose feature is always on or has no meaning here.
const IDLE: [Idle; 4] = [
    Idle {
        name: "CacheSecretsAndConfigMaps",
        reason: "Secrets are read when they are needed",
    },
    Idle {
        name: "FluxStorage",
        reason: "tags have a store of their own",
    },
    Idle {
        name: "GitShallowClone",
        reason: "mirrors hold what automations need and no more",
    },
    Idle {
        name: "GitSparseCheckout",
        reason: "no file is ever checked out",
    },
];

/// The value of one `--feature-gates`: names with their state, in the order given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct GateList(Vec<(String, bool)>);

/// Why a list of gates cannot be read.
#[derive(Debug, Error)]
pub(super) enum GateListError {
    /// A part without an equals sign.
    #[error("malformed pair, expect string=bool")]
    Pair,
    /// A state that is none.
    #[error("invalid value of {name}")]
    State {
        /// The gate.
        name: String,
        /// What is wrong with its state.
        #[source]
        source: ValueError,
    },
}

/// A gate nobody knows. The message is Flux's.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("feature-gate '{0}' not supported")]
pub(crate) struct UnknownGate(String);

impl FromStr for GateList {
    type Err = GateListError;

    fn from_str(text: &str) -> Result<Self, GateListError> {
        let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
        let gates = pairs.map(|pair| {
            let (name, state) = pair.split_once('=').ok_or(GateListError::Pair)?;
            let name = name.trim().to_owned();
            match switch(state.trim()) {
                Ok(on) => Ok((name, on)),
                Err(source) => Err(GateListError::State { name, source }),
            }
        });
        gates.collect::<Result<_, _>>().map(Self)
    }
}

/// Puts all lists together, the last word on each gate being the one that counts.
///
/// Also returns the gates that were named and have no effect.
pub(super) fn gates(lists: &[GateList]) -> Result<(Gates, Vec<Idle>), UnknownGate> {
    let mut gates = Gates::default();
    let mut idle = Vec::new();
    for (name, on) in lists.iter().flat_map(|list| &list.0) {
        match name.as_str() {
            "ObjectLevelWorkloadIdentity" => gates.object_level_workload_identity = *on,
            "GitForcePushBranch" => gates.git_force_push_branch = *on,
            "GitAllBranchReferences" => gates.git_all_branch_references = *on,
            _ => match IDLE.iter().find(|gate| gate.name == name) {
                Some(gate) if !idle.contains(gate) => idle.push(*gate),
                Some(_) => {}
                None => return Err(UnknownGate(name.clone())),
            },
        }
    }
    Ok((gates, idle))
}
