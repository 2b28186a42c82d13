use super::*;

const LIVES: Lifetimes = Lifetimes::DEFAULT;
const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn at(days: i64) -> Timestamp {
    after(days * DAY)
}

/// Takes one step after another until nothing is left to do, with nobody trusting anything new yet.
fn tended(mut state: Option<State>, now: Timestamp) -> (State, Vec<Step>) {
    let mut steps = Vec::new();
    loop {
        match plan(state.as_ref(), now, None, &LIVES) {
            Step::Keep => return (state.unwrap(), steps),
            step => {
                steps.push(step);
                state = Some(State::after(state.as_ref(), step, now, &LIVES).unwrap());
            }
        }
    }
}

fn created() -> State {
    tended(None, at(0)).0
}

fn announced() -> State {
    tended(Some(created()), at(244)).0
}

fn promoted() -> State {
    State::after(Some(&announced()), Step::Promote, at(245), &LIVES).unwrap()
}

#[test]
fn an_authority_is_renewed_without_a_moment_of_mistrust() {
    let (first, steps) = tended(None, at(0));
    assert_eq!(steps, [Step::Create]);
    let (same, steps) = tended(Some(first.clone()), at(243));
    assert_eq!((&same, steps.len()), (&first, 0));
    let (announced, steps) = tended(Some(first.clone()), at(244));
    assert_eq!(steps, [Step::Announce]);
    assert_eq!(announced.current, first.current, "it signs on");
    let bundle = announced.bundle();
    let next = &announced.next.as_ref().unwrap().certificate;
    assert!(bundle.contains(&first.current.certificate) && bundle.contains(next));
    let step = |trusted| plan(Some(&announced), at(245), trusted, &LIVES);
    let short = LIVES.announcement - Duration::from_millis(1);
    assert_eq!(
        step(Some(short)),
        Step::Keep,
        "not everybody has heard of it"
    );
    assert_eq!(step(Some(LIVES.announcement)), Step::Promote);
    let promoted = State::after(Some(&announced), Step::Promote, at(245), &LIVES).unwrap();
    assert_eq!(&promoted.current.certificate, next);
    let both = promoted.bundle();
    assert!(
        both.contains(&first.current.certificate),
        "what it signed still counts"
    );
    let (_, steps) = tended(Some(promoted.clone()), at(251));
    assert!(steps.is_empty());
    let (forgotten, steps) = tended(Some(promoted.clone()), at(252));
    assert_eq!(steps, [Step::Forget]);
    assert_eq!(forgotten.bundle(), promoted.current.certificate);
}

#[test]
fn an_authority_that_nobody_trusts_does_not_sign_however_late_it_is() {
    let announced = announced();
    assert_eq!(plan(Some(&announced), at(364), None, &LIVES), Step::Keep);
    assert_eq!(
        plan(Some(&announced), at(366), None, &LIVES),
        Step::Promote,
        "the one before counts no more"
    );
}

#[test]
fn an_authority_that_is_over_is_replaced_at_once_and_still_trusted() {
    let first = created();
    let (second, steps) = tended(Some(first.clone()), at(366));
    assert_eq!(steps, [Step::Create]);
    assert_ne!(second.current, first.current);
    assert!(second.bundle().contains(&first.current.certificate));
}

#[test]
fn an_hour_on_the_wall_clock_changes_nothing_that_matters() {
    let announced = announced();
    for jump in [-HOUR, HOUR] {
        let now = after(244 * DAY + jump);
        assert_eq!(plan(Some(&announced), now, None, &LIVES), Step::Keep);
        let brief = Some(Duration::from_secs(1));
        assert_eq!(plan(Some(&announced), now, brief, &LIVES), Step::Keep);
    }
    let created = created();
    assert_eq!(plan(Some(&created), after(-HOUR), None, &LIVES), Step::Keep);
    // The one before is forgotten an hour early at the worst, days after the last of its certificates was exchanged.
    let promoted = promoted();
    let step = |seconds| plan(Some(&promoted), after(seconds), None, &LIVES);
    assert_eq!(step(252 * DAY - 2 * HOUR), Step::Keep);
    assert_eq!(step(245 * DAY - HOUR), Step::Keep);
}

#[test]
fn what_is_written_is_read_again() {
    for state in [created(), announced(), promoted()] {
        let secret = state.write("ca", None);
        assert_eq!(secret.type_.as_deref(), Some("kubernetes.io/tls"));
        assert_eq!(State::read(&secret), Some(state));
    }
}

#[test]
fn what_others_have_put_on_the_secret_stays() {
    let mut before = created().write("ca", None);
    before.type_ = Some("Opaque".to_owned());
    before.metadata.resource_version = Some("7".to_owned());
    before.metadata.labels = Some([("team".to_owned(), "a".to_owned())].into());
    let annotations = before.metadata.annotations.as_mut().unwrap();
    annotations.insert("theirs".to_owned(), "b".to_owned());
    let state = promoted();
    let after = state.write("ca", Some(before));
    assert_eq!(after.type_.as_deref(), Some("Opaque"));
    assert_eq!(after.metadata.resource_version.as_deref(), Some("7"));
    assert_eq!(after.metadata.labels.as_ref().unwrap()["team"], "a");
    assert_eq!(after.metadata.annotations.as_ref().unwrap()["theirs"], "b");
    assert_eq!(State::read(&after).as_ref(), Some(&state));
    let forgotten = State {
        previous: None,
        ..state
    };
    let last = forgotten.write("ca", Some(after));
    assert_eq!(State::read(&last), Some(forgotten));
}

#[test]
fn a_secret_that_was_damaged_is_not_read() {
    let whole = promoted().write("ca", None);
    let keys = [CERTIFICATE, KEY, BUNDLE, PREVIOUS_CERTIFICATE];
    for key in keys {
        for text in [None, Some("nonsense"), Some("")] {
            let mut damaged = whole.clone();
            let data = damaged.data.as_mut().unwrap();
            data.remove(key);
            if let Some(text) = text {
                data.insert(key.to_owned(), ByteString(text.as_bytes().to_vec()));
            }
            assert_eq!(State::read(&damaged), None, "{key}: {text:?}");
        }
    }
    let mut undated = whole.clone();
    undated.metadata.annotations = None;
    assert_eq!(State::read(&undated), None);
    let mut added = whole;
    let data = added.data.as_mut().unwrap();
    data.insert("more".to_owned(), ByteString::default());
    assert_eq!(State::read(&added), None);
}

#[test]
fn a_key_that_belongs_to_another_certificate_is_no_authority() {
    let mut mixed = created().write("ca", None);
    let other = created().current.key.into_bytes();
    let data = mixed.data.as_mut().unwrap();
    data.insert(KEY.to_owned(), ByteString(other));
    assert_eq!(State::salvage(&mixed), None);
}

#[test]
fn of_a_damaged_secret_the_authority_is_kept_if_it_can_sign() {
    let state = announced();
    let mut damaged = state.write("ca", None);
    let data = damaged.data.as_mut().unwrap();
    data.insert(NEXT_KEY.to_owned(), ByteString(b"nonsense".to_vec()));
    data.remove(BUNDLE);
    assert_eq!(State::read(&damaged), None);
    let kept = State::salvage(&damaged).unwrap();
    assert_eq!((&kept.current, &kept.next), (&state.current, &None));
}
