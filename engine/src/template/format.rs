//! Go's fmt: `print`, `println`, `printf`, for the values a template can have.

mod directive;
mod verb;

use super::fault::Fault;
use super::runes::runes;
use super::types::{Kind, Type};
use super::value::{Heap, List, Map, Struct, Value};
use super::{clock, methods};

/// How deep a value may nest to be printed.
const DEPTH: usize = 100;

/// `fmt.Sprint`: a space between operands when neither is a string.
pub(super) fn print(heap: &mut Heap, args: &[Value]) -> Result<Vec<u8>, Fault> {
    let mut printer = Printer::new(heap);
    let mut after_text = true;
    for (index, arg) in args.iter().enumerate() {
        let is_text = matches!(arg, Value::Text(_));
        if index > 0 && !is_text && !after_text {
            printer.write(b" ");
        }
        printer.print_arg(arg, 'v');
        after_text = is_text;
    }
    printer.finish()
}

/// `fmt.Sprintln`: spaces between all operands and a line feed.
pub(super) fn println(heap: &mut Heap, args: &[Value]) -> Result<Vec<u8>, Fault> {
    let mut printer = Printer::new(heap);
    for (index, arg) in args.iter().enumerate() {
        if index > 0 {
            printer.write(b" ");
        }
        printer.print_arg(arg, 'v');
    }
    printer.write(b"\n");
    printer.finish()
}

/// `fmt.Sprintf`.
pub(super) fn printf(heap: &mut Heap, format: &[u8], args: &[Value]) -> Result<Vec<u8>, Fault> {
    let mut printer = Printer::new(heap);
    printer.print_format(format, args);
    printer.finish()
}

/// Whether the error or string of a value is asked for, or its inside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Methods {
    Used,
    Ignored,
}

/// The flags of one verb.
#[derive(Clone, Copy, Default)]
struct Flags {
    width: Option<usize>,
    precision: Option<usize>,
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    plus_v: bool,
    sharp_v: bool,
}

struct Printer<'a> {
    heap: &'a mut Heap,
    out: Vec<u8>,
    fault: Option<Fault>,
    flags: Flags,
    methods: Methods,
    reordered: bool,
    good_index: bool,
}

impl<'a> Printer<'a> {
    fn new(heap: &'a mut Heap) -> Self {
        Self {
            heap,
            out: Vec::new(),
            fault: None,
            flags: Flags::default(),
            methods: Methods::Used,
            reordered: false,
            good_index: true,
        }
    }

