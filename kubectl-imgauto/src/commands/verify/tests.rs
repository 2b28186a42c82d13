//! Which answer each container gets.

use api::WorkloadKind;
use engine::delivery::{Reason, State};
use engine::image::Reference;
use expect_test::expect;
use reconciler::resources::ObjectKey;

use super::question::{Expectation, Question, Subject};
use super::telling::{because, place};
use super::verdict::{Demand, Demands, Hope, Verdict, hint};
use super::{report, status};
use crate::commands::status::samples::{
    crowded, fleet, judgement, managed, podinfo, pods, progress, unmanaged,
};
use crate::commands::status::style::{Color, Style};
use crate::error::ExitStatus;
use crate::observe::{Ending, Origin, Row};
use crate::session::Markers;

const ROLLED_OUT: Demands = Demands {
    rollout: Demand::Needed,
    git: Demand::Ignored,
    digest: Demand::Ignored,
};

fn question(expectation: Expectation) -> Question {
    Question {
        expectation,
        demands: ROLLED_OUT,
        subject: Subject::Named,
    }
}

/// What is said of each container, and how the command ends.
fn asked(question: &Question, rows: &[Row]) -> (Vec<String>, ExitStatus) {
    let answers = question.answers(rows);
    let said = answers.iter().map(|answer| {
        let place = place(answer);
        match &answer.verdict {
            Verdict::Equal => format!("{place}: equal"),
            Verdict::Different { text, .. } => format!("{place}: {text}{}", because(answer)),
            Verdict::Unknown { text, .. } => format!("{place}: ? {text}"),
        }
    });
    (said.collect(), status(&answers))
}

fn choice_is(rows: &[Row], said: &[&str], ends: ExitStatus) {
    let found = asked(&question(Expectation::Choice), rows);
    let said: Vec<_> = said.iter().map(|&line| line.to_owned()).collect();
    assert_eq!(found, (said, ends));
}

/// A Deployment of two pods that run `running` while its spec says `applied` and `5.0.3` is wanted.
fn web(applied: &str, running: &str) -> Row {
    Row {
        running: vec![pods(running, "sha256:1", 2)],
        rollout: Some(progress(2, 2, 2, Ending::Complete)),
        judgement: judgement(State::Synced, None, ""),
        ..managed("default", WorkloadKind::Deployment, "web", "5.0.3", applied)
    }
}

const WEB: &str = "default/deployment/web web:";

#[test]
fn what_runs_is_compared_with_what_the_policy_chose() {
    choice_is(
        &[podinfo()],
        &["default/deployment/podinfo podinfod: equal"],
        ExitStatus::Done,
    );
    let behind = Row {
        judgement: judgement(
            State::Committed,
            Some(Reason::SourceOutdated),
            "the cluster is at main@1111111",
        ),
        ..web("5.0.0", "5.0.0")
    };
    choice_is(
        &[behind],
        &[&format!(
            "{WEB} running 5.0.0, wanted 5.0.3 [SourceOutdated]"
        )],
        ExitStatus::No,
    );
}

#[test]
fn a_rollout_has_to_be_complete() {
    let rolling = |updated, available, end| Row {
        rollout: Some(progress(2, updated, available, end)),
        running: vec![pods("5.0.0", "sha256:1", 1), pods("5.0.3", "sha256:2", 1)],
        judgement: judgement(State::RollingOut, None, ""),
        ..web("5.0.3", "5.0.3")
    };
    let rows = [
        (
            rolling(1, 2, Ending::UnderWay),
            "rolling out, 1 of 2 updated",
        ),
        (
            rolling(2, 1, Ending::UnderWay),
            "rolling out, 1 of 2 available",
        ),
        (
            rolling(2, 2, Ending::UnderWay),
            "rolling out, old pods are ending",
        ),
        (
            rolling(2, 0, Ending::Failed),
            "the rollout does not get on, 0 of 2 are ready",
        ),
    ];
    for (row, text) in rows {
        let hope = match row.rollout {
            Some(progress) if progress.end == Ending::Failed => Hope::Lost,
            _ => Hope::Open,
        };
        choice_is(
            std::slice::from_ref(&row),
            &[&format!("{WEB} {text}")],
            ExitStatus::No,
        );
        let answers = [row.clone()];
        let answers = question(Expectation::Choice)
            .answers(&answers)
            .remove(0)
            .verdict
            .hope();
        assert_eq!(answers, hope);
        let spec = Question {
            demands: Demands {
                rollout: Demand::Ignored,
                ..ROLLED_OUT
            },
            ..question(Expectation::Choice)
        };
        assert_eq!(asked(&spec, &[row]).1, ExitStatus::Done);
    }
}

