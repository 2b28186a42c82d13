//! `ServiceAccount`s: who is chosen, and what is told when Kubernetes or the annotations are of no help.

use super::*;

const HOST: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";

#[test]
fn an_object_uses_its_account_before_the_default_one() {
    let namespace = "apps";
    let choose = |named, default| Identity::choose(namespace, named, default);
    let (account, default) = (
        Identity::Account {
            namespace,
            name: "a",
        },
        Identity::DefaultAccount {
            namespace,
            name: "d",
        },
    );
    assert_eq!(choose(Some("a"), Some("d")), account);
    assert_eq!(choose(Some("a"), None), account);
    assert_eq!(choose(None, Some("d")), default);
    assert_eq!(choose(Some(""), Some("d")), default);
    assert_eq!(choose(None, None), Identity::Controller);
    assert_eq!(choose(Some(""), Some("")), Identity::Controller);
}

fn refusal(code: u16, reason: &str, message: &str) -> world::Answer {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message});
    (code, status.to_string())
}

async fn fault(
    identity: Identity<'_>,
    act: impl Fn(&Seen) -> world::Answer + Send + Sync + 'static,
) -> String {
    let world = World::start(act).await;
    let logins = world.logins(&[]);
    let fault = world
        .registry(&logins, Cloud::Aws, HOST, identity)
        .await
        .unwrap_err();
    let step = "failed to get access token for artifact registry: ";
    fault
        .strip_prefix(step)
        .unwrap_or_else(|| panic!("{fault}"))
        .to_owned()
}

#[tokio::test]
async fn a_missing_account_is_told_and_a_missing_default_one_is_a_lockdown() {
    let absent = |_: &Seen| refusal(404, "NotFound", "serviceaccounts \"robot\" not found");
    assert_eq!(
        fault(ROBOT, absent).await,
        "failed to get service account 'apps/robot': serviceaccounts \"robot\" not found"
    );
    let default = Identity::DefaultAccount {
        namespace: "apps",
        name: "robot",
    };
    assert_eq!(
        fault(default, absent).await,
        "failed to get service account 'apps/robot': the specified default service account does not exist in the object namespace. your cluster is subject to multi-tenant workload identity lockdown, reach out to your cluster administrator for help"
    );
}

#[tokio::test]
async fn what_kubernetes_forbids_is_told_in_its_words() {
    assert_eq!(
        fault(ROBOT, |_| refusal(
            403,
            "Forbidden",
            "serviceaccounts \"robot\" is forbidden"
        ))
        .await,
        "failed to get service account 'apps/robot': serviceaccounts \"robot\" is forbidden"
    );
    let annotations = json!({"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/x"});
    let forbid_tokens = move |seen: &Seen| match seen.method.as_str() {
        "POST" => refusal(403, "Forbidden", "serviceaccounts/token is forbidden"),
        _ => kubernetes(seen, &annotations).unwrap_or_else(nothing),
    };
    assert_eq!(
        fault(ROBOT, forbid_tokens).await,
        "failed to create kubernetes token for service account 'apps/robot': serviceaccounts/token is forbidden"
    );
}

#[tokio::test]
async fn annotations_are_checked_before_a_token_is_made() {
    let world = World::start(|seen| kubernetes(seen, &json!({})).unwrap_or_else(nothing)).await;
    let logins = world.logins(&[]);
    let step = "failed to get access token for artifact registry: failed to get provider identity from service account 'apps/robot' annotations: ";
    for (cloud, host, text) in [
        (
            Cloud::Aws,
            HOST,
            r"invalid AWS role ARN: ''. must match ^arn:aws[\w-]*:iam::[0-9]{1,30}:role/.{1,200}$",
        ),
        (
            Cloud::Azure,
            "acme.azurecr.io",
            "azure tenant ID is not set in the service account annotation azure.workload.identity/tenant-id",
        ),
    ] {
        let fault = world
            .registry(&logins, cloud, host, ROBOT)
            .await
            .unwrap_err();
        assert_eq!(fault, format!("{step}{text}"));
        assert_eq!(world.lines().len(), 1);
    }
}

#[tokio::test]
async fn without_a_cluster_there_are_no_accounts() {
    let world = World::start(|_| nothing()).await;
    let (environment, limits) = (Environment::default(), CacheLimits::default());
    let logins = CloudLogins::new(environment, None, limits, Metrics::new("0")).unwrap();
    let fault = world
        .registry(&logins, Cloud::Aws, HOST, ROBOT)
        .await
        .unwrap_err();
    assert!(fault.ends_with("failed to get service account 'apps/robot': there is no cluster"));
}