    fn finish(self) -> Result<Vec<u8>, Fault> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self.out),
        }
    }

    /// Appends bytes; when the budget is used up, nothing more is written.
    fn write(&mut self, bytes: &[u8]) {
        if self.fault.is_some() {
            return;
        }
        match self.heap.charge(bytes.len() + 1) {
            Ok(()) => self.out.extend_from_slice(bytes),
            Err(fault) => self.fault = Some(fault),
        }
    }

    fn write_padding(&mut self, count: usize, pad: u8) {
        if self.fault.is_none() {
            match self.heap.charge(count) {
                Ok(()) => self.out.resize(self.out.len() + count, pad),
                Err(fault) => self.fault = Some(fault),
            }
        }
    }

    /// Appends bytes padded to the width.
    fn pad(&mut self, bytes: &[u8]) {
        let pad = if self.flags.zero && !self.flags.minus {
            b'0'
        } else {
            b' '
        };
        self.pad_with(bytes, pad);
    }

    fn pad_with(&mut self, bytes: &[u8], pad: u8) {
        let length = runes(bytes).count();
        let missing = self.flags.width.unwrap_or(0).saturating_sub(length);
        if !self.flags.minus {
            self.write_padding(missing, pad);
        }
        self.write(bytes);
        if self.flags.minus {
            self.write_padding(missing, b' ');
        }
    }

    fn print_arg(&mut self, arg: &Value, verb: char) {
        match (verb, arg) {
            ('v' | 'T', Value::Nil) => self.pad(b"<nil>"),
            ('T', arg) => self.print_text(arg.ty().name().as_bytes(), 's'),
            ('p', Value::List(_) | Value::Map(_) | Value::Version(_, Type::VersionPointer)) => {
                let refusal = Fault::refused("an address (%p) is not the same in every run");
                self.fault.get_or_insert(refusal);
            }
            ('p', arg) => self.bad_verb(arg, verb),
            (_, Value::Nil) => self.bad_verb(arg, verb),
            _ => self.print_value(arg, verb, 0),
        }
    }

    fn bad_verb(&mut self, value: &Value, verb: char) {
        let methods = std::mem::replace(&mut self.methods, Methods::Ignored);
        self.write(b"%!");
        self.write(verb.encode_utf8(&mut [0; 4]).as_bytes());
        self.write(b"(");
        if let Value::Nil = value {
            self.write(b"<nil>");
        } else {
            self.write(value.ty().name().as_bytes());
            self.write(b"=");
            self.print_value(value, 'v', 0);
        }
        self.write(b")");
        self.methods = methods;
    }

    fn print_value(&mut self, value: &Value, verb: char, depth: usize) {
        if depth > DEPTH {
            self.fault.get_or_insert(Fault::Depth);
        }
        if self.fault.is_some() || self.print_by_method(value, verb) {
            return;
        }
        match value {
            Value::Nil if self.flags.sharp_v => self.write(b"interface {}(nil)"),
            Value::Nil => self.write(b"<nil>"),
            Value::Bool(truth) => match verb {
                't' | 'v' => self.pad(if *truth { b"true" } else { b"false" }),
                _ => self.bad_verb(value, verb),
            },
            Value::Int(..) | Value::Uint(..) => self.print_integer(value, verb),
            Value::Float(float) => self.print_float(value, *float, verb),
            Value::Complex(re, im) => self.print_complex(value, *re, *im, verb),
            Value::Text(text) => match verb {
                'v' | 's' | 'x' | 'X' | 'q' => self.print_text(text, verb),
                _ => self.bad_verb(value, verb),
            },
            Value::List(list) => self.print_list(list, verb, depth),
            Value::Map(map) => self.print_map(map, verb, depth),
            Value::Struct(value) => self.print_struct(value, verb, depth),
            Value::Time(_) | Value::Location => {
                let refusal = Fault::refused("the inside of a time is not the same in every run");
                self.fault.get_or_insert(refusal);
            }
            Value::Version(release, ty) => {
                if *ty == Type::VersionPointer && depth == 0 {
                    self.write(b"&");
                }
                let fields = release.fields();
                let values: Vec<_> = fields.iter().map(|(_, value)| value.clone()).collect();
                let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
                self.print_fields(Type::Version, &names, &values, verb, depth);
            }
        }
    }

    /// Prints a value that has a `String` method by it, where the verb takes a string.
    fn print_by_method(&mut self, value: &Value, verb: char) -> bool {
        if self.methods == Methods::Ignored {
            return false;
        }
        if verb == 'w' {
            self.bad_verb(value, verb);
            return true;
        }
        if self.flags.sharp_v {
            if let Value::Time(time) = value {
                let text = clock::go_syntax(time);
                self.print_text_verbatim(text.as_bytes());
                return true;
            }
            return false;
        }
        if !matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') {
            return false;
        }
        match methods::string(value) {
            Some(text) => {
                self.print_text(text.as_bytes(), verb);
                true
            }
            None => false,
        }
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.write(if self.flags.sharp_v { b", " } else { b" " });
        }
    }

    fn print_list(&mut self, list: &List, verb: char, depth: usize) {
        if list.ty == Type::Bytes && matches!(verb, 's' | 'q' | 'x' | 'X') {
            let bytes: Vec<u8> = list
                .to_vec()
                .iter()
                .filter_map(|item| match item {
                    Value::Uint(_, byte) => u8::try_from(*byte).ok(),
                    _ => None,
                })
                .collect();
            return self.print_text(&bytes, verb);
        }
        if self.flags.sharp_v {
            self.write(list.ty.name().as_bytes());
            if list.items.is_none() {
                return self.write(b"(nil)");
            }
        }
        self.write(if self.flags.sharp_v { b"{" } else { b"[" });
        for index in 0..list.len() {
            if self.fault.is_some() {
                return;
            }
            self.separate(index);
            if let Some(item) = list.get(index) {
                self.print_value(&item, verb, depth + 1);
            }
        }
        self.write(if self.flags.sharp_v { b"}" } else { b"]" });
    }

    fn print_map(&mut self, map: &Map, verb: char, depth: usize) {
        if self.flags.sharp_v {
            self.write(map.ty.name().as_bytes());
            if map.entries.is_none() {
                return self.write(b"(nil)");
            }
            self.write(b"{");
        } else {
            self.write(b"map[");
        }
        if let Err(fault) = self.heap.charge_items(map.len()) {
            self.fault.get_or_insert(fault);
            return;
        }
        for (index, (key, value)) in map.to_vec().iter().enumerate() {
            if self.fault.is_some() {
                return;
            }
            self.separate(index);
            self.print_value(&key.value(), verb, depth + 1);
            self.write(b":");
            self.print_value(value, verb, depth + 1);
        }
        self.write(if self.flags.sharp_v { b"}" } else { b"]" });
    }

    fn print_struct(&mut self, value: &Struct, verb: char, depth: usize) {
        self.print_fields(value.ty, value.ty.fields(), &value.fields, verb, depth);
    }

    fn print_fields(
        &mut self,
        ty: Type,
        names: &[&str],
        values: &[Value],
        verb: char,
        depth: usize,
    ) {
        if self.flags.sharp_v {
            self.write(ty.name().as_bytes());
        }
        self.write(b"{");
        for (index, (name, value)) in names.iter().zip(values).enumerate() {
            self.separate(index);
            if self.flags.plus_v || self.flags.sharp_v {
                self.write(name.as_bytes());
                self.write(b":");
            }
            self.print_value(value, verb, depth + 1);
        }
        self.write(b"}");
    }
}

/// Whether a value is one of Go's integers.
pub(super) fn is_integer(value: &Value) -> bool {
    matches!(
        value.kind(),
        Kind::Int | Kind::Int64 | Kind::Uint8 | Kind::Uint64
    )
}
