//! Google's registries: every way to an access token.

use super::*;

const HOST: &str = "europe-west1-docker.pkg.dev";
const SCOPES: &str =
    "https://www.googleapis.com/auth/cloud-platform https://www.googleapis.com/auth/userinfo.email";
const PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";
const PROVIDER: &str =
    "projects/12345/locations/global/workloadIdentityPools/clusters/providers/prod";
const EMAIL: &str = "puller@acme.iam.gserviceaccount.com";
const IMPERSONATE: &str =
    "/v1/projects/-/serviceAccounts/puller@acme.iam.gserviceaccount.com:generateAccessToken";

fn token(token: &str) -> world::Answer {
    ok(json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"}))
}

/// A world in which Google knows everybody; the account has these annotations.
async fn google(annotations: Value) -> World {
    World::start(move |seen| match seen.path.as_str() {
        "/computeMetadata/v1/instance/service-accounts/default/token" => token("node.token......"),
        "/computeMetadata/v1/project/project-id" => ok("acme"),
        "/computeMetadata/v1/instance/attributes/cluster-location" => ok("europe-west1"),
        "/computeMetadata/v1/instance/attributes/cluster-name" => ok("prod\n"),
        "/v1/token" => token("federated.token"),
        "/token" => token("oauth.token"),
        "/issuer" => ok(json!({"id_token": "issued.token"})),
        IMPERSONATE => ok(json!({"accessToken": "puller.token", "expireTime": in_an_hour()})),
        _ => kubernetes(seen, &annotations).unwrap_or_else(nothing),
    })
    .await
}

fn login(password: &str) -> Result<(String, String), String> {
    Ok(("oauth2accesstoken".to_owned(), password.to_owned()))
}

/// Logs in with a file of `GOOGLE_APPLICATION_CREDENTIALS`.
async fn with_file(world: &World, file: &str) -> Result<(String, String), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.json");
    std::fs::write(&path, file).unwrap();
    let logins = world.logins(&[("GOOGLE_APPLICATION_CREDENTIALS", path.to_str().unwrap())]);
    world
        .registry(&logins, Cloud::Gcp, HOST, Identity::Controller)
        .await
}

/// Checks how STS was asked to exchange a token.
fn check_exchange(seen: &Seen, audience: &str, scope: &str, token: &str) {
    let form = seen.form();
    assert_eq!(
        form["grant_type"],
        "urn:ietf:params:oauth:grant-type:token-exchange"
    );
    assert_eq!(form["audience"], audience);
    assert_eq!(form["scope"], scope);
    assert_eq!(
        form["requested_token_type"],
        "urn:ietf:params:oauth:token-type:access_token"
    );
    assert_eq!(
        form["subject_token_type"],
        "urn:ietf:params:oauth:token-type:jwt"
    );
    assert_eq!(form["subject_token"], token);
}

/// Checks how a service account was impersonated with the token of STS.
fn check_impersonation(seen: &Seen, lifetime: &str) {
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.header("authorization"), "Bearer federated.token");
    let scopes: Vec<&str> = SCOPES.split(' ').collect();
    assert_eq!(seen.json(), json!({"lifetime": lifetime, "scope": scopes}));
}

#[tokio::test]
async fn the_metadata_server_gives_a_token() {
    let world = google(json!({})).await;
    let logins = world.logins(&[("GCE_METADATA_HOST", &world.plain_host())]);
    let ask = async |host| {
        world
            .registry(&logins, Cloud::Gcp, host, Identity::Controller)
            .await
    };
    // The dots are part of the token as far as anybody but Google knows.
    assert_eq!(ask(HOST).await, login("node.token......"));
    let [seen] = world.seen().try_into().unwrap();
    assert_eq!(seen.header("metadata-flavor"), "Google");
    assert_eq!(seen.parameters()["scopes"], SCOPES.replace(' ', ","));
    // One token is good for all registries.
    assert_eq!(ask("eu.gcr.io").await, login("node.token......"));
    assert!(world.seen().is_empty());
    let fault = ask("ghcr.io").await.unwrap_err();
    assert!(
        fault.starts_with("invalid GCP registry: 'ghcr.io'. must match ^(((.+"),
        "{fault}"
    );
}

