//! The environment variables that cloud logins read, taken once.

use std::collections::HashMap;
use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

/// What the variables of the clouds' own libraries begin with; no other variable is kept.
const PREFIXES: [&str; 4] = ["AWS_", "AZURE_", "GCE_", "GOOGLE_"];

/// A snapshot of the variables that cloud logins read. `Debug` shows their names only: some are secrets.
#[derive(Clone, Default)]
pub struct Environment(HashMap<String, SecretString>);

impl Environment {
    /// Takes the variables of this process.
    #[must_use]
    pub fn of_process() -> Self {
        // `vars` would panic on a variable that is not UTF-8, whoever it is for.
        let texts = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        texts.collect()
    }

    /// Returns the value of a variable; an empty one counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?.expose_secret();
        (!value.is_empty()).then_some(value)
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value));
        let ours = pairs.filter(|(name, _)| PREFIXES.iter().any(|prefix| name.starts_with(prefix)));
        Self(
            ours.map(|(name, value)| (name, SecretString::from(value.into())))
                .collect(),
        )
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_variables_of_clouds_are_kept_and_their_values_not_shown() {
        let environment: Environment = [
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
            ("AWS_REGION", ""),
            ("HOME", "/root"),
        ]
        .into_iter()
        .collect();
        assert_eq!(environment.get("AWS_SECRET_ACCESS_KEY"), Some("hunter2"));
        assert_eq!(environment.get("AWS_REGION"), None);
        assert_eq!(environment.get("HOME"), None);
        let shown = format!("{environment:?}");
        assert!(shown.contains("AWS_SECRET_ACCESS_KEY") && !shown.contains("hunter2"));
    }
}
