//! Makes a container image out of server programs, without a Docker daemon: an OCI layout in a folder.
//!
//! `image FOLDER PROGRAM...` takes built programs. The image holds them, the libraries they are linked to, certificate
//! authorities and nothing else: no shell, no package manager. The same programs on the same machine give the same digest.

mod contents;
mod layout;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use flate2::Compression;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = args.next();
    let programs: Vec<_> = args.collect();
    let (Some(folder), [_, ..]) = (folder, &*programs) else {
        return fail("usage: image FOLDER PROGRAM...");
    };
    match make(&folder, &programs, Compression::best()) {
        Ok(digest) => say(
            &mut io::stdout(),
            &format!("{} holds {digest}", folder.display()),
        ),
        Err(error) => fail(&error.to_string()),
    }
}

/// Writes the image of the programs to a folder, in place of the image that is there, and returns its digest.
///
/// The first program is the one that runs if nothing else is asked for.
fn make(folder: &Path, programs: &[PathBuf], compression: Compression) -> io::Result<String> {
    let layers = [contents::base(programs)?, contents::programs(programs)?];
    let image = layout::Image {
        layers: layers.map(|layer| layer.tar()),
        entrypoint: contents::location(&programs[0]),
        user: contents::NOBODY,
    };
    layout::write(folder, &image, compression)
}

fn fail(text: &str) -> ExitCode {
    say(&mut io::stderr(), text);
    ExitCode::FAILURE
}

/// Prints a line; if nobody reads it, nobody misses it.
fn say(output: &mut impl io::Write, text: &str) -> ExitCode {
    writeln!(output, "{text}").ok();
    ExitCode::SUCCESS
}
