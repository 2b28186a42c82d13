//! Any object is read or refused, and every image that a plain walk over its fields finds is found.

#![no_main]

use api::pod_spec::PodPaths;
use engine::admission::List;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;
use webhook::wire::read_object;

fuzz_target!(|text: &str| {
    let Ok(raw) = serde_json::from_str::<&RawValue>(text) else {
        return;
    };
    for (resource, group, template) in [("pods", "", ""), ("deployments", "apps", "/template/spec")]
    {
        let paths = PodPaths::built_in(group, resource).expect("Kubernetes has them");
        let Ok(object) = read_object(raw, paths) else {
            continue;
        };
        let slots = object.slots();
        let Ok(value) = serde_json::from_str::<Value>(text) else {
            continue;
        };
        let images = |list: &str, image: &str| {
            let items = value
                .pointer(&format!("/spec{template}/{list}"))
                .and_then(Value::as_array);
            let images = items
                .into_iter()
                .flatten()
                .filter_map(|item| item.pointer(image)?.as_str());
            images.map(str::to_owned).collect::<Vec<_>>()
        };
        for (list, field, image) in [
            (List::InitContainers, "initContainers", "/image"),
            (List::Containers, "containers", "/image"),
            (List::EphemeralContainers, "ephemeralContainers", "/image"),
            (List::Volumes, "volumes", "/image/reference"),
        ] {
            let found = |wanted: &String| {
                slots
                    .iter()
                    .any(|slot| slot.list == list && slot.image == wanted)
            };
            assert!(images(field, image).iter().all(found), "{field}");
        }
    }
});
