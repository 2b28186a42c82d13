//! The marked lines of a file, as somebody finds them who has the file.

use api::image_inventory::InventoryField;
use api::marked_line::Place;
use engine::delivery::{Stray, StrayFault};
use engine::marker::{Field, FileScan, Site};
use reconciler::resources::ObjectKey;

use super::stray::similar;
use super::{Known, Line, Lost, name};
use crate::observe::automations::{Automations, Keeper};

/// Sorts the markers of a file into those that work and those that cannot.
pub(super) fn read(
    file: &str,
    scan: &FileScan,
    known: Known<'_>,
    automations: &Automations<'_>,
    (lines, lost): (&mut Vec<Line>, &mut Vec<Lost>),
) {
    for site in &scan.sites {
        let policy = ObjectKey::new(site.namespace(), site.policy());
        let stray = |fault, automation: Option<&ObjectKey>| Lost {
            stray: Stray {
                file: file.to_owned(),
                line: Some(as_line(site.line)),
                setter: site.setter.to_string(),
                automation: automation.map(name),
                fault,
            },
            place: place(scan, site),
            told_in: automation.map(|key| key.namespace.clone()),
        };
        let keeper = automations.keeper_of(file, &policy);
        let fault = match keeper {
            Keeper::Foreign(key) => {
                let automation = key.namespace.clone();
                Some((StrayFault::OtherNamespace { automation }, Some(key)))
            }
            _ if !known.policies.contains_key(&policy) => {
                let similar = similar(&site.setter, known);
                Some((StrayFault::UnknownPolicy { similar }, None))
            }
            Keeper::LeavesOut(key) => Some((StrayFault::NotSelected, Some(key))),
            Keeper::Elsewhere(key, path) => {
                Some((StrayFault::OutsidePath(path.to_owned()), Some(key)))
            }
            Keeper::Automation(_) | Keeper::Nobody => None,
        };
        let automation = match keeper {
            Keeper::Automation(key) => Some(key),
            _ => None,
        };
        match fault {
            Some((fault, by)) => lost.push(stray(fault, by)),
            None => lines.push(line(file, scan, site, policy, automation)),
        }
    }
    lost.extend(scan.faults.iter().map(|fault| Lost {
        stray: Stray {
            file: file.to_owned(),
            line: Some(as_line(fault.line)),
            setter: String::new(),
            automation: None,
            fault: StrayFault::Unusable(fault.message().to_string()),
        },
        place: Place::Values,
        told_in: None,
    }));
}

fn line(
    file: &str,
    scan: &FileScan,
    site: &Site,
    policy: ObjectKey,
    automation: Option<&ObjectKey>,
) -> Line {
    // In a kustomization, the key beside a whole marker says which part of the image stands there.
    let field = match (site.field, site.kustomize) {
        (Field::Image, Some(field)) => field,
        (field, _) => field,
    };
    Line {
        file: file.to_owned(),
        line: as_line(site.line),
        policy,
        place: place(scan, site),
        field: match field {
            Field::Image => InventoryField::Reference,
            Field::Name => InventoryField::Name,
            Field::Tag => InventoryField::Tag,
            Field::Digest => InventoryField::Digest,
        },
        value: site.value.to_string(),
        commit: None,
        automation: automation.cloned(),
    }
}

fn place(scan: &FileScan, site: &Site) -> Place {
    let object = scan.objects.get(site.object).cloned().unwrap_or_default();
    let present = |text: String| (!text.is_empty()).then_some(text);
    Place::of(
        Some(&object.api_version),
        Some(&object.kind),
        present(object.namespace),
        present(object.name),
        site.container.as_deref().map(str::to_owned),
    )
}

fn as_line(line: usize) -> i64 {
    i64::try_from(line).unwrap_or(i64::MAX)
}
