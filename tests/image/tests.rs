//! The image, read back as a container runtime reads it.

use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::read::GzDecoder;
use harness::program::{kubectl, reconciler, run, webhook};
use serde_json::Value;
use tempfile::TempDir;

use crate::layout::digest;
use crate::{contents, make};

fn scratch() -> TempDir {
    TempDir::with_prefix("imgauto-image-").expect("the temporary folder is writable")
}

/// A program that is small and there on every machine.
fn small() -> Vec<PathBuf> {
    vec![PathBuf::from("/bin/true")]
}

/// A copy of a program without what only debuggers read, which is most of it.
fn stripped(program: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join(program.file_name().unwrap());
    run(Command::new("strip").arg("-o").arg(&copy).arg(program));
    copy
}

/// A layout, whose every blob is what its name says.
struct Layout(PathBuf);

impl Layout {
    fn read(folder: &Path) -> Self {
        let version = json(&std::fs::read(folder.join("oci-layout")).unwrap());
        assert_eq!(version["imageLayoutVersion"], "1.0.0");
        for blob in std::fs::read_dir(folder.join("blobs/sha256")).unwrap() {
            let path = blob.unwrap().path();
            let name = format!("sha256:{}", path.file_name().unwrap().to_str().unwrap());
            assert_eq!(digest(&std::fs::read(&path).unwrap()), name);
        }
        Self(folder.to_path_buf())
    }

    fn blob(&self, descriptor: &Value) -> Vec<u8> {
        let name = descriptor["digest"].as_str().unwrap().replace(':', "/");
        let contents = std::fs::read(self.0.join("blobs").join(name)).unwrap();
        assert_eq!(descriptor["size"], contents.len());
        contents
    }

    /// The manifest and the config of the one image.
    fn image(&self) -> (Value, Value) {
        let index = json(&std::fs::read(self.0.join("index.json")).unwrap());
        assert_eq!(index["manifests"].as_array().unwrap().len(), 1);
        let manifest = json(&self.blob(&index["manifests"][0]));
        let config = json(&self.blob(&manifest["config"]));
        (manifest, config)
    }

