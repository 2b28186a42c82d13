//! What flux, the API server and the controllers would find wrong with single values.

use api::DurationText;
use engine::duration::GoDuration;
use engine::image::{ImageError, ImageFault, Repository};
use engine::pattern::{Extract, Group, Pattern};
use engine::range::{Range, RangeError};
use reconciler::chain::Chain;

use crate::error::CliError;

/// How often a repository is scanned, and an automation runs, unless told otherwise.
pub(super) const DEFAULT_INTERVAL: GoDuration = GoDuration::from_nanoseconds(60_000_000_000);

/// Characters a repository's path may have in a registry.
const REPOSITORY_CHARACTERS: &str = "abcdefghijklmnopqrstuvwxyz0123456789_-./";

/// A flag without text counts as one that was not given.
pub(super) fn set_text(value: Option<&String>) -> Option<String> {
    value.filter(|text| !text.is_empty()).cloned()
}

/// A duration of zero counts as one that was not given.
pub(super) fn set_duration(value: Option<GoDuration>) -> Option<DurationText> {
    value
        .filter(|duration| duration.nanoseconds() != 0)
        .map(DurationText::from)
}

/// Checks the address of a repository: first as flux does, then as the controller does.
pub(super) fn image(image: &str) -> Result<(), CliError> {
    if image.is_empty() {
        return Err(CliError::usage("an image repository (--image) is required"));
    }
    let unable = |why: String| CliError::usage(format!("unable to parse image value: {why}"));
    let (registry, path) = match image.split_once('/') {
        Some((registry, path)) if registry.contains(['.', ':']) => (registry, path),
        _ => ("", image),
    };
    let no_registry = |name: &str| {
        unable(format!(
            "registries must be valid RFC 3986 URI authorities: {name}"
        ))
    };
    if !(2..=255).contains(&path.chars().count()) {
        return Err(unable(format!(
            "repository must be between 2 and 255 characters in length: {path}"
        )));
    }
    if !path.chars().all(|c| REPOSITORY_CHARACTERS.contains(c)) {
        let error = unable(format!(
            "repository can only contain the characters `{REPOSITORY_CHARACTERS}`: {path}"
        ));
        return Err(error.at(image_advice(image)));
    }
    // User information is cut off by the parser of URLs, so that flux finds another host.
    if registry.contains('@') {
        return Err(no_registry(registry));
    }
    match Repository::parse(image) {
        Ok(_) => Ok(()),
        Err(ImageError::Unparsable {
            fault: ImageFault::Registry(registry),
            ..
        }) => Err(no_registry(&registry)),
        Err(error) => Err(unable(Chain(&error).to_string())),
    }
}

/// Says what to leave out of an address that was copied from a manifest.
fn image_advice(image: &str) -> Option<String> {
    let name = image.split('@').next().unwrap_or(image);
    let name = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    };
    let shorter = name != image && Repository::parse(name).is_ok();
    shorter.then(|| format!("without tag and digest: --image={name}"))
}

/// Checks an interval against what the API server accepts.
pub(super) fn interval(interval: &DurationText) -> Result<(), CliError> {
    if matches_units(interval.as_str(), &["ms", "s", "m", "h"]) {
        return Ok(());
    }
    Err(CliError::usage(format!(
        "--interval={interval} is refused by the API server: it has to be made of h, m, s and ms"
    )))
}

/// Checks the timeout of a scan against what the API server accepts, which is no hours.
pub(super) fn timeout(timeout: &DurationText) -> Result<(), CliError> {
    if matches_units(timeout.as_str(), &["ms", "s", "m"]) {
        return Ok(());
    }
    Err(CliError::usage(format!(
        "--scan-timeout={timeout} is refused by the API server: it has to be made of m, s and ms, so it stays below one hour"
    )))
}

/// `^([0-9]+(\.[0-9]+)?(unit|…))+$`
fn matches_units(text: &str, units: &[&str]) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let Some(after_number) = number(rest) else {
            return false;
        };
        let end = after_number
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after_number.len());
        let (unit, after_unit) = after_number.split_at(end);
        if !units.contains(&unit) {
            return false;
        }
        rest = after_unit;
    }
    !text.is_empty()
}

/// Returns what follows a number with an optional fraction.
fn number(text: &str) -> Option<&str> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    if whole == 0 {
        return None;
    }
    let rest = &text[whole..];
    let Some(fraction) = rest.strip_prefix('.') else {
        return Some(rest);
    };
    let length = digits(fraction);
    (length > 0).then(|| &fraction[length..])
}

/// Checks a regular expression; `sentence` is what flux says of a bad one.
pub(super) fn pattern(sentence: &str, pattern: &str) -> Result<Pattern, CliError> {
    Pattern::new(pattern).map_err(|error| {
        let column = error.column(pattern);
        let marks = pattern
            .get(error.span())
            .map_or(1, |part| part.chars().count().max(1));
        let indent = " ".repeat(column.saturating_sub(1));
        let hint = error
            .hint()
            .map(|hint| format!(" {hint}"))
            .unwrap_or_default();
        CliError::usage(format!(
            "{sentence}: {}, at position {column}",
            error.reason()
        ))
        .at([
            pattern.to_owned(),
            format!("{indent}{}{hint}", "^".repeat(marks)),
        ])
    })
}

/// Checks the filter of a policy, whose groups have to be there.
pub(super) fn filter(regex: &str, extract: &str) -> Result<(), CliError> {
    let pattern = filter_regex(regex)?;
    let groups: Vec<&str> = pattern.group_names().flatten().collect();
    let template = Extract::parse(extract);
    let mut mistakes: Vec<(usize, String)> = template
        .references()
        .filter_map(|reference| match reference.group {
            Group::Name(name) if !groups.contains(&name) => Some((
                reference.position,
                format!(
                    "capture group ${name} used in --filter-extract not found in --filter-regex"
                ),
            )),
            Group::Name(_) | Group::Number(_) => None,
        })
        .collect();
    let malformed = template.malformed();
    mistakes.extend(malformed.map(|at| (at, "--filter-extract is malformed".to_owned())));
    mistakes.sort_by_key(|(position, _)| *position);
    let shown = |(position, sentence): (usize, String)| {
        let before = extract.get(..position).unwrap_or_default().chars().count();
        CliError::usage(sentence).at([extract.to_owned(), format!("{}^", " ".repeat(before))])
    };
    CliError::all(mistakes.into_iter().map(shown).collect())
}

/// Checks the pattern of a filter.
pub(crate) fn filter_regex(regex: &str) -> Result<Pattern, CliError> {
    pattern("--filter-regex is an invalid regex pattern", regex)
}

/// Checks the range of a policy.
pub(crate) fn range(range: &str) -> Result<(), CliError> {
    shown_range("--select-semver", range)
}

/// Checks the range of versions to check out.
pub(super) fn checkout_range(range: &str) -> Result<(), CliError> {
    shown_range("--checkout-semver", range)
}

fn shown_range(flag: &str, range: &str) -> Result<(), CliError> {
    Range::parse(range).map(drop).map_err(|error: RangeError| {
        let column = error.column();
        let hint = error
            .hint()
            .map(|hint| format!(" {hint}"))
            .unwrap_or_default();
        CliError::usage(format!(
            "{flag} is no range of versions: {}, at position {column}",
            error.fault()
        ))
        .at([
            range.to_owned(),
            format!("{}^{hint}", " ".repeat(column - 1)),
        ])
    })
}
