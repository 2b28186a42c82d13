//! Whether the template of a commit message can make a message.

use std::collections::BTreeMap;

use engine::change::{Change, ObjectId};
use engine::template::{Data, Limits, Template, TemplateError};

use crate::error::CliError;

/// Checks a template by parsing it and by trying it on changes as an automation makes them.
///
/// What fails only for some changes is left to the day it does.
pub(super) fn template(
    template: &str,
    values: &BTreeMap<String, String>,
    name: &str,
) -> Result<(), CliError> {
    let parsed = Template::parse(template).map_err(|error| mistake(template, &error))?;
    let few = [change("apps/web/deploy.yaml", 18, "web", "1.2.3", "1.3.0")];
    let [first] = few.clone();
    let many = [
        first,
        change("apps/web/deploy.yaml", 40, "web", "1.2.3", "1.3.0"),
        change("apps/api/deploy.yaml", 7, "api", "5.0.0", "5.0.3"),
    ];
    let run = |changes: &[Change]| {
        let data = Data {
            automation: (api::keys::DEFAULT_NAMESPACE, name),
            changes,
            values,
        };
        parsed.render(&data, Limits::default())
    };
    match (run(&few), run(&many)) {
        (Err(error @ TemplateError::RemovedField { .. }), _) | (Err(error), Err(_)) => {
            Err(mistake(template, &error))
        }
        _ => Ok(()),
    }
}

fn change(file: &str, line: usize, object: &str, old: &str, new: &str) -> Change {
    Change {
        file: file.to_owned(),
        line,
        object: ObjectId {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            name: object.to_owned(),
            namespace: "prod".to_owned(),
        },
        old: format!("ghcr.io/org/{object}:{old}"),
        new: format!("ghcr.io/org/{object}:{new}"),
        setter: format!("{}:{object}", api::keys::DEFAULT_NAMESPACE),
    }
}

/// Shows the line of the template, and the place in it where that is known.
fn mistake(template: &str, error: &TemplateError) -> CliError {
    let (line, column) = match error {
        TemplateError::Parse { line, .. } => (*line, None),
        TemplateError::Execute { line, column, .. }
        | TemplateError::RemovedField { line, column, .. } => (*line, Some(*column)),
    };
    let text = template
        .split('\n')
        .nth(line.saturating_sub(1))
        .unwrap_or_default();
    let mark = column.map(|column| {
        let before = text.get(..column).unwrap_or_default().chars().count();
        format!("{}^", " ".repeat(before))
    });
    CliError::usage(format!("--commit-template cannot be used: {error}"))
        .at([text.to_owned()].into_iter().chain(mark))
}
