//! Base 32, base 64 and digests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Digest as _;

use super::{Args, Function};
use crate::template::fault::Fault;
use crate::template::types::Type;
use crate::template::value::{Heap, Value};

const TEXT: &[Type] = &[Type::String];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("b64enc", TEXT, Type::String, |heap, args| {
        heap.text(STANDARD.encode(args.text(0)))
    }),
    Function::new("b64dec", TEXT, Type::String, |heap, args| {
        heap.text(decode64(args.text(0)))
    }),
    Function::new("b32enc", TEXT, Type::String, |heap, args| {
        heap.text(encode32(args.text(0)))
    }),
    Function::new("b32dec", TEXT, Type::String, |heap, args| {
        heap.text(decode32(args.text(0)))
    }),
    Function::new("sha1sum", TEXT, Type::String, |heap, args| {
        hex(heap, args, |text| sha1::Sha1::digest(text).to_vec())
    }),
    Function::new("sha256sum", TEXT, Type::String, |heap, args| {
        hex(heap, args, |text| sha2::Sha256::digest(text).to_vec())
    }),
    Function::new("sha512sum", TEXT, Type::String, |heap, args| {
        hex(heap, args, |text| sha2::Sha512::digest(text).to_vec())
    }),
    Function::new("adler32sum", TEXT, Type::String, |heap, args| {
        heap.charge(args.text(0).len())?;
        Ok(Value::text(adler32(args.text(0)).to_string()))
    }),
];

fn hex(heap: &mut Heap, args: &Args, digest: fn(&[u8]) -> Vec<u8>) -> Result<Value, Fault> {
    heap.charge(args.text(0).len())?;
    let mut hex = String::new();
    for byte in digest(args.text(0)) {
        hex.push_str(&format!("{byte:02x}"));
    }
    Ok(Value::text(hex))
}

fn adler32(text: &[u8]) -> u32 {
    let (low, high) = text.iter().fold((1u32, 0u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

/// Decodes; what cannot be decoded gives the text of Go's error.
fn decode64(text: &[u8]) -> Vec<u8> {
    match try_decode64(text) {
        Ok(bytes) => bytes,
        Err(at) => format!("illegal base64 data at input byte {at}").into_bytes(),
    }
}

fn digit64(byte: u8) -> Option<u32> {
    let digit = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(digit))
}

/// Decodes as Go does: padding is mandatory, line breaks and bits left over are not looked at. The
/// error is the byte where Go finds the fault.
fn try_decode64(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut rest = text
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, byte)| !matches!(byte, b'\r' | b'\n'));
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3);
    loop {
        let mut bits = 0;
        for column in 0..4 {
            let Some((at, byte)) = rest.next() else {
                return if column == 0 {
                    Ok(decoded)
                } else {
                    Err(text.len() - column)
                };
            };
            if let Some(digit) = digit64(byte) {
                bits = bits << 6 | digit;
                continue;
            }
            if byte != b'=' || column < 2 {
                return Err(at);
            }
            if column == 2 {
                match rest.next() {
                    Some((_, b'=')) => {}
                    Some((at, _)) => return Err(at),
                    None => return Err(text.len()),
                }
            }
            if let Some((at, _)) = rest.next() {
                return Err(at);
            }
            let bytes = (bits << (6 * (4 - column))).to_be_bytes();
            decoded.extend_from_slice(&bytes[1..column]);
            return Ok(decoded);
        }
        decoded.extend_from_slice(&u32::to_be_bytes(bits)[1..]);
    }
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn encode32(text: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len().div_ceil(5) * 8);
    for chunk in text.chunks(5) {
        let mut bits = 0u64;
        for index in 0..5 {
            bits = bits << 8 | u64::from(chunk.get(index).copied().unwrap_or(0));
        }
        let digits = (chunk.len() * 8).div_ceil(5);
        for index in 0..8 {
            let digit = BASE32[(bits >> (35 - 5 * index)) as usize & 31];
            encoded.push(if index < digits {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    encoded
}

fn decode32(text: &[u8]) -> Vec<u8> {
    match try_decode32(text) {
        Ok(bytes) => bytes,
        Err(at) => format!("illegal base32 data at input byte {at}").into_bytes(),
    }
}

/// Decodes; the error is the byte, not counting line breaks, where the data is wrong.
fn try_decode32(text: &[u8]) -> Result<Vec<u8>, usize> {
    let text: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .collect();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let mut digits = Vec::with_capacity(8);
        while digits.len() < 8 {
            let Some(&byte) = text.get(at) else {
                return Err(at);
            };
            if byte == b'=' && digits.len() >= 2 && text.len() - at < 8 {
                let missing = 8 - digits.len();
                if text.len() - at < missing {
                    return Err(text.len());
                }
                let padding = &text[at..at + missing];
                if let Some(wrong) = padding.iter().position(|byte| *byte != b'=') {
                    return Err(at + wrong);
                }
                if matches!(digits.len(), 3 | 6) {
                    return Err(at);
                }
                push32(&mut decoded, &digits);
                return Ok(decoded);
            }
            let digit = BASE32.iter().position(|known| *known == byte).ok_or(at)?;
            digits.push(digit as u64);
            at += 1;
        }
        push32(&mut decoded, &digits);
    }
    Ok(decoded)
}

fn push32(decoded: &mut Vec<u8>, digits: &[u64]) {
    let bits = (0..8).fold(0u64, |bits, index| {
        bits << 5 | digits.get(index).copied().unwrap_or(0)
    });
    let bytes = digits.len() * 5 / 8;
    decoded.extend((0..bytes).map(|index| (bits >> (32 - 8 * index)) as u8));
}
