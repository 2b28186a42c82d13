use api::WorkloadKind;
use engine::delivery::{Check, CheckVerdict, Judgement, Link, Reason, State};
use expect_test::expect;

use super::*;
use crate::commands::status::samples;
use crate::commands::status::style::Color;
use crate::observe::{Row, UpdateRow};
use crate::session::Markers;

const PLAIN: Style = Style {
    markers: Markers::Flux,
    color: Color::Off,
    width: None,
};

/// The judgement of a way that is broken at one link, if it is.
fn judged(state: State, broken: Option<(Reason, &str)>) -> Judgement {
    let mut is_reached = true;
    let checks = Link::ALL.map(|link| {
        let (verdict, text) = match broken {
            Some((reason, text)) if reason.link() == link => {
                is_reached = false;
                (CheckVerdict::Broken(reason), text.to_owned())
            }
            _ if is_reached => (CheckVerdict::Holds, format!("the {link} holds")),
            _ => (CheckVerdict::NotReached, "not reached".to_owned()),
        };
        Check {
            link,
            verdict,
            text,
        }
    });
    Judgement {
        state,
        reason: broken.map(|(reason, _)| reason),
        message: broken.map_or_else(String::new, |(_, text)| text.to_owned()),
        checks: checks.to_vec(),
    }
}

fn excluded() -> (Reason, &'static str) {
    (
        Reason::PathExcluded,
        "ImageUpdateAutomation flux-system/apps only updates ./clusters/staging",
    )
}

fn web() -> Row {
    Row {
        running: vec![samples::pods("1.8.4", "sha256:1", 3)],
        judgement: judged(State::Blocked, Some(excluded())),
        next: Some("kubectl patch imageupdateautomation apps -n flux-system".to_owned()),
        ..samples::managed("default", WorkloadKind::Deployment, "web", "1.9.0", "1.8.4")
    }
}

