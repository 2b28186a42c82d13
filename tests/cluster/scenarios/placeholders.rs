//! What stands for a value that is another one in every play, in both directions.

use serde_json::Value;

/// Names in `${…}` and what they stand for in one play.
#[derive(Clone, Debug, Default)]
pub(crate) struct Placeholders(Vec<(String, String)>);

impl Placeholders {
    /// Adds one.
    ///
    /// # Panics
    ///
    /// If the value is empty: it would be found everywhere.
    pub(crate) fn insert(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        assert!(!value.is_empty(), "{name} stands for nothing");
        self.0.push((format!("${{{name}}}"), value));
        // What is found first is the longest, so that no value is taken for the beginning of another.
        self.0
            .sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
    }

    /// Replaces placeholders by their values, in all texts and keys.
    pub(crate) fn fill(&self, value: &Value) -> Value {
        texts(value, &|text| {
            self.0.iter().fold(text.to_owned(), |text, (name, value)| {
                text.replace(name, value)
            })
        })
    }

    /// Replaces values by their placeholders.
    pub(crate) fn name(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(value, name)
        })
    }
}

/// Changes every text of a document, keys included.
pub(crate) fn texts(value: &Value, change: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => items.iter().map(|item| texts(item, change)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (change(key), texts(value, change)))
            .collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_longer_value_wins() {
        let mut placeholders = Placeholders::default();
        placeholders.insert("NS", "test-1");
        placeholders.insert("GIT_HOST", "127.0.0.1:80");
        placeholders.insert("GIT", "http://127.0.0.1:80");
        placeholders.insert("NS2", "test-1-second");
        assert_eq!(
            placeholders.name("http://127.0.0.1:80/test-1/app.git 127.0.0.1:80 test-1-second"),
            "${GIT}/${NS}/app.git ${GIT_HOST} ${NS2}"
        );
    }

    #[test]
    fn keys_and_texts_are_filled_and_the_rest_stays() {
        let mut placeholders = Placeholders::default();
        placeholders.insert("NS", "test-1");
        let filled =
            placeholders.fill(&json!({"A/${NS}/b": ["${NS}", 1, "${OTHER} $imagepolicy"]}));
        assert_eq!(
            filled,
            json!({"A/test-1/b": ["test-1", 1, "${OTHER} $imagepolicy"]})
        );
    }
}
