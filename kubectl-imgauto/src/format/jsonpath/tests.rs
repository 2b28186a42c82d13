use serde_json::json;

use super::*;

fn objects() -> Value {
    json!({
        "kind": "List",
        "items": [
            {
                "metadata": {"name": "a", "annotations": {"example.com/x.y": "dotted"}},
                "spec": {"n": 1, "share": 0.5, "on": true, "range": ">=1 & <2"},
                "status": {"conditions": [
                    {"type": "Ready", "status": "True"},
                    {"type": "Stalled", "status": "False"},
                ]},
            },
            {"metadata": {"name": "b"}, "spec": {"n": 2, "none": null}, "status": {}},
        ],
    })
}

fn filled(template: &str) -> Result<String, String> {
    let template = Template::parse(template).map_err(|mistake| mistake.to_string())?;
    template.fill(&objects()).map_err(|error| error.to_string())
}

#[test]
fn templates_print_what_kubectl_prints() {
    let rows = [
        ("plain text } here", "plain text } here"),
        ("{.items[*].metadata.name}", "a b"),
        ("{$.items[*].metadata.name}", "a b"),
        ("{@.kind}", "List"),
        ("{.items..name}", "a b"),
        (
            "{range .items[*]}{.metadata.name}={.spec.n}{\"\\n\"}{end}",
            "a=1\nb=2\n",
        ),
        ("{range .nothing[*]}x{end}y", "y"),
        (
            "{range .items[*]}[{range .status.conditions[*]}{.type},{end}]{end}",
            "[Ready,Stalled,][]",
        ),
        ("{.items[?(@.metadata.name==\"b\")].spec.n}", "2"),
        ("{.items[?(@.spec.n>1)].metadata.name}", "b"),
        ("{.items[?(@.spec.on)].metadata.name}", "a"),
        ("{.items[?(@.spec.on==true)].metadata.name}", "a"),
        ("{.items[?(@.metadata.name!='a')].metadata.name}", "b"),
        (
            "{.items[*].status.conditions[?(@.type==\"Ready\")].status}",
            "True",
        ),
        (
            "{.items[0].metadata.annotations.example\\.com/x\\.y}",
            "dotted",
        ),
        (
            "{.items[0].metadata.annotations['example\\.com/x\\.y']}",
            "dotted",
        ),
        ("{.items[*]['metadata.name','spec.n']}", "a b 1 2"),
        ("{.items[-1].metadata.name}", "b"),
        ("{.items[0:1].metadata.name} {.items[:].spec.n}", "a 1 2"),
        ("{.items[::2].metadata.name}", "a"),
        ("{.items[0,1].metadata.name}", "a b"),
        ("{.items[0].spec.share} {.items[0].spec.on}", "0.5 true"),
        ("{.items[1].spec.none}", "null"),
        (
            "{.items[0].spec}",
            "{\"n\":1,\"on\":true,\"range\":\"\\u003e=1 \\u0026 \\u003c2\",\"share\":0.5}",
        ),
        ("{.items[1].metadata.*}", "b"),
        ("{.missing.further}", ""),
        ("{'it''s'}", "s"),
        ("{\"tab\\there \\u00e9\"}", "tab\there é"),
        ("", ""),
    ];
    for (template, want) in rows {
        assert_eq!(filled(template).as_deref(), Ok(want), "{template}");
    }
}

#[test]
fn a_mistake_has_a_place() {
    let rows = [
        ("{.items", "the brace is never closed", 0),
        ("x {.items[0", "the bracket is never closed", 9),
        ("{.items[?(@.a==1]}", "the filter is never closed", 7),
        (
            "{.items[?(@.a=1)]}",
            "the operators are ==, !=, <, <=, > and >=",
            13,
        ),
        ("{.items[?(@.a==)]}", "nothing follows the operator", 13),
        (
            "{.items[a]}",
            "a is no index, slice or name in single quotes",
            8,
        ),
        (
            "{.items[0, x]}",
            "x is no index, slice or name in single quotes",
            11,
        ),
        ("{.a}{end}", "there is no range to end", 4),
        (
            "{items}",
            "unknown word items: a field begins with a dot",
            1,
        ),
        (
            "{.items[?(foo==1)]}",
            "unknown word foo: a field begins with a dot",
            10,
        ),
        ("{\"open}", "the quote is never closed", 1),
        ("{\"\\q\"}", "unknown escape", 2),
        (
            "{\"\\u12\"}",
            "the escape takes 4 hex digits of a character",
            2,
        ),
        ("{..{}", "unexpected {", 3),
        ("{.a ,}", "unexpected ,", 4),
        ("{.a....b}", "two descents in a row", 5),
        ("{1.2.3}", "1.2.3 is no number", 1),
    ];
    for (template, problem, at) in rows {
        let mistake = Mistake {
            problem: problem.to_owned(),
            at,
        };
        assert_eq!(Template::parse(template), Err(mistake), "{template}");
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let rows = [
        ("{.kind[0]}", "\"List\" is no list"),
        (
            "{.items[5].metadata.name}",
            "array index out of bounds: index 5, length 2",
        ),
        (
            "{.items[0:3]}",
            "array index out of bounds: index 2, length 2",
        ),
        (
            "{.items[1:0]}",
            "starting index 1 is greater than ending index 0",
        ),
        ("{.items[0:2:0]}", "step must be > 0"),
        (
            "{.items[?(@.spec.n==\"1\")]}",
            "cannot compare 1 with \"1\"",
        ),
        (
            "{.items[?(@.spec.on<true)]}",
            "cannot compare true with true",
        ),
        (
            "{.items[?(@.spec.*==1)]}",
            "can only compare one element at a time",
        ),
    ];
    for (template, want) in rows {
        assert_eq!(filled(template), Err(want.to_owned()), "{template}");
    }
}

#[test]
fn a_path_may_come_without_dot_and_braces() {
    let objects = objects();
    let object = &objects["items"][0];
    for text in [
        "metadata.name",
        ".metadata.name",
        "{.metadata.name}",
        "{metadata.name}",
    ] {
        let path = Path::parse(text).unwrap();
        assert_eq!(path.first(object), Ok(Some(&json!("a"))), "{text}");
    }
    let mistake = Path::parse("{.a[x]}").unwrap_err();
    assert_eq!(mistake.at, 4);
    assert_eq!(Path::parse(".nothing").unwrap().first(object), Ok(None));
}

#[test]
fn long_numbers_get_an_exponent_as_in_go() {
    let rows = [
        (0.5, "0.5"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (0.000_012, "1.2e-05"),
        (-2.5, "-2.5"),
    ];
    for (number, want) in rows {
        let template = Template::parse("{.n}").unwrap();
        let text = template.fill(&json!({"n": number})).unwrap();
        assert_eq!(text, want);
    }
}
