//! The certificates of the webhook on a real API server, by a clock that the test sets.

use std::time::Duration;

use harness::program::run;
use harness::{ControlPlane, Namespace, wait};
use jiff::SignedDuration;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::json;
use webhook::certificates::{
    Authority, Configuration, Hooks, Issuer, Lifetimes, Moment, RoundError, State, Tending,
};
use webhook::metrics::Metrics;
use webhook::reach::Reach;
use webhook::tls::Leaf;

const SECRET: &str = "ca";
const NAME: &str = "imgauto-webhook.imgauto-system.svc";
const LIVES: Lifetimes = Lifetimes::DEFAULT;

/// A place for one authority: a namespace for its Secret, and two configurations of its name.
struct Place<'a> {
    namespace: Namespace<'a>,
    begin: Moment,
}

/// What one replica does about certificates.
struct Replica {
    tending: Option<Tending>,
    leaf: Leaf,
}

impl<'a> Place<'a> {
    fn new(plane: &'a ControlPlane) -> Self {
        let namespace = plane.namespace("certificates");
        let place = Self {
            namespace,
            begin: Moment::now(),
        };
        place.configure();
        place
    }

    fn configure(&self) {
        for kind in [
            "MutatingWebhookConfiguration",
            "ValidatingWebhookConfiguration",
        ] {
            let hook = |name: &str| {
                json!({
                    "name": format!("{name}.test.imgauto.dev"),
                    "clientConfig": { "url": "https://127.0.0.1:1/" },
                    "rules": [], "failurePolicy": "Ignore", "sideEffects": "None",
                    "admissionReviewVersions": ["v1"],
                })
            };
            let configuration = json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
                "metadata": { "name": self.namespace.name() },
                "webhooks": [hook("one"), hook("two")],
            });
            self.namespace.apply(&configuration.to_string());
        }
    }

    fn replica(&self) -> Replica {
        let leaf = Leaf::default();
        let configuration = |hooks| Configuration {
            hooks,
            name: self.namespace.name().to_owned(),
        };
        let issuer = Issuer {
            namespace: self.namespace.name().to_owned(),
            secret: SECRET.to_owned(),
            names: vec![NAME.to_owned()],
            configurations: vec![
                configuration(Hooks::Mutating),
                configuration(Hooks::Validating),
            ],
            lives: LIVES,
        };
        let client = self.namespace.plane().client();
        let tending = Tending::new(
            client,
            issuer,
            leaf.clone(),
            Metrics::new(),
            Reach::default(),
        );
        Replica {
            tending: Some(tending),
            leaf,
        }
    }

    /// A moment after the beginning, by both clocks.
    fn after(&self, passed: Duration) -> Moment {
        let wall = SignedDuration::try_from(passed).unwrap();
        Moment {
            wall: self.begin.wall.checked_add(wall).unwrap(),
            steady: self.begin.steady + passed,
        }
    }

    fn secrets(&self) -> Api<Secret> {
        self.namespace.api()
    }

    fn secret(&self) -> Secret {
        let secrets = self.secrets();
        wait(async move { secrets.get(SECRET).await }).unwrap()
    }

    /// Whom each of the four hooks trusts; all the same.
    fn trusted(&self) -> String {
        let (client, name) = (self.namespace.plane().client(), self.namespace.name());
        let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
        let validating: Api<ValidatingWebhookConfiguration> = Api::all(client);
        let name = name.to_owned();
        let (mutating, validating) =
            wait(async move { (mutating.get(&name).await, validating.get(&name).await) });
        let mutating = mutating.unwrap().webhooks.unwrap().into_iter();
        let validating = validating.unwrap().webhooks.unwrap().into_iter();
        let mutating = mutating.map(|hook| hook.client_config.ca_bundle);
        let validating = validating.map(|hook| hook.client_config.ca_bundle);
        let mut all: Vec<_> = mutating.chain(validating).collect();
        assert_eq!(all.len(), 4);
        all.dedup();
        assert_eq!(all.len(), 1, "they differ: {all:?}");
        let bundle = all.remove(0).unwrap_or_default();
        String::from_utf8(bundle.0).unwrap()
    }

    /// Has somebody write something else for the trust of one hook, as an upgrade does.
    fn distrust(&self, bundle: &str) {
        let value = ByteString(bundle.as_bytes().to_vec());
        let patch =
            json!([{ "op": "add", "path": "/webhooks/1/clientConfig/caBundle", "value": value }]);
        run(self.namespace.kubectl().args([
            "patch",
            "validatingwebhookconfiguration",
            self.namespace.name(),
            "--type=json",
            "--patch",
            &patch.to_string(),
        ]));
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        for kind in [
            "mutatingwebhookconfiguration",
            "validatingwebhookconfiguration",
        ] {
            let name = self.namespace.name();
            let mut kubectl = self.namespace.kubectl();
            let _ = harness::program::output(kubectl.args(["delete", kind, name]));
        }
    }
}

