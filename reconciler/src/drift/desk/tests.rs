use std::collections::BTreeMap;

use engine::admission::keys::DRIFT;

use super::super::kind::Kind;
use super::super::object::Marked;
use super::*;
use crate::resources::ObjectKey;

/// One workload, as the API server has it, and the desk.
struct Scene {
    desk: Desk,
    now: Instant,
    version: u64,
    generation: i64,
    carried: Option<Label>,
}

fn key(name: &str) -> Key {
    Key {
        kind: Kind::Deployment,
        object: ObjectKey::new("apps", name),
    }
}

impl Scene {
    fn new(carried: Option<Label>) -> Self {
        let now = Instant::now();
        Self {
            desk: Desk::new(now),
            now,
            version: 1,
            generation: 1,
            carried,
        }
    }

    /// Looks at the workload, which should carry this label.
    fn look(&mut self, wanted: Label) -> Vec<Word> {
        let labels = self
            .carried
            .map(|label| (DRIFT.to_owned(), label.as_str().to_owned()));
        let look = Look {
            uid: "1".into(),
            marked: Arc::new(Marked {
                version: self.version,
                generation: self.generation,
                labels: labels.into_iter().collect(),
                annotations: BTreeMap::new(),
                images: Vec::new(),
            }),
            label: wanted,
        };
        self.desk.look(&key("web"), &look, self.now)
    }

    fn next(&mut self) -> Option<Job> {
        self.desk.next(self.now).map(|patch| patch.job)
    }

    /// Takes the patch that is due to the API server.
    fn patch(&mut self) -> Option<Word> {
        let patch = self.desk.next(self.now).unwrap();
        let Job::Mark(label) = patch.job else {
            panic!("{patch:?}");
        };
        self.version += 1;
        self.carried = Some(label);
        let written = Ended::Written(Written {
            label,
            version: self.version,
            generation: self.generation,
        });
        self.desk.ended(&patch, written, self.now)
    }

    /// Somebody else writes the label.
    fn overwrite(&mut self, label: Option<Label>) {
        self.version += 1;
        self.carried = label;
    }
}

#[test]
fn what_is_right_is_left_alone() {
    let mut scene = Scene::new(Some(Label::Drift));
    assert_eq!(scene.look(Label::Drift), []);
    assert_eq!((scene.next(), scene.desk.due()), (None, None));
}

#[test]
fn a_change_is_written_and_told_once() {
    let mut scene = Scene::new(Some(Label::None));
    assert_eq!(scene.look(Label::Drift), [], "told when it is written");
    assert_eq!(scene.patch(), Some(Word::Became(Label::Drift)));
    for _ in 0..3 {
        assert_eq!(scene.look(Label::Drift), []);
        assert_eq!(scene.next(), None);
    }
    assert_eq!(
        scene.desk.counts().find(|(_, count)| *count == 1),
        Some((Label::Drift, 1))
    );
}

#[test]
fn a_first_look_tells_nothing_that_the_label_does_not() {
    let mut scene = Scene::new(None);
    assert_eq!(scene.look(Label::Unmanaged), []);
    assert_eq!(scene.patch(), None);
    // The webhook may be faster.
    scene.overwrite(Some(Label::None));
    scene.generation += 1;
    assert_eq!(scene.look(Label::None), [Word::Became(Label::None)]);
    assert_eq!(scene.look(Label::None), []);
}

#[test]
fn what_changes_its_mind_is_written_once() {
    let mut scene = Scene::new(Some(Label::None));
    for label in [Label::Drift, Label::Unknown, Label::Drift] {
        assert_eq!(scene.look(label), []);
    }
    assert_eq!(scene.next(), Some(Job::Mark(Label::Drift)));
    assert_eq!(scene.next(), None);
    let mut scene = Scene::new(Some(Label::None));
    scene.look(Label::Drift);
    scene.look(Label::None);
    assert_eq!(scene.next(), None, "it is right again");
}

#[test]
fn a_watch_that_lags_behind_undoes_nothing() {
    let mut scene = Scene::new(Some(Label::None));
    scene.look(Label::Drift);
    scene.patch();
    let newest = scene.version;
    (scene.version, scene.carried) = (newest - 1, Some(Label::None));
    assert_eq!(scene.look(Label::Drift), []);
    assert_eq!(scene.next(), None);
}

#[test]
fn who_reverts_a_mark_three_times_is_left_alone() {
    let mut scene = Scene::new(Some(Label::None));
    for round in 0..3 {
        let words = scene.look(Label::Drift);
        assert_eq!(words, [], "{round}");
        scene.patch();
        scene.overwrite(None);
    }
    assert_eq!(scene.look(Label::Drift), [Word::GaveIn]);
    assert_eq!((scene.next(), scene.desk.given_in()), (None, 1));
    scene.overwrite(Some(Label::Mismatch));
    assert_eq!(scene.look(Label::Drift), []);
    // It is still told of.
    assert_eq!(scene.look(Label::None), [Word::Became(Label::None)]);
    scene.generation += 1;
    assert_eq!(scene.look(Label::None), []);
    assert_eq!(scene.next(), Some(Job::Mark(Label::None)));
    assert_eq!(scene.desk.given_in(), 0);
}

