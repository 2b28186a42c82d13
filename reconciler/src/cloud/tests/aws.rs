//! ECR and `CodeCommit`: whose keys are used, how requests are signed, what is told when it fails.

use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::*;

const HOST: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
const ROLE: &str = "arn:aws:iam::123456789012:role/puller";

/// Keys as the environment has them.
const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIDSTATIC"),
    ("AWS_SECRET_ACCESS_KEY", "static-secret"),
];

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn mac(key: impl AsRef<[u8]>, text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_ref()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Checks the signature of a request from what arrived, and returns its access key and scope.
fn verify(seen: &Seen, secret: &str) -> (String, String) {
    let authorization = seen.header("authorization");
    let rest = authorization
        .strip_prefix("AWS4-HMAC-SHA256 Credential=")
        .unwrap();
    let (credential, rest) = rest.split_once(", SignedHeaders=").unwrap();
    let (names, signature) = rest.split_once(", Signature=").unwrap();
    let (id, scope) = credential.split_once('/').unwrap();
    let value = |name: &str| {
        if name == "host" {
            seen.host.clone()
        } else {
            seen.header(name).to_owned()
        }
    };
    let lines: String = names
        .split(';')
        .map(|name| format!("{name}:{}\n", value(name)))
        .collect();
    let body = hex(Sha256::digest(&seen.body));
    let request = format!(
        "{}\n{}\n{}\n{lines}\n{names}\n{body}",
        seen.method, seen.path, seen.query
    );
    let time = seen.header("x-amz-date");
    let signed = format!(
        "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
        hex(Sha256::digest(request))
    );
    let key = scope
        .split('/')
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
            mac(key, part)
        });
    assert_eq!(hex(mac(key, &signed)), signature);
    assert!(time.starts_with(scope.split('/').next().unwrap()));
    assert_eq!(
        seen.headers.len(),
        seen.headers.keys_len(),
        "a header is there twice"
    );
    for name in ["host", "x-amz-date", "x-amz-target", "content-type"] {
        assert!(
            names.split(';').any(|signed| signed == name),
            "{name} is not signed"
        );
    }
    let scope = scope.split_once('/').unwrap().1;
    (id.to_owned(), scope.to_owned())
}

fn ecr(password: &str) -> world::Answer {
    let token = STANDARD.encode(format!("AWS:{password}"));
    let end = (Timestamp::now().as_second() + 12 * 3600) as f64 + 0.123;
    ok(
        json!({"authorizationData": [{"authorizationToken": token, "expiresAt": end, "proxyEndpoint": "https://x"}]}),
    )
}

fn sts() -> world::Answer {
    let end = in_an_hour();
    ok(format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult>\
         <Audience>sts.amazonaws.com</Audience><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role/secret+</SecretAccessKey>\
         <SessionToken>role-session==</SessionToken><Expiration>{end}</Expiration></Credentials>\
         </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    ))
}

/// Keys as agents and metadata servers give them.
fn node_keys(name: &str) -> world::Answer {
    ok(json!({
        "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": format!("ASIA{name}"), "SecretAccessKey": format!("{name}-secret"),
        "Token": format!("{name}-session"), "Expiration": in_an_hour(), "LastUpdated": "2026-03-01T12:00:00Z",
    }))
}

/// A world in which every keyholder may pull.
async fn amazon() -> World {
    World::start(|seen| match (seen.host.as_str(), seen.path.as_str()) {
        (host, "/") if host.starts_with("api.ecr.") => ecr("pass:word"),
        ("api.ecr-public.us-east-1.amazonaws.com", "/") => {
            let (_, body) = ecr("public");
            let body: Value = serde_json::from_str(&body).unwrap();
            ok(json!({"authorizationData": body["authorizationData"][0]}))
        }
        (host, "/") if host.starts_with("sts.") => sts(),
        (_, "/v1/credentials") => node_keys("POD"),
        (_, "/latest/api/token") => ok("node-session"),
        (_, "/latest/meta-data/iam/security-credentials/") => ok("worker\n"),
        (_, "/latest/meta-data/iam/security-credentials/worker") => node_keys("NODE"),
        _ => kubernetes(seen, &json!({"eks.amazonaws.com/role-arn": ROLE})).unwrap_or_else(nothing),
    })
    .await
}

fn aws_login(user: &str, password: &str) -> Result<(String, String), String> {
    Ok((user.to_owned(), password.to_owned()))
}

