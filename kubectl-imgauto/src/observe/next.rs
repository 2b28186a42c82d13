//! Where a row leads on to.

use engine::delivery::{Facts, Judgement, Selects, State};

use super::Workload;
use super::workload::{SeenImage, SeenWorkload};
use crate::commands::why::fix::{self, Subject};

/// The command that leads on from a row: what mends it, what goes on with it, or what tells more.
pub(super) fn next(
    facts: &Facts<'_>,
    judgement: &Judgement,
    seen: &SeenWorkload,
    image: &SeenImage,
) -> Option<String> {
    let subject = Subject {
        workload: &seen.workload,
        container: &image.name,
        role: image.role,
    };
    let Workload {
        namespace,
        kind,
        name,
    } = &seen.workload;
    let object = format!("{}/{name} -n {namespace}", kind.short());
    let leads_on = judgement.reason.is_some() || judgement.state.needs_attention();
    let onward = || match judgement.state {
        State::RollingOut => Some(format!("kubectl imgauto verify {object} --wait")),
        State::UpdateAvailable => {
            let automations = facts.automations.present()?;
            let update = &automations
                .iter()
                .find(|one| one.selects == Selects::Takes)?
                .name;
            Some(format!(
                "kubectl imgauto reconcile update {} -n {}",
                update.name, update.namespace
            ))
        }
        _ => leads_on.then(|| format!("kubectl imgauto why {object}")),
    };
    fix::command(facts, judgement, Some(&subject)).or_else(onward)
}
