//! The release, made of a stand-in for the program.

use std::path::PathBuf;
use std::process::Command;

use flate2::Compression;
use harness::archive::{Archive, gzip, sha256};
use harness::program::run;
use tempfile::TempDir;

use crate::package::{Package, Platform};
use crate::{make, manifest, package, rules};

const VERSION: &str = "0.1.0";

fn scratch() -> TempDir {
    TempDir::with_prefix("imgauto-dist-").expect("the temporary folder is writable")
}

fn platform(os: &str, arch: &str) -> Platform {
    Platform {
        os: os.to_owned(),
        arch: arch.to_owned(),
    }
}

/// All platforms there are releases for.
fn platforms() -> [Platform; 5] {
    [
        platform("linux", "amd64"),
        platform("linux", "arm64"),
        platform("darwin", "amd64"),
        platform("darwin", "arm64"),
        platform("windows", "amd64"),
    ]
}

fn template() -> String {
    let file = harness::checkout().join("krew.yaml");
    String::from_utf8(package::read(&file).unwrap()).unwrap()
}

fn packaged(platform: Platform) -> Package {
    let program = b"#!/bin/sh\necho imgauto\n".to_vec();
    Package::new(VERSION, platform, program, Compression::fast()).unwrap()
}

/// The manifest of packages, and what is wrong with it after `change`.
fn broken_by(packages: &[Package], change: impl Fn(String) -> String) -> Vec<String> {
    let text = manifest::render(&template(), VERSION, packages).unwrap();
    let changed = change(text.clone());
    rules::broken("imgauto.yaml", &changed, packages)
}

#[test]
fn a_release_for_all_platforms_breaks_no_rule() {
    let packages = platforms().map(packaged);
    let text = manifest::render(&template(), VERSION, &packages).unwrap();
    assert_eq!(rules::broken("imgauto.yaml", &text, &packages), [""; 0]);
    assert!(!text.contains("{{") && !text.contains('#'), "{text}");
    for package in &packages {
        assert!(text.contains(&package.checksum()));
        assert!(text.contains(&format!("/v{VERSION}/{}\n", package.file)));
    }
    // The names under which Windows and others run it.
    assert_eq!(text.matches("bin: kubectl-imgauto\n").count(), 4);
    assert_eq!(text.matches("bin: kubectl-imgauto.exe\n").count(), 1);
}

#[test]
fn the_template_has_every_platform_once_and_no_other() {
    let mut listed = template().matches("selector:").count();
    for platform in platforms() {
        let text = manifest::render(&template(), VERSION, &[packaged(platform.clone())]).unwrap();
        let selector = format!("{{os: {}, arch: {}}}", platform.os, platform.arch);
        assert!(text.contains(&selector), "{text}");
        assert_eq!(text.matches("selector:").count(), 1);
        listed -= 1;
    }
    assert_eq!(listed, 0);
    let other = manifest::render(&template(), VERSION, &[packaged(platform("plan9", "386"))]);
    assert_eq!(
        other.unwrap_err().to_string(),
        "krew.yaml has no platform plan9/386"
    );
}

/// Expects that each change of a line breaks a rule: what stands there, what is put in its place, the rule.
fn refused(rows: &[(&str, &str, &str)]) {
    let here = [packaged(platform("linux", "amd64"))];
    for (old, new, rule) in rows {
        let broken = broken_by(&here, |text| {
            assert!(text.contains(old), "{old} is not in {text}");
            text.replacen(old, new, 1)
        });
        let found = broken.iter().any(|sentence| sentence.starts_with(rule));
        assert!(found, "{new}: {broken:?} has no {rule:?}");
    }
}