#[tokio::test]
async fn keys_of_the_environment_sign_for_the_region_of_the_registry() {
    let world = amazon().await;
    let logins = world.logins(&[KEYS[0], KEYS[1], ("AWS_REGION", "us-west-2")]);
    let login = world.registry(&logins, Cloud::Aws, HOST, Identity::Controller);
    assert_eq!(login.await, aws_login("AWS", "pass:word"));
    let [seen] = world.seen().try_into().unwrap();
    assert_eq!(seen.line(), "POST api.ecr.eu-central-1.amazonaws.com/");
    let target = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
    assert_eq!(seen.header("x-amz-target"), target);
    assert_eq!(seen.header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(seen.body, "{}");
    let expected = (
        "AKIDSTATIC".to_owned(),
        "eu-central-1/ecr/aws4_request".to_owned(),
    );
    assert_eq!(verify(&seen, "static-secret"), expected);
    // The password is kept, for the whole region and for no other.
    for (host, requests) in [
        (HOST, 0),
        ("999999999999.dkr.ecr.eu-central-1.amazonaws.com", 0),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", 1),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", 1),
    ] {
        world
            .registry(&logins, Cloud::Aws, host, Identity::Controller)
            .await
            .unwrap();
        assert_eq!(world.seen().len(), requests, "{host}");
    }
}

#[tokio::test]
async fn the_public_registry_has_a_service_of_its_own() {
    let world = amazon().await;
    let logins = world.logins(&[KEYS[0], KEYS[1], ("AWS_SESSION_TOKEN", "static-session")]);
    let login = world.registry(&logins, Cloud::Aws, "public.ecr.aws", Identity::Controller);
    assert_eq!(login.await, aws_login("AWS", "public"));
    let [seen] = world.seen().try_into().unwrap();
    assert_eq!(seen.line(), "POST api.ecr-public.us-east-1.amazonaws.com/");
    assert_eq!(
        seen.header("x-amz-target"),
        "SpencerFrontendService.GetAuthorizationToken"
    );
    assert_eq!(seen.header("x-amz-security-token"), "static-session");
    let (_, scope) = verify(&seen, "static-secret");
    assert_eq!(scope, "us-east-1/ecr-public/aws4_request");
}

#[tokio::test]
async fn a_web_identity_assumes_its_role() {
    let world = amazon().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "pod.token\n").unwrap();
    let environment = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap()),
        ("AWS_ROLE_ARN", ROLE),
    ];
    let logins = world.logins(&environment);
    let login = world.registry(&logins, Cloud::Aws, HOST, Identity::Controller);
    assert_eq!(login.await, aws_login("AWS", "pass:word"));
    let [sts, ecr] = world.seen().try_into().unwrap();
    assert_eq!(sts.line(), "POST sts.eu-central-1.amazonaws.com/");
    let form = sts.form();
    assert_eq!(form["Action"], "AssumeRoleWithWebIdentity");
    assert_eq!(form["Version"], "2011-06-15");
    assert_eq!(form["RoleArn"], ROLE);
    assert_eq!(form["RoleSessionName"], "imgauto");
    assert_eq!(form["WebIdentityToken"], "pod.token");
    assert_eq!(sts.header("authorization"), "");
    // Asked for JSON, STS would answer with it.
    assert_eq!(sts.header("accept"), "*/*");
    assert_eq!(ecr.header("x-amz-security-token"), "role-session==");
    assert_eq!(verify(&ecr, "role/secret+").0, "ASIAROLE");
    // Without its file, it says so.
    let logins = world.logins(&environment);
    drop(folder);
    let fault = world
        .registry(&logins, Cloud::Aws, HOST, Identity::Controller)
        .await
        .unwrap_err();
    assert_eq!(
        fault,
        format!(
            "failed to get access token for artifact registry: failed to create provider access token for the controller: cannot read {}, which AWS_WEB_IDENTITY_TOKEN_FILE names: No such file or directory (os error 2)",
            file.display()
        )
    );
}

#[tokio::test]
async fn a_service_account_assumes_the_role_of_its_annotation() {
    let world = amazon().await;
    // The program's own keys must not be used.
    let logins = world.logins(&KEYS);
    let login = world.registry(&logins, Cloud::Aws, HOST, ROBOT);
    assert_eq!(login.await, aws_login("AWS", "pass:word"));
    let [account, token, sts, ecr] = world.seen().try_into().unwrap();
    assert_eq!(account.method, "GET");
    assert_eq!(
        token.path,
        "/api/v1/namespaces/apps/serviceaccounts/robot/token"
    );
    assert_eq!(
        token.json()["spec"]["audiences"],
        json!(["sts.amazonaws.com"])
    );
    let form = sts.form();
    assert_eq!(form["RoleArn"], ROLE);
    assert_eq!(form["RoleSessionName"], "robot.apps.eu-central-1.fluxcd.io");
    assert_eq!(form["WebIdentityToken"], KUBERNETES_TOKEN);
    assert_eq!(verify(&ecr, "role/secret+").0, "ASIAROLE");
    // Its annotations are read each time, its password is not asked for again.
    world
        .registry(&logins, Cloud::Aws, HOST, ROBOT)
        .await
        .unwrap();
    assert_eq!(world.lines().len(), 1);
}

