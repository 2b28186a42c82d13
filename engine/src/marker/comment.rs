//! The grammar of a marker: one comment that is one JSON object.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Field;
use super::fault::FaultKind;

/// The marker's key without the dollar sign.
pub(super) const KEY_NAME: &[u8] = b"imagepolicy";
const KEY: &str = "$imagepolicy";
const LONG_KEY: &str = "$ref";
const LONG_PREFIX: &str = "#/definitions/io.k8s.cli.setters.";

/// What a comment is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Comment {
    /// Anything else.
    Prose,
    /// A well-formed marker.
    Marker(Setter),
    /// Meant as a marker, but not one.
    Broken(FaultKind),
}

/// A marker's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setter {
    /// `namespace:policy` with an optional suffix.
    pub(super) text: Box<str>,
    /// What the suffix asks for.
    pub(super) field: Field,
}

/// Reads a comment, which begins with `#`.
pub(super) fn read(comment: &str) -> Comment {
    let text = comment.trim_start_matches('#');
    let body = text.trim_matches([' ', '\t', '\r', '\n']);
    if !body.starts_with('{') && !mentions_key(body) {
        return Comment::Prose;
    }
    // Flux reads the object as a map of strings, in which null is the empty string; if that fails
    // or names no policy it tries the long form.
    let short = serde_json::from_str::<BTreeMap<String, Option<String>>>(body);
    let setter = short.as_ref().ok().and_then(|strings| strings.get(KEY));
    let setter = setter.map(|value| value.as_deref().unwrap_or_default());
    if let Some(setter) = setter.and_then(parse_setter) {
        return Comment::Marker(setter);
    }
    let Ok(entries) = serde_json::from_str::<BTreeMap<String, Value>>(body) else {
        return broken_json(body);
    };
    let long = entries.get(LONG_KEY).and_then(Value::as_str);
    if let Some(setter) = long.and_then(|long| parse_setter(long.strip_prefix(LONG_PREFIX)?)) {
        return Comment::Marker(setter);
    }
    match setter {
        Some(text) => Comment::Broken(FaultKind::BadSetter(text.to_owned())),
        None if entries.contains_key(KEY) => Comment::Broken(FaultKind::NonStringValue),
        None if entries.keys().any(|key| key.eq_ignore_ascii_case(KEY)) => {
            Comment::Broken(FaultKind::WrongKey)
        }
        None => Comment::Prose,
    }
}

fn mentions_key(text: &str) -> bool {
    super::mentions_marker(text.as_bytes())
}

/// Why a comment that names the key is no JSON object.
fn broken_json(body: &str) -> Comment {
    if !mentions_key(body) {
        return Comment::Prose;
    }
    Comment::Broken(if mentions_after_object(body) {
        FaultKind::TwoMarkers
    } else if embedded_object(body) {
        FaultKind::TextAround
    } else if body.contains("'$") {
        FaultKind::SingleQuotes
    } else {
        FaultKind::MalformedJson
    })
}

/// Whether an object with the key stands somewhere in the text.
fn embedded_object(body: &str) -> bool {
    body.find('{')
        .is_some_and(|start| first_object(&body[start..]).is_some())
}

/// Whether the first object is followed by another mention of the key.
fn mentions_after_object(body: &str) -> bool {
    let Some(start) = body.find('{') else {
        return false;
    };
    first_object(&body[start..]).is_some_and(|length| mentions_key(&body[start + length..]))
}

/// The length of the JSON object the text begins with, if it names the key.
fn first_object(text: &str) -> Option<usize> {
    let mut objects =
        serde_json::Deserializer::from_str(text).into_iter::<BTreeMap<String, Value>>();
    let object = objects.next()?.ok()?;
    let named = object.keys().any(|key| key.eq_ignore_ascii_case(KEY));
    named.then(|| objects.byte_offset())
}

/// Reads `namespace:policy[:field]` as Flux does: as the fragment of a URL, and names only.
fn parse_setter(text: &str) -> Option<Setter> {
    let text = percent_decode(text)?;
    let mut parts = text.split(':');
    let (namespace, policy) = (parts.next()?, parts.next()?);
    let field = match (parts.next(), parts.next()) {
        (None, None) => Field::Image,
        (Some("name"), None) => Field::Name,
        (Some("tag"), None) => Field::Tag,
        (Some("digest"), None) => Field::Digest,
        _ => return None,
    };
    (is_name(namespace) && is_name(policy)).then(|| Setter {
        text: text.into(),
        field,
    })
}

/// Whether the text can be the name of a Kubernetes object.
fn is_name(text: &str) -> bool {
    let name =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    !text.is_empty() && text.bytes().all(name)
}

fn percent_decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            if !digits.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            decoded.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}
