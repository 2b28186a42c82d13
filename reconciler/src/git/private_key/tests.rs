use std::path::Path;
use std::process::Command;

use super::*;

const PASSWORD: &str = "open sesame";

/// Makes a key as a user would; returns it and the public key that belongs to it.
fn generate(arguments: &[&str]) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    keygen(
        &[arguments, &["-q", "-a", "1", "-C", "", "-f"]].concat(),
        &file,
    );
    let public = std::fs::read_to_string(file.with_extension("pub")).unwrap();
    (std::fs::read_to_string(&file).unwrap(), public)
}

fn keygen(arguments: &[&str], file: &Path) {
    let mut program = Command::new("ssh-keygen");
    let status = program.args(arguments).arg(file).status().unwrap();
    assert!(status.success(), "{arguments:?}");
}

fn public_of(key: &PrivateKey) -> String {
    format!("{}\n", key.public_key().to_openssh().unwrap())
}

#[test]
fn all_kinds_and_forms_of_ssh_keygen_are_read() {
    let kinds: [&[&str]; 5] = [
        &["-t", "ed25519"],
        &["-t", "rsa", "-b", "2048"],
        &["-t", "ecdsa", "-b", "256"],
        &["-t", "ecdsa", "-b", "384"],
        &["-t", "ecdsa", "-b", "521"],
    ];
    for kind in kinds {
        // It writes ed25519 keys in its own form only.
        let forms: &[&str] = match kind[1] {
            "ed25519" => &["RFC4716"],
            _ => &["RFC4716", "PEM", "PKCS8"],
        };
        for form in forms {
            let arguments = |password| [kind, &["-m", form, "-N", password]].concat();
            let (plain, public) = generate(&arguments(""));
            assert_eq!(
                public_of(&parse(&plain, None).unwrap()),
                public.replace(" \n", "\n")
            );
            // A password nobody needs does no harm.
            assert!(parse(&plain, Some(b"other")).is_ok(), "{kind:?} {form}");

            let (locked, public) = generate(&arguments(PASSWORD));
            let key = parse(&locked, Some(PASSWORD.as_bytes()));
            let key = key.unwrap_or_else(|error| panic!("{kind:?} {form}: {error}"));
            assert_eq!(public_of(&key), public.replace(" \n", "\n"));
            let refused = |password| parse(&locked, password).unwrap_err();
            assert_eq!(refused(None), KeyError::Encrypted, "{kind:?} {form}");
            assert_eq!(
                refused(Some(b"wrong")),
                KeyError::WrongPassword,
                "{kind:?} {form}"
            );
        }
    }
}

/// By `openssl ec -aes-256-cbc`, password `open`, with what `openssl ecparam` writes before a key.
const AES_256: &str = "-----BEGIN EC PARAMETERS-----
BggqhkjOPQMBBw==
-----END EC PARAMETERS-----
-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,9B3B1F3B79539B60733DE4085F837812

OBldzSokAUqxd2ZruUnNAQia4E8ooNFgFw10u1MK4XNUWrSt7Gdxr2uOwWXkeuyu
771z0s34q5IX0w0QP/GCR13fCXt1RtApldafjZv1qb9R1He7hM8loTQWQDJBVel3
GZJpu3AJ05zXdf+cXKayFKF4u5RJiujCUrtXjv3QZk0=
-----END EC PRIVATE KEY-----";

/// The same key by `openssl ec -aes-192-cbc`.
const AES_192: &str = "-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-192-CBC,CC87209B22D0C1D4A4A388247B033B26

pkWk+66qU4R7KwCSGtNJucRG1dKYeDcAQLOEbWJJYEkYbCbYV6qhDkdp5P5GIKgA
euDP8coIftUazFbFjqEQRiR2+u/TBNXWgxirmx35DK4aX1vlrYidKFZYqh9XQk9/
zfs8254PEetx/gdD71JUNt5U3i/oP42VE6f2u1/SLFs=
-----END EC PRIVATE KEY-----";

/// The same key by `openssl ec -des3`.
const DES: &str = "-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: DES-EDE3-CBC,75DE4CFE5D87412F

bUqHruDpPIRkmD3w0SR/Ushp44GFd3vl7G4CXN5S637C0JLxTlCZsDtxLFhiypOS
QZRSQ3X5qkY8m20U8t8/FWAqDnBTyvoxM9r2uqA8R+XeF0KzkUhXp7wyxQAhfYTc
NcLcgmM430RfUoloTi9O//S7rinZ9wxtIaQDM/KzSzM=
-----END EC PRIVATE KEY-----";

#[test]
fn the_ciphers_of_old_openssl_are_known_but_for_des() {
    let public = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBNTkaXBihvtnnjBzJAz9ma5D2Wu1060qVBpiqHsFg0bGVgewmJzlh3uwJhN/TdZyJp3VjEg4UPvGsml318yE6hc=\n";
    for pem in [AES_256, AES_192] {
        assert_eq!(public_of(&parse(pem, Some(b"open")).unwrap()), public);
        assert_eq!(
            parse(pem, Some(b"shut")).unwrap_err(),
            KeyError::WrongPassword
        );
    }
    let error = parse(DES, Some(b"open")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ssh: unsupported key type \"EC PRIVATE KEY\""
    );
}

#[test]
fn what_is_no_private_key_is_told_apart() {
    let error = |text: &str| parse(text, None).unwrap_err().to_string();
    let (_, public) = generate(&["-t", "ed25519", "-N", ""]);
    for text in [
        "",
        "garbage",
        &public,
        "-----BEGIN PRIVATE KEY-----\nMA==\n",
        "-----BEGIN ",
    ] {
        assert_eq!(error(text), "ssh: no key found", "{text}");
    }
    let block = |label: &str| format!("-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n");
    for label in ["OPENSSH PRIVATE KEY", "RSA PRIVATE KEY", "PRIVATE KEY"] {
        assert_eq!(
            error(&block(label)),
            "ssh: malformed private key",
            "{label}"
        );
    }
    assert_eq!(error(&block("CERTIFICATE")), "ssh: no key found");
    assert_eq!(
        error(&block("DSA PRIVATE KEY")),
        "ssh: unsupported key type \"DSA PRIVATE KEY\""
    );
}

#[test]
fn line_ends_and_indentation_of_any_editor_are_fine() {
    let (plain, _) = generate(&["-t", "ed25519", "-N", ""]);
    let key = parse(&plain, None).unwrap();
    for text in [
        plain.replace('\n', "\r\n"),
        plain.replace('\n', "\n  "),
        format!("# mine\n{plain}"),
    ] {
        assert_eq!(parse(&text, None).unwrap(), key);
    }
}
