use expect_test::expect;

use super::*;
use crate::error::ExitStatus;
use crate::session::Markers;

const KNOWN: &[&str] = &["wide", "json", "yaml", "name", "jsonpath"];

fn refused(text: &str) -> String {
    let error = Format::parse(text, KNOWN).unwrap_err();
    assert_eq!(error.status(), ExitStatus::Usage);
    error.render(Markers::Flux)
}

#[test]
fn formats_are_read_by_their_words() {
    let json = Format::Document(Document::Json);
    assert_eq!(Format::parse("json", KNOWN).unwrap(), json);
    assert_eq!(Format::parse("wide", KNOWN).unwrap(), Format::Wide);
    assert_eq!(Format::parse("name", KNOWN).unwrap(), Format::Name);
    assert_eq!(Format::parse("table", &["table"]).unwrap(), Format::Table);
    let template = Format::parse("jsonpath={.kind}", KNOWN).unwrap();
    let Format::Document(template) = template else {
        panic!("{template:?}")
    };
    assert_eq!(template.objects(json!({"kind": "x"})).unwrap(), "x");
}

#[test]
fn an_unknown_format_gets_a_suggestion() {
    let text = refused("jsn");
    expect![[r#"
        ✗ --output: unknown format "jsn"
            did you mean json?
          next: -o with one of wide, json, yaml, name, jsonpath=TEMPLATE
    "#]]
    .assert_eq(&text);
    assert!(refused("json=x").contains("unknown format"));
    assert!(refused("image").contains("unknown format"));
    assert!(refused("jsonpath").contains("needs a template"));
}

#[test]
fn the_place_of_a_mistake_is_shown() {
    expect![[r#"
        ✗ --output: the brace is never closed, at position 3
            é {.items
              ^
    "#]]
    .assert_eq(&refused("jsonpath=é {.items"));
}

#[test]
fn objects_are_printed_as_by_kubectl() {
    let object = json!({
        "kind": "ImagePolicy",
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "metadata": {"name": "x", "managedFields": [{"manager": "flux"}]},
        "spec": {"range": ">=1.0", "tags": [], "map": {}},
    });
    let list = list(vec![object]);
    let json = Document::Json.objects(list.clone()).unwrap();
    expect![[r#"
        {
            "apiVersion": "v1",
            "items": [
                {
                    "apiVersion": "image.toolkit.fluxcd.io/v1",
                    "kind": "ImagePolicy",
                    "metadata": {
                        "name": "x"
                    },
                    "spec": {
                        "map": {},
                        "range": "\u003e=1.0",
                        "tags": []
                    }
                }
            ],
            "kind": "List",
            "metadata": {
                "resourceVersion": ""
            }
        }
    "#]]
    .assert_eq(&json);
    let yaml = Document::Yaml.objects(list).unwrap();
    expect![[r#"
        apiVersion: v1
        items:
        - apiVersion: image.toolkit.fluxcd.io/v1
          kind: ImagePolicy
          metadata:
            name: x
          spec:
            map: {}
            range: '>=1.0'
            tags: []
        kind: List
        metadata:
          resourceVersion: ""
    "#]]
    .assert_eq(&yaml);
}

#[test]
fn reports_keep_the_order_of_their_fields() {
    let report = json!({"z": "a > b", "a": 1});
    let json = Document::Json.report(&report).unwrap();
    assert_eq!(json, "{\n    \"z\": \"a > b\",\n    \"a\": 1\n}\n");
}

#[test]
fn objects_are_sorted_by_a_field() {
    let object = |name: &str, n: Value| json!({"name": name, "n": n});
    let objects = vec![
        object("c", json!(10)),
        object("a", json!(9.5)),
        object("b", Value::Null),
        json!({"name": "d"}),
    ];
    let sorted = |field: &str| {
        let sorted = Order::parse(field)?.sort(objects.clone())?;
        let names = sorted.iter().map(|object| object["name"].as_str().unwrap());
        Ok::<_, CliError>(names.collect::<String>())
    };
    assert_eq!(sorted(".n").unwrap(), "dbac");
    assert_eq!(sorted("{.name}").unwrap(), "abcd");
    assert_eq!(sorted(".nothing").unwrap_err().status(), ExitStatus::No);
    assert_eq!(sorted(".a[").unwrap_err().status(), ExitStatus::Usage);
}