#[tokio::test]
async fn a_session_name_is_not_longer_than_sts_takes() {
    let name = "n".repeat(63);
    let path = format!("/api/v1/namespaces/apps/serviceaccounts/{name}");
    let metadata = json!({"namespace": "apps", "name": name, "annotations": {"eks.amazonaws.com/role-arn": ROLE}});
    let world = World::start(move |seen| {
        if seen.path == path {
            return ok(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}));
        }
        match seen.host.as_str() {
            host if host.starts_with("sts.") => sts(),
            host if host.starts_with("api.ecr.") => ecr("x"),
            _ => {
                let mut answer = seen.json();
                answer["status"] =
                    json!({"token": KUBERNETES_TOKEN, "expirationTimestamp": in_an_hour()});
                ok(answer)
            }
        }
    })
    .await;
    let identity = Identity::Account {
        namespace: "apps",
        name: &name,
    };
    world
        .registry(&world.logins(&[]), Cloud::Aws, HOST, identity)
        .await
        .unwrap();
    let seen = world.seen();
    let sts = seen
        .iter()
        .find(|seen| seen.host.starts_with("sts."))
        .unwrap();
    assert_eq!(sts.form()["RoleSessionName"], format!("{name}."));
}

#[tokio::test]
async fn the_agent_of_the_pod_gives_keys() {
    let world = amazon().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "pod.token\n").unwrap();
    let agent = format!("{}/v1/credentials", world.plain());
    let logins = world.logins(&[
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &agent),
        (
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            file.to_str().unwrap(),
        ),
    ]);
    world
        .registry(&logins, Cloud::Aws, HOST, Identity::Controller)
        .await
        .unwrap();
    let [agent, ecr] = world.seen().try_into().unwrap();
    assert_eq!(
        agent.line(),
        format!("GET {}/v1/credentials", world.plain_host())
    );
    assert_eq!(agent.header("authorization"), "pod.token");
    assert_eq!(verify(&ecr, "POD-secret").0, "ASIAPOD");
    let logins = world.logins(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://keys.example/")]);
    let fault = world
        .registry(&logins, Cloud::Aws, HOST, Identity::Controller)
        .await
        .unwrap_err();
    let told =
        "AWS_CONTAINER_CREDENTIALS_FULL_URI: plain HTTP is spoken to agents on the node only";
    assert!(fault.ends_with(told), "{fault}");
}

#[tokio::test]
async fn the_node_gives_the_keys_of_its_role() {
    let world = amazon().await;
    let metadata = world.plain();
    let logins = world.logins(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata)]);
    world
        .registry(&logins, Cloud::Aws, HOST, Identity::Controller)
        .await
        .unwrap();
    let [session, roles, keys, ecr] = world.seen().try_into().unwrap();
    assert_eq!(
        (session.method.as_str(), session.path.as_str()),
        ("PUT", "/latest/api/token")
    );
    assert_eq!(
        session.header("x-aws-ec2-metadata-token-ttl-seconds"),
        "300"
    );
    for seen in [roles, keys] {
        assert_eq!(seen.header("x-aws-ec2-metadata-token"), "node-session");
    }
    assert_eq!(verify(&ecr, "NODE-secret").0, "ASIANODE");
    let logins = world.logins(&[("AWS_EC2_METADATA_DISABLED", "true")]);
    let fault = world
        .registry(&logins, Cloud::Aws, HOST, Identity::Controller)
        .await
        .unwrap_err();
    let told = "AWS_EC2_METADATA_DISABLED: no credentials in the environment, and the metadata server may not be asked";
    assert!(fault.ends_with(told), "{fault}");
}

