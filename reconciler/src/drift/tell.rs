//! Tells people of workloads, in events.

use std::collections::BTreeMap;

use engine::drift::Label;
use k8s_openapi::api::core::v1::ObjectReference;

use super::desk::Word;
use super::object::Key;
use crate::events::{Notice, Severity};

/// The name events are reported by.
const CONTROLLER: &str = "imgauto-drift";

/// The event that tells a word of a workload.
pub(super) fn notice(key: &Key, uid: &str, word: Word) -> Notice {
    let (severity, reason, message) = match word {
        Word::Became(Label::None) => (
            Severity::Trace,
            "ImageUpToDate",
            "every image is the one that its policy wants",
        ),
        Word::Became(Label::Drift) => (
            Severity::Trace,
            "ImageDrifted",
            "an image is another one than its policy wants",
        ),
        Word::Became(Label::Unknown) => (
            Severity::Trace,
            "ImageUnknown",
            "it cannot be told whether every image is the one that its policy wants",
        ),
        Word::Became(Label::Unmanaged) => (
            Severity::Trace,
            "ImageUnmanaged",
            "no policy looks after an image",
        ),
        Word::Became(Label::Mismatch) => (
            Severity::Error,
            "ImageMismatch",
            "an image is none that its policy is for, or another image runs by its name",
        ),
        Word::GaveIn => (
            Severity::Error,
            "MarkingSuspended",
            "the label imgauto.dev/drift was changed back three times within ten minutes and is left alone for a day, or \
             until the spec changes",
        ),
    };
    Notice {
        regarding: ObjectReference {
            api_version: Some(key.kind.api_version().to_owned()),
            kind: Some(key.kind.as_str().to_owned()),
            namespace: Some(key.object.namespace.clone()),
            name: Some(key.object.name.clone()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        },
        controller: CONTROLLER,
        severity,
        reason,
        message: message.to_owned(),
        metadata: BTreeMap::new(),
    }
}
