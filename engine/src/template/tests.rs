//! Tests against what Go, sprig and Flux's data model gave.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value as Json;

use super::{Data, Limits, RemovedField, Template, TemplateError};
use crate::change::{Change, ObjectId};

mod limits;

fn change(file: &str, line: usize, object: [&str; 4], values: [&str; 3]) -> Change {
    let [api_version, kind, namespace, name] = object.map(str::to_owned);
    let [old, new, setter] = values.map(str::to_owned);
    Change {
        file: file.to_owned(),
        line,
        object: ObjectId {
            api_version,
            kind,
            name,
            namespace,
        },
        old,
        new,
        setter,
    }
}

fn changes(fixture: &str) -> Vec<Change> {
    const WEB: [&str; 3] = [
        "ghcr.io/org/web:1.2.3",
        "ghcr.io/org/web:1.3.0",
        "flux-system:web",
    ];
    const TAG: [&str; 3] = ["1.0.0", "1.1.0", "flux-system:api:tag"];
    let web = change(
        "apps/web/deploy.yaml",
        12,
        ["apps/v1", "Deployment", "prod", "web"],
        WEB,
    );
    if fixture == "one" {
        return vec![web];
    }
    let api = ["apps/v1", "Deployment", "prod", "api"];
    let image = [
        "ghcr.io/org/api",
        "ghcr.io/org/api2",
        "flux-system:api:name",
    ];
    let nightly = ["batch/v1", "CronJob", "prod", "nightly"];
    // Not in the order of files and lines, which the messages must have.
    vec![
        change("kustomization.yaml", 4, [""; 4], TAG),
        change("apps/web/deploy.yaml", 40, nightly, WEB),
        web,
        change("apps/api/deploy.yaml", 8, api, TAG),
        change("apps/api/deploy.yaml", 9, api, image),
    ]
}

fn render_with(fixture: &str, template: &str, limits: Limits) -> Result<String, TemplateError> {
    let pairs = [
        ("cluster", "prod-eu"),
        ("env", ""),
        ("zone", "eu-1"),
        ("n", "3"),
    ];
    let values: BTreeMap<String, String> = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let changes = changes(fixture);
    let data = Data {
        automation: ("flux-system", "flux-system"),
        changes: &changes,
        values: &values,
    };
    Template::parse(template)?.render(&data, limits)
}

fn render(fixture: &str, template: &str) -> Result<String, TemplateError> {
    render_with(fixture, template, Limits::default())
}

fn message(template: &str) -> String {
    render("many", template).unwrap()
}

fn error(template: &str) -> String {
    render("many", template).unwrap_err().to_string()
}

/// The error as Flux reports it.
fn reported(error: &TemplateError) -> String {
    match error {
        TemplateError::Parse { text, .. } => {
            format!("unable to create commit message template from spec: {text}")
        }
        TemplateError::Execute { text, .. } => format!("failed to run template from spec: {text}"),
        TemplateError::RemovedField { .. } => error.to_string(),
    }
}

/// Functions that Flux has and that are refused here.
const LEFT_OUT: [&str; 16] = [
    "ago",
    "bcrypt",
    "buildCustomCert",
    "decryptAES",
    "derivePassword",
    "encryptAES",
    "genCA",
    "genCAWithKey",
    "genPrivateKey",
    "genSelfSignedCert",
    "genSelfSignedCertWithKey",
    "genSignedCert",
    "genSignedCertWithKey",
    "htpasswd",
    "randInt",
    "shuffle",
];

