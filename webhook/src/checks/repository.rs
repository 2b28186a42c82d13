use std::error::Error as _;

use api::ImageRepositorySpec;
use engine::image::Repository;

use super::{Findings, cut};

/// Looks at a repository.
pub(super) fn check(spec: &ImageRepositorySpec) -> Findings {
    let mut findings = Findings::default();
    if let Err(error) = Repository::parse(&spec.image) {
        let cause = error.source().map(|cause| format!(": {cause}"));
        let what = format!("{error}{}", cause.unwrap_or_default());
        findings.problem("spec.image", cut(&what, 512));
    }
    let exclusions = spec.exclusion_list.iter().flatten();
    for (place, pattern) in exclusions.enumerate() {
        findings.pattern(&format!("spec.exclusionList[{place}]"), pattern);
    }
    findings
}