#[test]
fn names_and_texts_that_krew_or_its_reviewers_refuse_are_refused() {
    const KEBAB: &str = "the name is in lower-case kebab-case";
    const SEMVER: &str = "the version is v and a semantic version";
    const ONE_LINE: &str = "the short description is one line";
    let (name, version) = ("name: imgauto", "version: v0.1.0");
    let short = "Update image tags in Git and see them roll out";
    let (long, wide) = ("x".repeat(51), format!("    {}\n  caveats", "x".repeat(81)));
    refused(&[
        ("v1alpha2", "v1alpha3", "the API version is krew's"),
        ("kind: Plugin", "kind: Pod", "the kind is Plugin"),
        ("  name:", "  labels: {}\n  name:", "no manifest"),
        (
            name,
            "name: other",
            "the file is called as the plugin, and .yaml",
        ),
        (name, "name: img_auto", KEBAB),
        (name, "name: Imgauto", KEBAB),
        (name, "name: com1", "the name is no device of Windows"),
        (
            name,
            "name: kube-imgauto",
            "the name does not say kube again",
        ),
        (version, "version: 0.1.0", SEMVER),
        (version, "version: v0.1", SEMVER),
        (version, "version: v0.01.0", SEMVER),
        ("https://imgauto.dev\n", "''\n", "there is a homepage"),
        (short, "''", ONE_LINE),
        (short, "\"a\\nb\"", ONE_LINE),
        (
            short,
            &long,
            "the short description has 50 characters at most",
        ),
        ("  caveats", &wide, "texts are wrapped at 80 columns"),
        (
            "Scans",
            "kubectl imgauto scans",
            "the description shows no command",
        ),
    ]);
}

#[test]
fn platforms_and_downloads_that_krew_refuses_are_refused() {
    const PROGRAM: &str = "the archive holds the program, which everybody may run";
    let checksum = packaged(platform("linux", "amd64")).checksum();
    let entry = |os: &str, arch: &str| {
        format!("  platforms:\n  - selector:\n      matchLabels: {{os: {os}, arch: {arch}}}\n")
    };
    let lacking = "  platforms:\n  - bin: kubectl-imgauto\n";
    let labels = "{os: linux, arch: amd64}";
    refused(&[
        (
            "  platforms:\n",
            &entry("linux", "amd64"),
            "no platform is matched by two selectors",
        ),
        (
            labels,
            "{os: linux, arch: riscv64}",
            "every selector matches a platform of krew's",
        ),
        (
            labels,
            "{os: linux, cpu: amd64}",
            "selectors speak of os and arch only",
        ),
        ("  platforms:\n", lacking, "every platform has a selector"),
        ("uri: https:", "uri: file:", "archives are fetched by HTTP"),
        ("    uri: https", "    url: https", "no manifest"),
        (".tar.gz", ".zip", "every address leads to an archive"),
        ("    bin:", "    files: []\n    bin:", "no manifest"),
        ("bin: kubectl-imgauto", "bin: ''", "the program is named"),
        ("bin: kubectl-imgauto", "bin: bin/kubectl-imgauto", PROGRAM),
        (
            &checksum,
            &checksum.to_uppercase(),
            "the checksum has 64 lower-case hexadecimal digits",
        ),
        (
            &checksum,
            &sha256(b"another"),
            "the checksum is that of the archive",
        ),
    ]);
}

#[test]
fn a_manifest_without_platforms_or_with_another_file_name_is_refused() {
    let here = [packaged(platform("linux", "amd64"))];
    let none = broken_by(&here, |text| {
        let head = text.split("  platforms:\n").next().unwrap();
        format!("{head}  platforms: []\n")
    });
    assert_eq!(none, ["there is a platform"]);
    let text = manifest::render(&template(), VERSION, &here).unwrap();
    let want = ["the file is called as the plugin, and .yaml"];
    assert_eq!(rules::broken("imgauto.yml", &text, &here), want);
}

/// What is wrong with a release whose archive is this.
fn broken_with(archive: Vec<u8>) -> Vec<String> {
    let mut package = packaged(platform("linux", "amd64"));
    package.archive = archive;
    broken_by(&[package], |text| text)
}

/// A tar archive of the program, a licence and one entry more, as gzip packs it.
fn with_entry(kind: tar::EntryType, path: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |kind, path: &str, mode| {
        let mut header = tar::Header::new_ustar();
        // The crate refuses paths that lead out, which is what this is about.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(0);
        if kind != tar::EntryType::Regular {
            header.set_link_name("LICENSE").unwrap();
        }
        header.set_cksum();
        builder.append(&header, std::io::empty()).unwrap();
    };
    add(tar::EntryType::Regular, "kubectl-imgauto", 0o755);
    add(tar::EntryType::Regular, "LICENSE", 0o644);
    add(kind, path, 0o644);
    gzip(&builder.into_inner().unwrap(), Compression::fast()).unwrap()
}