impl Replica {
    fn try_round(&mut self, moment: Moment) -> Result<(), RoundError> {
        let mut tending = self.tending.take().unwrap();
        let (tending, result) = wait(async move {
            let result = tending.round(moment).await;
            (tending, result)
        });
        self.tending = Some(tending);
        result
    }

    fn round(&mut self, moment: Moment) {
        self.try_round(moment).unwrap();
    }

    fn state(&self) -> State {
        self.tending.as_ref().unwrap().known().unwrap().clone()
    }

    /// Whether somebody who trusts a bundle takes what is served, at a moment.
    fn is_taken_by(&self, bundle: &str, moment: Moment) -> bool {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider);
        let verifier = verifier.build().unwrap();
        let chain = self.leaf.chain();
        let name = ServerName::try_from(NAME).unwrap();
        let seconds = u64::try_from(moment.wall.as_second()).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let taken = verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], now);
        taken.is_ok()
    }
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Two thirds of the life of an authority, and a little.
const OLD: Duration = Duration::from_secs(244 * 24 * 60 * 60);

#[test]
fn of_replicas_that_begin_together_one_makes_the_authority() {
    let place = Place::new(ControlPlane::shared());
    let mut replicas: Vec<_> = (0..4).map(|_| place.replica()).collect();
    let tendings = replicas
        .iter_mut()
        .map(|replica| replica.tending.take().unwrap());
    let rounds = tendings.map(|mut tending| {
        let begin = place.begin;
        async move {
            tending.round(begin).await.unwrap();
            tending
        }
    });
    let rounds: Vec<_> = rounds.collect();
    let tendings = wait(async move { futures_join(rounds).await });
    for (replica, tending) in replicas.iter_mut().zip(tendings) {
        replica.tending = Some(tending);
    }
    let written = State::read(&place.secret()).unwrap();
    for replica in &replicas {
        assert_eq!(replica.state(), written);
        assert!(replica.is_taken_by(&place.trusted(), place.begin));
    }
}

/// Waits for all of them, side by side.
async fn futures_join<T, F>(futures: Vec<F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.unwrap());
    }
    done
}

#[test]
fn an_authority_is_renewed_and_everybody_is_trusted_all_the_time() {
    let place = Place::new(ControlPlane::shared());
    let (mut one, mut two) = (place.replica(), place.replica());
    let both_taken = |one: &Replica, two: &Replica, moment| {
        let bundle = place.trusted();
        assert!(one.is_taken_by(&bundle, moment) && two.is_taken_by(&bundle, moment));
    };
    one.round(place.begin);
    two.round(place.begin);
    let first = one.state().current;

    // Their own certificates are renewed after two thirds of a week.
    let served = one.leaf.chain();
    one.round(place.after(DAY * 4));
    assert_eq!(one.leaf.chain(), served);
    one.round(place.after(DAY * 5));
    assert_ne!(one.leaf.chain(), served);
    two.round(place.after(DAY * 5));
    both_taken(&one, &two, place.after(DAY * 5));

    one.round(place.after(OLD));
    two.round(place.after(OLD));
    let announced = one.state();
    assert_eq!((&two.state(), &announced.current), (&announced, &first));
    let next = announced.next.clone().unwrap();
    assert!(place.trusted().contains(&next.certificate));
    both_taken(&one, &two, place.after(OLD));

    let nearly = OLD + LIVES.announcement - Duration::from_secs(1);
    one.round(place.after(nearly));
    assert_eq!(one.state(), announced, "not everybody has heard of it");
    let later = OLD + LIVES.announcement;
    one.round(place.after(later));
    assert_eq!(one.state().current, next);
    // The other one serves what the old one has signed, until it looks.
    both_taken(&one, &two, place.after(later));
    two.round(place.after(later));
    assert_eq!(two.state(), one.state());
    assert!(two.is_taken_by(&next.certificate, place.after(later)));
    assert!(place.trusted().contains(&first.certificate));

    let last = later + LIVES.leaf;
    two.round(place.after(last));
    one.round(place.after(last));
    assert_eq!(place.trusted(), next.certificate);
    both_taken(&one, &two, place.after(last));
}

#[test]
fn a_clock_that_is_an_hour_off_does_no_harm() {
    let place = Place::new(ControlPlane::shared());
    let (mut right, mut wrong) = (place.replica(), place.replica());
    let jump = |moment: Moment, hours: i64| Moment {
        wall: moment
            .wall
            .checked_add(SignedDuration::from_hours(hours))
            .unwrap(),
        ..moment
    };
    // What it makes counts at once for those who are right.
    wrong.round(jump(place.begin, 1));
    right.round(place.begin);
    assert!(wrong.is_taken_by(&place.trusted(), place.begin));
    assert_eq!(wrong.state(), right.state());
    right.round(place.after(OLD));
    let announced = right.state();
    assert!(announced.next.is_some());
    for hours in [-1, 1, 1] {
        wrong.round(jump(place.after(OLD), hours));
        assert_eq!(wrong.state(), announced, "it knows of it only now");
    }
    for (minutes, hours) in [(3, -1), (6, 1), (9, -1)] {
        let moment = place.after(OLD + Duration::from_secs(minutes * 60));
        right.round(jump(moment, hours));
        wrong.round(jump(moment, -hours));
        assert_eq!(right.state(), announced);
        for replica in [&right, &wrong] {
            assert!(replica.is_taken_by(&place.trusted(), moment));
        }
    }
    let moment = place.after(OLD + HOUR);
    wrong.round(jump(moment, -1));
    right.round(moment);
    assert_eq!(right.state(), wrong.state());
    assert_eq!(right.state().current, announced.next.unwrap());
    assert!(wrong.is_taken_by(&place.trusted(), moment));
}

