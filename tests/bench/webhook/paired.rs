//! What an API server needs more time for when it asks the webhook, told from pairs of creations that differ in nothing
//! but the namespace.

use std::time::{Duration, Instant};

use harness::program::run;
use harness::webhook::LABEL;
use harness::{ControlPlane, Namespace, Webhook, wait};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use super::corpus;
use crate::table::Budget::{AtMost, Unset};
use crate::table::{MICROSECONDS, figures, interval};

/// How many pairs are made; those of the beginning do not count.
const PAIRS: usize = 2000;
const WARM_UP: usize = 200;

/// How often the pairs are drawn anew to tell how sure the median is.
const RESAMPLES: usize = 2000;

pub(super) fn measure(plane: &ControlPlane) {
    let _webhook = Webhook::start(plane, "bench", &[]);
    let (asked, alone) = (plane.namespace("asked"), plane.namespace("alone"));
    for label in [
        format!("{LABEL}=bench"),
        "imgauto.dev/mode=enforce".to_owned(),
    ] {
        run(asked
            .kubectl()
            .args(["label", "namespace", asked.name(), &label]));
    }
    for object in policy() {
        asked.apply(&object.to_string());
    }
    let apis = [&asked, &alone].map(Namespace::api::<Deployment>);
    let object: Deployment = serde_json::from_value(corpus::manifest()).expect("it is one");
    wait_for_marks(&apis[0], &object);
    let pairs = wait(async move {
        let mut pairs = Vec::new();
        for pair in 0..WARM_UP + PAIRS {
            let mut times = [Duration::ZERO; 2];
            // Who is first may have it easier, or harder; so they take turns.
            for at in [pair % 2, 1 - pair % 2] {
                let begin = Instant::now();
                let is_marked = create(&apis[at], &object).await;
                times[at] = begin.elapsed();
                assert_eq!(
                    is_marked,
                    at == 0,
                    "the webhook is asked of one namespace alone"
                );
            }
            pairs.push(times.map(|time| time.as_secs_f64()));
        }
        pairs.split_off(WARM_UP)
    });
    let differences: Vec<f64> = pairs.iter().map(|[asked, alone]| asked - alone).collect();
    let what = "webhook: what it adds to a dry-run creation, both hooks asked";
    interval(
        what,
        median(&differences),
        bounds(&differences),
        MICROSECONDS,
        AtMost(1000.0),
    );
    let alone = pairs.iter().map(|[_, alone]| *alone).collect();
    figures(
        "the same: the creation without it",
        alone,
        MICROSECONDS,
        Unset,
    );
}

/// Creates an object without storing it, and tells whether it was marked.
async fn create(api: &Api<Deployment>, object: &Deployment) -> bool {
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let made = api
        .create(&params, object)
        .await
        .expect("nothing speaks against it");
    let labels = made.metadata.labels.unwrap_or_default();
    labels.contains_key("imgauto.dev/drift")
}

/// Waits until the API server trusts the webhook.
fn wait_for_marks(api: &Api<Deployment>, object: &Deployment) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let (api, object) = (api.clone(), object.clone());
        if wait(async move { create(&api, &object).await }) {
            return;
        }
        assert!(Instant::now() < deadline, "nothing is marked");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The policy of the first container, and its repository.
fn policy() -> [Value; 2] {
    let version = "image.toolkit.fluxcd.io/v1";
    let metadata = json!({ "name": "app" });
    [
        json!({ "apiVersion": version, "kind": "ImageRepository", "metadata": metadata,
                "spec": { "image": corpus::image(), "interval": "1h" } }),
        json!({ "apiVersion": version, "kind": "ImagePolicy", "metadata": metadata,
                "spec": { "imageRepositoryRef": metadata, "policy": { "semver": { "range": "1.x" } } } }),
    ]
}

fn median(figures: &[f64]) -> f64 {
    let mut figures = figures.to_vec();
    let middle = figures.len() / 2;
    *figures.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// Where the median lies with 95 % confidence, by drawing as many figures from them again and again.
fn bounds(figures: &[f64]) -> [f64; 2] {
    // Any sequence without a pattern does; a fixed one gives the same bounds for the same figures.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        figures[(state % figures.len() as u64) as usize]
    };
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| median(&(0..figures.len()).map(|_| draw()).collect::<Vec<_>>()))
        .collect();
    medians.sort_by(f64::total_cmp);
    [25, 975].map(|permille| medians[(RESAMPLES - 1) * permille / 1000])
}
