//! `-o jsonpath=…` beside the real kubectl.

use super::Objects;
use crate::stage::Answer;

/// Templates for a list, of which both programs print the same.
const TEMPLATES: [&str; 45] = [
    "{.items[*].metadata.name}",
    "{$.items[*].metadata.name}",
    "{.kind} {.apiVersion}",
    "{@.kind}|{ .kind }",
    "{range .items[*]}{.metadata.name}{\"\\t\"}{.status.latestRef.tag}{\"\\n\"}{end}",
    "{range .items[*]}{.metadata.name}: {range .status.conditions[*]}{.type}={.status},{end}{\"\\n\"}{end}",
    "{range .items[?(@.metadata.name==\"none\")]}x{end}y",
    "{range .items[*]}{.metadata.name};",
    "{.items[?(@.metadata.name==\"web\")].status.latestRef.name}",
    "{.items[?(@.metadata.name != 'web')].metadata.name}",
    "{.items[?(\"new\"==@.metadata.name)].metadata.name}",
    "{.items[?(@.status.latestRef)].metadata.name}",
    "{.items[?(@.metadata.generation==1)].metadata.name}",
    "{.items[?(@.metadata.generation>1)].metadata.name}",
    "{.items[?(@.metadata.generation>=1)].metadata.name}",
    "{.items[?(@.metadata.generation<2)].metadata.name}",
    "{.items[?(@.metadata.generation<=1)].metadata.name}",
    "{.items[?(@.metadata.name==\"web\")]['metadata.name','kind']}",
    "{.items[*].status.conditions[?(@.type==\"Ready\")].message}",
    "{.items[0]['metadata.name','kind']}",
    "{.items[-1:].metadata.name}",
    "{.items[-1].metadata.name}",
    "{.items[0:1].metadata.name}",
    "{.items[1:].metadata.name}",
    "{.items[:1].metadata.name}",
    "{.items[::2].metadata.name}",
    "{.items[0,1].metadata.name}",
    "{.items[*].metadata.annotations.example\\.com/a\\.b}",
    "{.items[*].metadata.annotations['example\\.com/a\\.b']}",
    "{..tag}",
    "{.items[*].metadata.labels.*}",
    "{.items[*].metadata.labels}",
    "{.items[*].spec}",
    "{.items[0].spec.policy}",
    "{.items[*].metadata.generation}",
    "{.missing}{.missing[0].x}{.items.metadata}{.}{.items.[0]}",
    "plain text, } and all",
    "{\"quoted \\\"x\\\" \\u00e9\"}{'single'}",
    "{1} {1.50} {-1} {true}",
    "{.metadata.resourceVersion}|",
    "a}b{.kind}",
    "{.kind}{\"{}\"}",
    "{.items[?(@.spec.policy.semver.range>\"=\")].metadata.name}",
    "{.items[*]['metadata']['name']}",
    "",
];

/// Templates that neither program can fill, and what ours says of them.
const MISTAKES: [(&str, i32, &str); 9] = [
    ("{.items", 2, "the brace is never closed, at position 1"),
    ("{.items[", 2, "the bracket is never closed, at position 8"),
    (
        "{.items[?(@.x==1}",
        2,
        "the filter is never closed, at position 8",
    ),
    ("{end}", 2, "there is no range to end, at position 1"),
    (
        "{foo}",
        2,
        "unknown word foo: a field begins with a dot, at position 2",
    ),
    (
        "{.items[a]}",
        2,
        "a is no index, slice or name in single quotes, at position 9",
    ),
    (
        "{.items[7]}",
        1,
        "array index out of bounds: index 7, length 2",
    ),
    ("{.items[0].metadata.name[0]}", 1, "\"new\" is no list"),
    (
        "{.items[?(@.metadata.generation==\"1\")]}",
        1,
        "cannot compare 1 with \"1\"",
    ),
];

fn both(objects: &Objects<'_>, template: &str) -> (Answer, Answer) {
    let output = format!("--output=jsonpath={template}");
    let kubectl = objects.kubectl(&["get", "imagepolicies", &output]);
    (kubectl, objects.imgauto(&["get", "policies", &output]))
}

#[test]
fn templates_print_what_kubectl_prints() {
    let objects = Objects::new("get-templates");
    for template in TEMPLATES {
        let (kubectl, ours) = both(&objects, template);
        if template.contains('*') && template.contains("labels.*") {
            // kubectl prints fields in an order that changes from run to run.
            let words = |answer: &Answer| {
                let mut words: Vec<_> = answer.stdout.split(' ').map(str::to_owned).collect();
                words.sort();
                words
            };
            assert_eq!(words(&ours), words(&kubectl), "{template}");
        } else if template.is_empty() {
            assert_eq!((kubectl.code, ours.code), (1, 2), "{kubectl:?}");
        } else {
            assert_eq!(ours, kubectl, "{template}");
            assert_eq!(ours.code, 0, "{template}: {}", ours.stderr);
        }
    }
}

#[test]
fn what_kubectl_refuses_is_refused_with_its_place() {
    let objects = Objects::new("get-mistakes");
    for (template, code, said) in MISTAKES {
        let (kubectl, ours) = both(&objects, template);
        assert_eq!((kubectl.code, ours.code), (1, code), "{template}");
        assert_eq!(ours.stdout, "", "{template}");
        assert!(ours.stderr.contains(said), "{template}: {}", ours.stderr);
    }
}

#[test]
fn one_object_is_the_template_s_whole_world() {
    let objects = Objects::new("get-one");
    for template in ["{.metadata.name}", "{.status.latestRef}", "{.items}"] {
        let output = format!("--output=jsonpath={template}");
        let kubectl = objects.kubectl(&["get", "imagepolicy", "web", &output]);
        let ours = objects.imgauto(&["get", "policy", "web", &output]);
        assert_eq!(ours, kubectl, "{template}");
    }
}
