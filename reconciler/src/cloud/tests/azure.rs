//! ACR and Azure DevOps: whose token Entra gives, and what a registry makes of it.

use super::*;

const HOST: &str = "acme.azurecr.io";
const ACR: &str = "https://containerregistry.azure.net/.default";
const USER: &str = "00000000-0000-0000-0000-000000000000";

const CLIENT: [(&str, &str); 2] = [
    ("AZURE_CLIENT_ID", "client-1"),
    ("AZURE_TENANT_ID", "tenant-1"),
];

/// A world in which Entra, the node and the registry know everybody.
async fn microsoft() -> World {
    World::start(|seen| match seen.path.as_str() {
        "/oauth2/exchange" => ok(json!({"refresh_token": web_token()})),
        path if path.ends_with("/oauth2/v2.0/token") => ok(json!({
            "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": "entra.token",
        })),
        "/metadata/identity/oauth2/token" => ok(json!({
            "access_token": "node.token", "client_id": "x", "expires_in": "86399", "expires_on": "1772366400",
            "resource": "x", "token_type": "Bearer",
        })),
        _ => {
            let annotations = json!({
                "azure.workload.identity/tenant-id": "tenant-2", "azure.workload.identity/client-id": "client-2",
            });
            kubernetes(seen, &annotations).unwrap_or_else(nothing)
        }
    })
    .await
}

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Checks how a registry was asked to exchange a token.
fn check_exchange(seen: &Seen, host: &str, token: &str) {
    assert_eq!(seen.line(), format!("POST {host}/oauth2/exchange"));
    let form = seen.form();
    assert_eq!(form["grant_type"], "access_token");
    assert_eq!(form["service"], host);
    assert_eq!(form["access_token"], token);
}

