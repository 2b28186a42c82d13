//! Markers that cannot work, as inventories tell of them.

use api::ImageUpdateAutomation;
use api::image_inventory::{InventoryCause, InventoryProblem};
use api::marked_line::Place;
use engine::delivery::{Stray, StrayFault};
use reconciler::resources::ObjectKey;

use super::{Known, Lost, name};
use crate::noun::nearest;

/// Reads a problem of an automation's inventory.
pub(super) fn lost(problem: InventoryProblem, automation: &ObjectKey, known: Known<'_>) -> Lost {
    let place = Place::of(
        problem.api_version.as_deref(),
        problem.kind.as_deref(),
        problem.namespace,
        problem.name,
        problem.container,
    );
    let setter = problem.setter.unwrap_or_default();
    let fault = match problem.cause {
        Some(InventoryCause::UnknownPolicy) => StrayFault::UnknownPolicy {
            similar: similar(&setter, known),
        },
        Some(InventoryCause::OtherNamespace) => StrayFault::OtherNamespace {
            automation: automation.namespace.clone(),
        },
        Some(InventoryCause::NotSelected) => StrayFault::NotSelected,
        Some(InventoryCause::OutsidePath) => {
            let object = known.automations.get(automation);
            StrayFault::OutsidePath(object.map(path_of).unwrap_or_default().to_owned())
        }
        None => StrayFault::Unusable(problem.reason),
    };
    Lost {
        stray: Stray {
            file: problem.file,
            line: problem.line,
            setter,
            automation: Some(name(automation)),
            fault,
        },
        place,
        told_in: Some(automation.namespace.clone()),
    }
}

/// The policy that was probably meant.
pub(super) fn similar(setter: &str, known: Known<'_>) -> Option<String> {
    let mut parts = setter.split(':');
    let (namespace, name) = parts.next().zip(parts.next())?;
    let there = known
        .policies
        .keys()
        .filter(|key| key.namespace == namespace);
    nearest(name, there.map(|key| key.name.as_str())).map(str::to_owned)
}

/// What an automation updates, as it writes it; empty for the root.
pub(in crate::observe) fn path_of(automation: &ImageUpdateAutomation) -> &str {
    let update = automation.spec.update.as_ref();
    update
        .and_then(|update| update.path.as_deref())
        .unwrap_or_default()
}
