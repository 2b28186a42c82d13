//! Durations in objects: Go's notation, kept as it was written.

use std::fmt;
use std::str::FromStr;

use engine::duration::GoDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A duration such as `5m` or `1h30m0s`, with the text it was read from.
///
/// An object that is read and written again keeps `5m`; one that is made here gets Go's own
/// notation, `5m0s`. Two texts of the same length of time are equal.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct DurationText {
    text: String,
    value: GoDuration,
}

impl DurationText {
    /// Returns the duration.
    pub fn value(&self) -> GoDuration {
        self.value
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<GoDuration> for DurationText {
    fn from(value: GoDuration) -> Self {
        Self {
            text: value.to_string(),
            value,
        }
    }
}

impl TryFrom<String> for DurationText {
    type Error = <GoDuration as FromStr>::Err;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let value = text.parse()?;
        Ok(Self { text, value })
    }
}

impl From<DurationText> for String {
    fn from(duration: DurationText) -> Self {
        duration.text
    }
}

impl PartialEq for DurationText {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for DurationText {}

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_was_read_is_written_again() {
        for text in ["5m", "5m0s", "1.5h", "0"] {
            let json = format!("\"{text}\"");
            let duration: DurationText = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&duration).unwrap(), json);
        }
    }

    #[test]
    fn a_duration_made_here_has_go_s_text() {
        let duration = DurationText::from(GoDuration::from_nanoseconds(90_000_000_000));
        assert_eq!(duration.as_str(), "1m30s");
    }

    #[test]
    fn two_texts_of_one_duration_are_equal() {
        let read = |text: &str| DurationText::try_from(text.to_owned()).unwrap();
        assert_eq!(read("90s"), read("1m30s"));
        assert_ne!(read("90s"), read("90m"));
    }

    #[test]
    fn what_is_no_duration_is_refused_in_go_s_words() {
        let error = DurationText::try_from("5d".to_owned()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "time: unknown unit \"d\" in duration \"5d\""
        );
    }
}
