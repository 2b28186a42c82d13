use std::ffi::OsString;

use super::*;
use crate::cli::grammar;
use crate::noun::Noun;
use offer::{Entry, Source};

/// Completes the last of `words` with nothing around; each line is a candidate, the last one the directive.
fn lines(words: &[&str]) -> Vec<String> {
    asked("kubectl_complete-imgauto", words, &Environment::default())
}

fn asked(program: &str, words: &[&str], environment: &Environment) -> Vec<String> {
    let args = std::iter::once(&program).chain(words).map(OsString::from);
    let request = Request::of(&args.collect::<Vec<_>>()).expect("it is asked for completion");
    let mut answer = Vec::new();
    assert_eq!(request.answer(environment, &mut answer), ExitStatus::Done);
    let text = String::from_utf8(answer).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The candidates without what they mean.
fn candidates(words: &[&str]) -> Vec<String> {
    let mut lines = lines(words);
    let directive = lines.pop().unwrap();
    assert!([":0", ":4"].contains(&directive.as_str()), "{directive}");
    let word = |line: String| line.split('\t').next().unwrap_or_default().to_owned();
    lines.into_iter().map(word).collect()
}

/// Who is asked for what stands behind these words.
fn source(words: &[&str]) -> Option<Source> {
    let mut words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
    let typed = words.pop().unwrap();
    let mut grammar = grammar();
    grammar.build();
    let place = place::find(&grammar, &words, &typed);
    offer::at(&place).source
}

fn names(noun: Noun, before: &str) -> Option<Source> {
    Some(Source::Names {
        noun,
        before: before.to_owned(),
    })
}

#[test]
fn kubectl_flux_and_scripts_ask_in_three_ways() {
    let environment = Environment::default();
    let want = lines(&["create", "p"]);
    assert_eq!(want.len(), 2, "{want:?}");
    for program in ["flux-imgauto", "/usr/bin/kubectl-imgauto"] {
        let words = ["__complete", "create", "p"];
        assert_eq!(asked(program, &words, &environment), want);
    }
    let words = ["__completeNoDesc", "create", "p"];
    assert_eq!(
        asked("kubectl-imgauto", &words, &environment),
        ["policy", ":4"]
    );
    for words in [
        &["kubectl-imgauto", "create"][..],
        &["kubectl-imgauto"],
        &[],
    ] {
        let args: Vec<_> = words.iter().map(OsString::from).collect();
        assert_eq!(Request::of(&args), None, "{words:?}");
    }
}

#[test]
fn every_command_that_help_shows_is_offered() {
    let grammar = grammar();
    let shown = grammar.get_subcommands().filter(|verb| !verb.is_hide_set());
    let mut shown: Vec<_> = shown.map(|verb| verb.get_name().to_owned()).collect();
    shown.push("help".to_owned());
    assert_eq!(candidates(&[""]), shown);
    assert_eq!(candidates(&[]), shown);
    assert_eq!(
        candidates(&["create", ""]),
        ["repository", "policy", "update", "help"]
    );
    // Flux's word is understood, though not offered.
    assert_eq!(candidates(&["create", "image", "pol"]), ["policy"]);
    assert_eq!(candidates(&["create", "nothing", "pol"]), [""; 0]);
}

#[test]
fn candidates_say_what_they_mean() {
    assert_eq!(lines(&["vers"]), ["version\tPrint the version", ":4"]);
    assert_eq!(lines(&["--color=n"]), ["never\tNever", ":4"]);
}

#[test]
fn flags_are_offered_until_they_are_given() {
    let select = ["create", "policy", "podinfo", "--select-"];
    assert_eq!(
        candidates(&select),
        ["--select-semver", "--select-alpha", "--select-numeric"]
    );
    let rows: &[(&[&str], &str, bool)] = &[
        (&["version", "-"], "-o", true),
        (&["version", "-"], "--namespace", true),
        (&["version", "--"], "-o", false),
        (&["version", "-ojson", "-"], "--output", false),
        (&["version", "--output=json", "--"], "--output", false),
        (&["-qn", "x", "version", "--"], "--namespace", false),
        (&["-qn", "x", "version", "--"], "--quiet", false),
        (&["--as-group=a", "version", "--"], "--as-group", true),
        // What follows the two dashes is no flag.
        (&["tags", "--", "--"], "--limit", false),
    ];
    for (words, flag, offered) in rows {
        let candidates = candidates(words);
        let found = candidates.iter().any(|candidate| candidate == flag);
        assert_eq!(found, *offered, "{words:?}: {candidates:?}");
    }
}

#[test]
fn values_of_flags_are_offered() {
    let rows: &[(&[&str], &[&str])] = &[
        (&["--color", ""], &["auto", "always", "never"]),
        (&["--color=a"], &["auto", "always"]),
        (&["version", "-o", "j"], &["json"]),
        (&["version", "-qo", ""], &["yaml", "json"]),
        (&["--ascii="], &["true", "false"]),
        (&["completion", "k"], &["kubectl"]),
        (
            &["create", "policy", "x", "--select-alpha="],
            &["asc", "desc"],
        ),
        // A number, a flag that is none, a value that stands already.
        (&["tags", "--limit", ""], &[]),
        (&["--no-such-flag="], &[]),
        (&["version", "--output", "json", "y"], &[]),
    ];
    for (words, want) in rows {
        assert_eq!(candidates(words), *want, "{words:?}");
    }
}

#[test]
fn files_are_left_to_the_shell() {
    let rows: &[(&[&str], &str)] = &[
        (&["run", ""], ":0"),
        (&["tags", "-f", ""], ":0"),
        (&["--kubeconfig="], ":0"),
        (&["create", "policy", ""], ":4"),
        (&["--timeout", ""], ":4"),
    ];
    for (words, directive) in rows {
        assert_eq!(lines(words).last().unwrap(), directive, "{words:?}");
    }
}

#[test]
fn the_cluster_and_the_kubeconfigs_are_asked_for_names() {
    assert_eq!(source(&["version", "-n", ""]), Some(Source::Namespaces));
    assert_eq!(source(&["--namespace=fl"]), Some(Source::Namespaces));
    let create = ["create", "update", "x", "--git-repo-ref", ""];
    assert_eq!(source(&create), Some(Source::GitRepositories));
    let create = ["create", "image", "policy", "x", "--image-ref="];
    assert_eq!(source(&create), names(Noun::Repository, ""));
    assert_eq!(
        source(&["--context", ""]),
        Some(Source::Kubeconfig(Entry::Contexts))
    );
    assert_eq!(source(&["version", ""]), None);
}

#[test]
fn contexts_clusters_and_users_come_from_the_kubeconfig() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "contexts: [{name: east, context: {}}, {name: west, context: {}}]\nclusters: [{name: farm}]\nusers: [{name: ada}]\n";
    std::fs::write(file.path(), text).unwrap();
    let variables = [("KUBECONFIG".into(), file.path().into())];
    let environment = Environment {
        variables: variables.into(),
        ..Environment::default()
    };
    let rows = [
        (&["--context", ""][..], &["east", "west", ":4"][..]),
        (&["--context=w"], &["west", ":4"]),
        (&["--cluster="], &["farm", ":4"]),
        (&["version", "--user", "a"], &["ada", ":4"]),
    ];
    for (words, want) in rows {
        let said = asked("kubectl_complete-imgauto", words, &environment);
        assert_eq!(said, want, "{words:?}");
    }
    let flag = format!("--kubeconfig={}", file.path().display());
    let candidates = candidates(&[&flag, "--context", ""]);
    assert_eq!(candidates, ["east", "west"]);
}

