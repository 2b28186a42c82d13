//! JSON as Go's encoding/json writes and reads it.

mod decode;

use super::{Args, Function};
use crate::template::fault::Fault;
use crate::template::float::{self, Notation};
use crate::template::runes::runes;
use crate::template::types::Type;
use crate::template::value::{Heap, Key, Value};

const ANY: &[Type] = &[Type::Any];

const fn encoding(name: &'static str, body: super::Plain) -> Function {
    Function::new(name, ANY, Type::String, body)
}

pub(super) const FUNCTIONS: &[Function] = &[
    encoding("toJson", |heap, args| {
        or_empty(encode(heap, args, Html::Escaped, Indent::None))
    }),
    encoding("mustToJson", |heap, args| {
        encode(heap, args, Html::Escaped, Indent::None)
    }),
    encoding("toPrettyJson", |heap, args| {
        or_empty(encode(heap, args, Html::Escaped, Indent::Level(0)))
    }),
    encoding("mustToPrettyJson", |heap, args| {
        encode(heap, args, Html::Escaped, Indent::Level(0))
    }),
    encoding("toRawJson", |heap, args| {
        encode(heap, args, Html::Verbatim, Indent::None)
    }),
    encoding("mustToRawJson", |heap, args| {
        encode(heap, args, Html::Verbatim, Indent::None)
    }),
    Function::new(
        "fromJson",
        &[Type::String],
        Type::Any,
        |heap, args| match decode::decode(heap, args.text(0)) {
            Err(Fault::Refused(_)) => Ok(Value::Nil),
            decoded => decoded,
        },
    ),
    Function::new("mustFromJson", &[Type::String], Type::Any, |heap, args| {
        decode::decode(heap, args.text(0))
    }),
];

/// Whether `<`, `>` and `&` are written as escapes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Html {
    Escaped,
    Verbatim,
}

/// How deep a value stands in indented JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Indent {
    None,
    Level(usize),
}

impl Indent {
    fn deeper(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Level(level) => Self::Level(level + 1),
        }
    }

    fn line(self, out: &mut Vec<u8>) {
        if let Self::Level(level) = self {
            out.push(b'\n');
            out.extend(std::iter::repeat_n(b' ', 2 * level));
        }
    }
}

fn or_empty(encoded: Result<Value, Fault>) -> Result<Value, Fault> {
    match encoded {
        Err(Fault::Refused(_)) => Ok(Value::text("")),
        encoded => encoded,
    }
}

fn encode(heap: &mut Heap, args: &Args, html: Html, indent: Indent) -> Result<Value, Fault> {
    let mut encoder = Encoder {
        heap,
        html,
        out: Vec::new(),
        depth: 0,
    };
    encoder.write(args.any(0), indent)?;
    let out = encoder.out;
    Ok(Value::text(out))
}

/// How deep values may nest to be encoded.
const DEPTH: usize = 100;

struct Encoder<'a> {
    heap: &'a mut Heap,
    html: Html,
    out: Vec<u8>,
    depth: usize,
}

