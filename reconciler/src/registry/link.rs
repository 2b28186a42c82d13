//! The `Link` header of RFC 8288, as far as paging needs it.

/// Returns the target of the first link whose relation is `next`, as written.
///
/// `header` is one header line and may hold several links. A comma or semicolon
/// inside `<…>` or a quoted parameter does not end it. Registries write the
/// relation as `rel="next"`, `rel=next` or `rel="prev next"`, in any case. A
/// line that is not a link list yields what was readable before the fault.
pub(super) fn next_target(header: &str) -> Option<&str> {
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (target, parameters) = rest.strip_prefix('<')?.split_once('>')?;
        let (is_next, after) = read_parameters(parameters);
        if is_next {
            return Some(target.trim());
        }
        rest = after;
    }
}

/// Reads `; name=value` pairs up to the comma that ends the link.
///
/// Returns whether one of them says `rel=next`, and what follows. As RFC 8288
/// demands, only the first `rel` counts.
fn read_parameters(text: &str) -> (bool, &str) {
    let mut rest = text;
    let mut relation: Option<bool> = None;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        let Some(parameter) = rest.strip_prefix(';') else {
            return (relation.unwrap_or(false), rest);
        };
        let parameter = parameter.trim_start_matches([' ', '\t']);
        let end = parameter.find(['=', ';', ',']).unwrap_or(parameter.len());
        let (name, after) = parameter.split_at(end);
        let Some(value) = after.strip_prefix('=') else {
            rest = after;
            continue;
        };
        let (value, after) = read_value(value.trim_start_matches([' ', '\t']));
        if relation.is_none() && name.trim_end().eq_ignore_ascii_case("rel") {
            let mut relations = value.split_ascii_whitespace();
            relation = Some(relations.any(|one| one.eq_ignore_ascii_case("next")));
        }
        rest = after;
    }
}

/// Splits a token or quoted string off the front. Escapes inside quotes are kept:
/// no relation has one.
fn read_value(text: &str) -> (&str, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        return text.split_at(end);
    };
    let mut escaped = false;
    for (at, byte) in quoted.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return (&quoted[..at], &quoted[at + 1..]),
            _ => {}
        }
    }
    (quoted, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::next_target;

    #[test]
    fn every_spelling_of_next_is_found() {
        let cases = [
            (
                r#"</v2/a/tags/list?n=2&last=b>; rel="next""#,
                Some("/v2/a/tags/list?n=2&last=b"),
            ),
            ("</v2/a>; rel=next", Some("/v2/a")),
            ("</v2/a>;rel=next", Some("/v2/a")),
            ("  </v2/a>  ;  REL = \"NEXT\"", Some("/v2/a")),
            (r#"</p>; rel="prev", </n>; rel="next""#, Some("/n")),
            (
                r#"</p>; rel="prev",</n>;title="a, \"b\"; c";rel=next"#,
                Some("/n"),
            ),
            (
                r#"<https://r.io/v2/a?last=x,y;z>; rel="next""#,
                Some("https://r.io/v2/a?last=x,y;z"),
            ),
            (r#"</n>; rel="prev next""#, Some("/n")),
            ("<?last=b>; rel=next", Some("?last=b")),
            (r#", </n>; crossorigin; rel="next""#, Some("/n")),
        ];
        for (header, wanted) in cases {
            assert_eq!(next_target(header), wanted, "{header}");
        }
    }

    #[test]
    fn what_is_no_next_link_is_none() {
        for header in [
            "",
            "garbage",
            "</n>",
            "</n>; rel=prev",
            "</n>; rel=nextpage",
            "</n>; rel=prev; rel=next",
            "</n; rel=next",
            r#"</n>; title="rel=next""#,
            r#"</n>; rel="next-archive""#,
        ] {
            assert_eq!(next_target(header), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_link_is_read_back(
            target in "[a-z/?=&,;.%0-9]{1,40}",
            before in proptest::collection::vec(("[a-z/,;]{1,10}", "[a-z ,;]{0,10}"), 0..4),
        ) {
            let mut header: String = before
                .iter()
                .map(|(url, title)| format!("<{url}>; title=\"{title}\"; rel=\"prev\", "))
                .collect();
            header.push_str(&format!("<{target}>; rel=\"next\""));
            prop_assert_eq!(next_target(&header), Some(target.as_str()));
        }

        #[test]
        fn hostile_text_never_panics(header in "\\PC{0,200}", links in "[<>;,=\" a-z\\\\]{0,200}") {
            next_target(&header);
            next_target(&links);
        }
    }
}
