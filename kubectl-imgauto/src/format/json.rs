//! JSON as kubectl prints it: names in order, four blanks of indent, and what HTML minds escaped.

use serde::Serialize as _;
use serde_json::ser::PrettyFormatter;
use serde_json::{Serializer, Value};

/// On one line.
pub(super) fn compact(value: &Value) -> String {
    escaped(&sorted(value).to_string())
}

/// On many lines, with a newline at the end. The names stay in the order they have.
pub(super) fn pretty(value: &Value) -> String {
    let mut text = Vec::new();
    let formatter = PrettyFormatter::with_indent(b"    ");
    let mut serializer = Serializer::with_formatter(&mut text, formatter);
    // Writing a value to memory cannot fail, and what is written is text.
    let _ = value.serialize(&mut serializer);
    String::from_utf8_lossy(&text).into_owned() + "\n"
}

/// On many lines, as kubectl prints objects.
pub(super) fn as_kubectl(value: &Value) -> String {
    escaped(&pretty(&sorted(value)))
}

/// These characters stand in texts only, so that the whole can be searched.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                text += &format!("\\u{:04x}", u32::from(letter));
            }
            letter => text.push(letter),
        }
    }
    text
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            let fields = fields.into_iter();
            fields
                .map(|(name, value)| (name.clone(), sorted(value)))
                .collect()
        }
        other => other.clone(),
    }
}
