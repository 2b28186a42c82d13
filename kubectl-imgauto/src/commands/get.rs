//! `get`: the resources and how they are, in flux's tables or in kubectl's formats.

pub(in crate::commands) mod feed;
mod fetch;
mod rows;
mod select;
mod watch;
pub(in crate::commands) mod workload;

#[cfg(test)]
mod tests;

use api::{ImagePolicy, ImageRepository, ImageUpdateAutomation};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use kube::core::ApiResource;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::commands::inputs;
use crate::error::{CliError, ExitStatus};
use crate::flag_value;
use crate::format::{self, Format, Order, Width, for_reader, lay_out};
use crate::noun::{self, Noun, Target};
use crate::session::Session;
use crate::table::Headings;

use fetch::{Asked, Place};
use rows::Writing;
pub(in crate::commands) use rows::text;
use select::Selection;

/// The nouns it takes.
pub(crate) const NOUNS: &[Noun] = &[
    Noun::Repository,
    Noun::Policy,
    Noun::Update,
    Noun::Workload(None),
    Noun::All,
];

/// What `-o` takes.
const FORMATS: &[&str] = &["wide", "json", "yaml", "name", "jsonpath"];

/// Flags of `get`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl imgauto get all -A
  kubectl imgauto get policy podinfo -o yaml
  kubectl imgauto get updates --ready=false
  kubectl imgauto get policies -o jsonpath='{range .items[*]}{.metadata.name} {.status.latestRef.tag}{\"\\n\"}{end}'
  kubectl imgauto get images all --all-namespaces
  kubectl imgauto get workloads -A
  kubectl imgauto get workload deployment/podinfo -o image")]
pub(crate) struct Args {
    /// What to get: repository, policy, update, workload or all, and names if not all of them; also NOUN/NAME
    #[arg(value_name = "NOUN [NAME…]")]
    words: Vec<String>,
    /// Look in all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Only objects with these labels, such as app=web,tier!=test
    #[arg(short = 'l', long, alias = "label-selector", value_name = "LABELS")]
    selector: Option<String>,
    /// Only objects with a condition in this state: TYPE=STATUS or TYPE!=STATUS
    #[arg(long, value_name = "CONDITION")]
    status_selector: Option<String>,
    /// Only objects that are suspended, or with =false those that are not
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = flag_value::switch)]
    suspended: Option<bool>,
    /// Only objects that are ready, or with =false those that are not
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = flag_value::switch)]
    ready: Option<bool>,
    /// Sort by a field, such as .metadata.creationTimestamp
    #[arg(long, value_name = "PATH")]
    sort_by: Option<String>,
    /// Print no headings
    #[arg(long, alias = "no-header")]
    no_headers: bool,
    /// Go on and show what changes
    #[arg(short, long)]
    watch: bool,
    /// How to print: wide, json, yaml, name or jsonpath=TEMPLATE
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<String>,
}

/// One of the kinds.
#[derive(Clone, Debug)]
struct Kind {
    noun: Noun,
    resource: ApiResource,
}

/// What is asked for of one kind.
#[derive(Clone, Debug)]
struct Query {
    kind: Kind,
    /// The names, in the order they were given; none stands for all objects.
    names: Vec<String>,
    need: Need,
}

/// What has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// The kind, and each of the names.
    Each,
    /// One of the kinds, and each name in one of them.
    Any,
}

/// How objects are shown.
#[derive(Clone)]
struct View {
    format: Format,
    headings: Headings,
    order: Option<Order>,
    columns: rows::Columns,
    zone: TimeZone,
    width: Width,
}

/// Prints objects, and goes on to print what changes if asked to.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let targets = noun::targets(&args.words, "get", NOUNS)?;
    if targets.is_empty() {
        return Err(CliError::usage("what to get has to be named")
            .next("kubectl imgauto get all -A")
            .next("kubectl imgauto get --help"));
    }
    if workload::are_meant(&targets)? {
        return workload::run(targets, args, session);
    }
    let queries = queries(&targets);
    if let (true, [_, _, ..]) = (args.watch, queries.as_slice()) {
        let word = targets[0].noun.word();
        return Err(
            CliError::usage(format!("expected a single resource type, but found {word}"))
                .next("kubectl imgauto get policy --watch"),
        );
    }
    let selection = Selection::read(args)?;
    let view = View::new(args, queries.len(), session)?;
    let place = Place {
        namespace: match args.all_namespaces {
            true => None,
            false => Some(session.namespace_to_look_in()?),
        },
        labels: args.selector.clone().filter(|labels| !labels.is_empty()),
    };
    let cluster = Cluster::open(session)?;
    if args.watch {
        return watch::run(&cluster, &queries[0], &place, &selection, &view, session);
    }
    let limit = session.globals.timeout;
    let asked = cluster.run_within(
        inputs::timeout(limit),
        async { Ok(fetch::all(&cluster.client, &queries, place).await) },
        || CliError::timed_out(format!("no answer from the API server within {limit}")),
    )?;
    show(asked, &queries, args, &selection, &view, session)
}