impl Encoder<'_> {
    fn write(&mut self, value: &Value, indent: Indent) -> Result<(), Fault> {
        let before = self.out.len();
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Fault::Depth);
        }
        match value {
            Value::Nil => self.out.extend_from_slice(b"null"),
            Value::Bool(truth) => self.out.extend_from_slice(truth.to_string().as_bytes()),
            Value::Int(_, number) => self.out.extend_from_slice(number.to_string().as_bytes()),
            Value::Uint(_, number) => self.out.extend_from_slice(number.to_string().as_bytes()),
            Value::Float(number) => self.write_float(*number)?,
            Value::Text(text) => self.write_text(text),
            Value::List(list) if list.items.is_none() => self.out.extend_from_slice(b"null"),
            Value::Map(map) if map.entries.is_none() => self.out.extend_from_slice(b"null"),
            Value::List(list) if list.ty == Type::Bytes => self.write_bytes(&list.to_vec()),
            Value::List(list) => {
                self.heap.charge_items(list.len())?;
                self.write_list(&list.to_vec(), indent)?;
            }
            Value::Map(map) => {
                if matches!(map.ty, Type::ObjectChanges | Type::FileChanges)
                    && (map.ty == Type::ObjectChanges || map.len() > 0)
                {
                    return Err(unsupported(Type::ObjectChanges));
                }
                self.heap.charge_items(map.len())?;
                let members = map.to_vec().into_iter().map(|(key, value)| match key {
                    Key::Text(key) => (key.to_vec(), value),
                    Key::Object(_) => (Vec::new(), value),
                });
                self.write_members(members.collect(), indent)?;
            }
            Value::Struct(value) => {
                let mut members = Vec::new();
                collect_members(value.ty, &value.fields, &mut members);
                self.write_members(members, indent)?;
            }
            Value::Time(time) => match time.rfc3339() {
                Some(text) => self.write_text(text.as_bytes()),
                None => {
                    return Err(Fault::refused(
                        "json: error calling MarshalJSON for type time.Time: Time.MarshalJSON: year outside of range [0,9999]",
                    ));
                }
            },
            Value::Version(release, _) => self.write_text(release.text().as_bytes()),
            Value::Complex(..) => return Err(unsupported(Type::Complex128)),
            Value::Location => self.out.extend_from_slice(b"{}"),
        }
        self.depth -= 1;
        self.heap
            .charge(self.out.len().saturating_sub(before).min(64) + 1)
    }

    fn write_float(&mut self, number: f64) -> Result<(), Fault> {
        if !number.is_finite() {
            let text = float::print(number, Notation::General, None);
            return Err(Fault::refused(format!("json: unsupported value: {text}")));
        }
        let magnitude = number.abs();
        let text = if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
            // Small exponents have one digit here.
            float::print(number, Notation::Exponent, None).replace("e-0", "e-")
        } else {
            float::print(number, Notation::Decimal, None)
        };
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn write_bytes(&mut self, items: &[Value]) {
        use base64::Engine as _;
        let bytes: Vec<u8> = items
            .iter()
            .filter_map(|item| match item {
                Value::Uint(_, byte) => u8::try_from(*byte).ok(),
                _ => None,
            })
            .collect();
        let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
        self.write_text(encoded.as_bytes());
    }

    fn write_list(&mut self, items: &[Value], indent: Indent) -> Result<(), Fault> {
        self.out.push(b'[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            indent.deeper().line(&mut self.out);
            self.write(item, indent.deeper())?;
        }
        if !items.is_empty() {
            indent.line(&mut self.out);
        }
        self.out.push(b']');
        Ok(())
    }

    fn write_members(
        &mut self,
        members: Vec<(Vec<u8>, Value)>,
        indent: Indent,
    ) -> Result<(), Fault> {
        self.out.push(b'{');
        let any = !members.is_empty();
        for (index, (name, value)) in members.into_iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            indent.deeper().line(&mut self.out);
            self.write_text(&name);
            self.out.push(b':');
            if indent != Indent::None {
                self.out.push(b' ');
            }
            self.write(&value, indent.deeper())?;
        }
        if any {
            indent.line(&mut self.out);
        }
        self.out.push(b'}');
        Ok(())
    }

    fn write_text(&mut self, text: &[u8]) {
        self.out.push(b'"');
        for (c, _) in runes(text) {
            match c {
                '"' => self.out.extend_from_slice(b"\\\""),
                '\\' => self.out.extend_from_slice(b"\\\\"),
                '\x08' => self.out.extend_from_slice(b"\\b"),
                '\x0c' => self.out.extend_from_slice(b"\\f"),
                '\n' => self.out.extend_from_slice(b"\\n"),
                '\r' => self.out.extend_from_slice(b"\\r"),
                '\t' => self.out.extend_from_slice(b"\\t"),
                '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => self.write_escape(c),
                '<' | '>' | '&' if self.html == Html::Escaped => self.write_escape(c),
                c => self
                    .out
                    .extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        self.out.push(b'"');
    }

    fn write_escape(&mut self, c: char) {
        let escape = format!("\\u{:04x}", u32::from(c));
        self.out.extend_from_slice(escape.as_bytes());
    }
}

fn unsupported(ty: Type) -> Fault {
    Fault::refused(format!("json: unsupported type: {}", ty.name()))
}

/// The members of a struct by their JSON names; those of embedded structs are its own.
fn collect_members(ty: Type, fields: &[Value], members: &mut Vec<(Vec<u8>, Value)>) {
    for (name, value) in ty.fields().iter().zip(fields) {
        let blank = matches!(value, Value::Text(text) if text.is_empty());
        let (name, omitted) = match (ty, *name) {
            (Type::TypeMeta, "APIVersion") => ("apiVersion", blank),
            (Type::TypeMeta, "Kind") => ("kind", blank),
            (Type::NameMeta | Type::LogName, "Namespace") => ("namespace", blank),
            (Type::NameMeta, "Name") => ("name", blank),
            (Type::LogName, "Name") => ("name", false),
            (_, name) => (name, false),
        };
        match value {
            Value::Struct(inner) if ty.embeds() => {
                collect_members(inner.ty, &inner.fields, members);
            }
            _ if omitted => {}
            value => members.push((name.as_bytes().to_vec(), value.clone())),
        }
    }
}
