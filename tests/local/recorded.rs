//! Hundreds of made-up updates of manifests as people write them: the marked scalars change, and no other byte does.

use std::fmt::Write as _;

use crate::walking::{Folder, policy};

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// The parts of an image a marker can ask for, before and after.
#[derive(Clone, Copy)]
struct Value {
    suffix: &'static str,
    old: &'static str,
    new: &'static str,
}

const POLICIES: [(&str, &str, &str); 3] = [
    ("web", "ghcr.io/acme/web", "v2.10.0"),
    (
        "job",
        "registry.example.com:5000/team/job",
        "main-0f3c2d1-1718000000",
    ),
    ("db", "docker.io/library/postgres", "16.4"),
];

/// A text that differs before and after only in what `%` stood for.
#[derive(Default)]
struct Pair {
    before: String,
    after: String,
}

impl Pair {
    fn both(&mut self, text: &str) {
        self.before += text;
        self.after += text;
    }

    /// A scalar in the quotes of before, with its marker.
    fn marked(&mut self, numbers: &mut Numbers, key: &str, policy: usize, value: Value) {
        // What YAML would read as a number gets quotes, unless it has some.
        let is_number = value.new.parse::<f64>().is_ok();
        let quote = numbers.one(if is_number {
            &["'", "\""]
        } else {
            &["", "", "'", "\""]
        });
        let gap = numbers.one(&[" ", "  ", "\t", "      "]);
        let inner = numbers.one(&[
            "{\"$imagepolicy\": \"%\"}",
            "{\"$imagepolicy\":\"%\"}",
            "{ \"$imagepolicy\" : \"%\" }",
        ]);
        let hash = numbers.one(&["# ", "#", "#   "]);
        let setter = format!("apps:{}{}", POLICIES[policy].0, value.suffix);
        let end = numbers.one(&["", "", " ", "  "]);
        let comment = format!("{gap}{hash}{}{end}\n", inner.replace('%', &setter));
        let _ = write!(self.before, "{key}{quote}{}{quote}{comment}", value.old);
        let _ = write!(self.after, "{key}{quote}{}{quote}{comment}", value.new);
    }
}

fn image(policy: usize, numbers: &mut Numbers) -> Value {
    let (old, new) = match policy {
        0 => ("ghcr.io/acme/web:v1.9.0", "ghcr.io/acme/web:v2.10.0"),
        1 => (
            "registry.example.com:5000/team/job:main-aaaaaaa-1600000000",
            "registry.example.com:5000/team/job:main-0f3c2d1-1718000000",
        ),
        _ => ("postgres", "docker.io/library/postgres:16.4"),
    };
    // Some are right already.
    let old = if numbers.below(6) == 0 { new } else { old };
    Value {
        suffix: "",
        old,
        new,
    }
}

fn name(policy: usize) -> Value {
    let new = POLICIES[policy].1;
    Value {
        suffix: ":name",
        old: "old.example.com/x",
        new,
    }
}

fn tag(policy: usize) -> Value {
    let new = POLICIES[policy].2;
    Value {
        suffix: ":tag",
        old: "0.0.1",
        new,
    }
}

fn deployment(pair: &mut Pair, numbers: &mut Numbers) {
    let kind = numbers.one(&["Deployment", "StatefulSet", "DaemonSet"]);
    pair.both(&format!(
        "apiVersion: apps/v1\nkind: {kind}\nmetadata:\n  name: web # the front\n  labels: {{ app: web,  tier: \"front\" }}\nspec:\n  replicas:   2\n  template:\n    spec:\n      containers:\n"
    ));
    for _ in 0..=numbers.below(3) {
        let policy = numbers.below(3);
        let value = image(policy, numbers);
        if numbers.below(2) == 0 {
            pair.both("      - name: app\n\n        # pinned by hand until 2020\n");
            pair.marked(numbers, "        image:  ", policy, value);
        } else {
            pair.marked(numbers, "      - image: ", policy, value);
            pair.both("        name: app\n");
        }
        pair.both("        args: [ --flag,  'a # b',\n          \"image: x:1\" ]\n        env:\n        - {name: A, value: \"😀 \\u263a\"}\n");
    }
}

fn cron_job(pair: &mut Pair, numbers: &mut Numbers) {
    pair.both("apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: report, namespace: jobs}\nspec:\n  schedule: \"*/5 * * * *\"\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          initContainers:\n");
    let value = image(1, numbers);
    pair.marked(numbers, "            - image: ", 1, value);
    pair.both("              command:\n                - sh\n                - -c\n                - |\n                  # {\"image\": \"x\"}\n                  echo \"image: ghcr.io/acme/web:v1.9.0\"   \n\n          restartPolicy: Never\n");
}