#[test]
fn an_archive_that_krew_refuses_is_refused() {
    use tar::EntryType::{Link, Regular, Symlink};
    assert_eq!(broken_with(with_entry(Regular, "README.md")), [""; 0]);
    let links = "the archive holds files and folders only";
    let outside = "no path leads out of the archive";
    assert_eq!(broken_with(with_entry(Symlink, "README.md")), [links]);
    assert_eq!(broken_with(with_entry(Link, "README.md")), [links]);
    for path in ["../README.md", "/README.md", "docs/../README.md", "a..b"] {
        assert_eq!(broken_with(with_entry(Regular, path)), [outside], "{path}");
    }

    let packed = |files: &[(&str, u32)]| {
        let mut archive = Archive::default();
        for (path, mode) in files {
            archive.file(path, *mode, "text");
        }
        broken_with(gzip(&archive.tar(), Compression::fast()).unwrap())
    };
    let program = ("kubectl-imgauto", 0o755);
    for licence in ["LICENSE", "docs/license.md", "COPYING"] {
        assert_eq!(packed(&[program, (licence, 0o644)]), [""; 0], "{licence}");
    }
    for other in ["LICENSE-APACHE", "README.md"] {
        let want = ["the archive holds a licence"];
        assert_eq!(packed(&[program, (other, 0o644)]), want, "{other}");
    }
    let licence = ("LICENSE", 0o644);
    let want = ["the archive holds the program, which everybody may run"];
    assert_eq!(packed(&[licence]), want);
    assert_eq!(packed(&[licence, ("kubectl-imgauto", 0o700)]), want);
    assert_eq!(packed(&[licence, ("bin/kubectl-imgauto", 0o755)]), want);

    let want = ["the archive is a tar archive that gzip packed"];
    assert_eq!(broken_with(b"PK\x03\x04".to_vec()), want);
    assert_eq!(broken_with(b"\xfd7zXZ\0".to_vec()), want);
    let cut = with_entry(Regular, "README.md")[..40].to_vec();
    assert_eq!(broken_with(cut), want);
}

#[test]
fn the_files_are_those_that_are_downloaded_and_always_the_same() {
    let (first, second) = (scratch(), scratch());
    let program = first.path().join("program");
    std::fs::write(&program, "#!/bin/sh\n").unwrap();
    let programs = [(platform("linux", "arm64"), program)];
    let make = |folder: &TempDir| {
        let files = make(folder.path(), VERSION, &programs, Compression::best()).unwrap();
        let read = |file: &PathBuf| {
            (
                file.file_name().unwrap().to_owned(),
                std::fs::read(file).unwrap(),
            )
        };
        files.iter().map(read).collect::<Vec<_>>()
    };
    let files = make(&first);
    assert_eq!(files, make(&second));
    assert_eq!(files[0].0, "kubectl-imgauto_v0.1.0_linux_arm64.tar.gz");
    assert_eq!(files[1].0, "imgauto.yaml");

    let archive = first.path().join(&files[0].0);
    let mut tar = Command::new("tar");
    tar.env("TZ", "UTC")
        .args(["--list", "--verbose", "--numeric-owner", "--file"]);
    let listing = run(tar.arg(archive));
    let entries: Vec<_> = listing
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .collect();
    let entry = |index: usize| {
        (
            entries[index][0],
            entries[index][1],
            entries[index][3],
            entries[index][5],
        )
    };
    assert_eq!(entry(0), ("-rw-r--r--", "0/0", "1970-01-01", "LICENSE"));
    assert_eq!(entry(1), ("-rw-r--r--", "0/0", "1970-01-01", "README.md"));
    assert_eq!(
        entry(2),
        ("-rwxr-xr-x", "0/0", "1970-01-01", "kubectl-imgauto")
    );
    assert_eq!(entries.len(), 3);
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let folder = scratch();
    let missing = folder.path().join("kubectl-imgauto");
    let programs = [(Platform::here(), missing.clone())];
    let error = make(folder.path(), VERSION, &programs, Compression::fast()).unwrap_err();
    assert!(
        error.to_string().contains(missing.to_str().unwrap()),
        "{error}"
    );
}