#[test]
fn pods_that_were_changed_by_hand_are_found_although_the_rollout_is_complete() {
    let changed = Row {
        judgement: judgement(
            State::Drifted,
            Some(Reason::ManualChange),
            "a pod was edited",
        ),
        ..web("5.0.3", "5.0.0")
    };
    choice_is(
        &[changed],
        &[&format!("{WEB} running 5.0.0, wanted 5.0.3 [ManualChange]")],
        ExitStatus::No,
    );
    // The runtime names another tag of the same image.
    choice_is(
        &[web("5.0.3", "latest")],
        &[&format!("{WEB} equal")],
        ExitStatus::Done,
    );
}

#[test]
fn what_does_not_roll_out_is_compared_by_its_spec() {
    let cron = managed("default", WorkloadKind::CronJob, "report", "1.1", "1.0");
    choice_is(
        &[cron],
        &["default/cronjob/report report: set to 1.0, wanted 1.1"],
        ExitStatus::No,
    );
    let scaled_down = Row {
        running: Vec::new(),
        rollout: Some(progress(0, 0, 0, Ending::Complete)),
        ..web("5.0.3", "-")
    };
    choice_is(&[scaled_down], &[&format!("{WEB} equal")], ExitStatus::Done);
}

#[test]
fn no_choice_and_no_policy_are_no_answer() {
    let waiting = Row {
        wanted: None,
        ..web("5.0.0", "5.0.0")
    };
    choice_is(
        &[waiting],
        &[&format!(
            "{WEB} ? policy flux-system/web has not chosen a tag"
        )],
        ExitStatus::Usage,
    );
    let alone = unmanaged("default", WorkloadKind::Pod, "tool", "busybox");
    choice_is(
        std::slice::from_ref(&alone),
        &["default/pod/tool: ? no policy looks after it; --image or --tag says what is expected"],
        ExitStatus::Usage,
    );
    let all = Question {
        subject: Subject::All,
        ..question(Expectation::Choice)
    };
    assert_eq!(asked(&all, &[alone]).0, Vec::<String>::new());
}

#[test]
fn a_no_outweighs_what_cannot_be_told() {
    let unknown = Row {
        wanted: None,
        ..web("5.0.0", "5.0.0")
    };
    let wrong = managed("default", WorkloadKind::CronJob, "report", "1.1", "1.0");
    let (_, ends) = asked(&question(Expectation::Choice), &[unknown, wrong]);
    assert_eq!(ends, ExitStatus::No);
}

