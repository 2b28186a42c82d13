//! The keys of labels and annotations by which people and imgauto talk about the images of a workload.
//!
//! What people write and what imgauto writes stand under different domains. A container's name may use all of the 63
//! characters that a key has after its domain, so it stands there alone.

use super::slot::{List, Slot};

/// Label of a workload: how its images stand to their policies. Written by imgauto.
pub const DRIFT: &str = "imgauto.dev/drift";
/// Annotation of a workload: the policy of the containers whose repository it covers, `[namespace/]name` or `none`.
pub const POLICY: &str = "imgauto.dev/policy";
/// Annotation of a workload: why it is to be let in against the rules. Counts only from groups that may.
pub const OVERRIDE: &str = "imgauto.dev/override";
/// Label of a namespace: how strict it is, `off`, `audit`, `warn` or `enforce`.
pub const MODE: &str = "imgauto.dev/mode";
/// Label of a namespace: `true` if every image is to have a policy.
pub const REQUIRE_POLICY: &str = "imgauto.dev/require-policy";
/// Label of a namespace: `true` if the policy of every image is to be named by an annotation of the workload.
pub const REQUIRE_ANNOTATION: &str = "imgauto.dev/require-annotation";
/// Annotation of a namespace: repositories that ephemeral containers may come from, with commas between.
pub const DEBUG_REPOSITORIES: &str = "imgauto.dev/debug-repositories";

/// The domain all keys belong to.
const DOMAIN: &str = "imgauto.dev";
/// Before the name of a container: its policy, `[namespace/]name` or `none`.
const POLICY_OF_CONTAINER: &str = "policy.imgauto.dev/";
/// Before the name of a volume: its policy.
const POLICY_OF_VOLUME: &str = "volume-policy.imgauto.dev/";
/// Before the name of a container: the policy that was found for it, `namespace/name`. Written by imgauto.
const RESOLVED_CONTAINER: &str = "resolved.imgauto.dev/";
/// Before the name of a volume: the policy that was found for it. Written by imgauto.
const RESOLVED_VOLUME: &str = "volume-resolved.imgauto.dev/";

/// The longest name after a domain, in bytes.
const MAX_NAME: usize = 63;

/// The annotation by which people say which policy looks after an image.
pub fn stated(slot: &Slot<'_>) -> String {
    let domain = match slot.list {
        List::Volumes => POLICY_OF_VOLUME,
        List::Containers | List::InitContainers | List::EphemeralContainers => POLICY_OF_CONTAINER,
    };
    format!("{domain}{}", slot.name)
}

/// The annotation by which imgauto says which policy it found; `None` if the name fits into no key.
pub fn resolved(slot: &Slot<'_>) -> Option<String> {
    let domain = match slot.list {
        List::Volumes => RESOLVED_VOLUME,
        List::Containers | List::InitContainers | List::EphemeralContainers => RESOLVED_CONTAINER,
    };
    is_name(slot.name).then(|| format!("{domain}{}", slot.name))
}

/// Whether a key is one of ours, whoever writes it.
pub fn is_ours(key: &str) -> bool {
    let domain = key.split_once('/').map(|(domain, _)| domain);
    let below = domain.and_then(|domain| domain.strip_suffix(DOMAIN));
    below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
}

/// Whether an annotation says which policy looks after an image.
pub(super) fn is_declared(key: &str) -> bool {
    key == POLICY || key.starts_with(POLICY_OF_CONTAINER) || key.starts_with(POLICY_OF_VOLUME)
}

/// Whether an annotation is written by imgauto alone.
pub(super) fn is_resolved(key: &str) -> bool {
    key.starts_with(RESOLVED_CONTAINER) || key.starts_with(RESOLVED_VOLUME)
}

/// Whether a text can stand behind the domain of a key.
fn is_name(text: &str) -> bool {
    let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= MAX_NAME
        && is_end(bytes.first())
        && is_end(bytes.last())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(list: List, name: &str) -> Slot<'_> {
        Slot {
            list,
            name,
            image: "a",
        }
    }

    #[test]
    fn containers_and_volumes_have_keys_of_their_own() {
        let (container, volume) = (slot(List::Containers, "a"), slot(List::Volumes, "a"));
        assert_eq!(stated(&container), "policy.imgauto.dev/a");
        assert_eq!(stated(&volume), "volume-policy.imgauto.dev/a");
        assert_eq!(resolved(&container).unwrap(), "resolved.imgauto.dev/a");
        assert_eq!(resolved(&volume).unwrap(), "volume-resolved.imgauto.dev/a");
        for key in [stated(&container), stated(&volume)] {
            assert!(is_declared(&key) && !is_resolved(&key) && is_ours(&key));
        }
        for key in [resolved(&container).unwrap(), resolved(&volume).unwrap()] {
            assert!(!is_declared(&key) && is_resolved(&key) && is_ours(&key));
        }
    }

    #[test]
    fn keys_of_others_are_not_ours() {
        for key in [DRIFT, POLICY, OVERRIDE, MODE, "x.y.imgauto.dev/z"] {
            assert!(is_ours(key), "{key}");
        }
        let others = ["imgauto.dev", "notimgauto.dev/a", "imgauto.dev.example/a"];
        for key in others {
            assert!(!is_ours(key), "{key}");
        }
    }

    #[test]
    fn a_name_that_the_api_server_would_refuse_makes_no_key() {
        let long = "a".repeat(63);
        for name in ["a", "A.b_c-1", &long] {
            assert!(resolved(&slot(List::Containers, name)).is_some(), "{name}");
        }
        let longer = "a".repeat(64);
        for name in ["", "-a", "a.", "a/b", "ä", "a b", &longer] {
            assert!(resolved(&slot(List::Containers, name)).is_none(), "{name}");
        }
    }
}