#[test]
fn a_new_image_that_is_marked_anew_is_no_revert() {
    let mut scene = Scene::new(Some(Label::None));
    for _ in 0..9 {
        scene.look(Label::Drift);
        scene.patch();
        scene.overwrite(Some(Label::Unmanaged));
        scene.generation += 1;
    }
    assert_eq!(scene.look(Label::Drift), []);
    assert_eq!(scene.desk.given_in(), 0);
}

#[test]
fn a_patch_that_failed_waits_longer_each_time() {
    let mut scene = Scene::new(Some(Label::None));
    scene.look(Label::Drift);
    let start = scene.now;
    for seconds in [2, 6, 14] {
        let patch = scene.desk.next(scene.now).unwrap();
        assert_eq!(scene.desk.ended(&patch, Ended::Failed, scene.now), None);
        scene.look(Label::Drift);
        assert_eq!(scene.next(), None, "not before its time");
        let due = scene.desk.due().unwrap();
        assert_eq!(due - start, Duration::from_secs(seconds));
        scene.now = due;
        assert_eq!(scene.desk.retries(due), [key("web")]);
        scene.look(Label::Drift);
    }
}

#[test]
fn what_is_under_way_is_not_written_twice_at_a_time() {
    let mut scene = Scene::new(Some(Label::None));
    scene.look(Label::Drift);
    let patch = scene.desk.next(scene.now).unwrap();
    scene.look(Label::Unknown);
    assert_eq!((scene.next(), scene.desk.due()), (None, None));
    scene.desk.ended(&patch, Ended::Gone, scene.now);
    assert_eq!(scene.next(), Some(Job::Mark(Label::Unknown)));
}

#[test]
fn a_namespace_that_leaves_is_cleared_once() {
    let mut scene = Scene::new(Some(Label::Drift));
    scene.look(Label::Drift);
    scene.desk.clear(key("web"), "1".into());
    let patch = scene.desk.next(scene.now).unwrap();
    assert!(matches!(patch.job, Job::Clear { .. }));
    scene.desk.ended(&patch, Ended::Cleared, scene.now);
    assert_eq!((scene.next(), scene.desk.due()), (None, None));
    assert!(scene.desk.counts().all(|(_, count)| count == 0));
}

#[test]
fn who_comes_back_is_not_cleared() {
    let mut scene = Scene::new(Some(Label::Drift));
    scene.desk.clear(key("web"), "1".into());
    scene.look(Label::Drift);
    assert_eq!(scene.next(), None);
}

#[test]
fn clearing_is_tried_a_few_times() {
    let mut scene = Scene::new(Some(Label::Drift));
    scene.desk.clear(key("web"), "1".into());
    let mut tries = 0;
    while let Some(patch) = scene.desk.next(scene.now) {
        tries += 1;
        scene.desk.ended(&patch, Ended::Failed, scene.now);
        if let Some(due) = scene.desk.due() {
            scene.now = due;
            assert_eq!(scene.desk.retries(due), []);
        }
    }
    assert_eq!(tries, 6);
}

#[test]
fn another_workload_of_the_same_name_is_another() {
    let mut scene = Scene::new(Some(Label::None));
    scene.look(Label::Drift);
    let patch = scene.desk.next(scene.now).unwrap();
    let look = Look {
        uid: "2".into(),
        marked: Arc::new(Marked {
            version: 9,
            generation: 1,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            images: Vec::new(),
        }),
        label: Label::Drift,
    };
    assert_eq!(scene.desk.look(&key("web"), &look, scene.now), []);
    let written = Written {
        label: Label::Drift,
        version: 2,
        generation: 1,
    };
    let told = scene.desk.ended(&patch, Ended::Written(written), scene.now);
    assert_eq!(told, None);
}

#[test]
fn patches_keep_to_the_rate() {
    let now = Instant::now();
    let mut desk = Desk::new(now);
    for number in 0..200 {
        let look = Look {
            uid: number.to_string().into(),
            marked: Arc::new(Marked {
                version: 1,
                generation: 1,
                labels: BTreeMap::new(),
                annotations: BTreeMap::new(),
                images: Vec::new(),
            }),
            label: Label::Drift,
        };
        desk.look(&key(&number.to_string()), &look, now);
    }
    let mut sent = 0;
    let mut latest = now;
    while let Some(due) = desk.due() {
        latest = latest.max(due);
        while let Some(patch) = desk.next(latest) {
            sent += 1;
            desk.ended(&patch, Ended::Gone, latest);
        }
    }
    assert_eq!(sent, 200);
    let rest = (200 - BURST) / RATE;
    let took = latest - now;
    assert!(
        took >= Duration::from_millis(u64::from(rest) * 1000),
        "{took:?}"
    );
}
