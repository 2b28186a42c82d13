//! GitHub Apps: how an installation is found and its token made.

use super::*;

const URL: &str = "https://github.com/acme/fleet";

fn secret(pairs: &[(&str, &str)]) -> SecretData {
    let app = [("githubAppID", "123"), ("githubAppPrivateKey", APP_KEY)];
    let pairs = app.iter().chain(pairs);
    pairs
        .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
        .collect()
}

/// A world in which `acme` is an organization and `bob` a user who have installed the app, anywhere below `prefix`.
async fn github(prefix: &'static str) -> World {
    World::start(move |seen| match seen.path.strip_prefix(prefix) {
        Some("/orgs/acme/installation") => ok(json!({"id": 77, "account": {"login": "acme"}})),
        Some("/users/bob/installation") => ok(json!({"id": 88})),
        Some(path) if path.ends_with("/access_tokens") => {
            let token = format!("ghs_{}", path.split('/').nth(3).unwrap());
            (
                201,
                json!({"token": token, "expires_at": in_an_hour(), "permissions": {}}).to_string(),
            )
        }
        _ => nothing(),
    })
    .await
}

async fn login(world: &World, secret: &SecretData) -> Result<(String, String), String> {
    let logins = world.logins(&[]);
    let provider = GitProvider::Github;
    world
        .git(&logins, provider, URL, Some(secret), Identity::Controller)
        .await
}

fn granted(token: &str) -> Result<(String, String), String> {
    Ok(("x-access-token".to_owned(), token.to_owned()))
}

/// Checks who asks: an app that signs with its key.
fn check_proof(seen: &Seen, issuer: &str) {
    let proof = seen
        .header("authorization")
        .strip_prefix("Bearer ")
        .unwrap();
    let (header, claims) = open(proof);
    assert_eq!(header, json!({"alg": "RS256", "typ": "JWT"}));
    assert_eq!(claims["iss"], issuer);
    let (made, end) = (
        claims["iat"].as_i64().unwrap(),
        claims["exp"].as_i64().unwrap(),
    );
    assert_eq!(end - made, 120);
    assert!((25..60).contains(&(Timestamp::now().as_second() - made)));
    assert_eq!(seen.header("accept"), "application/vnd.github+json");
    assert_eq!(seen.header("x-github-api-version"), "2022-11-28");
}

#[tokio::test]
async fn an_installation_is_known_by_its_number() {
    let world = github("").await;
    let data = secret(&[("githubAppInstallationID", "42\n")]);
    let logins = world.logins(&[]);
    let ask = async |data| {
        let provider = GitProvider::Github;
        world
            .git(&logins, provider, URL, Some(data), Identity::Controller)
            .await
    };
    assert_eq!(ask(&data).await, granted("ghs_42"));
    let [seen] = world.seen().try_into().unwrap();
    assert_eq!(
        seen.line(),
        "POST api.github.com/app/installations/42/access_tokens"
    );
    check_proof(&seen, "123");
    // The token is kept, for this app and installation only.
    assert_eq!(ask(&data).await, granted("ghs_42"));
    assert!(world.seen().is_empty());
    let other = secret(&[("githubAppInstallationID", "43")]);
    assert_eq!(ask(&other).await, granted("ghs_43"));
}

#[tokio::test]
async fn an_owner_is_an_organization_or_a_user() {
    let world = github("").await;
    let owner = |owner| secret(&[("githubAppInstallationOwner", owner)]);
    assert_eq!(login(&world, &owner("acme")).await, granted("ghs_77"));
    for seen in world.seen() {
        check_proof(&seen, "123");
    }
    assert_eq!(login(&world, &owner("bob")).await, granted("ghs_88"));
    assert_eq!(
        world.lines(),
        [
            "GET api.github.com/orgs/bob/installation",
            "GET api.github.com/users/bob/installation",
            "POST api.github.com/app/installations/88/access_tokens",
        ]
    );
    assert_eq!(
        login(&world, &owner("eve/../acme")).await.unwrap_err(),
        "failed to find organization installation: GET https://api.github.com/orgs/eve%2F..%2Facme/installation: 404 Not Found: Not Found\n\
         failed to find user installation: GET https://api.github.com/users/eve%2F..%2Facme/installation: 404 Not Found: Not Found"
    );
}

