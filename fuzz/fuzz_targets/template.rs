//! Any template renders within its limits, and twice the same.

#![no_main]

use std::collections::BTreeMap;

use engine::change::{Change, ObjectId};
use engine::template::{Data, Limits, Template};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    let Ok(template) = Template::parse(source) else {
        return;
    };
    let changes = [Change {
        file: "apps/web.yaml".to_owned(),
        line: 7,
        object: ObjectId {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            name: "web".to_owned(),
            namespace: "prod".to_owned(),
        },
        old: "1.0.0".to_owned(),
        new: "1.1.0".to_owned(),
        setter: "flux-system:web:tag".to_owned(),
    }];
    let values = BTreeMap::from([("cluster".to_owned(), "prod-eu".to_owned())]);
    let data = Data {
        automation: ("flux-system", "web"),
        changes: &changes,
        values: &values,
    };
    let limits = Limits {
        output: 16 << 10,
        work: 1 << 20,
    };
    let first = template.render(&data, limits);
    assert_eq!(first, template.render(&data, limits));
    if let Ok(message) = first {
        assert!(message.len() <= 3 * limits.output);
    }
});
