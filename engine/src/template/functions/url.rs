//! URLs, taken apart and put together as Go's net/url does.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Function;
use crate::template::fault::Fault;
use crate::template::runes::{lossy, quote};
use crate::template::types::Type;
use crate::template::value::{Heap, Key, Map, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("urlParse", &[Type::String], Type::Dict, |heap, args| {
        let url = Url::parse(args.text(0))
            .map_err(|fault| Fault::refused(format!("unable to parse url: parse {fault}")))?;
        let hostname = hostname(&url.host).to_vec();
        let userinfo = url.user.as_ref().map_or_else(Vec::new, User::text);
        let members: [(&str, Vec<u8>); 8] = [
            ("scheme", url.scheme),
            ("host", url.host),
            ("hostname", hostname),
            ("path", url.path),
            ("query", url.query),
            ("opaque", url.opaque),
            ("fragment", url.fragment),
            ("userinfo", userinfo),
        ];
        let mut entries = BTreeMap::new();
        for (name, text) in members {
            entries.insert(Key::Text(name.as_bytes().into()), heap.text(text)?);
        }
        heap.map(Type::Dict, entries)
    }),
    Function::new("urlJoin", &[Type::Dict], Type::String, |heap, args| {
        join(heap, args.dict(0))
    }),
];

/// A URL in its parts, which are not escaped except for query.
#[derive(Default)]
struct Url {
    scheme: Vec<u8>,
    opaque: Vec<u8>,
    user: Option<User>,
    host: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    fragment: Vec<u8>,
}

struct User {
    name: Vec<u8>,
    password: Option<Vec<u8>>,
}

/// Where a text stands in a URL, which decides what has to be escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Path,
    Host,
    Zone,
    User,
    Fragment,
}

impl Place {
    /// Whether a byte stands here as it is.
    fn allows(self, byte: u8) -> bool {
        match byte {
            b'-' | b'.' | b'_' | b'~' => true,
            byte if byte.is_ascii_alphanumeric() => true,
            b'$' | b'&' | b'+' | b',' | b';' | b'=' => true,
            b'/' => matches!(self, Self::Path | Self::Fragment),
            b':' | b'@' if self == Self::Path => true,
            b':' => matches!(self, Self::Host | Self::Zone | Self::Fragment),
            b'@' | b'?' => self == Self::Fragment,
            b'!' | b'(' | b')' | b'*' => {
                matches!(self, Self::Host | Self::Zone | Self::Fragment)
            }
            b'\'' | b'[' | b']' | b'<' | b'>' | b'"' => matches!(self, Self::Host | Self::Zone),
            _ => false,
        }
    }
}

