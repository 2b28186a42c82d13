//! Values of a template run, and the heap that counts and owns them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::clock::Time;
use super::fault::Fault;
use super::release::Release;
use super::types::{Kind, Type};
use crate::change::ObjectId;
use crate::pattern::Pattern;

/// A Go string: bytes that are usually, but need not be, UTF-8.
pub(super) type Text = Rc<[u8]>;

/// A Go value together with its type.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// No value, or a nil of interface type.
    Nil,
    Bool(bool),
    /// A signed integer and its type, which may be a named one such as `time.Duration`.
    Int(Type, i64),
    Uint(Type, u64),
    Float(f64),
    Complex(f64, f64),
    Text(Text),
    List(List),
    Map(Map),
    Struct(Struct),
    Time(Time),
    /// The one location there is, UTC.
    Location,
    /// A semantic version, and whether the value is a pointer to it.
    Version(Rc<Release>, Type),
}

/// A slice. `items` is `None` for a nil slice, which prints as an empty one and encodes as null.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) ty: Type,
    pub(super) items: Option<Rc<RefCell<Vec<Value>>>>,
}

/// A map, sorted by key as Go's templates iterate; `entries` is `None` for a nil map.
#[derive(Clone, Debug)]
pub(super) struct Map {
    pub(super) ty: Type,
    pub(super) entries: Option<Rc<RefCell<BTreeMap<Key, Value>>>>,
}

/// A struct of Flux's data model; the names of the fields come from the type.
#[derive(Clone, Debug)]
pub(super) struct Struct {
    pub(super) ty: Type,
    pub(super) fields: Rc<[Value]>,
}

/// The key of a map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Text(Text),
    Object(Rc<ObjectId>),
}

impl Value {
    /// A string value.
    pub(super) fn text(bytes: impl AsRef<[u8]>) -> Self {
        Self::Text(Rc::from(bytes.as_ref()))
    }

    /// A plain `int`.
    pub(super) fn int(number: i64) -> Self {
        Self::Int(Type::Int, number)
    }

    /// An `int` from a length.
    pub(super) fn length(length: usize) -> Self {
        Self::int(i64::try_from(length).unwrap_or(i64::MAX))
    }

    /// The identity of an object, with the structs Flux nests it in.
    pub(super) fn object(id: &ObjectId) -> Self {
        let pair = |ty, a: &str, b: &str| {
            Self::Struct(Struct {
                ty,
                fields: Rc::from([Self::text(a), Self::text(b)]),
            })
        };
        let identifier = Self::Struct(Struct {
            ty: Type::ResourceIdentifier,
            fields: Rc::from([
                pair(Type::TypeMeta, &id.api_version, &id.kind),
                pair(Type::NameMeta, &id.name, &id.namespace),
            ]),
        });
        Self::Struct(Struct {
            ty: Type::ObjectIdentifier,
            fields: Rc::from([identifier]),
        })
    }

    /// The dynamic type.
    pub(super) fn ty(&self) -> Type {
        match self {
            Self::Nil => Type::Nil,
            Self::Bool(_) => Type::Bool,
            Self::Int(ty, _) | Self::Uint(ty, _) | Self::Version(_, ty) => *ty,
            Self::Float(_) => Type::Float64,
            Self::Complex(..) => Type::Complex128,
            Self::Text(_) => Type::String,
            Self::List(list) => list.ty,
            Self::Map(map) => map.ty,
            Self::Struct(value) => value.ty,
            Self::Time(_) => Type::Time,
            Self::Location => Type::Location,
        }
    }

    /// The dynamic kind.
    pub(super) fn kind(&self) -> Kind {
        self.ty().kind()
    }

    /// Go's truth: not the zero value; structs are always true.
    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(_, value) => *value != 0,
            Self::Uint(_, value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Complex(re, im) => *re != 0.0 || *im != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => map.len() != 0,
            Self::Struct(_) | Self::Time(_) | Self::Location | Self::Version(..) => true,
        }
    }
}

impl List {
    /// The number of items.
    pub(super) fn len(&self) -> usize {
        self.items.as_ref().map_or(0, |items| items.borrow().len())
    }

    /// Whether there are no items.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at `index`.
    pub(super) fn get(&self, index: usize) -> Option<Value> {
        self.items.as_ref()?.borrow().get(index).cloned()
    }

    /// A copy of the items.
    pub(super) fn to_vec(&self) -> Vec<Value> {
        self.items
            .as_ref()
            .map_or_else(Vec::new, |items| items.borrow().clone())
    }
}

