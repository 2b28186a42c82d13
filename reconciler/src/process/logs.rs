//! Logs as Flux's controllers write them, so that `flux logs` and people's queries find what they look for.
//!
//! One line per message with flat keys: `level`, `ts`, `msg`, what the spans around it say, and what goes with the
//! message itself. Libraries are heard only when something is wrong: what they say of their traffic may hold secrets.

use std::fmt::Debug;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::Write;
use std::sync::Mutex;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Span, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::util::SubscriberInitExt as _;

#[cfg(test)]
mod tests;

/// The crates of this program, whose messages are chosen with secrets in mind.
const OURS: [&str; 4] = ["reconciler", "imgauto_reconciler", "api", "engine"];

/// Logs as errors what it returns as errors, which whoever called it logs with the reason and with what follows.
const TWICE_TOLD: &str = "kube_client::client::builder";

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// A JSON object.
    Json,
    /// Time, level, text, and the rest as JSON, with tabs between.
    Console,
}

/// Logs to standard error from now on, what is at least as important as `level`.
///
/// Does nothing where something logs already.
pub fn start(level: LevelFilter, encoding: Encoding) {
    let layer = Lines::new(encoding, std::io::stderr()).with_filter(filter(level));
    let _ = Registry::default().with(layer).try_init();
}

/// A span around one reconcile: every message in it says which object it is about, as Flux's do.
#[must_use]
pub fn reconcile_span(kind: &str, namespace: &str, name: &str) -> Span {
    tracing::error_span!(
        "reconcile",
        controller = kind.to_ascii_lowercase(),
        controllerGroup = api::keys::IMAGE_GROUP,
        controllerKind = kind,
        namespace,
        name,
        reconcileID = random_uuid(),
    )
}

fn filter(level: LevelFilter) -> Targets {
    let libraries = level.min(match level {
        LevelFilter::TRACE => LevelFilter::INFO,
        _ => LevelFilter::WARN,
    });
    let ours = OURS.map(|target| (target, level));
    Targets::new()
        .with_default(libraries)
        .with_targets(ours)
        .with_target(TWICE_TOLD, LevelFilter::OFF)
}

/// Writes each message as one line.
struct Lines<W> {
    encoding: Encoding,
    output: Mutex<W>,
}

/// What a span says of the messages in it.
struct SpanFields(Map<String, Value>);

impl<W> Lines<W> {
    fn new(encoding: Encoding, output: W) -> Self {
        Self {
            encoding,
            output: Mutex::new(output),
        }
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    W: Write + Send + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        // Spans of libraries say again, in their own words, what ours say.
        if let Some(span) = context
            .span(id)
            .filter(|_| is_ours(attributes.metadata().target()))
        {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(SpanFields(fields.0));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(known) = span.extensions_mut().get_mut::<SpanFields>() {
            let mut fields = Fields(std::mem::take(&mut known.0));
            values.record(&mut fields);
            known.0 = fields.0;
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut about = Map::new();
        let spans = context.event_scope(event).into_iter();
        for span in spans.flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<SpanFields>() {
                about.extend(fields.0.clone());
            }
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = line(
            self.encoding,
            *event.metadata().level(),
            Timestamp::now(),
            about,
            fields.0,
        );
        // A log that cannot be written cannot be told of either.
        let mut output = self
            .output
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let _ = output.write_all(line.as_bytes());
    }
}

fn is_ours(target: &str) -> bool {
    let root = target.split("::").next().unwrap_or_default();
    OURS.contains(&root)
}

/// One line: what is common to all, what the spans say, what the message says.
fn line(
    encoding: Encoding,
    level: Level,
    time: Timestamp,
    mut about: Map<String, Value>,
    mut fields: Map<String, Value>,
) -> String {
    let message = fields.shift_remove("message").unwrap_or_default();
    add_object(&mut about);
    about.extend(fields);
    let (level, time) = (level_name(level), format!("{time:.3}"));
    match encoding {
        Encoding::Json => {
            let mut line = Map::new();
            line.insert("level".to_owned(), json!(level));
            line.insert("ts".to_owned(), json!(time));
            line.insert("msg".to_owned(), message);
            line.extend(about);
            format!("{}\n", Value::Object(line))
        }
        Encoding::Console => {
            let level = level.to_uppercase();
            let message = message.as_str().unwrap_or_default();
            match about.is_empty() {
                true => format!("{time}\t{level}\t{message}\n"),
                false => format!("{time}\t{level}\t{message}\t{}\n", Value::Object(about)),
            }
        }
    }
}

/// Says the object once more under its kind, behind the kind, where Flux has it.
fn add_object(about: &mut Map<String, Value>) {
    let text = |key: &str| about.get(key)?.as_str().map(str::to_owned);
    let (Some(kind), Some(namespace), Some(name)) =
        (text("controllerKind"), text("namespace"), text("name"))
    else {
        return;
    };
    let after = about.keys().position(|key| key == "controllerKind");
    let object = json!({"name": name, "namespace": namespace});
    about.shift_insert(after.map_or(0, |kind| kind + 1), kind, object);
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::TRACE => "trace",
        Level::DEBUG => "debug",
        Level::INFO => "info",
        Level::WARN => "warn",
        Level::ERROR => "error",
    }
}

/// Collects the fields of a span or a message as JSON.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn set(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, json!(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, json!(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, json!(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.set(field, json!(crate::chain::Chain(value).to_string()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, json!(format!("{value:?}")));
    }
}

/// A random UUID of version 4.
fn random_uuid() -> String {
    // Each `RandomState` has keys of its own.
    let random = || RandomState::new().build_hasher().finish();
    let (high, low) = (random(), random());
    let version = (high & !0xf000) | 0x4000;
    let variant = (low & (u64::MAX >> 2)) | (1 << 63);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        version >> 32,
        (version >> 16) & 0xffff,
        version & 0xffff,
        variant >> 48,
        variant & 0xffff_ffff_ffff,
    )
}