fn escape(text: &[u8], place: Place) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for &byte in text {
        if place.allows(byte) {
            escaped.push(byte);
        } else {
            escaped.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    escaped
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

fn unescape(text: &[u8], place: Place) -> Result<Vec<u8>, String> {
    let strict = matches!(place, Place::Host | Place::Zone);
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if byte != b'%' {
            if strict && byte.is_ascii() && !place.allows(byte) {
                let shown = quote(&[byte]);
                return Err(format!("invalid character {shown} in host name"));
            }
            plain.push(byte);
            at += 1;
            continue;
        }
        let escape = &text[at..text.len().min(at + 3)];
        let refused = || format!("invalid URL escape {}", quote(escape));
        let (Some(high), Some(low)) = (
            escape.get(1).and_then(|byte| hex(*byte)),
            escape.get(2).and_then(|byte| hex(*byte)),
        ) else {
            return Err(refused());
        };
        let byte = high << 4 | low;
        let allowed = match place {
            Place::Host => high >= 8 || escape == b"%25",
            Place::Zone => escape == b"%25" || byte == b' ' || Place::Host.allows(byte),
            _ => true,
        };
        if !allowed {
            return Err(refused());
        }
        plain.push(byte);
        at += 3;
    }
    Ok(plain)
}

/// The text before and after a separator, the whole text if there is none.
fn cut(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(separator, text) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

impl Url {
    /// Parses a URL; the error is what Go says after `parse`.
    fn parse(text: &[u8]) -> Result<Self, String> {
        let (before, fragment) = cut(text, b'#');
        let mut url =
            Self::parse_plain(before).map_err(|fault| format!("{}: {fault}", quote(before)))?;
        if let Some(fragment) = fragment {
            url.fragment = unescape(fragment, Place::Fragment)
                .map_err(|fault| format!("{}: {fault}", quote(text)))?;
        }
        Ok(url)
    }

    fn parse_plain(text: &[u8]) -> Result<Self, String> {
        if text.iter().any(u8::is_ascii_control) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        let mut url = Self::default();
        if text == b"*" {
            url.path = b"*".to_vec();
            return Ok(url);
        }
        let (scheme, rest) = split_scheme(text)?;
        url.scheme = scheme.to_ascii_lowercase();
        let (rest, query) = cut(rest, b'?');
        url.query = query.unwrap_or_default().to_vec();
        if !rest.starts_with(b"/") {
            if !url.scheme.is_empty() {
                url.opaque = rest.to_vec();
                return Ok(url);
            }
            if cut(rest, b'/').0.contains(&b':') {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        let mut path = rest;
        let has_authority = !url.scheme.is_empty() || !rest.starts_with(b"///");
        if let Some(authority) = rest.strip_prefix(b"//").filter(|_| has_authority) {
            let (authority, _) = cut(authority, b'/');
            path = &rest[2 + authority.len()..];
            (url.user, url.host) = parse_authority(&url.scheme, authority)?;
        }
        url.path = unescape(path, Place::Path)?;
        Ok(url)
    }

    fn text(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.scheme.is_empty() {
            out.extend_from_slice(&self.scheme);
            out.push(b':');
        }
        if self.opaque.is_empty() {
            self.write_hierarchy(&mut out);
        } else {
            out.extend_from_slice(&self.opaque);
        }
        if !self.query.is_empty() {
            out.push(b'?');
            out.extend_from_slice(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push(b'#');
            out.extend_from_slice(&escape(&self.fragment, Place::Fragment));
        }
        out
    }

    fn write_hierarchy(&self, out: &mut Vec<u8>) {
        let has_host = !self.host.is_empty() || self.user.is_some();
        if has_host || (!self.scheme.is_empty() && !self.path.is_empty()) {
            out.extend_from_slice(b"//");
        }
        if let Some(user) = &self.user {
            out.extend_from_slice(&user.text());
            out.push(b'@');
        }
        out.extend_from_slice(&escape(&self.host, Place::Host));
        let path = if self.path == b"*" {
            b"*".to_vec()
        } else {
            escape(&self.path, Place::Path)
        };
        if !path.is_empty() && !path.starts_with(b"/") && !self.host.is_empty() {
            out.push(b'/');
        }
        // A colon in the first segment would make it a scheme.
        if out.is_empty() && cut(&path, b'/').0.contains(&b':') {
            out.extend_from_slice(b"./");
        }
        out.extend_from_slice(&path);
    }
}

impl User {
    fn text(&self) -> Vec<u8> {
        let mut text = escape(&self.name, Place::User);
        if let Some(password) = &self.password {
            text.push(b':');
            text.extend_from_slice(&escape(password, Place::User));
        }
        text
    }
}

fn split_scheme(text: &[u8]) -> Result<(&[u8], &[u8]), String> {
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => return Ok((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Ok((b"", text))
}

fn parse_authority(scheme: &[u8], authority: &[u8]) -> Result<(Option<User>, Vec<u8>), String> {
    let Some(at) = memchr::memrchr(b'@', authority) else {
        return Ok((None, parse_host(scheme, authority)?));
    };
    let host = parse_host(scheme, &authority[at + 1..])?;
    let userinfo = &authority[..at];
    let valid = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte);
    if !userinfo.iter().all(valid) {
        return Err("net/url: invalid userinfo".to_owned());
    }
    let (name, password) = cut(userinfo, b':');
    let user = User {
        name: unescape(name, Place::User)?,
        password: match password {
            Some(password) => Some(unescape(password, Place::User)?),
            None => None,
        },
    };
    Ok((Some(user), host))
}

fn is_port(text: &[u8]) -> bool {
    match text.split_first() {
        None => true,
        Some((b':', digits)) => digits.iter().all(u8::is_ascii_digit),
        Some(_) => false,
    }
}

fn checked_port(text: &[u8]) -> Result<(), String> {
    if is_port(text) {
        return Ok(());
    }
    Err(format!("invalid port {} after host", quote(text)))
}

fn parse_host(scheme: &[u8], host: &[u8]) -> Result<Vec<u8>, String> {
    match memchr::memrchr(b'[', host) {
        Some(0) => parse_literal(host),
        Some(_) => Err("invalid IP-literal".to_owned()),
        None => {
            // Only web addresses are strict about a second colon.
            let colon = if scheme == b"http" || scheme == b"https" {
                memchr::memchr(b':', host)
            } else {
                memchr::memrchr(b':', host)
            };
            if let Some(colon) = colon {
                checked_port(&host[colon..])?;
            }
            unescape(host, Place::Host)
        }
    }
}

/// Parses an IPv6 address in brackets, with an optional zone and port.
fn parse_literal(host: &[u8]) -> Result<Vec<u8>, String> {
    let Some(close) = memchr::memrchr(b']', host) else {
        return Err("missing ']' in host".to_owned());
    };
    let port = &host[close + 1..];
    checked_port(port)?;
    let inner = &host[1..close];
    let zone = memchr::memmem::find(inner, b"%25").unwrap_or(inner.len());
    let mut plain = unescape(&inner[..zone], Place::Host)?;
    let address = lossy(&plain);
    plain.extend(unescape(&inner[zone..], Place::Zone)?);
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V6(_)) => Ok([b"[", plain.as_slice(), b"]", port].concat()),
        Ok(IpAddr::V4(_)) => Err("invalid IP-literal".to_owned()),
        Err(_) => Err(format!(
            "invalid host: ParseAddr({}): unable to parse IP",
            quote(&plain)
        )),
    }
}

/// The host without port and brackets.
fn hostname(host: &[u8]) -> &[u8] {
    let name = match memchr::memrchr(b':', host) {
        Some(colon) if is_port(&host[colon..]) => &host[..colon],
        _ => host,
    };
    name.strip_prefix(b"[")
        .and_then(|name| name.strip_suffix(b"]"))
        .unwrap_or(name)
}

/// Puts a URL together from the strings of a dictionary.
fn join(heap: &mut Heap, dict: Option<&Map>) -> Result<Value, Fault> {
    let part = |name: &str| match dict.and_then(|dict| dict.get(name.as_bytes())) {
        None => Ok(Vec::new()),
        Some(Value::Text(text)) => Ok(text.to_vec()),
        Some(Value::Nil) => Err(Fault::nil_pointer()),
        Some(other) => Err(Fault::refused(format!(
            "unable to parse {name} key, must be of type string, but {} found",
            other.kind().name()
        ))),
    };
    let mut url = Url {
        scheme: part("scheme")?,
        host: part("host")?,
        path: part("path")?,
        query: part("query")?,
        opaque: part("opaque")?,
        fragment: part("fragment")?,
        user: None,
    };
    let userinfo = part("userinfo")?;
    if !userinfo.is_empty() {
        let address = [b"proto://", userinfo.as_slice(), b"@host"].concat();
        url.user = Url::parse(&address)
            .map_err(|fault| {
                Fault::refused(format!("unable to parse userinfo in dict: parse {fault}"))
            })?
            .user;
    }
    heap.text(url.text())
}