#[tokio::test]
async fn the_key_of_a_service_account_signs_an_assertion() {
    let world = google(json!({})).await;
    let mut file = json!({
        "type": "service_account", "project_id": "acme", "client_email": EMAIL, "client_id": "1",
        "private_key_id": "key-1", "private_key": SERVICE_KEY, "token_uri": "https://oauth2.googleapis.com/token",
    });
    assert_eq!(
        with_file(&world, &file.to_string()).await,
        login("oauth.token")
    );
    let [seen] = world.seen().try_into().unwrap();
    assert_eq!(seen.line(), "POST oauth2.googleapis.com/token");
    let form = seen.form();
    assert_eq!(
        form["grant_type"],
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    );
    let (header, claims) = open(&form["assertion"]);
    assert_eq!(
        header,
        json!({"alg": "RS256", "typ": "JWT", "kid": "key-1"})
    );
    assert_eq!(claims["iss"], EMAIL);
    assert_eq!(claims["aud"], "https://oauth2.googleapis.com/token");
    assert_eq!(claims["scope"], SCOPES);
    let (made, end) = (
        claims["iat"].as_i64().unwrap(),
        claims["exp"].as_i64().unwrap(),
    );
    assert_eq!(end - made, 3600);
    assert!((Timestamp::now().as_second() - made).abs() < 60);
    file["private_key"] = "hunter2".into();
    let fault = with_file(&world, &file.to_string()).await.unwrap_err();
    let told = "for the controller: could not parse private key: no PEM of a private key found";
    assert!(fault.ends_with(told), "{fault}");
}

#[tokio::test]
async fn the_refresh_token_of_a_user_is_exchanged() {
    let world = google(json!({})).await;
    let file = json!({
        "type": "authorized_user", "client_id": "app", "client_secret": "app-secret", "refresh_token": "1//refresh",
    });
    assert_eq!(
        with_file(&world, &file.to_string()).await,
        login("oauth.token")
    );
    let [seen] = world.seen().try_into().unwrap();
    assert_eq!(seen.line(), "POST oauth2.googleapis.com/token");
    let form = seen.form();
    assert_eq!(form["grant_type"], "refresh_token");
    assert_eq!(form["client_id"], "app");
    assert_eq!(form["client_secret"], "app-secret");
    assert_eq!(form["refresh_token"], "1//refresh");
}

#[tokio::test]
async fn a_token_of_another_issuer_is_exchanged() {
    let world = google(json!({})).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "pod.token\n").unwrap();
    let audience = format!("//iam.googleapis.com/{PROVIDER}");
    let mut file = json!({
        "type": "external_account", "audience": audience,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": path, "format": {"type": "text"}},
    });
    assert_eq!(
        with_file(&world, &file.to_string()).await,
        login("federated.token")
    );
    let [seen] = world.seen().try_into().unwrap();
    assert_eq!(seen.line(), "POST sts.googleapis.com/v1/token");
    check_exchange(&seen, &audience, SCOPES, "pod.token");
    // From an address, as a field of JSON, and for somebody else.
    file["credential_source"] = json!({
        "url": format!("{}/issuer", world.plain()).replace("http://", "https://").replace(&world.plain_host(), "oauth2.googleapis.com"),
        "headers": {"x-audience": "google"}, "format": {"type": "json", "subject_token_field_name": "id_token"},
    });
    file["service_account_impersonation_url"] =
        format!("https://iamcredentials.googleapis.com{IMPERSONATE}").into();
    file["service_account_impersonation"] = json!({"token_lifetime_seconds": 1800});
    assert_eq!(
        with_file(&world, &file.to_string()).await,
        login("puller.token")
    );
    let [issuer, sts, impersonation] = world.seen().try_into().unwrap();
    assert_eq!(issuer.header("x-audience"), "google");
    check_exchange(&sts, &audience, PLATFORM, "issued.token");
    assert_eq!(impersonation.path, IMPERSONATE);
    check_impersonation(&impersonation, "1800s");
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_told_without_what_is_in_it() {
    let world = google(json!({})).await;
    let step = "failed to get access token for artifact registry: failed to create provider access token for the controller: GOOGLE_APPLICATION_CREDENTIALS: ";
    let external = json!({
        "type": "external_account", "audience": "hunter2", "subject_token_type": "hunter2",
        "credential_source": {"executable": {"command": "hunter2"}},
    });
    for (file, told) in [
        (
            r#"{"type": "hunter2"}"#.to_owned(),
            "line 1 is not of a service_account, authorized_user or external_account",
        ),
        (
            "hunter2".to_owned(),
            "line 1 is not of a service_account, authorized_user or external_account",
        ),
        (
            external.to_string(),
            "credential_source has neither file nor url: other programs are not started",
        ),
    ] {
        let fault = with_file(&world, &file).await.unwrap_err();
        assert_eq!(fault, format!("{step}{told}"));
    }
    assert!(world.seen().is_empty());
}