    /// Unpacks the layers with the real tar and returns what it lists.
    fn unpack(&self, root: &Path) -> String {
        let (manifest, config) = self.image();
        let layers = manifest["layers"].as_array().unwrap();
        let ids = config["rootfs"]["diff_ids"].as_array().unwrap();
        assert_eq!(layers.len(), ids.len());
        let mut listing = String::new();
        for (layer, id) in layers.iter().zip(ids) {
            let mut archive = Vec::new();
            let blob = self.blob(layer);
            std::io::copy(&mut GzDecoder::new(&*blob), &mut archive).unwrap();
            assert_eq!(*id, digest(&archive));
            let file = root.join("layer.tar");
            std::fs::write(&file, archive).unwrap();
            let tar = || {
                let mut tar = Command::new("tar");
                tar.env("TZ", "UTC").arg("--file").arg(&file);
                tar
            };
            run(tar()
                .arg("--extract")
                .arg("--no-same-owner")
                .arg("--directory")
                .arg(root));
            listing += &run(tar().args(["--list", "--verbose", "--numeric-owner"]));
            std::fs::remove_file(&file).unwrap();
        }
        listing
    }
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn the_image_runs_with_what_it_holds() {
    let (folder, root) = (scratch(), scratch());
    let programs = [reconciler(), webhook()].map(|program| stripped(program, folder.path()));
    let folder = folder.path().join("layout");
    let made = make(&folder, &programs, Compression::fast()).unwrap();
    let layout = Layout::read(&folder);
    let (manifest, config) = layout.image();
    assert_eq!(digest(manifest.to_string().as_bytes()), made);
    assert_eq!(
        config["config"]["Entrypoint"],
        serde_json::json!([contents::location(&programs[0])])
    );
    assert_eq!(config["config"]["User"], "65534:65534");

    layout.unpack(root.path());
    for program in &programs {
        let version = inside(program, root.path());
        assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
    }
}

/// Asks a program for its version, by the linker and the libraries of an image that was unpacked, and nothing of this
/// machine.
fn inside(program: &Path, root: &Path) -> String {
    let inside = |path: &str| root.join(path.trim_start_matches('/'));
    let location = contents::location(program);
    let files = contents::resolved(&run(Command::new("ldd").arg(program)));
    let linker = files
        .iter()
        .find(|file| file.display().to_string().contains("/ld-"));
    let linker = inside(linker.unwrap().to_str().unwrap());
    let libraries = files
        .iter()
        .map(|file| inside(file.parent().unwrap().to_str().unwrap()));
    let libraries = std::env::join_paths(libraries).unwrap();
    let linked = || {
        let mut linked = Command::new(&linker);
        linked
            .env_clear()
            .arg("--inhibit-cache")
            .arg("--library-path")
            .arg(&libraries);
        linked
    };
    let loaded = contents::resolved(&run(linked().arg("--list").arg(inside(&location))));
    assert!(loaded.len() > 1, "{loaded:?}");
    for library in loaded {
        assert!(library.starts_with(root), "{}", library.display());
    }
    run(linked().arg(inside(&location)).arg("--version"))
}

#[test]
fn the_image_holds_accounts_authorities_and_no_shell() {
    let (folder, root) = (scratch(), scratch());
    make(folder.path(), &small(), Compression::fast()).unwrap();
    let listing = Layout::read(folder.path()).unpack(root.path());
    let entry = |path: &str| {
        let line = listing
            .lines()
            .find(|line| line.ends_with(&format!(" {path}")));
        let line = line.unwrap_or_else(|| panic!("no {path} in\n{listing}"));
        line.split_whitespace()
            .take(2)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(entry("data/"), "drwx------ 65534/65534");
    assert_eq!(entry("tmp/"), "drwxrwxrwt 0/0");
    assert_eq!(entry("usr/bin/true"), "-rwxr-xr-x 0/0");
    assert_eq!(entry("etc/passwd"), "-rw-r--r-- 0/0");
    assert!(
        listing
            .lines()
            .all(|line| line.contains(" 1970-01-01 00:00 ")),
        "{listing}"
    );
    let passwd = std::fs::read_to_string(root.path().join("etc/passwd")).unwrap();
    assert!(passwd.contains("nobody:x:65534:65534:"), "{passwd}");
    let authorities = root.path().join("etc/ssl/certs/ca-certificates.crt");
    let authorities = std::fs::read_to_string(authorities).unwrap();
    assert!(authorities.contains("-----BEGIN CERTIFICATE-----"));
    let programs = std::fs::read_dir(root.path().join("usr/bin")).unwrap();
    assert_eq!(programs.count(), 1);
    assert!(!root.path().join("bin").exists());
}

#[test]
fn the_same_programs_give_the_same_image() {
    let (first, second) = (scratch(), scratch());
    let made = make(first.path(), &small(), Compression::fast()).unwrap();
    // What was in the folder goes.
    make(
        second.path(),
        &[PathBuf::from("/bin/false")],
        Compression::fast(),
    )
    .unwrap();
    assert_eq!(
        make(second.path(), &small(), Compression::fast()).unwrap(),
        made
    );
    let blobs = |folder: &TempDir| {
        std::fs::read_dir(folder.path().join("blobs/sha256"))
            .unwrap()
            .count()
    };
    assert_eq!(blobs(&second), blobs(&first));
    for file in ["index.json", "oci-layout"] {
        let [a, b] =
            [&first, &second].map(|folder| std::fs::read(folder.path().join(file)).unwrap());
        assert_eq!(a, b);
    }
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let folder = scratch();
    let missing = folder.path().join("imgauto-reconciler");
    let error = contents::programs(std::slice::from_ref(&missing)).unwrap_err();
    assert!(
        error.to_string().contains(missing.to_str().unwrap()),
        "{error}"
    );
}

#[test]
fn libraries_are_read_from_the_listing() {
    let listing = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f79)\n\
                   \t/lib64/ld-linux-x86-64.so.2 (0x00007f79)\n";
    let files = contents::resolved(listing);
    let expected = [
        "/lib/x86_64-linux-gnu/libm.so.6",
        "/lib64/ld-linux-x86-64.so.2",
    ];
    assert_eq!(files, expected.map(PathBuf::from));
    assert!(contents::resolved("\tstatically linked\n").is_empty());
}

#[test]
fn the_deployments_fit_the_image() {
    let home = scratch();
    for (folder, program) in [("flux", reconciler()), ("webhook", webhook())] {
        let manifests = harness::checkout().join("manifests").join(folder);
        let text = run(kubectl(home.path()).arg("kustomize").arg(manifests));
        let objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
        let deployment = objects.iter().find(|object| object["kind"] == "Deployment");
        let pod = &deployment.unwrap()["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let location = contents::location(program);
        assert_eq!(container["command"], serde_json::json!([location]));
        assert_eq!(pod["securityContext"]["runAsUser"], contents::NOBODY);
        // The program takes the flags, and what it is then asked for.
        let args = container["args"].as_array().unwrap().iter();
        let args = args.map(|arg| arg.as_str().unwrap());
        run(Command::new(program).args(args).arg("--version"));
    }
}
