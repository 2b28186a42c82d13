use super::*;

fn at(days: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + days * 24 * 60 * 60).unwrap()
}

/// Takes one step after another until nothing is left to do.
fn tended(mut state: Option<State>, now: Timestamp) -> (State, Vec<Step>) {
    let mut steps = Vec::new();
    loop {
        match plan(state.as_ref(), now) {
            Step::Keep => return (state.unwrap(), steps),
            step => {
                steps.push(step);
                state = Some(State::after(state.as_ref(), step, now).unwrap());
            }
        }
    }
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
    let next = &announced.next.as_ref().unwrap().0.certificate;
    assert!(bundle.contains(&first.current.certificate) && bundle.contains(next));
    let (promoted, steps) = tended(Some(announced.clone()), at(245));
    assert_eq!(steps, [Step::Promote]);
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
fn an_authority_that_is_over_is_replaced_at_once() {
    let (first, _) = tended(None, at(0));
    let (second, steps) = tended(Some(first.clone()), at(366));
    assert_eq!(steps, [Step::Create]);
    assert_ne!(second.current, first.current);
}

#[test]
fn a_clock_that_goes_back_does_nothing() {
    let (first, _) = tended(None, at(0));
    let (announced, _) = tended(Some(first), at(244));
    assert_eq!(plan(Some(&announced), at(243)), Step::Keep);
}

#[test]
fn what_is_written_is_read_again() {
    let now = Timestamp::now();
    let first = State::new(now).unwrap();
    let announced = State::after(Some(&first), Step::Announce, now).unwrap();
    let promoted = State::after(Some(&announced), Step::Promote, now).unwrap();
    for state in [first, announced, promoted] {
        let secret = state.write("ca", Some("7".to_owned()));
        assert_eq!(secret.metadata.resource_version.as_deref(), Some("7"));
        assert_eq!(State::read(&secret), Some(state));
    }
}

#[test]
fn a_secret_that_was_damaged_counts_as_none() {
    let state = State::new(Timestamp::now()).unwrap();
    let whole = state.write("ca", None);
    for key in [CERTIFICATE, KEY] {
        let mut damaged = whole.clone();
        let data = damaged.data.as_mut().unwrap();
        data.insert(key.to_owned(), ByteString(b"nonsense".to_vec()));
        assert_eq!(State::read(&damaged), None);
        damaged.data.as_mut().unwrap().remove(key);
        assert_eq!(State::read(&damaged), None);
    }
    let mut undated = whole;
    undated.metadata.annotations = None;
    assert_eq!(State::read(&undated), None);
}
