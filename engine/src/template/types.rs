//! The Go types a template can meet: a closed set, since templates cannot make new ones.

/// A Go type, by the name `%T` prints.
#[expect(clippy::enum_variant_names, reason = "the names are those of Go")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// The type of an untyped nil.
    Nil,
    Bool,
    Int,
    Int64,
    Uint8,
    Uint64,
    Float64,
    Complex128,
    String,
    /// `interface {}`: any value, and nil.
    Any,
    /// `reflect.Value`: what built-in functions take; any value, and no value.
    Reflect,
    Anys,
    AnysList,
    Strings,
    Ints,
    Bytes,
    Changes,
    Dict,
    StringMap,
    FileChanges,
    ObjectChanges,
    TemplateData,
    Result,
    Change,
    ObjectIdentifier,
    ResourceIdentifier,
    TypeMeta,
    NameMeta,
    NamespacedName,
    /// What `NamespacedName.MarshalLog` gives.
    LogName,
    Time,
    Duration,
    Month,
    Weekday,
    Location,
    Version,
    VersionPointer,
}

/// The `reflect.Kind` of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Invalid,
    Bool,
    Int,
    Int64,
    Uint8,
    Uint64,
    Float64,
    Complex128,
    String,
    Interface,
    Slice,
    Map,
    Struct,
    Pointer,
}

impl Type {
    /// The name as `%T` and error texts print it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Uint64 => "uint64",
            Self::Float64 => "float64",
            Self::Complex128 => "complex128",
            Self::String => "string",
            Self::Any => "interface {}",
            Self::Reflect => "reflect.Value",
            Self::Anys => "[]interface {}",
            Self::AnysList => "[][]interface {}",
            Self::Strings => "[]string",
            Self::Ints => "[]int",
            Self::Bytes => "[]uint8",
            Self::Changes => "[]update.Change",
            Self::Dict => "map[string]interface {}",
            Self::StringMap => "map[string]string",
            Self::FileChanges => "map[string]update.ObjectChanges",
            Self::ObjectChanges => "update.ObjectChanges",
            Self::TemplateData => "source.TemplateData",
            Self::Result => "update.Result",
            Self::Change => "update.Change",
            Self::ObjectIdentifier => "update.ObjectIdentifier",
            Self::ResourceIdentifier => "yaml.ResourceIdentifier",
            Self::TypeMeta => "yaml.TypeMeta",
            Self::NameMeta => "yaml.NameMeta",
            Self::NamespacedName => "types.NamespacedName",
            Self::LogName => {
                "struct { Name string \"json:\\\"name\\\"\"; Namespace string \"json:\\\"namespace,omitempty\\\"\" }"
            }
            Self::Time => "time.Time",
            Self::Duration => "time.Duration",
            Self::Month => "time.Month",
            Self::Weekday => "time.Weekday",
            Self::Location => "*time.Location",
            Self::Version => "semver.Version",
            Self::VersionPointer => "*semver.Version",
        }
    }

    /// The kind, as `reflect` sees it.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Nil => Kind::Invalid,
            Self::Bool => Kind::Bool,
            Self::Int | Self::Month | Self::Weekday => Kind::Int,
            Self::Int64 | Self::Duration => Kind::Int64,
            Self::Uint8 => Kind::Uint8,
            Self::Uint64 => Kind::Uint64,
            Self::Float64 => Kind::Float64,
            Self::Complex128 => Kind::Complex128,
            Self::String => Kind::String,
            Self::Any => Kind::Interface,
            Self::Anys
            | Self::AnysList
            | Self::Strings
            | Self::Ints
            | Self::Bytes
            | Self::Changes => Kind::Slice,
            Self::Dict | Self::StringMap | Self::FileChanges | Self::ObjectChanges => Kind::Map,
            Self::Location | Self::VersionPointer => Kind::Pointer,
            _ => Kind::Struct,
        }
    }

    /// The type of a slice's or map's elements.
    pub(super) fn element(self) -> Self {
        match self {
            Self::AnysList => Self::Anys,
            Self::Strings | Self::StringMap => Self::String,
            Self::Ints => Self::Int,
            Self::Bytes => Self::Uint8,
            Self::Changes => Self::Change,
            Self::FileChanges => Self::ObjectChanges,
            Self::ObjectChanges => Self::Changes,
            _ => Self::Any,
        }
    }

    /// Whether an untyped nil can be passed as this type.
    pub(super) fn takes_nil(self) -> bool {
        self == Self::Reflect
            || matches!(
                self.kind(),
                Kind::Interface | Kind::Slice | Kind::Map | Kind::Pointer
            )
    }

    /// The fields of a struct type in their order; embedded structs go by their type's name.
    pub(super) fn fields(self) -> &'static [&'static str] {
        match self {
            Self::TemplateData => &["AutomationObject", "Changed", "Values"],
            Self::Result => &["FileChanges"],
            Self::Change => &["OldValue", "NewValue", "Setter"],
            Self::ObjectIdentifier => &["ResourceIdentifier"],
            Self::ResourceIdentifier => &["TypeMeta", "NameMeta"],
            Self::TypeMeta => &["APIVersion", "Kind"],
            Self::NameMeta | Self::LogName => &["Name", "Namespace"],
            Self::NamespacedName => &["Namespace", "Name"],
            _ => &[],
        }
    }

    /// Whether the fields of the structs inside are promoted to this type.
    pub(super) fn embeds(self) -> bool {
        matches!(self, Self::ObjectIdentifier | Self::ResourceIdentifier)
    }
}

impl Kind {
    /// The name as `kindOf` prints it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Uint64 => "uint64",
            Self::Float64 => "float64",
            Self::Complex128 => "complex128",
            Self::String => "string",
            Self::Interface => "interface",
            Self::Slice => "slice",
            Self::Map => "map",
            Self::Struct => "struct",
            Self::Pointer => "ptr",
        }
    }
}
