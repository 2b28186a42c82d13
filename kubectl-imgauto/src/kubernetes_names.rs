//! What Kubernetes takes for a name, a label key and a label value, with the API server's sentences.

/// Returns what is wrong with `name` as the name of a namespace.
pub(crate) fn dns_label_problems(name: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if name.len() > 63 {
        problems.push(too_long(63));
    }
    if !is_dns_label(name) {
        problems.push(if is_dns_subdomain(name) {
            "must not contain dots".to_owned()
        } else {
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
             and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
                .to_owned()
        });
    }
    problems
}

/// Returns what is wrong with `key` as the key of a label or an annotation.
pub(crate) fn label_key_problems(key: &str) -> Vec<String> {
    const NAME: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
         alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
         '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    let mut problems = Vec::new();
    let parts: Vec<&str> = key.split('/').collect();
    let name = match parts[..] {
        [name] => name,
        [prefix, name] => {
            problems.extend(prefix_problems(prefix));
            name
        }
        _ => {
            return vec![format!(
                "a valid label key {NAME} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        problems.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        problems.push(format!("name part {}", too_long(63)));
    }
    if !is_label_text(name) {
        problems.push(format!("name part {NAME}"));
    }
    problems
}

fn prefix_problems(prefix: &str) -> Vec<String> {
    if prefix.is_empty() {
        return vec!["prefix part must be non-empty".to_owned()];
    }
    let mut problems = Vec::new();
    if prefix.len() > 253 {
        problems.push(format!("prefix part {}", too_long(253)));
    }
    if !is_dns_subdomain(prefix) {
        problems.push(
            "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
             '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for \
             validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
                .to_owned(),
        );
    }
    problems
}

/// Returns what is wrong with `value` as the value of a label.
pub(crate) fn label_value_problems(value: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if value.len() > 63 {
        problems.push(too_long(63));
    }
    if !value.is_empty() && !is_label_text(value) {
        problems.push(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
             start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used \
             for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
                .to_owned(),
        );
    }
    problems
}

/// Returns true for the names Flux gives objects: 2 to 63 characters without dots.
pub(crate) fn is_object_name(name: &str) -> bool {
    (2..=63).contains(&name.len()) && is_dns_label(name)
}

fn too_long(bytes: usize) -> String {
    format!("must be no more than {bytes} bytes")
}

fn is_dns_subdomain(text: &str) -> bool {
    text.split('.').all(is_dns_label)
}

fn is_dns_label(text: &str) -> bool {
    has_inner_and_ends(
        text,
        |b| b == b'-',
        |b| b.is_ascii_lowercase() || b.is_ascii_digit(),
    )
}

fn is_label_text(text: &str) -> bool {
    has_inner_and_ends(
        text,
        |b| matches!(b, b'-' | b'_' | b'.'),
        |b| b.is_ascii_alphanumeric(),
    )
}

/// Returns true if `text` is not empty, starts and ends with an end character, and has nothing but
/// end and inner characters.
fn has_inner_and_ends(text: &str, inner: fn(u8) -> bool, end: fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|b| end(*b))
        && bytes.last().is_some_and(|b| end(*b))
        && bytes.iter().all(|b| end(*b) || inner(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_keys_follow_kubernetes() {
        for key in ["a", "A.b_c-d", "example.com/x", "1"] {
            assert!(label_key_problems(key).is_empty(), "{key}");
        }
        for key in [
            "",
            "/x",
            "a/",
            "a/b/c",
            "-a",
            "a-",
            "A.com/x",
            "a b",
            "é",
            &"x".repeat(64),
        ] {
            assert!(!label_key_problems(key).is_empty(), "{key}");
        }
    }

    #[test]
    fn an_empty_label_key_has_two_problems() {
        let problems = label_key_problems("");
        assert_eq!(problems.len(), 2);
        assert_eq!(problems[0], "name part must be non-empty");
    }

    #[test]
    fn label_values_may_be_empty() {
        assert!(label_value_problems("").is_empty());
        assert_eq!(
            label_value_problems(&"x".repeat(64)),
            ["must be no more than 63 bytes"]
        );
        assert_eq!(label_value_problems("-").len(), 1);
    }

    #[test]
    fn a_namespace_with_dots_is_told_so() {
        assert_eq!(dns_label_problems("a.b"), ["must not contain dots"]);
        assert!(dns_label_problems("flux-system").is_empty());
        assert_eq!(dns_label_problems("Bad").len(), 1);
    }

    #[test]
    fn object_names_have_two_to_63_characters() {
        assert!(is_object_name("ab") && is_object_name(&"a".repeat(63)));
        for name in ["", "a", "a.b", "-a", "a-", "Ab", &"a".repeat(64)] {
            assert!(!is_object_name(name), "{name}");
        }
    }
}