#[test]
fn containers_without_a_policy_do_not_count_beside_others() {
    let (said, ends) = asked(&question(Expectation::Choice), &crowded());
    expect![[r#"
        prod/deployment/shop migrate: equal
        prod/deployment/shop shop: the rollout does not get on, 0 of 2 are ready [ImagePullFailed]"#]].assert_eq(&said.join("\n"));
    assert_eq!(ends, ExitStatus::No);
}

#[test]
fn the_user_may_expect_an_image_or_a_tag() {
    let image = |text: &str| question(Expectation::Image(Reference::parse(text).unwrap()));
    let tag = |text: &str| question(Expectation::Tag(text.to_owned()));
    let rows = [web("5.0.0", "5.0.0")];
    assert_eq!(
        asked(&image("ghcr.io/acme/web:5.0.0"), &rows).1,
        ExitStatus::Done
    );
    assert_eq!(asked(&tag("5.0.0"), &rows).1, ExitStatus::Done);
    assert_eq!(
        asked(&tag("5.0.3"), &rows).0,
        [format!("{WEB} running 5.0.0, wanted 5.0.3")]
    );
    assert_eq!(
        asked(&image("docker.io/acme/web:5.0.0"), &rows).0,
        [format!(
            "{WEB} running ghcr.io/acme/web:5.0.0, wanted docker.io/acme/web:5.0.0"
        )]
    );
    // A sidecar is meant by its image, and by nothing else.
    let mesh = format!("ghcr.io/mesh/proxy@sha256:{}", "8".repeat(64));
    let mut shop = crowded();
    shop[2].image.clone_from(&mesh);
    let (said, ends) = asked(&image(&mesh), &shop);
    assert_eq!((said.len(), ends), (1, ExitStatus::Done), "{said:?}");
    let pair = [
        unmanaged("a", WorkloadKind::Pod, "x", "one:1"),
        Row {
            container: "y".to_owned(),
            ..unmanaged("a", WorkloadKind::Pod, "x", "two:1")
        },
    ];
    assert_eq!(
        asked(&tag("1"), &pair).0,
        ["a/pod/x: ? it has several containers; --image says which one is meant"]
    );
}

#[test]
fn the_choice_of_another_policy_may_be_expected() {
    let of = |chosen: Option<&str>| {
        question(Expectation::ChoiceOf {
            policy: ObjectKey::new("flux-system", "other"),
            chosen: chosen.map(|image| Reference::parse(image).unwrap()),
        })
    };
    let rows = [web("5.0.0", "5.0.0")];
    assert_eq!(
        asked(&of(Some("ghcr.io/acme/web:5.0.0")), &rows).1,
        ExitStatus::Done
    );
    assert_eq!(
        asked(&of(Some("ghcr.io/acme/web:5.0.1")), &rows).1,
        ExitStatus::No
    );
    assert_eq!(
        asked(&of(None), &rows).0,
        [format!(
            "{WEB} ? policy flux-system/other has not chosen a tag"
        )]
    );
    let mut own = of(Some("mirror.local/web:5.0.0"));
    if let Expectation::ChoiceOf { policy, .. } = &mut own.expectation {
        *policy = ObjectKey::new("flux-system", "web");
    }
    assert_eq!(
        asked(&own, &rows).1,
        ExitStatus::Done,
        "a marker ties a mirror"
    );
}

#[test]
fn git_and_digests_count_when_asked_for() {
    let git = Question {
        demands: Demands {
            git: Demand::Needed,
            ..ROLLED_OUT
        },
        ..question(Expectation::Choice)
    };
    let uncommitted = Row {
        git: Some(crate::commands::status::samples::committed(
            "5.0.0",
            Origin::Status,
        )),
        ..web("5.0.3", "5.0.3")
    };
    assert_eq!(
        asked(&git, &[uncommitted]).0,
        [format!("{WEB} committed ~5.0.0, wanted 5.0.3")]
    );
    let untold = Row {
        git: None,
        ..web("5.0.3", "5.0.3")
    };
    assert_eq!(asked(&git, &[untold]).1, ExitStatus::Usage);
    assert_eq!(asked(&git, &[web("5.0.3", "5.0.3")]).1, ExitStatus::Done);

    let digest = Question {
        demands: Demands {
            digest: Demand::Needed,
            ..ROLLED_OUT
        },
        ..question(Expectation::Choice)
    };
    assert_eq!(
        asked(&digest, &[web("5.0.3", "5.0.3")]).1,
        ExitStatus::Usage
    );
    let reflected = |wanted: &str| {
        let mut row = web("5.0.3", "5.0.3");
        if let Some(choice) = &mut row.wanted {
            choice.digest = Some(wanted.to_owned());
        }
        row
    };
    assert_eq!(asked(&digest, &[reflected("sha256:1")]).1, ExitStatus::Done);
    assert_eq!(
        asked(&digest, &[reflected("sha256:2")]).0,
        [format!("{WEB} running sha256:1, wanted sha256:2")]
    );
}

#[test]
fn while_it_is_waited_the_state_says_why() {
    let mut behind = web("5.0.0", "5.0.0");
    behind.judgement = judgement(State::Committed, None, "");
    if let Some(git) = &mut behind.git {
        git.branch = Some("main".to_owned());
        git.commit = Some("3f9c2ab0123456789".to_owned());
    }
    assert_eq!(
        hint(&behind).as_deref(),
        Some("committed main@3f9c2ab, not applied yet")
    );
    behind.judgement = judgement(State::UpdateAvailable, None, "");
    assert_eq!(hint(&behind).as_deref(), Some("not committed yet"));
    assert_eq!(hint(&podinfo()), None);
}

#[test]
fn answers_are_printed_as_a_table() {
    let question = question(Expectation::Choice);
    let rows = fleet();
    let answers = question.answers(&rows);
    let style = |width| Style {
        markers: Markers::Flux,
        color: Color::Off,
        width,
    };
    expect![[r#"
        NAMESPACE  WORKLOAD            CONTAINER  EXPECTED  RUNNING        ROLLOUT  EQUAL
        default    deployment/podinfo  podinfod   5.0.3     5.0.3          2/2      ✔ yes
        default    deployment/web      web        1.9.0     1.8.4          3/3      ✖ no
        default    pod/tool            tool       -         -              -        ◌ unknown
        prod       deployment/api      api        2.4.0     2.3.9          5/5      ✖ no
        prod       cronjob/report      report     -         0.9            -        ◌ unknown
        staging    statefulset/queue   queue      7.2.1     7.2.0 > 7.2.1  1/3      ✖ no
    "#]]
    .assert_eq(&report::table(&answers, style(None)));
    expect![[r#"
        NAMESPACE  WORKLOAD            CONTAINER  EXPECTED  RUNNING   ROLLOUT  EQUAL
        default    deployment/podinfo  podinfod   5.0.3     5.0.3     2/2      ✔ yes
        default    deployment/web      web        1.9.0     1.8.4     3/3      ✖ no
        default    pod/tool            tool       -         -         -        ◌ unknown
        prod       deployment/api      api        2.4.0     2.3.9     5/5      ✖ no
        prod       cronjob/report      report     -         0.9       -        ◌ unknown
        staging    statefulset/queue   queue      7.2.1     7.2.0 >…  1/3      ✖ no
    "#]]
    .assert_eq(&report::table(&answers, style(Some(80))));
}
