//! As much of XML as the query protocol of AWS answers with: elements with text in them.

/// Returns the text of the first element of this name that has no elements in it.
pub(super) fn text(document: &str, name: &str) -> Option<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let (_, rest) = document.split_once(&open)?;
    let (text, _) = rest.split_once(&close)?;
    if text.contains('<') {
        return None;
    }
    unescape(text.trim())
}

/// Resolves the references that XML knows by itself; `None` when there is another one.
fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once('&') {
        let (reference, behind) = reference.split_once(';')?;
        plain.push_str(before);
        plain.push(match reference {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            other => numbered(other)?,
        });
        rest = behind;
    }
    plain.push_str(rest);
    Some(plain)
}

fn numbered(reference: &str) -> Option<char> {
    let number = reference.strip_prefix('#')?;
    let number = match number.strip_prefix('x') {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn elements_are_found_and_references_resolved() {
        let document = "<?xml version=\"1.0\"?><a xmlns=\"urn:x\"><b>1</b><c>&lt;&#65;&#x42;&amp;</c><d><e/></d></a>";
        assert_eq!(text(document, "b").as_deref(), Some("1"));
        assert_eq!(text(document, "c").as_deref(), Some("<AB&"));
        for absent in ["a", "d", "f"] {
            assert_eq!(text(document, absent), None);
        }
        for broken in [
            "<a>1",
            "<a>&x;</a>",
            "<a>&</a>",
            "<a>&#xd800;</a>",
            "<a>&#99999999999;</a>",
        ] {
            assert_eq!(text(broken, "a"), None, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_back(given in "[^\\s]{0,40}") {
            let escaped = given
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;");
            let document = format!("<x><y>{escaped}</y></x>");
            prop_assert_eq!(text(&document, "y"), Some(given));
        }
    }
}