#[tokio::test]
async fn a_service_account_outside_of_gke_is_known_by_its_provider() {
    let world = google(json!({"gcp.auth.fluxcd.io/workload-identity-provider": PROVIDER})).await;
    let logins = world.logins(&[]);
    let found = world.registry(&logins, Cloud::Gcp, HOST, ROBOT).await;
    assert_eq!(found, login("federated.token"));
    let [_, token, sts] = world.seen().try_into().unwrap();
    let audience = format!("//iam.googleapis.com/{PROVIDER}");
    assert_eq!(token.json()["spec"]["audiences"], json!([audience]));
    assert_eq!(sts.line(), "POST sts.googleapis.com/v1/token");
    check_exchange(&sts, &audience, SCOPES, KUBERNETES_TOKEN);
}

#[tokio::test]
async fn a_service_account_on_gke_is_known_by_its_cluster() {
    let world = google(json!({"iam.gke.io/gcp-service-account": EMAIL})).await;
    let logins = world.logins(&[("GCE_METADATA_HOST", &world.plain_host())]);
    let found = world.registry(&logins, Cloud::Gcp, HOST, ROBOT).await;
    assert_eq!(found, login("puller.token"));
    let [_, _, _, _, token, sts, impersonation] = world.seen().try_into().unwrap();
    assert_eq!(
        token.json()["spec"]["audiences"],
        json!(["acme.svc.id.goog"])
    );
    let audience = "identitynamespace:acme.svc.id.goog:https://container.googleapis.com/v1/projects/acme/locations/europe-west1/clusters/prod";
    check_exchange(&sts, audience, PLATFORM, KUBERNETES_TOKEN);
    assert_eq!(
        impersonation.line(),
        format!("POST iamcredentials.googleapis.com{IMPERSONATE}")
    );
    check_impersonation(&impersonation, "3600s");
    // The cluster is asked for once, the account each time.
    world
        .registry(&logins, Cloud::Gcp, HOST, ROBOT)
        .await
        .unwrap();
    assert_eq!(world.lines().len(), 1);
}

#[tokio::test]
async fn a_cluster_that_is_not_known_is_told() {
    let world = World::start(|seen| kubernetes(seen, &json!({})).unwrap_or_else(nothing)).await;
    let logins = world.logins(&[("GCE_METADATA_HOST", &world.plain_host())]);
    let fault = world
        .registry(&logins, Cloud::Gcp, HOST, ROBOT)
        .await
        .unwrap_err();
    assert_eq!(
        fault,
        format!(
            "failed to get access token for artifact registry: failed to get provider audience: GET {}/computeMetadata/v1/project/project-id: 404 Not Found: Not Found",
            world.plain()
        )
    );
}