#[test]
fn a_secret_that_is_deleted_or_damaged_comes_back_as_it_was() {
    let place = Place::new(ControlPlane::shared());
    let (mut one, mut two) = (place.replica(), place.replica());
    one.round(place.begin);
    two.round(place.begin);
    let state = one.state();
    let served = one.leaf.chain();
    let secrets = place.secrets();
    wait(async move { secrets.delete(SECRET, &DeleteParams::default()).await }).unwrap();
    two.round(place.begin);
    assert_eq!(State::read(&place.secret()).as_ref(), Some(&state));

    let data =
        |key: &str, text: &str| json!({ "data": { key: ByteString(text.as_bytes().to_vec()) } });
    let foreign = Authority::new(place.begin.wall, &LIVES).unwrap();
    for damage in [
        data("tls.crt", ""),
        data("tls.key", ""),
        data("tls.key", &foreign.key),
        data("tls.crt", &foreign.certificate),
        data("ca-bundle.crt", &foreign.certificate),
        data("next.crt", "nonsense"),
        data("more", "of something"),
    ] {
        let secrets = place.secrets();
        let patch = Patch::Merge(damage.clone());
        let patched =
            wait(async move { secrets.patch(SECRET, &PatchParams::default(), &patch).await });
        patched.unwrap();
        assert_eq!(State::read(&place.secret()), None, "{damage}");
        one.round(place.begin);
        two.round(place.begin);
        assert_eq!(
            State::read(&place.secret()).as_ref(),
            Some(&state),
            "{damage}"
        );
    }
    assert_eq!(
        one.leaf.chain(),
        served,
        "nothing else was served meanwhile"
    );
    assert_eq!(place.trusted(), state.bundle());
}

#[test]
fn where_nobody_remembers_a_new_authority_is_made_and_trusted() {
    let place = Place::new(ControlPlane::shared());
    let secrets = place.secrets();
    let empty: Secret = serde_json::from_value(json!({
        "metadata": { "name": SECRET, "labels": { "team": "a" } }, "type": "Opaque",
    }))
    .unwrap();
    wait(async move { secrets.create(&PostParams::default(), &empty).await }).unwrap();
    let mut one = place.replica();
    one.round(place.begin);
    let secret = place.secret();
    assert_eq!(State::read(&secret).unwrap(), one.state());
    assert_eq!(secret.metadata.labels.unwrap()["team"], "a");
    assert!(one.is_taken_by(&place.trusted(), place.begin));
}

#[test]
fn trust_that_somebody_takes_away_comes_back_and_is_waited_for_again() {
    let place = Place::new(ControlPlane::shared());
    let mut one = place.replica();
    one.round(place.begin);
    let foreign = Authority::new(place.begin.wall, &LIVES).unwrap();
    for bundle in ["", &foreign.certificate] {
        place.distrust(bundle);
        one.round(place.begin);
        assert_eq!(place.trusted(), one.state().bundle());
    }
    place.configure();
    one.round(place.begin);
    assert_eq!(place.trusted(), one.state().bundle());

    one.round(place.after(OLD));
    let announced = one.state();
    place.distrust("");
    let nearly = OLD + LIVES.announcement - Duration::from_secs(1);
    one.round(place.after(nearly));
    assert_eq!(place.trusted(), announced.bundle());
    one.round(place.after(OLD + LIVES.announcement));
    assert_eq!(one.state(), announced, "it has just been written again");
    one.round(place.after(nearly + LIVES.announcement));
    assert_eq!(Some(one.state().current), announced.next);
}

#[test]
fn a_namespace_that_is_not_there_is_told_and_not_hammered() {
    let place = Place::new(ControlPlane::shared());
    let mut one = place.replica();
    let issuer = Issuer {
        namespace: "nowhere".to_owned(),
        secret: SECRET.to_owned(),
        names: vec![NAME.to_owned()],
        configurations: Vec::new(),
        lives: LIVES,
    };
    let client = place.namespace.plane().client();
    let (leaf, metrics, reach) = (one.leaf.clone(), Metrics::new(), Reach::default());
    one.tending = Some(Tending::new(client, issuer, leaf, metrics, reach));
    let failed = one.try_round(place.begin).unwrap_err();
    assert!(matches!(failed, RoundError::Secret(_)), "{failed:?}");
}