fn helm_release(pair: &mut Pair, numbers: &mut Numbers) {
    pair.both("apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: web\nspec:\n  interval: 5m\n  values:\n    image:\n");
    let policy = numbers.below(3);
    pair.marked(numbers, "      repository: ", policy, name(policy));
    pair.marked(numbers, "      tag: ", policy, tag(policy));
    pair.both("    description: >-\n      folded\n      text: {{ .Values.x }}\n    other: &anchor {a: 1}\n    again: *anchor\n");
}

fn kustomization(pair: &mut Pair, numbers: &mut Numbers) {
    pair.both("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml,   b.yaml]\nimages:\n");
    let images = 1 + numbers.below(3);
    for (policy, (image, _, _)) in POLICIES.iter().enumerate().take(images) {
        pair.both(&format!("- name: {image}\n"));
        let bare = |value: Value| Value {
            suffix: "",
            ..value
        };
        let (name, tag) = match numbers.below(2) {
            0 => (name(policy), tag(policy)),
            // Without a suffix the key says which part is meant.
            _ => (bare(name(policy)), bare(tag(policy))),
        };
        pair.marked(numbers, "  newName: ", policy, name);
        pair.marked(numbers, "  newTag: ", policy, tag);
    }
}

fn unrelated(pair: &mut Pair, numbers: &mut Numbers) {
    pair.both(numbers.one(&[
        "apiVersion: v1\nkind: ConfigMap\ndata:\n  a.yaml: |\n    image: x:1 # just text\n  trailing: 'x'   \n",
        "- a\n- b: [c,d]\n",
        "# only a comment\n",
        "apiVersion: v1\nkind: Secret\nstringData: {token: 'ENC[AES256_GCM]'}\n",
        "a: 0o17\nb: 1_000\nc: yes\nd: ~\ne: !!binary aGk=\n",
    ]));
}

/// One file, with documents of several kinds and the habits of some editor.
fn file(numbers: &mut Numbers) -> Pair {
    let mut pair = Pair::default();
    let documents = 1 + numbers.below(4);
    if numbers.below(3) == 0 {
        pair.both("---\n");
    }
    for document in 0..documents {
        if document > 0 {
            pair.both(numbers.one(&["---\n", "--- # next\n", "...\n---\n"]));
        }
        match numbers.below(5) {
            0 => deployment(&mut pair, numbers),
            1 => cron_job(&mut pair, numbers),
            2 => helm_release(&mut pair, numbers),
            3 => kustomization(&mut pair, numbers),
            _ => unrelated(&mut pair, numbers),
        }
    }
    let Pair {
        mut before,
        mut after,
    } = pair;
    let mut each = |change: &dyn Fn(&str) -> String| {
        before = change(&before);
        after = change(&after);
    };
    if numbers.below(4) == 0 {
        each(&|text| text.replace('\n', "\r\n"));
    }
    if numbers.below(5) == 0 {
        each(&|text| format!("\u{feff}{text}"));
    }
    if numbers.below(4) == 0 {
        each(&|text| text.trim_end_matches(['\n', '\r']).to_owned());
    }
    Pair { before, after }
}

#[test]
fn hundreds_of_updates_change_the_marked_scalars_and_no_other_byte() {
    let objects: String = POLICIES
        .iter()
        .map(|(name, image, tag)| policy("apps", name, image, tag))
        .collect();
    let mut numbers = Numbers(20_260_101);
    for round in 0..8 {
        let folder = Folder::new(&objects);
        let files: Vec<(String, Pair)> = (0..50)
            .map(|number| {
                (
                    format!("{}/{number}.yaml", numbers.one(&["a", "b/c", "."])),
                    file(&mut numbers),
                )
            })
            .collect();
        for (path, pair) in &files {
            folder.write(path, &pair.before);
        }
        let (report, told) = folder.run(0, &[]);
        assert_eq!(report["problems"], serde_json::json!([]), "{told}");
        let mut reported = 0;
        for (path, pair) in &files {
            let after = folder.read(path);
            assert_eq!(after, pair.after, "round {round}, {path}:\n{}", pair.before);
            let differing = |(old, new): (&str, &str)| old != new;
            reported += pair
                .before
                .lines()
                .zip(pair.after.lines())
                .filter(|pair| differing(*pair))
                .count();
        }
        let changes = report["updates"][0]["changes"].as_array().unwrap();
        assert_eq!(changes.len(), reported, "round {round}");
        for change in changes {
            let line = usize::try_from(change["line"].as_u64().unwrap()).unwrap();
            let text = folder.read(change["file"].as_str().unwrap());
            let text = text.lines().nth(line - 1).unwrap();
            assert!(
                text.contains(change["new"].as_str().unwrap()),
                "{change}: {text}"
            );
            assert!(
                text.contains(change["setter"].as_str().unwrap()),
                "{change}: {text}"
            );
        }
        // What was done once is done.
        let (again, _) = folder.run(0, &["--exit-code"]);
        assert_eq!(again["updates"][0]["changes"], serde_json::json!([]));
    }
}
