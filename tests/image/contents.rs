//! What the image holds.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::archive::Archive;
use harness::program::run;

/// User and group the programs run as.
pub(crate) const NOBODY: u32 = 65534;

/// Where the machines of the usual distributions keep the authorities they trust.
const AUTHORITIES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// The terms of the libraries that come along, where a distribution keeps them.
const TERMS: [&str; 2] = [
    "/usr/share/doc/libc6/copyright",
    "/usr/share/doc/libgcc-s1/copyright",
];

/// Where a program lies in the image.
pub(crate) fn location(program: &Path) -> String {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    format!("/usr/bin/{name}")
}

/// The layer that changes with every build.
pub(crate) fn programs(programs: &[PathBuf]) -> io::Result<Archive> {
    let mut layer = Archive::default();
    for program in programs {
        layer.file(&location(program), 0o755, read(program)?);
    }
    Ok(layer)
}

/// The layer below: accounts, authorities, libraries and folders to write to.
pub(crate) fn base(programs: &[PathBuf]) -> io::Result<Archive> {
    let mut layer = Archive::default();
    let passwd = format!(
        "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:{NOBODY}:{NOBODY}:nobody:/:/sbin/nologin\n"
    );
    layer.file("/etc/passwd", 0o644, passwd);
    let group = format!("root:x:0:\nnogroup:x:{NOBODY}:\n");
    layer.file("/etc/group", 0o644, group);
    layer.file("/etc/nsswitch.conf", 0o644, "hosts: files dns\n");
    layer.file(AUTHORITIES[0], 0o644, authorities()?);
    layer.folder("/data", 0o700, NOBODY);
    layer.folder("/tmp", 0o1777, 0);
    for library in libraries(programs) {
        let path = library.to_str();
        let path = path.unwrap_or_else(|| panic!("{} is no UTF-8", library.display()));
        layer.file(path, 0o755, read(&library)?);
    }
    layer.file(
        "/usr/share/doc/imgauto/LICENSE",
        0o644,
        read(&harness::checkout().join("LICENSE"))?,
    );
    for terms in TERMS {
        if Path::new(terms).exists() {
            layer.file(terms, 0o644, read(Path::new(terms))?);
        }
    }
    Ok(layer)
}

/// The authorities this machine trusts, or those of the file that `SSL_CERT_FILE` names.
fn authorities() -> io::Result<Vec<u8>> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let known = AUTHORITIES.iter().map(PathBuf::from);
    let mut files = named.into_iter().chain(known);
    let file = files.find(|file| file.exists()).ok_or_else(|| {
        io::Error::other("no certificate authorities: install ca-certificates or set SSL_CERT_FILE")
    })?;
    read(&file)
}

/// The shared libraries of programs, with the linker that loads them; none if they are linked statically.
///
/// They stay where they are here, since that is where the linker looks for them.
fn libraries(programs: &[PathBuf]) -> BTreeSet<PathBuf> {
    let listed = programs
        .iter()
        .map(|program| run(Command::new("ldd").arg(program)));
    listed.flat_map(|text| resolved(&text)).collect()
}

/// The paths of a listing of ldd: `libc.so.6 => /lib/libc.so.6 (0x…)` or `/lib64/ld-linux.so.2 (0x…)`.
///
/// # Panics
///
/// If a library is missing.
pub(crate) fn resolved(listing: &str) -> Vec<PathBuf> {
    assert!(
        !listing.contains("not found"),
        "a library is missing:\n{listing}"
    );
    let files = listing.lines().filter_map(|line| {
        let (library, _) = line.trim().rsplit_once(" (0x")?;
        let path = library
            .rsplit_once(" => ")
            .map_or(library, |(_, path)| path);
        path.starts_with('/').then(|| PathBuf::from(path))
    });
    files.collect()
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let told = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("cannot read {}: {error}", file.display()),
        )
    };
    std::fs::read(file).map_err(told)
}