impl Map {
    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.entries.as_ref().map_or(0, |map| map.borrow().len())
    }

    /// The value of a string key.
    pub(super) fn get(&self, key: &[u8]) -> Option<Value> {
        self.find(&Key::Text(Rc::from(key)))
    }

    /// The value of a key.
    pub(super) fn find(&self, key: &Key) -> Option<Value> {
        self.entries.as_ref()?.borrow().get(key).cloned()
    }

    /// A copy of the entries, sorted by key.
    pub(super) fn to_vec(&self) -> Vec<(Key, Value)> {
        self.entries.as_ref().map_or_else(Vec::new, |map| {
            map.borrow()
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        })
    }
}

impl Struct {
    /// The field `name`, also one promoted from an embedded struct.
    pub(super) fn field(&self, name: &str) -> Option<Value> {
        let own = self.ty.fields().iter().position(|field| *field == name);
        if let Some(index) = own {
            return self.fields.get(index).cloned();
        }
        if !self.ty.embeds() {
            return None;
        }
        self.fields.iter().find_map(|value| match value {
            Value::Struct(inner) => inner.field(name),
            _ => None,
        })
    }
}

impl Key {
    /// The key as a value.
    pub(super) fn value(&self) -> Value {
        match self {
            Self::Text(text) => Value::Text(text.clone()),
            Self::Object(id) => Value::object(id),
        }
    }

    /// The value as the key of a map, if it can be one.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(Self::Text(text.clone())),
            Value::Struct(object) if object.ty == Type::ObjectIdentifier => {
                let field = |name| match object.field(name) {
                    Some(Value::Text(text)) => String::from_utf8_lossy(&text).into_owned(),
                    _ => String::new(),
                };
                Some(Self::Object(Rc::new(ObjectId {
                    api_version: field("APIVersion"),
                    kind: field("Kind"),
                    name: field("Name"),
                    namespace: field("Namespace"),
                })))
            }
            _ => None,
        }
    }
}

/// Owns the containers of one run and bounds the work done.
///
/// Dictionaries are mutable, so a template can make a cycle or a chain of any depth. The heap keeps
/// a reference to every container and empties them one by one in the end: nothing leaks, and
/// nothing is dropped recursively.
#[derive(Debug)]
pub(super) struct Heap {
    work: u64,
    lists: Vec<Rc<RefCell<Vec<Value>>>>,
    maps: Vec<Rc<RefCell<BTreeMap<Key, Value>>>>,
    patterns: BTreeMap<String, Pattern>,
}

/// What a list item or map entry costs, in units of work: about its size in bytes.
const ITEM_COST: usize = 32;

impl Heap {
    /// A heap that allows `work` units: about a byte written or copied each.
    pub(super) fn new(work: u64) -> Self {
        Self {
            work,
            lists: Vec::new(),
            maps: Vec::new(),
            patterns: BTreeMap::new(),
        }
    }

    /// Takes `amount` from the budget of work.
    pub(super) fn charge(&mut self, amount: usize) -> Result<(), Fault> {
        let amount = u64::try_from(amount).unwrap_or(u64::MAX);
        match self.work.checked_sub(amount) {
            Some(rest) => {
                self.work = rest;
                Ok(())
            }
            None => {
                self.work = 0;
                Err(Fault::Work)
            }
        }
    }

    /// Takes the cost of `count` items from the budget, before they are made.
    pub(super) fn charge_items(&mut self, count: usize) -> Result<(), Fault> {
        self.charge(count.saturating_add(1).saturating_mul(ITEM_COST))
    }

    /// A pattern that was compiled before.
    pub(super) fn pattern(&self, source: &str) -> Option<Pattern> {
        self.patterns.get(source).cloned()
    }

    /// Keeps a compiled pattern for the rest of the run.
    pub(super) fn keep_pattern(&mut self, pattern: Pattern) {
        self.patterns.insert(pattern.source().to_owned(), pattern);
    }

    /// A new string.
    pub(super) fn text(&mut self, bytes: impl AsRef<[u8]>) -> Result<Value, Fault> {
        self.charge(bytes.as_ref().len())?;
        Ok(Value::text(bytes))
    }

    /// A new slice of the given type.
    pub(super) fn list(&mut self, ty: Type, items: Vec<Value>) -> Result<Value, Fault> {
        self.charge_items(items.len())?;
        let items = Rc::new(RefCell::new(items));
        self.lists.push(items.clone());
        Ok(Value::List(List {
            ty,
            items: Some(items),
        }))
    }

    /// A new map of the given type.
    pub(super) fn map(&mut self, ty: Type, entries: BTreeMap<Key, Value>) -> Result<Value, Fault> {
        self.charge_items(entries.len())?;
        let entries = Rc::new(RefCell::new(entries));
        self.maps.push(entries.clone());
        Ok(Value::Map(Map {
            ty,
            entries: Some(entries),
        }))
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        for list in &self.lists {
            list.take();
        }
        for map in &self.maps {
            map.take();
        }
    }
}