/// Prints what was found, and then fails if something that was asked for was not.
fn show(
    asked: Asked,
    queries: &[Query],
    args: &Args,
    selection: &Selection,
    view: &View,
    session: &mut Session<'_>,
) -> Result<ExitStatus, CliError> {
    let is_table = matches!(view.format, Format::Table | Format::Wide);
    if let ([query], true) = (queries, is_table && asked.problems.is_empty())
        && asked.found[0].is_empty()
    {
        let kind = &query.kind.resource.kind;
        let place = asked.place.said();
        return Err(CliError::failure(format!(
            "no {kind} objects found in {place} namespace"
        )));
    }
    let mut found = asked.found;
    for objects in &mut found {
        objects.retain(|object| selection.takes(object));
        if let Some(order) = &view.order {
            *objects = order.sort(std::mem::take(objects))?;
        }
    }
    let is_single =
        !args.all_namespaces && matches!(queries, [Query { names, .. }] if names.len() == 1);
    let text = match &view.format {
        Format::Document(document) if is_single => {
            let object = found.into_iter().flatten().next();
            let text = object.map_or_else(|| Ok(String::new()), |object| document.objects(object));
            for_reader(&text?, session.environment)
        }
        Format::Document(document) => {
            let objects = found.into_iter().flatten().collect();
            let text = document.objects(format::list(objects))?;
            for_reader(&text, session.environment)
        }
        _ => {
            let tables = queries.iter().zip(&found);
            // Where one kind was asked for, flux prints the headings even if no object is taken.
            let tables = tables.filter(|(_, objects)| {
                !objects.is_empty() || (queries.len() == 1 && asked.problems.is_empty())
            });
            let tables = tables.map(|(query, objects)| view.table(query.kind.noun, objects));
            tables.collect()
        }
    };
    if is_table && text.is_empty() && asked.problems.is_empty() {
        // Nothing at all, as flux has it, would leave a person in doubt.
        let place = asked.place.said();
        session.progress(&format!("no image objects found in {place} namespace"));
    }
    let status = session.print(&text)?;
    CliError::all(asked.problems)?;
    Ok(status)
}

/// Groups targets by kind, in the order in which the kinds are named.
fn queries(targets: &[Target]) -> Vec<Query> {
    let mut queries: Vec<Query> = Vec::new();
    for target in targets {
        let need = match target.noun {
            Noun::All => Need::Any,
            _ => Need::Each,
        };
        for kind in Kind::of(target.noun) {
            let known = queries
                .iter_mut()
                .find(|query| query.kind.noun == kind.noun);
            match known {
                Some(query) => query.names.extend(target.name.clone()),
                None => queries.push(Query {
                    kind,
                    names: target.name.clone().into_iter().collect(),
                    need,
                }),
            }
        }
    }
    for query in &mut queries {
        let mut seen = std::collections::BTreeSet::new();
        query.names.retain(|name| seen.insert(name.clone()));
    }
    queries
}

impl Kind {
    /// The kinds a noun stands for.
    fn of(noun: Noun) -> Vec<Self> {
        let resource = match noun {
            Noun::Repository => ApiResource::erase::<ImageRepository>(&()),
            Noun::Policy => ApiResource::erase::<ImagePolicy>(&()),
            Noun::Update => ApiResource::erase::<ImageUpdateAutomation>(&()),
            Noun::All => {
                let all = [Noun::Repository, Noun::Policy, Noun::Update];
                return all.into_iter().flat_map(Self::of).collect();
            }
            Noun::Workload(_) => return Vec::new(),
        };
        vec![Self { noun, resource }]
    }

    /// What kubectl prints for an object with `-o name`.
    fn name_of(&self, name: &str) -> String {
        let kind = self.resource.kind.to_ascii_lowercase();
        format!("{kind}.{}/{name}\n", self.resource.group)
    }
}

impl View {
    fn new(args: &Args, kinds: usize, session: &Session<'_>) -> Result<Self, CliError> {
        let format = match &args.output {
            Some(text) => Format::parse(text, FORMATS)?,
            None => Format::Table,
        };
        Ok(Self {
            width: Width::of(&format, session.environment),
            format,
            order: args.sort_by.as_deref().map(Order::parse).transpose()?,
            headings: match args.no_headers {
                true => Headings::Hidden,
                false => Headings::Shown,
            },
            columns: rows::Columns {
                namespace: args.all_namespaces.into(),
                kind: (kinds > 1).into(),
            },
            zone: TimeZone::system(),
        })
    }

    /// Objects of one kind in a table, or their names.
    fn table(&self, noun: Noun, objects: &[Value]) -> String {
        if self.format == Format::Name {
            let kinds = Kind::of(noun);
            let names = objects
                .iter()
                .map(|object| rows::text(object, "/metadata/name"));
            return names
                .flat_map(|name| kinds.iter().map(move |kind| kind.name_of(name)))
                .collect();
        }
        let full = Writing::AsFlux(self.zone.clone());
        let mut table = rows::table(noun, objects, self.columns, &full);
        if !self.width.holds(&table) {
            // Names and messages say more than seconds do.
            let short = Writing::Short(Timestamp::now());
            table = rows::table(noun, objects, self.columns, &short);
        }
        let mut text = lay_out(&table, self.headings, self.width);
        if self.columns.kind == rows::Presence::Shown {
            text.push('\n');
        }
        text
    }
}