fn policy(broken: Option<(Reason, &'static str)>) -> PolicyRow {
    PolicyRow {
        policy: ObjectKey::new("flux-system", "web"),
        wanted: web().wanted,
        git: None,
        judgement: judged(State::Committed, broken),
        next: None,
    }
}

fn update(policies: Seen<Vec<PolicyRow>>) -> UpdateRow {
    UpdateRow {
        update: ObjectKey::new("flux-system", "apps"),
        policies,
    }
}

#[test]
fn the_first_broken_link_comes_with_what_mends_it() {
    let row = web();
    let text = chain::render(&[Chain::of_container(&row)], PLAIN);
    expect![[r"
        deploy/web (default), container web: running 1.8.4, policy flux-system/web wants 1.9.0

        √ scan        the scan holds
        √ selection   the selection holds
        √ marker      the marker holds
        × automation  ImageUpdateAutomation flux-system/apps only updates ./clusters/staging  [PathExcluded]
            fix       let the automation update the directory of the file
                      kubectl patch imageupdateautomation apps -n flux-system
            docs      docs/status.md#PathExcluded
        - push, apply, rollout: not reached
    "]]
    .assert_eq(&text);
}

#[test]
fn narrow_terminals_break_texts_and_no_commands() {
    let row = web();
    let style = Style {
        markers: Markers::Ascii,
        width: Some(50),
        ..PLAIN
    };
    let text = chain::render(&[Chain::of_container(&row)], style);
    expect![[r"
        deploy/web (default), container web: running 1.8.4, policy flux-system/web wants 1.9.0

        + scan        the scan holds
        + selection   the selection holds
        + marker      the marker holds
        x automation  ImageUpdateAutomation
                      flux-system/apps only updates
                      ./clusters/staging [PathExcluded]
            fix       let the automation update the
                      directory of the file
                      kubectl patch imageupdateautomation apps -n flux-system
            docs      docs/status.md#PathExcluded
        - push, apply, rollout: not reached
    "]]
    .assert_eq(&text);
    assert!(text.is_ascii());
}

#[test]
fn colours_are_in_the_marks_alone() {
    let row = web();
    let chains = [Chain::of_container(&row)];
    let colored = Style {
        color: Color::On,
        ..PLAIN
    };
    let text = chain::render(&chains, colored);
    assert!(text.contains("\u{1b}[32m√\u{1b}[0m scan"), "{text:?}");
    assert!(text.contains("\u{1b}[31m×\u{1b}[0m automation"), "{text:?}");
    let bare = text.replace("\u{1b}[32m", "").replace("\u{1b}[31m", "");
    assert_eq!(bare.replace("\u{1b}[0m", ""), chain::render(&chains, PLAIN));
}

#[test]
fn policies_and_automations_end_with_the_push() {
    let whole = PolicyRow {
        git: web().git,
        ..policy(None)
    };
    let broken = policy(Some(excluded()));
    let taken = update(Seen::Present(vec![broken.clone()]));
    let idle = update(Seen::Present(Vec::new()));
    let chains = [
        Chain::of_policy(&whole),
        Chain::of_update(&taken, &broken),
        Chain::of_idle_update(&idle),
    ];
    expect![[r"
        policy/web (flux-system): wants 1.9.0, Git has 1.8.4

        √ scan        the scan holds
        √ selection   the selection holds
        √ marker      the marker holds
        √ automation  the automation holds
        √ push        the push holds

        update/apps (flux-system), policy web: wants 1.9.0

        √ scan        the scan holds
        √ selection   the selection holds
        √ marker      the marker holds
        × automation  ImageUpdateAutomation flux-system/apps only updates ./clusters/staging  [PathExcluded]
            fix       let the automation update the directory of the file
            docs      docs/status.md#PathExcluded
        - push: not reached

        update/apps (flux-system)

        × automation  ImageUpdateAutomation flux-system/apps takes in no ImagePolicy  [SelectorExcludes]
            fix       let an automation take the policy in
            docs      docs/status.md#SelectorExcludes
    "]]
    .assert_eq(&chain::render(&chains, PLAIN));
}

#[test]
fn a_container_without_a_policy_has_one_line() {
    let row = Row {
        judgement: Judgement {
            message: "no policy looks after it".to_owned(),
            ..samples::judgement(State::Unmanaged, None, "")
        },
        ..samples::unmanaged("default", WorkloadKind::CronJob, "report", "busybox")
    };
    expect![[r"
        cronjob/report (default), container report: nothing runs, no policy

        ? policy      no policy looks after it
    "]]
    .assert_eq(&chain::render(&[Chain::of_container(&row)], PLAIN));
}

#[test]
fn the_exit_code_says_whether_something_is_broken_or_unknown() {
    let broken = web();
    let whole = Row {
        judgement: judged(State::Synced, None),
        ..web()
    };
    let unknown = Row {
        judgement: judged(State::Unknown, None),
        ..web()
    };
    let status = |rows: &[&Row]| {
        let chains: Vec<_> = rows.iter().map(|row| Chain::of_container(row)).collect();
        verdict(&chains)
    };
    assert_eq!(status(&[&whole]), ExitStatus::Done);
    assert_eq!(status(&[&whole, &unknown]), ExitStatus::Usage);
    assert_eq!(status(&[&unknown, &broken]), ExitStatus::No);
    let mut half = policy(None);
    half.judgement.checks[2].verdict = CheckVerdict::Unknown;
    assert_eq!(verdict(&[Chain::of_policy(&half)]), ExitStatus::Usage);
    // What a policy by itself says nothing of is not missed.
    let mut whole = policy(None);
    whole.judgement.checks[5].verdict = CheckVerdict::Unknown;
    assert_eq!(verdict(&[Chain::of_policy(&whole)]), ExitStatus::Done);
    let hidden = update(Seen::Hidden("no".to_owned()));
    assert_eq!(
        verdict(&[Chain::of_idle_update(&hidden)]),
        ExitStatus::Usage
    );
}

#[test]
fn the_document_says_the_same() {
    let report = samples::report(vec![web()]);
    let chains = chains(&report);
    let value = serde_json::to_value(WhyReport::new(&report, &chains)).unwrap();
    assert_eq!(value["apiVersion"], "cli.imgauto.dev/v1alpha1");
    assert_eq!(value["kind"], "WhyReport");
    assert_eq!(value["complete"], true);
    let item = &value["items"][0];
    assert_eq!(item["workload"]["kind"], "Deployment");
    assert_eq!(item["policy"], "flux-system/web");
    assert_eq!(item["link"], "automation");
    assert_eq!(item["reason"], "PathExcluded");
    assert_eq!(item["checks"].as_array().unwrap().len(), 7);
    assert_eq!(item["checks"][3]["verdict"], "broken");
    assert_eq!(item["checks"][6]["verdict"], "notReached");
    assert_eq!(
        item["fix"]["command"],
        "kubectl patch imageupdateautomation apps -n flux-system"
    );
    assert_eq!(item["docs"], "docs/status.md#PathExcluded");
}

#[test]
fn it_has_to_be_said_what_is_asked_about() {
    let said = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        named(&words).map_err(|error| {
            assert_eq!(error.status(), ExitStatus::Usage);
            error.render(Markers::Flux)
        })
    };
    assert!(said(&["deploy/web", "policy/web"]).is_ok());
    assert!(said(&["image", "policy", "web"]).is_ok());
    assert!(said(&[]).unwrap_err().contains("next: kubectl imgauto why"));
    let nameless = said(&["policy"]).unwrap_err();
    assert!(nameless.contains("why which policy?"), "{nameless}");
    assert!(
        said(&["repository/web"])
            .unwrap_err()
            .contains("unknown resource")
    );
}

#[test]
fn what_is_not_there_is_said() {
    let report = Report {
        policies: vec![policy(Some((
            Reason::MarkerUnknownPolicy,
            "there is no ImagePolicy flux-system/web",
        )))],
        updates: vec![update(Seen::Absent)],
        ..samples::report(vec![web()])
    };
    let said = |word: &str, namespace: &str| {
        let targets = named(&[word.to_owned()]).unwrap();
        check(&targets, namespace, &report).map_err(|error| {
            assert_eq!(error.status(), ExitStatus::Usage);
            error.render(Markers::Flux)
        })
    };
    assert!(said("deploy/web", "default").is_ok());
    let absent = said("sts/web", "default").unwrap_err();
    assert!(absent.contains("there is no statefulset web in namespace default"));
    assert!(
        said("policy/web", "flux-system")
            .unwrap_err()
            .contains("no policy web")
    );
    assert!(
        said("update/apps", "flux-system")
            .unwrap_err()
            .contains("no update apps")
    );
}
