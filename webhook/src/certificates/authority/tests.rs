use super::*;
use crate::tls::Leaf;

const LIVES: Lifetimes = Lifetimes::DEFAULT;

#[test]
fn what_is_issued_can_be_served() {
    let now = Timestamp::now();
    let authority = Authority::new(now, &LIVES).unwrap();
    let names = ["a.b.svc".to_owned()];
    let issued = authority.issue(&names, now, &LIVES).unwrap();
    let leaf = Leaf::default();
    let end = leaf.serve(issued.certificate.as_bytes(), issued.key.as_bytes());
    assert_eq!(end.unwrap(), issued.not_after);
    assert!(leaf.is_there());
    let other = Authority::new(now, &LIVES).unwrap();
    let error = leaf.serve(issued.certificate.as_bytes(), other.key.as_bytes());
    assert!(error.is_err(), "another key");
    assert!(!format!("{authority:?}{issued:?}").contains("PRIVATE"));
}

#[test]
fn what_was_written_down_is_read_if_it_belongs_together() {
    let now = Timestamp::now();
    let authority = Authority::new(now, &LIVES).unwrap();
    let read = Authority::read(authority.certificate.clone(), authority.key.clone());
    assert_eq!(read.unwrap(), authority);
    let other = Authority::new(now, &LIVES).unwrap();
    let mixed = Authority::read(authority.certificate.clone(), other.key);
    assert!(mixed.is_err(), "nobody would trust what it signs");
    assert!(Authority::read(String::new(), authority.key.clone()).is_err());
    assert!(Authority::read(authority.certificate, String::new()).is_err());
}

#[test]
fn an_authority_that_cannot_be_read_issues_nothing() {
    let mut authority = Authority::new(Timestamp::now(), &LIVES).unwrap();
    authority.certificate = "nonsense".to_owned();
    assert!(authority.issue(&[], Timestamp::now(), &LIVES).is_err());
}

#[test]
fn nothing_that_is_signed_outlives_its_authority() {
    let now = Timestamp::now();
    let authority = Authority::new(now, &LIVES).unwrap();
    let late = Timestamp::from_second(authority.not_after.as_second() - 60).unwrap();
    let issued = authority.issue(&["a".to_owned()], late, &LIVES).unwrap();
    assert_eq!(issued.not_after, authority.not_after);
}