#[tokio::test]
async fn a_federated_token_vouches_for_a_client() {
    let world = microsoft().await;
    let folder = tempfile::tempdir().unwrap();
    let token = file(&folder, "token", "pod.token\n");
    let logins = world.logins(&[CLIENT[0], CLIENT[1], ("AZURE_FEDERATED_TOKEN_FILE", &token)]);
    let login = world.registry(&logins, Cloud::Azure, HOST, Identity::Controller);
    let (user, password) = login.await.unwrap();
    assert_eq!((user.as_str(), password), (USER, web_token()));
    let [entra, exchange] = world.seen().try_into().unwrap();
    assert_eq!(
        entra.line(),
        "POST login.microsoftonline.com/tenant-1/oauth2/v2.0/token"
    );
    let form = entra.form();
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(form["client_id"], "client-1");
    assert_eq!(form["scope"], ACR);
    assert_eq!(
        form["client_assertion_type"],
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    assert_eq!(form["client_assertion"], "pod.token");
    check_exchange(&exchange, HOST, "entra.token");
    // Both are kept.
    world
        .registry(&logins, Cloud::Azure, HOST, Identity::Controller)
        .await
        .unwrap();
    assert!(world.seen().is_empty());
}

#[tokio::test]
async fn a_client_secret_is_used_and_another_authority_is_asked() {
    let world = microsoft().await;
    let logins = world.logins(&[
        CLIENT[0],
        CLIENT[1],
        ("AZURE_CLIENT_SECRET", "s3cr&t"),
        ("AZURE_AUTHORITY_HOST", "https://127.0.0.1/"),
    ]);
    world
        .registry(&logins, Cloud::Azure, HOST, Identity::Controller)
        .await
        .unwrap();
    let [entra, _] = world.seen().try_into().unwrap();
    assert_eq!(entra.line(), "POST 127.0.0.1/tenant-1/oauth2/v2.0/token");
    assert_eq!(entra.form()["client_secret"], "s3cr&t");
    assert!(!entra.form().contains_key("client_assertion"));
}

#[tokio::test]
async fn the_node_has_an_identity_too() {
    let world = microsoft().await;
    let node = world.plain();
    for (client, environment) in [
        (None, vec![]),
        (Some("client-1"), vec![("AZURE_CLIENT_ID", "client-1")]),
    ] {
        let mut environment = environment;
        environment.push(("AZURE_POD_IDENTITY_AUTHORITY_HOST", &node));
        let logins = world.logins(&environment);
        world
            .registry(&logins, Cloud::Azure, HOST, Identity::Controller)
            .await
            .unwrap();
        let [metadata, exchange] = world.seen().try_into().unwrap();
        assert_eq!(
            metadata.line(),
            format!("GET {}/metadata/identity/oauth2/token", world.plain_host())
        );
        assert_eq!(metadata.header("metadata"), "true");
        let parameters = metadata.parameters();
        assert_eq!(parameters["api-version"], "2018-02-01");
        assert_eq!(
            parameters["resource"],
            "https://containerregistry.azure.net"
        );
        assert_eq!(parameters.get("client_id").map(String::as_str), client);
        check_exchange(&exchange, HOST, "node.token");
    }
}

#[tokio::test]
async fn a_service_account_is_the_client_of_its_annotations() {
    let world = microsoft().await;
    let logins = world.logins(&[CLIENT[0], CLIENT[1], ("AZURE_CLIENT_SECRET", "mine")]);
    world
        .registry(&logins, Cloud::Azure, HOST, ROBOT)
        .await
        .unwrap();
    let [_, token, entra, exchange] = world.seen().try_into().unwrap();
    assert_eq!(
        token.json()["spec"]["audiences"],
        json!(["api://AzureADTokenExchange"])
    );
    assert_eq!(entra.path, "/tenant-2/oauth2/v2.0/token");
    let form = entra.form();
    assert_eq!(form["client_id"], "client-2");
    assert_eq!(form["client_assertion"], KUBERNETES_TOKEN);
    assert!(!form.contains_key("client_secret"));
    check_exchange(&exchange, HOST, "entra.token");
}

#[tokio::test]
async fn a_private_cloud_has_its_own_registries_and_scope() {
    let world = microsoft().await;
    let folder = tempfile::tempdir().unwrap();
    let cloud = json!({
        "resourceManagerEndpoint": "https://management.core.private/",
        "tokenAudience": "https://management.core.private/",
        "containerRegistryDNSSuffix": "azurecr.private",
    });
    let path = file(&folder, "cloud.json", &cloud.to_string());
    let environment = [
        CLIENT[0],
        CLIENT[1],
        ("AZURE_CLIENT_SECRET", "mine"),
        ("AZURE_ENVIRONMENT_FILEPATH", &path),
    ];
    let logins = world.logins(&environment);
    let host = "acme.azurecr.private";
    world
        .registry(&logins, Cloud::Azure, host, Identity::Controller)
        .await
        .unwrap();
    let [entra, exchange] = world.seen().try_into().unwrap();
    assert_eq!(
        entra.form()["scope"],
        "https://management.core.private//.default"
    );
    check_exchange(&exchange, host, "entra.token");
    let login = async |host| {
        let login = world.registry(&logins, Cloud::Azure, host, Identity::Controller);
        login.await.unwrap_err()
    };
    assert_eq!(
        login("ghcr.io").await,
        "invalid Azure registry: 'ghcr.io'. must end with azurecr.private"
    );
    std::fs::write(&path, "{}").unwrap();
    assert_eq!(
        login(host).await,
        "AZURE_ENVIRONMENT_FILEPATH: containerRegistryDNSSuffix is not set"
    );
    assert_eq!(
        login(HOST).await,
        "AZURE_ENVIRONMENT_FILEPATH: resourceManagerEndpoint is not set"
    );
    std::fs::write(&path, "{").unwrap();
    assert!(
        login(HOST)
            .await
            .starts_with("AZURE_ENVIRONMENT_FILEPATH: EOF while parsing")
    );
}

#[tokio::test]
async fn hosts_of_somebody_else_are_refused() {
    let world = microsoft().await;
    let logins = world.logins(&[]);
    for host in [
        "ghcr.io",
        ".azurecr.io",
        "acme.azurecr.io.evil.example",
        "acme.azurecr.io:443",
    ] {
        let fault = world
            .registry(&logins, Cloud::Azure, host, Identity::Controller)
            .await;
        assert_eq!(
            fault.unwrap_err(),
            format!(
                r"invalid Azure registry: '{host}'. must match ^.+\.(azurecr\.io|azurecr\.cn|azurecr\.de|azurecr\.us)$"
            )
        );
    }
    assert!(world.seen().is_empty());
}

#[tokio::test]
async fn a_refusal_reads_the_same_each_time_and_holds_no_secret() {
    let world = World::start(|seen| {
        let trace = Timestamp::now().as_nanosecond();
        let form = seen.form();
        let description = format!(
            "AADSTS7000215: Invalid client secret provided: {}. Trace ID: {trace} Correlation ID: {trace} Timestamp: {trace}",
            form["client_secret"]
        );
        (401, json!({"error": "invalid_client", "error_description": description}).to_string())
    })
    .await;
    let logins = world.logins(&[CLIENT[0], CLIENT[1], ("AZURE_CLIENT_SECRET", "hunter2")]);
    let login = async || {
        let login = world.registry(&logins, Cloud::Azure, HOST, Identity::Controller);
        login.await.unwrap_err()
    };
    let told = login().await;
    assert_eq!(
        told,
        "failed to get access token for artifact registry: failed to create provider access token for the controller: POST https://login.microsoftonline.com/tenant-1/oauth2/v2.0/token: 401 Unauthorized: invalid_client: AADSTS7000215: Invalid client secret provided: REDACTED."
    );
    assert_eq!(login().await, told);
}

#[tokio::test]
async fn what_is_no_token_is_not_taken_for_one() {
    for (entra, told) in [
        (ok("not json"), "the answer is no JSON"),
        (
            ok(json!({"expires_in": 3599})),
            "no access token in the answer",
        ),
        (
            ok(json!({"access_token": "x"})),
            "no access token in the answer",
        ),
        (
            ok(json!({"access_token": "", "expires_in": 3599})),
            "no access token in the answer",
        ),
        (ok("x".repeat(2 << 20)), "the answer is too long"),
    ] {
        let world = World::start(move |_| entra.clone()).await;
        let logins = world.logins(&[CLIENT[0], CLIENT[1], ("AZURE_CLIENT_SECRET", "mine")]);
        let fault = world
            .registry(&logins, Cloud::Azure, HOST, Identity::Controller)
            .await;
        let fault = fault.unwrap_err();
        assert!(
            fault.ends_with(&format!("/oauth2/v2.0/token: {told}")),
            "{fault}"
        );
    }
}

#[tokio::test]
async fn azure_devops_takes_the_token_of_entra() {
    let world = microsoft().await;
    let logins = world.logins(&[CLIENT[0], CLIENT[1], ("AZURE_CLIENT_SECRET", "mine")]);
    let url = "https://dev.azure.com/acme/fleet/_git/fleet";
    for (identity, tenant) in [(Identity::Controller, "tenant-1"), (ROBOT, "tenant-2")] {
        let login = world
            .git(&logins, GitProvider::Azure, url, None, identity)
            .await;
        assert_eq!(
            login.unwrap(),
            ("bearer".to_owned(), "entra.token".to_owned())
        );
        let entra = world.seen().pop().unwrap();
        assert_eq!(entra.path, format!("/{tenant}/oauth2/v2.0/token"));
        assert_eq!(
            entra.form()["scope"],
            "499b84ac-1321-427f-aa17-267ca6975798/.default"
        );
    }
}
