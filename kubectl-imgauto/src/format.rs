//! What `-o` asks for, and how objects and reports are printed then.
//!
//! A command reads its flag with [`Format::parse`], which names the formats the command knows, and prints documents with
//! [`Document::objects`] (objects of the API server, to the byte as kubectl prints them) or [`Document::report`].

mod json;
mod jsonpath;
mod layout;
mod sort;

#[cfg(test)]
mod tests;

use reconciler::chain::Chain;
use serde_json::{Value, json};

use crate::error::CliError;
use crate::export;
use crate::flag_value::quoted;
use crate::noun::nearest;

pub(crate) use layout::{Width, for_reader, lay_out};
pub(crate) use sort::Order;

use jsonpath::{Mistake, Template};

/// How a command prints its result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Format {
    /// `table`: a table, or a tree where there is one.
    Table,
    /// `wide`: a table that is never shortened.
    Wide,
    /// `name`: kinds and names.
    Name,
    /// `image`: the images alone.
    Image,
    /// Something other programs read.
    Document(Document),
}

/// A form that other programs read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Document {
    /// `json`.
    Json,
    /// `yaml`.
    Yaml,
    /// `jsonpath=TEMPLATE`.
    JsonPath(Template),
}

impl Format {
    /// Reads the value of `-o`; `known` are the words the command takes, such as `["wide", "json", "jsonpath"]`.
    ///
    /// A mistake ends with the exit code for usage, and shows its place if it is in a template.
    pub(crate) fn parse(text: &str, known: &[&str]) -> Result<Self, CliError> {
        let (word, template) = match text.split_once('=') {
            Some((word, template)) => (word, Some(template)),
            None => (text, None),
        };
        if !known.contains(&word) || (template.is_some() && word != "jsonpath") {
            return Err(unknown(text, word, known));
        }
        Ok(match word {
            "wide" => Self::Wide,
            "name" => Self::Name,
            "image" => Self::Image,
            "json" => Self::Document(Document::Json),
            "yaml" => Self::Document(Document::Yaml),
            "jsonpath" => {
                let template = template.filter(|template| !template.is_empty());
                let template = template.ok_or_else(|| {
                    CliError::usage("--output: jsonpath needs a template")
                        .next("-o jsonpath='{.items[*].metadata.name}'")
                })?;
                let parsed = Template::parse(template);
                let parsed = parsed.map_err(|mistake| misread("--output", template, &mistake))?;
                Self::Document(Document::JsonPath(parsed))
            }
            "table" => Self::Table,
            _ => return Err(unknown(text, word, known)),
        })
    }
}

impl Document {
    /// Prints objects of the API server, one by itself or a [`list`] of them, as kubectl does: without `managedFields`,
    /// with names in order.
    pub(crate) fn objects(&self, value: Value) -> Result<String, CliError> {
        match self {
            Self::Json => Ok(json::as_kubectl(&without_managers(value))),
            Self::Yaml => yaml(&without_managers(value)),
            Self::JsonPath(template) => fill(template, &value),
        }
    }

    /// Prints a report of ours; in JSON its fields stay in their order.
    pub(crate) fn report(&self, value: &Value) -> Result<String, CliError> {
        match self {
            Self::Json => Ok(json::pretty(value)),
            Self::Yaml => yaml(value),
            Self::JsonPath(template) => fill(template, value),
        }
    }
}

impl Document {
    /// What stands between two documents that follow each other.
    pub(crate) fn separator(&self) -> &'static str {
        match self {
            Self::Yaml => "---\n",
            Self::Json | Self::JsonPath(_) => "",
        }
    }
}

/// The list in which kubectl prints objects.
pub(crate) fn list(items: Vec<Value>) -> Value {
    json!({
        "apiVersion": "v1",
        "items": items,
        "kind": "List",
        "metadata": {"resourceVersion": ""},
    })
}

fn yaml(value: &Value) -> Result<String, CliError> {
    export::plain(value).map_err(|error| CliError::failure(Chain(&error).to_string()))
}

fn fill(template: &Template, value: &Value) -> Result<String, CliError> {
    template.fill(value).map_err(|error| {
        CliError::failure(format!("cannot fill the template of --output: {error}"))
            .next("-o json shows what there is")
    })
}

/// Takes away what only the API server minds.
fn without_managers(mut value: Value) -> Value {
    let strip = |object: &mut Value| {
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.shift_remove("managedFields");
        }
    };
    strip(&mut value);
    let items = value.get_mut("items").and_then(Value::as_array_mut);
    items.into_iter().flatten().for_each(strip);
    value
}

fn unknown(text: &str, word: &str, known: &[&str]) -> CliError {
    let mut error = CliError::usage(format!("--output: unknown format {}", quoted(text)));
    let near = nearest(word, known.iter().copied()).filter(|near| *near != word);
    if let Some(near) = near {
        error = error.at([format!("did you mean {near}?")]);
    }
    let known = known.iter().map(|known| match *known {
        "jsonpath" => "jsonpath=TEMPLATE",
        known => known,
    });
    error.next(format!(
        "-o with one of {}",
        known.collect::<Vec<_>>().join(", ")
    ))
}

/// Shows the place of a mistake below the template.
fn misread(flag: &str, template: &str, mistake: &Mistake) -> CliError {
    let shown = template.replace(['\n', '\t', '\r'], " ");
    let before: String = shown.chars().take(mistake.at).collect();
    let blanks = unicode_width::UnicodeWidthStr::width(before.as_str());
    CliError::usage(format!("{flag}: {mistake}")).at([shown, format!("{}^", " ".repeat(blanks))])
}
