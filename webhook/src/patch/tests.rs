use api::pod_spec::PodPaths;
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::wire::read_object;

fn patch(object: &Value, edits: &Edits) -> Patch {
    let text = object.to_string();
    let raw: &RawValue = serde_json::from_str(&text).unwrap();
    let paths = PodPaths::built_in("", "pods").unwrap();
    build(edits, &read_object(raw, paths).unwrap())
}

fn applied(object: &Value, edits: &Edits) -> Value {
    let patch = patch(object, edits);
    let mut object = object.clone();
    json_patch::patch(&mut object, &patch).unwrap();
    object
}

fn set(key: &str, value: &str) -> Edit {
    Edit::Set {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

#[test]
fn a_map_is_made_where_there_is_none() {
    let edits = Edits {
        labels: vec![set("imgauto.dev/drift", "none")],
        annotations: vec![set("resolved.imgauto.dev/a~b", "x/y")],
    };
    for labels in [json!(null), json!({}), json!({ "app": "web" })] {
        let mut object = json!({ "metadata": { "labels": labels } });
        let patched = applied(&object, &edits);
        let mut expected = labels.as_object().cloned().unwrap_or_default();
        expected.insert("imgauto.dev/drift".to_owned(), json!("none"));
        object["metadata"] =
            json!({ "labels": expected, "annotations": { "resolved.imgauto.dev/a~b": "x/y" } });
        assert_eq!(patched, object);
    }
    let text = serde_json::to_string(&patch(&json!({ "metadata": {} }), &edits)).unwrap();
    assert_eq!(
        text,
        r#"[{"op":"add","path":"/metadata/labels","value":{}},{"op":"add","path":"/metadata/labels/imgauto.dev~1drift","value":"none"},{"op":"add","path":"/metadata/annotations","value":{}},{"op":"add","path":"/metadata/annotations/resolved.imgauto.dev~1a~0b","value":"x/y"}]"#
    );
}

#[test]
fn what_is_there_is_replaced_or_goes() {
    let object = json!({ "metadata": { "annotations": { "a": "1", "b": "2" } } });
    let edits = Edits {
        labels: Vec::new(),
        annotations: vec![
            set("a", "3"),
            Edit::Remove {
                key: "b".to_owned(),
            },
        ],
    };
    let patched = applied(&object, &edits);
    assert_eq!(
        patched,
        json!({ "metadata": { "annotations": { "a": "3" } } })
    );
}

#[test]
fn no_changes_make_no_patch() {
    assert!(
        patch(&json!({ "metadata": {} }), &Edits::default())
            .0
            .is_empty()
    );
}

fn texts() -> impl Strategy<Value = Value> {
    let map = prop::collection::btree_map("[a-z~/]{0,3}", ".{0,3}", 0..4);
    prop_oneof![
        1 => Just(Value::Null),
        4 => map.prop_map(|map| json!(map)),
    ]
}

proptest! {
    #[test]
    fn a_patch_applies_to_the_object_that_was_sent(
        labels in texts(), annotations in texts(), new in prop::collection::btree_map("[a-z~/]{0,3}", ".{0,3}", 0..4),
    ) {
        let object = json!({ "metadata": { "labels": labels, "annotations": annotations }, "spec": {} });
        let sets: Vec<_> = new.iter().map(|(key, value)| set(key, value)).collect();
        let gone = annotations.as_object().into_iter().flat_map(|map| map.keys());
        let gone = gone.map(|key| Edit::Remove { key: key.clone() });
        let edits = Edits { labels: sets, annotations: gone.collect() };
        let patched = applied(&object, &edits);
        for (key, value) in &new {
            prop_assert_eq!(&patched["metadata"]["labels"][key], &json!(value));
        }
        let rest = patched["metadata"]["annotations"].as_object();
        prop_assert!(rest.is_none_or(serde_json::Map::is_empty));
        prop_assert_eq!(&patched["spec"], &object["spec"]);
    }
}