#[tokio::test]
async fn the_environment_can_say_where_services_are() {
    let world = World::start(|seen| match seen.header("x-amz-target") {
        "" => sts(),
        _ => ecr("here"),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "pod.token").unwrap();
    let (here, nowhere) = (world.plain(), "http://127.0.0.1:1");
    let logins = world.logins(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap()),
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_ENDPOINT_URL", nowhere),
        ("AWS_ENDPOINT_URL_STS", &here),
        ("AWS_ENDPOINT_URL_ECR", &here),
    ]);
    let login = RegistryLogin {
        cloud: Cloud::Aws,
        host: HOST,
        whose: WEB,
        identity: Identity::Controller,
        tls: &TlsOptions::default(),
        proxy: &ProxyChoice::Direct,
    };
    let grant = logins.registry_grant(&login).await.unwrap();
    assert_eq!(grant.secret.expose_secret(), "here");
    let [_, ecr] = world.seen().try_into().unwrap();
    // The port is part of the host that is signed.
    verify(&ecr, "role/secret+");
    assert_eq!(ecr.host, world.plain_host());
}

#[tokio::test]
async fn a_refusal_is_told_and_a_busy_server_asked_again() {
    let world = World::start(|seen| match seen.host.as_str() {
        host if host.starts_with("sts.") => (
            403,
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error><RequestId>1</RequestId></ErrorResponse>".to_owned(),
        ),
        host if host.starts_with("api.ecr.") => (503, r#"{"__type":"ServiceUnavailable"}"#.to_owned()),
        _ => kubernetes(seen, &json!({"eks.amazonaws.com/role-arn": ROLE})).unwrap_or_else(nothing),
    })
    .await;
    let logins = world.logins(&KEYS);
    assert_eq!(
        world
            .registry(&logins, Cloud::Aws, HOST, ROBOT)
            .await
            .unwrap_err(),
        "failed to get access token for artifact registry: failed to create provider access token for service account 'apps/robot': POST https://sts.eu-central-1.amazonaws.com/: 403 Forbidden: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity"
    );
    world.seen();
    assert_eq!(
        world
            .registry(&logins, Cloud::Aws, HOST, Identity::Controller)
            .await
            .unwrap_err(),
        "failed to create artifact registry credentials: POST https://api.ecr.eu-central-1.amazonaws.com/: 503 Service Unavailable: ServiceUnavailable"
    );
    assert_eq!(world.lines().len(), 3);
}

#[tokio::test]
async fn a_host_of_somebody_else_is_refused_before_anybody_is_asked() {
    let world = amazon().await;
    let logins = world.logins(&KEYS);
    let fault = world
        .registry(&logins, Cloud::Aws, "ghcr.io", ROBOT)
        .await
        .unwrap_err();
    assert_eq!(
        fault,
        r"invalid AWS registry: 'ghcr.io'. must match ([0-9+]*).dkr[.-]ecr(?:-fips)?\.([^/.]*)\.(amazonaws\.com[.cn]*|amazonaws\.eu|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov|on\.aws)"
    );
    assert!(world.seen().is_empty());
}

#[tokio::test]
async fn codecommit_takes_a_signature_for_a_password() {
    let world = amazon().await;
    let logins = world.logins(&KEYS);
    let url = "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/fleet";
    let login = async |identity| {
        let provider = GitProvider::Aws;
        world
            .git(&logins, provider, url, None, identity)
            .await
            .unwrap()
    };
    let (user, password) = login(Identity::Controller).await;
    assert_eq!(user, "AKIDSTATIC");
    assert!(world.seen().is_empty());
    check_codecommit(&password, "static-secret");
    assert_eq!(login(Identity::Controller).await, (user, password));
    let (user, password) = login(ROBOT).await;
    assert_eq!(user, "ASIAROLE%role-session==");
    check_codecommit(&password, "role/secret+");
    let sts = world.seen().pop().unwrap();
    assert_eq!(sts.host, "sts.eu-west-1.amazonaws.com");
    let fault = world
        .git(
            &logins,
            GitProvider::Aws,
            "https://github.com/acme/fleet",
            None,
            ROBOT,
        )
        .await;
    assert_eq!(
        fault.unwrap_err(),
        "invalid AWS CodeCommit Git URL: github.com"
    );
}

fn check_codecommit(password: &str, secret: &str) {
    let (time, signature) = password.split_once('Z').unwrap();
    let scope = format!("{}/eu-west-1/codecommit/aws4_request", &time[..8]);
    let request = "GIT\n/v1/repos/fleet\n\nhost:git-codecommit.eu-west-1.amazonaws.com\n\nhost\n";
    let signed = format!(
        "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
        hex(Sha256::digest(request))
    );
    let key = scope
        .split('/')
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
            mac(key, part)
        });
    assert_eq!(hex(mac(key, &signed)), signature);
}