fn check_rows(rows: &str) {
    let mut failures = Vec::new();
    for row in rows.lines() {
        let row: Json = serde_json::from_str(row).unwrap();
        let field = |name: &str| row[name].as_str().unwrap_or_default();
        let (fixture, template, wanted) = (field("fixture"), field("template"), field("error"));
        let same = match render(fixture, template) {
            Ok(message) => wanted.is_empty() && message == field("message"),
            Err(error) => {
                let text = reported(&error);
                // A refused range is explained beyond what Go says.
                text == wanted
                    || (wanted.contains("calling semverCompare") && text.starts_with(wanted))
                    || (LEFT_OUT.iter().any(|name| template.contains(name))
                        && text.contains("is not available in imgauto"))
            }
        };
        if !same {
            failures.push(format!("{row}\n  gave {:?}", render(fixture, template)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn messages_and_errors_are_those_of_the_automation_controller() {
    check_rows(include_str!("../../tests/data/template-cases.jsonl"));
}

#[test]
fn every_function_agrees_with_go_and_sprig() {
    check_rows(include_str!("../../tests/data/template-go-cases.jsonl"));
}

#[test]
fn an_empty_template_gives_the_default_message() {
    assert_eq!(message(""), "Update from image update automation");
}

#[test]
fn row_109_an_object_in_two_files_has_the_changes_of_both() {
    let object = ["v1", "Pod", "prod", "web"];
    let changes = [
        change("b.yaml", 1, object, ["1", "2", "s"]),
        change("a.yaml", 1, object, ["3", "4", "s"]),
    ];
    let data = Data {
        automation: ("flux-system", "web"),
        changes: &changes,
        values: &BTreeMap::new(),
    };
    let template = "{{ len .Changed.FileChanges }} {{ .Changed.Objects }}";
    let template = Template::parse(template).unwrap();
    let message = template.render(&data, Limits::default()).unwrap();
    assert_eq!(message, "2 map[{{{v1 Pod} {web prod}}}:[{3 4 s} {1 2 s}]]");
}

#[test]
fn row_110_identical_changes_are_listed_once_and_counted_in_their_files() {
    let template = "{{ len .Changed.Changes }}{{ range .Changed.FileChanges }}{{ range . }} {{ len . }}{{ end }}{{ end }}";
    assert_eq!(message(template), "3 2 1 1 1");
}

#[test]
fn changes_are_in_the_order_of_files_and_lines() {
    let template = "{{ range .Changed.Changes }}{{ .Setter }} {{ end }}";
    assert_eq!(
        message(template),
        "flux-system:api:tag flux-system:api:name flux-system:web "
    );
}

#[test]
fn row_112_a_removed_field_is_an_error_of_its_own() {
    let updated = render("one", "a\n{{ .Updated.Images }}").unwrap_err();
    assert_eq!(
        updated,
        TemplateError::RemovedField {
            field: RemovedField::Updated,
            line: 2,
            column: 11,
        }
    );
    assert_eq!(
        updated.to_string(),
        "template uses removed '.Updated' field. Please use '.Changed' instead. See: https://fluxcd.io/flux/components/image/imageupdateautomations/#message-template"
    );
    let result = render("one", "{{ .Changed.ImageResult }}").unwrap_err();
    assert_eq!(
        result.to_string(),
        "template uses removed '.Changed.ImageResult' field. Please use '.Changed.FileChanges' or '.Changed.Objects' instead. See: https://fluxcd.io/flux/components/image/imageupdateautomations/#message-template"
    );
}

#[test]
fn a_removed_field_that_is_not_reached_does_no_harm() {
    let template = "{{ if false }}{{ .Updated }}{{ .Changed.ImageResult }}{{ end }}ok";
    assert_eq!(message(template), "ok");
}

#[test]
fn row_113_an_unknown_field_is_an_error_with_its_place() {
    let failed = render("one", "x\n {{ .Nope }}").unwrap_err();
    assert_eq!(
        failed,
        TemplateError::Execute {
            line: 2,
            column: 4,
            text: "template: commit message:2:4: executing \"commit message\" at <.Nope>: can't evaluate field Nope in type source.TemplateData".to_owned(),
        }
    );
}

#[test]
fn row_114_a_missing_value_is_no_value() {
    assert_eq!(message("{{ .Values.missing }}"), "<no value>");
}

#[test]
fn a_parse_error_has_its_line() {
    let failed = render("one", "a\n\n{{ nofunc }}").unwrap_err();
    assert_eq!(
        failed,
        TemplateError::Parse {
            line: 3,
            text: "template: commit message:3: function \"nofunc\" not defined".to_owned(),
        }
    );
}

#[test]
fn functions_that_differ_in_every_run_are_refused_by_name() {
    for name in LEFT_OUT {
        let text = error(&format!("{{{{ if false }}}}{{{{ {name} }}}}{{{{ end }}}}"));
        let wanted = format!("function \"{name}\" is not available in imgauto: ");
        assert!(text.contains(&wanted), "{text}");
    }
}

#[test]
fn functions_flux_leaves_out_are_not_defined() {
    for name in [
        "date",
        "date_in_zone",
        "date_modify",
        "now",
        "htmlDate",
        "htmlDateInZone",
        "dateInZone",
        "dateModify",
        "randAlphaNum",
        "randAlpha",
        "randAscii",
        "randNumeric",
        "randBytes",
        "uuidv4",
        "env",
        "expandenv",
        "getHostByName",
    ] {
        let text = error(&format!("{{{{ {name} }}}}"));
        let wanted = format!("template: commit message:1: function \"{name}\" not defined");
        assert_eq!(text, wanted);
    }
}

#[test]
fn sorting_a_list_of_strings_changes_it() {
    let template = "{{ $x := splitList \",\" \"b,a\" }}{{ $y := sortAlpha $x }}{{ $x }}";
    assert_eq!(message(template), "[a b]");
}

#[test]
fn text_that_is_not_utf_8_is_replaced_byte_by_byte() {
    assert_eq!(message("{{ trunc 2 \"日\" }}x"), "\u{fffd}\u{fffd}x");
}

#[test]
fn messages_are_the_same_in_every_run() {
    let template = "{{ . }}{{ .Changed.Changes }}{{ .Changed.Objects }}{{ .Values | toJson }}";
    assert_eq!(message(template), message(template));
}

/// Words from which templates are put together, most of them wrong in some place.
const WORDS: [&str; 60] = [
    "{{",
    "}}",
    "{{-",
    "-}}",
    " ",
    "\n",
    "text",
    "if",
    "else",
    "end",
    "range",
    "with",
    "define",
    "template",
    "block",
    "break",
    "continue",
    "nil",
    "true",
    ".",
    "$",
    "$x",
    ":=",
    "=",
    ",",
    "|",
    "(",
    ")",
    "\"a\"",
    "`r`",
    "'c'",
    "1",
    "-2.5",
    "0x",
    "1i",
    ".Values",
    ".Changed.Changes",
    ".Changed.Objects",
    ".AutomationObject",
    ".n",
    "index",
    "list",
    "dict",
    "set",
    "printf",
    "\"%*d%[3]v%!\"",
    "until",
    "repeat",
    "toJson",
    "fromJson",
    "sortAlpha",
    "slice",
    "substr",
    "regexReplaceAll",
    "\"(.*)\"",
    "toDate",
    "semver",
    "urlParse",
    "divf",
    "/* c */",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_template_panics(words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..40)) {
        let limits = Limits { output: 4096, work: 200_000 };
        for template in [words.join(" "), words.concat(), format!("{{{{ {} }}}}", words.join(" "))] {
            if let Ok(message) = render_with("many", &template, limits) {
                prop_assert!(message.len() <= 3 * 4096);
            }
        }
    }

    #[test]
    fn text_without_actions_is_the_message(text in "[^{]{1,200}") {
        prop_assert_eq!(render("one", &text).unwrap(), text);
    }

    #[test]
    fn a_quoted_string_prints_as_itself(text in "\\PC{0,50}") {
        let template = format!("{{{{ {} }}}}", super::runes::quote(text.as_bytes()));
        prop_assert_eq!(render("one", &template).unwrap(), text);
    }

    #[test]
    fn json_reads_back(text in "\\PC{0,40}", number in any::<i32>()) {
        let quoted = super::runes::quote(text.as_bytes());
        let template = format!("{{{{ list {quoted} {number} | toJson }}}}");
        let read: Json = serde_json::from_str(&render("one", &template).unwrap()).unwrap();
        prop_assert_eq!(read, serde_json::json!([text, number]));
    }
}