#[tokio::test]
async fn a_github_of_ones_own_has_its_own_address() {
    let world = github("/api/v3").await;
    for base in [
        "https://github.acme.example/api/v3",
        "https://github.acme.example/api/v3/",
    ] {
        let data = secret(&[
            ("githubAppInstallationOwner", "acme"),
            ("githubAppBaseURL", base),
            ("githubAppClientID", "Iv1.abc"),
        ]);
        assert_eq!(login(&world, &data).await, granted("ghs_77"));
        let [find, make] = world.seen().try_into().unwrap();
        assert_eq!(
            find.line(),
            "GET github.acme.example/api/v3/orgs/acme/installation"
        );
        check_proof(&make, "Iv1.abc");
    }
}

#[tokio::test]
async fn a_refusal_is_told() {
    let world = World::start(|_| (401, r#"{"message":"Bad credentials"}"#.to_owned())).await;
    for way in [
        ("githubAppInstallationID", "42"),
        ("githubAppInstallationOwner", "acme"),
    ] {
        let fault = login(&world, &secret(&[way])).await.unwrap_err();
        assert!(
            fault.ends_with(": 401 Unauthorized: Bad credentials"),
            "{fault}"
        );
        assert_eq!(world.lines().len(), 1);
    }
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_not_shown_anything() {
    let world = github("").await;
    let login = GitLogin {
        provider: GitProvider::Github,
        url: URL,
        secret: Some(&secret(&[("githubAppInstallationID", "42")])),
        whose: WEB,
        identity: Identity::Controller,
        tls: &git::Tls::default(),
        proxy: Some(&world.git_proxy()),
    };
    let fault = world.logins(&[]).git(login).await.unwrap_err();
    let told = Chain(&fault).to_string();
    let expected = "POST https://api.github.com/app/installations/42/access_tokens: no answer: ";
    assert!(told.starts_with(expected), "{told}");
    assert!(world.seen().is_empty());
}

#[tokio::test]
async fn an_app_that_is_not_told_in_full_is_refused() {
    let world = github("").await;
    let mut numberless = secret(&[("githubAppInstallationID", "42")]);
    numberless.insert("githubAppID".to_owned(), b"Iv1.abc".to_vec());
    let mut keyless = secret(&[("githubAppInstallationID", "42")]);
    keyless.remove("githubAppPrivateKey");
    let mut wrong_key = keyless.clone();
    wrong_key.insert("githubAppPrivateKey".to_owned(), b"hunter2".to_vec());
    for (data, told) in [
        (
            secret(&[]),
            "app installation owner or ID must be provided to use github app authentication",
        ),
        (
            secret(&[
                ("githubAppInstallationID", "42"),
                ("githubAppInstallationOwner", "acme"),
            ]),
            "only one of app installation owner or ID must be provided to use github app authentication",
        ),
        (
            keyless,
            "private key must be provided to use github app authentication",
        ),
        (
            wrong_key,
            "could not parse private key: no PEM of a private key found",
        ),
        (numberless, "githubAppID is not a number"),
        (
            secret(&[
                ("githubAppInstallationID", "42"),
                ("githubAppBaseURL", "github"),
            ]),
            "invalid API URL: not a URL",
        ),
        (
            secret(&[
                ("githubAppInstallationID", "42"),
                ("githubAppBaseURL", "ftp://github"),
            ]),
            "invalid API URL: neither https nor http",
        ),
    ] {
        assert_eq!(login(&world, &data).await.unwrap_err(), told);
    }
    assert!(world.seen().is_empty());
}

#[tokio::test]
async fn provider_and_secret_have_to_go_together() {
    let world = github("").await;
    let logins = world.logins(&[]);
    for data in [
        None,
        Some(SecretData::from([("username".to_owned(), b"bob".to_vec())])),
    ] {
        let login = GitLogin {
            provider: GitProvider::Github,
            url: URL,
            secret: data.as_ref(),
            whose: WEB,
            identity: Identity::Controller,
            tls: &world.git_tls(),
            proxy: None,
        };
        let fault = logins.git(login).await.unwrap_err();
        assert!(
            matches!(fault, CloudError::Misuse(AppMisuse::DataMissing)),
            "{fault}"
        );
        assert_eq!(
            fault.to_string(),
            "secretRef with github app data must be specified when provider is set to github: invalid source configuration"
        );
    }
    assert_eq!(
        reject_app_data("apps/git", &secret(&[]))
            .unwrap_err()
            .to_string(),
        "secretRef 'apps/git' has github app data but provider is not set to github: invalid source configuration"
    );
    assert_eq!(reject_app_data("apps/git", &SecretData::new()), Ok(()));
}