/// The verbs whose words are kinds and names.
fn verbs_of_objects() -> Vec<String> {
    let mut grammar = grammar();
    grammar.build();
    let verbs = grammar.get_subcommands();
    let verbs = verbs.filter(|verb| verb.get_positionals().any(offer::names_objects));
    verbs.map(|verb| verb.get_name().to_owned()).collect()
}

#[test]
fn kinds_are_followed_by_names() {
    let verbs = verbs_of_objects();
    assert!(verbs.iter().any(|verb| verb == "get"), "{verbs:?}");
    let deployment = Noun::Workload(Some(api::WorkloadKind::Deployment));
    for verb in &verbs {
        let first = candidates(&[verb, ""]);
        for word in ["policy", "update"] {
            assert!(
                first.iter().any(|candidate| candidate == word),
                "{verb}: {first:?}"
            );
        }
        assert_eq!(candidates(&[verb, "images", "polic"]), ["policy"]);
        let rows = [
            (&[verb, "policy", ""][..], names(Noun::Policy, "")),
            (&[verb, "image", "imgpol", "a", ""], names(Noun::Policy, "")),
            (&[verb, "iua/fl"], names(Noun::Update, "iua/")),
            (&[verb, "iua/a", "deploy/w"], names(deployment, "deploy/")),
            (&[verb, "iua/a", ""], None),
            (&[verb, "nothing/"], None),
            (&[verb, "nothing", ""], None),
        ];
        for (words, want) in rows {
            let words: Vec<_> = words.iter().map(|word| word.as_ref()).collect();
            assert_eq!(source(&words), want, "{words:?}");
        }
    }
}

#[test]
fn every_kind_that_is_offered_is_taken() {
    for verb in verbs_of_objects() {
        for noun in offer::nouns(&verb) {
            let run = crate::tests::run_with(
                &[&verb, noun.word(), "x"],
                &[("KUBECONFIG", "/nowhere/at/all")],
            );
            assert!(
                !run.stderr.contains("unknown resource"),
                "{verb}: {}",
                run.stderr
            );
        }
    }
}

#[test]
fn a_cluster_that_is_away_costs_a_second_and_no_word() {
    // It takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("--server=http://{}", silent.local_addr().unwrap());
    let asked_at = std::time::Instant::now();
    assert_eq!(lines(&["get", "policy", &server, ""]), [":4"]);
    // A minute would do to tell it from the five that requests may take.
    assert!(asked_at.elapsed() < std::time::Duration::from_secs(60));
    drop(silent);
    assert_eq!(lines(&["get", "policy", &server, ""]), [":4"]);
    assert_eq!(lines(&["get", "policy", ""]), [":4"]);
}
