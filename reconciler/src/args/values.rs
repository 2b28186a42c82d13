//! How the values of flags are read: by Go's rules.

use std::str::FromStr as _;
use std::time::Duration;

use engine::duration::{ConvertDurationError, GoDuration, ParseDurationError};
use thiserror::Error;
use url::Url;

use super::OptionalUrl;

/// A value no flag of its kind takes.
#[derive(Debug, Error)]
pub(super) enum ValueError {
    /// Neither true nor false.
    #[error("neither true nor false")]
    Switch,
    /// No duration as Go writes it. The message is Go's.
    #[error(transparent)]
    Duration(#[from] ParseDurationError),
    /// A time that cannot be waited for.
    #[error(transparent)]
    Wait(#[from] ConvertDurationError),
    /// No URL.
    #[error("not a URL")]
    Url(#[from] url::ParseError),
    /// A URL of a scheme nothing can be posted to.
    #[error("scheme is not http or https")]
    Scheme,
}

/// Reads the value of a switch, such as `--watch-all-namespaces=false`.
pub(super) fn switch(text: &str) -> Result<bool, ValueError> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(ValueError::Switch),
    }
}

/// Reads a duration such as `1h30m`, not a negative one.
pub(super) fn duration(text: &str) -> Result<Duration, ValueError> {
    Ok(Duration::try_from(GoDuration::from_str(text)?)?)
}

/// Reads a URL that events can be posted to; the empty text is none.
pub(super) fn events_address(text: &str) -> Result<OptionalUrl, ValueError> {
    if text.is_empty() {
        return Ok(OptionalUrl(None));
    }
    let url = Url::parse(text)?;
    match url.scheme() {
        "http" | "https" => Ok(OptionalUrl(Some(url))),
        _ => Err(ValueError::Scheme),
    }
}
