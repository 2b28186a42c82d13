//! Makes a release of the plugin that krew installs: an archive for each platform, and the manifest with their checksums.
//!
//! `dist [--fast] FOLDER [OS/ARCH=]PROGRAM...` takes built programs, of this machine's platform if none is named. The same
//! programs give the same bytes. What krew or its index would refuse is refused here. `--fast` packs less tightly.

mod manifest;
mod package;
mod rules;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use flate2::Compression;
use package::{Package, Platform};

/// The name of the plugin, and of the manifest's file.
const NAME: &str = "imgauto";

fn main() -> ExitCode {
    let mut args: Vec<_> = std::env::args().skip(1).collect();
    let compression = match args.first().map(String::as_str) {
        Some("--fast") => {
            args.remove(0);
            Compression::fast()
        }
        _ => Compression::best(),
    };
    let [folder, programs @ ..] = &*args else {
        return fail("usage: dist [--fast] FOLDER [OS/ARCH=]PROGRAM...");
    };
    let programs: Option<Vec<_>> = programs.iter().map(|text| program(text)).collect();
    let Some(programs) = programs.filter(|programs| !programs.is_empty()) else {
        return fail("usage: dist [--fast] FOLDER [OS/ARCH=]PROGRAM...");
    };
    let version = env!("CARGO_PKG_VERSION");
    match make(Path::new(folder), version, &programs, compression) {
        Ok(files) => {
            for file in files {
                say(&mut io::stdout(), &file.display().to_string());
            }
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error.to_string()),
    }
}

/// Reads `OS/ARCH=PROGRAM` or `PROGRAM`.
fn program(text: &str) -> Option<(Platform, PathBuf)> {
    match text.split_once('=') {
        None => Some((Platform::here(), text.into())),
        Some((platform, path)) => {
            let (os, arch) = platform.split_once('/')?;
            let (os, arch) = (os.to_owned(), arch.to_owned());
            Some((Platform { os, arch }, path.into()))
        }
    }
}

/// Writes archives and manifest to a folder, and returns their paths.
fn make(
    folder: &Path,
    version: &str,
    programs: &[(Platform, PathBuf)],
    compression: Compression,
) -> io::Result<Vec<PathBuf>> {
    let packages = programs.iter().map(|(platform, program)| {
        let program = package::read(program)?;
        Package::new(version, platform.clone(), program, compression)
    });
    let packages = packages.collect::<io::Result<Vec<_>>>()?;
    let template = package::read(&harness::checkout().join("krew.yaml"))?;
    let text = manifest::render(&String::from_utf8_lossy(&template), version, &packages)?;
    let file = format!("{NAME}.yaml");
    let broken = rules::broken(&file, &text, &packages);
    if !broken.is_empty() {
        return Err(io::Error::other(format!(
            "krew would refuse this:\n{}",
            broken.join("\n")
        )));
    }
    std::fs::create_dir_all(folder)?;
    let archives = packages
        .iter()
        .map(|package| (package.file.as_str(), &*package.archive));
    let manifest = (file.as_str(), text.as_bytes());
    let files = archives.chain([manifest]).map(|(name, contents)| {
        let path = folder.join(name);
        std::fs::write(&path, contents).map(|()| path)
    });
    files.collect()
}

fn fail(text: &str) -> ExitCode {
    say(&mut io::stderr(), text);
    ExitCode::FAILURE
}

/// Prints a line; if nobody reads it, nobody misses it.
fn say(output: &mut impl io::Write, text: &str) {
    writeln!(output, "{text}").ok();
}
