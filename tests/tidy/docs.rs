//! What the documents must name.

use engine::admission::List;
use engine::admission::{Mode, Slot, keys};
use engine::delivery::{Reason, State};

use crate::read;

/// The states without a row and the reasons without a section, and sections that are neither, in the order of the document.
fn complaints(document: &str) -> Vec<String> {
    let sections = document
        .lines()
        .filter_map(|line| line.strip_prefix("### "));
    let sections: Vec<_> = sections.collect();
    let reasons: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    let mut complaints = Vec::new();
    for state in State::ALL {
        let row = format!("\n| {state} | ");
        if !document.contains(&row) {
            complaints.push(format!("no row for {state}"));
        }
    }
    if sections != reasons {
        complaints.push(format!(
            "sections {sections:?} are not the reasons {reasons:?}"
        ));
    }
    for reason in Reason::ALL {
        let begin = format!("### {reason}\n\nLink: {}. ", reason.link());
        if !document.contains(&begin) {
            complaints.push(format!("{reason} does not name its link"));
        }
    }
    complaints
}

#[test]
fn states_and_reasons_are_documented_in_their_order() {
    let document = read("docs/status.md");
    assert_eq!(complaints(&document), Vec::<String>::new());

    let without = document.replace("### PathExcluded", "### PathIncluded");
    assert_eq!(complaints(&without).len(), 2);
    let without = document.replace("\n| Drifted |", "\n| Adrift |");
    assert_eq!(complaints(&without), ["no row for Drifted"]);
}

/// The tests that a document names as `module::test`, and that are not below a folder.
fn unknown_tests(document: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let quoted = document.split('`').skip(1).step_by(2);
    let named = quoted.filter_map(|text| Some((text, text.split_once("::")?)));
    let unknown = named.filter(|(_, (module, test))| {
        let file = read(module).unwrap_or_default();
        !file.contains(&format!("#[test]\nfn {test}() {{"))
    });
    unknown.map(|(text, _)| text.to_owned()).collect()
}

#[test]
fn the_tests_that_show_what_gets_around_the_webhook_are_there() {
    let document = read("docs/bypasses.md");
    let folder = harness::checkout().join("tests/cluster/webhook");
    let file = |module: &str| std::fs::read_to_string(folder.join(format!("{module}.rs"))).ok();
    assert_eq!(unknown_tests(&document, file), Vec::<String>::new());

    let source = |_: &str| Some("#[test]\nfn a() {\n".to_owned());
    assert_eq!(unknown_tests("`m::a`, `m::b`, `c`", source), ["m::b"]);
    assert_eq!(unknown_tests("`m::a`", |_| None), ["m::a"]);
}

#[test]
fn the_keys_and_modes_of_the_webhook_are_documented() {
    let document = read("docs/webhook.md");
    let slot = |list: List, name| Slot {
        list,
        name,
        image: "",
    };
    let container = slot(List::Containers, "container");
    let volume = slot(List::Volumes, "volume");
    let resolved = [&container, &volume].map(|slot| keys::resolved(slot).expect("it is a name"));
    let of_slots = [&container, &volume]
        .map(keys::stated)
        .into_iter()
        .chain(resolved);
    // The name stands for whatever it is, in angle brackets.
    let of_slots = of_slots.map(|key| {
        let (domain, name) = key.split_once('/').expect("a key has a domain");
        format!("{domain}/<{name}>")
    });
    let fixed = [
        keys::DRIFT,
        keys::POLICY,
        keys::OVERRIDE,
        keys::MODE,
        keys::REQUIRE_POLICY,
        keys::REQUIRE_ANNOTATION,
        keys::DEBUG_REPOSITORIES,
    ];
    for key in of_slots.chain(fixed.map(str::to_owned)) {
        assert!(document.contains(&format!("| `{key}` | ")), "{key}");
    }
    for mode in [Mode::Off, Mode::Audit, Mode::Warn, Mode::Enforce] {
        let row = format!("\n| `{}`", mode.as_str());
        assert!(document.contains(&row), "{row}");
    }
}
