//! What `export` prints of objects.

use harness::ControlPlane;

use super::both;
use crate::stage::{Answer, Stage};

/// Objects with all that may be written in more than one way.
const EXPORTED: &str = r#"
apiVersion: v1
kind: List
items:
- apiVersion: image.toolkit.fluxcd.io/v1
  kind: ImageRepository
  metadata:
    name: full
    labels: {team: a, "number": "5"}
    annotations: {note: "with: colon", reconcile.fluxcd.io/requestedAt: "2026-01-01T00:00:00Z"}
  spec:
    image: registry.example.com/app
    interval: 90m
    timeout: 90s
    suspend: true
    insecure: true
    provider: aws
    accessFrom: {namespaceSelectors: [{}, {matchLabels: {a: b}}]}
    exclusionList: ['^.*\.sig$', '#x']
    secretRef: {name: pull}
- apiVersion: image.toolkit.fluxcd.io/v1
  kind: ImagePolicy
  metadata: {name: numbers}
  spec:
    suspend: true
    imageRepositoryRef: {name: full, namespace: other}
    digestReflectionPolicy: Always
    interval: 1.5h
    filterTags: {pattern: '^v(?P<n>.*)$'}
    policy: {numerical: {}}
- apiVersion: image.toolkit.fluxcd.io/v1
  kind: ImagePolicy
  metadata: {name: letters}
  spec:
    suspend: true
    imageRepositoryRef: {name: full}
    policy: {alphabetical: {order: desc}}
- apiVersion: image.toolkit.fluxcd.io/v1
  kind: ImageUpdateAutomation
  metadata: {name: full}
  spec:
    suspend: true
    interval: 1m
    sourceRef: {kind: GitRepository, name: fleet, namespace: git, apiVersion: source.toolkit.fluxcd.io/v1}
    policySelector: {matchLabels: {a: b}, matchExpressions: [{key: c, operator: Exists}]}
    git:
      checkout: {ref: {branch: main, commit: abc}}
      push: {branch: image-updates, refspec: "refs/heads/a:refs/heads/b", options: {ci.skip: ""}}
      commit:
        author: {email: bot@example.com}
        signingKey: {secretRef: {name: key}, type: ssh}
        messageTemplate: "first line\n\nsecond: {{ .AutomationObject }}\n"
        messageTemplateValues: {cluster: prod}
- apiVersion: image.toolkit.fluxcd.io/v1
  kind: ImageUpdateAutomation
  metadata: {name: small}
  spec:
    suspend: true
    interval: 1m
    sourceRef: {kind: GitRepository, name: fleet}
    policySelector: {}
    git: {checkout: {ref: {branch: main}}, commit: {author: {email: bot@example.com}}, push: {}}
"#;

#[test]
fn exports_agree_with_those_of_flux_to_the_byte() {
    let stage = Stage::new(ControlPlane::shared(), "plugin-export");
    stage.namespace.apply(EXPORTED);
    for word in ["repository", "policy", "update"] {
        let all = both(&stage, &["export", "image", word, "--all"]);
        assert_eq!((all.code, all.stderr.as_str()), (0, ""));
        assert!(all.stdout.starts_with("---\n"), "{}", all.stdout);
    }
    let minimal = stage.imgauto(&["export", "policy", "letters", "update/small", "--minimal"]);
    let namespace = stage.namespace.name();
    let expected = format!(
        "---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata:
  name: letters
  namespace: {namespace}
spec:
  imageRepositoryRef:
    name: full
  policy:
    alphabetical:
      order: desc
  suspend: true
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata:
  name: small
  namespace: {namespace}
spec:
  git:
    checkout:
      ref:
        branch: main
    commit:
      author:
        email: bot@example.com
    push: {{}}
  interval: 1m0s
  policySelector: {{}}
  sourceRef:
    kind: GitRepository
    name: fleet
  suspend: true
"
    );
    assert_eq!(minimal, Answer::printed(&expected));
}
