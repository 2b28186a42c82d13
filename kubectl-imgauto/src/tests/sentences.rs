//! The sentences of flux, which scripts match.

use super::{POLICY, REPOSITORY, UPDATE, told, with};

#[test]
fn sentences_about_names_are_kept() {
    const NAME: &str = "it should adhere to standard defined in RFC 1123, the name can only contain alphanumeric characters or '-'";
    let name = |name: &str| format!("✗ name '{name}' is invalid, {NAME}");
    let long = "p".repeat(64);
    let long_name = name(&long);
    let create = ["create", "image"];
    told(&[
        (
            &with(&create, &["policy", "--export"]),
            "✗ name is required",
        ),
        (&with(&create, &["policy", "A", "--export"]), &name("A")),
        (&with(&create, &["policy", "a.b", "--export"]), &name("a.b")),
        (&with(&create, &["policy", &long, "--export"]), &long_name),
    ]);
}

#[test]
fn sentences_about_labels_are_kept() {
    told(&[
        (
            &with(REPOSITORY, &["--label=a"]),
            "✗ invalid label format 'a', must be key=value",
        ),
        (
            &with(REPOSITORY, &["--label=a=b=c"]),
            "✗ invalid label format 'a=b=c', must be key=value",
        ),
        (
            &with(REPOSITORY, &["--label=-a=b"]),
            "✗ invalid label '-a': [name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')]",
        ),
        (
            &with(REPOSITORY, &["--label=a=b c"]),
            "✗ invalid label value 'b c': [a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')]",
        ),
    ]);
}

#[test]
fn sentences_about_flags_and_their_values_are_kept() {
    told(&[
        (
            &with(REPOSITORY, &["--interval=5"]),
            "✗ invalid argument \"5\" for \"--interval\" flag: time: missing unit in duration \"5\"",
        ),
        (
            &with(REPOSITORY, &["--export=maybe"]),
            "✗ invalid argument \"maybe\" for \"--export\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
        ),
        (
            &with(REPOSITORY, &["--label=a\"b"]),
            "✗ invalid argument \"a\\\"b\" for \"--label\" flag: parse error on line 1, column 2: bare \" in non-quoted-field",
        ),
        (&with(UPDATE, &["--nope=1"]), "✗ unknown flag: --nope"),
        (
            &with(UPDATE, &["-x"]),
            "✗ unknown shorthand flag: 'x' in -x",
        ),
        (
            &["create", "image", "repository", "--image"],
            "✗ flag needs an argument: --image",
        ),
    ]);
}

#[test]
fn sentences_about_images_are_kept() {
    told(&[
        (
            &with(REPOSITORY, &["--image="]),
            "✗ an image repository (--image) is required",
        ),
        (
            &with(REPOSITORY, &["--image=a"]),
            "✗ unable to parse image value: repository must be between 2 and 255 characters in length: a",
        ),
        (
            &with(REPOSITORY, &["--image=ghcr.io/a/b:1"]),
            "✗ unable to parse image value: repository can only contain the characters `abcdefghijklmnopqrstuvwxyz0123456789_-./`: a/b:1",
        ),
        (
            &with(REPOSITORY, &["--image=user@ghcr.io/ab"]),
            "✗ unable to parse image value: registries must be valid RFC 3986 URI authorities: user@ghcr.io",
        ),
        (
            &with(REPOSITORY, &["--image=a:b:c/de"]),
            "✗ unable to parse image value: registries must be valid RFC 3986 URI authorities: a:b:c",
        ),
    ]);
}

#[test]
fn sentences_about_policies_are_kept() {
    let create = ["create", "image"];
    let policy = ["create", "policy", "p1", "--image-ref=x", "--export"];
    told(&[
        (
            &with(&create, &["policy", "p1", "--export"]),
            "✗ the name of an ImageRepository in the namespace is required (--image-ref)",
        ),
        (
            &with(&policy, &["--select-alpha=up"]),
            "✗ --select-alpha must be one of [\"asc\", \"desc\"]",
        ),
        (
            &with(&policy, &["--select-numeric=ASC"]),
            "✗ --select-numeric must be one of [\"asc\", \"desc\"]",
        ),
        (
            &with(POLICY, &["--filter-extract=$1"]),
            "✗ cannot specify --filter-extract without specifying --filter-regex",
        ),
        (
            &with(POLICY, &["--filter-regex=a", "--filter-extract=${n"]),
            "✗ --filter-extract is malformed",
        ),
        (
            &with(POLICY, &["--filter-regex=(?P<n>a)", "--filter-extract=$m"]),
            "✗ capture group $m used in --filter-extract not found in --filter-regex",
        ),
        (
            &with(POLICY, &["--reflect-digest=always"]),
            "✗ invalid value for --reflect-digest, must be one of 'Never', 'IfNotPresent', 'Always'",
        ),
        (
            &with(POLICY, &["--interval=5m"]),
            "✗ the --interval flag can only be used with the 'Always' digest reflection policy, use --reflect-digest=Always",
        ),
    ]);
}

#[test]
fn sentences_about_signing_keys_are_kept() {
    let update = [
        "create",
        "update",
        "u1",
        "--export",
        "--git-repo-ref=g",
        "--checkout-branch=b",
        "--author-name=n",
        "--author-email=e",
    ];
    told(&[
        (
            &with(UPDATE, &["--signing-key-type=gpg"]),
            "✗ --signing-key-type requires --signing-key-secret",
        ),
        (
            &with(
                &update,
                &["--signing-key-secret=s", "--signing-key-type=pgp"],
            ),
            "✗ --signing-key-type must be one of: gpg, ssh",
        ),
    ]);
}
