//! Slash-separated paths. On the systems Flux runs on, paths of files are the same.

use super::Function;
use crate::template::types::Type;
use crate::template::value::Value;

const PATH: &[Type] = &[Type::String];

const BASE: super::Plain = |heap, args| heap.text(base(args.text(0)));
const DIR: super::Plain = |heap, args| heap.text(dir(args.text(0)));
const CLEAN: super::Plain = |heap, args| heap.text(clean(args.text(0)));
const EXT: super::Plain = |heap, args| heap.text(ext(args.text(0)));
const IS_ABS: super::Plain = |_, args| Ok(Value::Bool(args.text(0).starts_with(b"/")));

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("base", PATH, Type::String, BASE),
    Function::new("osBase", PATH, Type::String, BASE),
    Function::new("dir", PATH, Type::String, DIR),
    Function::new("osDir", PATH, Type::String, DIR),
    Function::new("clean", PATH, Type::String, CLEAN),
    Function::new("osClean", PATH, Type::String, CLEAN),
    Function::new("ext", PATH, Type::String, EXT),
    Function::new("osExt", PATH, Type::String, EXT),
    Function::new("isAbs", PATH, Type::Bool, IS_ABS),
    Function::new("osIsAbs", PATH, Type::Bool, IS_ABS),
];

fn base(path: &[u8]) -> &[u8] {
    if path.is_empty() {
        return b".";
    }
    let trimmed = path.iter().rposition(|byte| *byte != b'/');
    let Some(last) = trimmed else {
        return b"/";
    };
    let path = &path[..=last];
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => &path[slash + 1..],
        None => path,
    }
}

fn dir(path: &[u8]) -> Vec<u8> {
    let slash = path.iter().rposition(|byte| *byte == b'/');
    clean(&path[..slash.map_or(0, |slash| slash + 1)])
}

fn ext(path: &[u8]) -> &[u8] {
    let start = path
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |slash| slash + 1);
    match path[start..].iter().rposition(|byte| *byte == b'.') {
        Some(dot) => &path[start + dot..],
        None => b"",
    }
}

/// The shortest path that means the same.
fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(&last) if last != b".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(part),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", joined.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}
