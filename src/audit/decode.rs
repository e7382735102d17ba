//! From the bytes of a record to events.
//!
//! ```text
//! record ─ UTF-8? ─▶ text ─ one pass as an event that passes over what nobody reads (`reader`) ─▶ sink(Ok)
//!                     ▲      │ that was no event, or more is wanted of it
//!                     │      ▼
//!                     │    one pass as an event ─┬─ an event ─────────────────▶ sink(Ok)
//!                     ├──── each item ───────────┼─ a list
//!                     ├──── what it carries ─────┼─ a wrapping
//!                     └──── mended ──────────────┴─ an error ─ or named ──────▶ sink(Err)
//! ```
//!
//! Invariants: no input panics; every record gives at least one result; an event that is written raw is read in one pass and
//! borrowed, and only a record that fails is read again; what bodies hold never rejects an event.

mod body;
mod body_mode;
mod bracket;
mod envelope;
mod lanes;
mod list;
mod reader;
mod specials;
mod surrogate;
mod take;
mod unescape;
mod wrap;

#[cfg(test)]
pub(crate) mod tests;

pub(super) use bracket::len_of_value;
pub(super) use wrap::CARRIERS;

use super::event::Event;
use super::redact::Unusable;
use super::reject::{Reject, RejectReason};
use body_mode::BodyMode;
use envelope::Draft;
use reader::Reader;
use serde::de::DeserializeSeed;
use serde_json::error::Category;
use serde_json::value::RawValue;
use take::strict;
use unescape::unescape;
use wrap::Wrapping;

/// How often an event may be wrapped in something else.
const MAX_WRAPPINGS: usize = 8;

/// What is wanted of an event beside its own fields.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// The evidence in the bodies, [`Event::request`] and [`Event::response`].
    pub evidence: Reading,
    /// The bodies as they stand, [`Event::request_raw`] and [`Event::response_raw`].
    pub raw_bodies: bool,
}

/// How much of the evidence in the bodies is read.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// Nothing.
    #[default]
    Nothing,
    /// At least what causes are found by and what summaries tell. Not who manages which field, nor what is in a list that was read, nor
    /// most of a `spec`: these are passed over by their brackets, and damage in them goes unseen.
    Causes,
    /// All of it: the features of a label model are more than that.
    Whole,
}

impl Want {
    fn body_mode(self) -> BodyMode {
        match self {
            Want { raw_bodies: true, evidence } => BodyMode::Raw { evidence: evidence != Reading::Nothing },
            Want { evidence: Reading::Nothing, .. } => BodyMode::Skip,
            Want { evidence: Reading::Causes, .. } => BodyMode::Causes,
            Want { evidence: Reading::Whole, .. } => BodyMode::Evidence,
        }
    }
}

/// Takes each event, or the reason why there is none, with its index within the record.
pub type Sink<'s> = dyn for<'e> FnMut(u32, Result<&Event<'e>, Reject>) + 's;

/// Decodes one record, a line or a Kafka value, and gives what it holds to `sink`, at least one result, in order. Returns how
/// many results there were.
///
/// A result is borrowed from the record or from an unescaped copy that lives as long as the call of `sink`.
///
/// ```
/// use causeway::audit::decode::{Want, decode};
///
/// let line = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"7","stage":"ResponseComplete","verb":"get",
///     "requestURI":"/version","stageTimestamp":"2026-11-21T07:10:15.863533Z"}"#;
/// decode(line, Want::default(), &mut |_, event| assert_eq!(event.unwrap().verb, "get"));
/// ```
pub fn decode(record: &[u8], want: Want, sink: &mut Sink<'_>) -> u32 {
    let mut decoder = Decoder { mode: want.body_mode(), want, results: 0, sink };
    // the first looks at 32 bytes at a time, the second says where it stopped
    match simdutf8::basic::from_utf8(record).or_else(|_| std::str::from_utf8(record)) {
        Ok(text) => decoder.text(text, &Path::default()),
        Err(error) => {
            let message = format!("invalid UTF-8 at byte {}", error.valid_up_to());
            decoder.reject(RejectReason::BadUtf8, "", message, Unusable::Bytes(record), &Path::default());
        }
    }
    decoder.results
}

/// Where a text lies within the record.
#[derive(Clone, Default)]
struct Path {
    json: String,
    wrappings: usize,
}

impl Path {
    fn of(&self, step: &str) -> Path {
        Path { json: self.join(step), wrappings: self.wrappings + 1 }
    }

    fn join(&self, step: &str) -> String {
        let dot = if self.json.is_empty() || step.is_empty() || step.starts_with('[') { "" } else { "." };
        format!("{}{dot}{step}", self.json)
    }
}

struct Decoder<'s, 'f> {
    mode: BodyMode,
    want: Want,
    results: u32,
    sink: &'s mut Sink<'f>,
}

impl Decoder<'_, '_> {
    /// Gives the event that the text holds; false, with nothing given, unless it holds one and nothing is wrong with it.
    fn plain_event(&mut self, json: &str) -> bool {
        let mut draft = Draft::new(self.mode);
        let mut reader = Reader::new(json);
        let read = strict(&mut draft).deserialize(&mut reader).and_then(|()| reader.end());
        let whole = read.is_ok() && draft.is_event() && draft.finish().is_ok();
        if whole {
            self.give(Ok(&draft.event));
        }
        whole
    }

    /// A text that should hold JSON.
    fn text(&mut self, text: &str, path: &Path) {
        if path.wrappings > MAX_WRAPPINGS {
            let message = format!("wrapped more than {MAX_WRAPPINGS} times");
            return self.reject(RejectReason::TooDeep, "", message, Unusable::Bytes(text.as_bytes()), path);
        }
        let json = without_prefix(text);
        if json.starts_with('"') {
            return self.string(json, path);
        }
        if self.plain_event(json) {
            return;
        }
        let mut draft = Draft::new(self.mode);
        match read(json, &mut draft) {
            Ok(()) => self.object(json, draft, path),
            Err(error) if error.classify() == Category::Data => self.wrapped(json, Some(error), path),
            Err(error) => self.defective(json, error, path),
        }
    }

    /// An object that was read as an event without an error.
    fn object(&mut self, json: &str, mut draft: Draft<'_>, path: &Path) {
        if draft.is_event() {
            match draft.finish() {
                Ok(()) => {
                    if !self.want.raw_bodies {
                        (draft.event.request_raw, draft.event.response_raw) = (None, None);
                    }
                    self.give(Ok(&draft.event));
                }
                Err(defect) => self.reject(defect.reason, defect.path, defect.message, Unusable::Json(json), path),
            }
        } else if let Some((name, value)) = draft.wrapping.carrier() {
            self.text(value.get(), &path.of(name));
        } else {
            self.wrapped(json, None, path);
        }
    }

    /// A JSON text that is no event itself: `error` says why, when it looked like one.
    fn wrapped(&mut self, json: &str, error: Option<serde_json::Error>, path: &Path) {
        match json.as_bytes().first() {
            Some(b'{') => match Wrapping::of(json) {
                Ok(wrapping) => match (wrapping.is_event, error, wrapping.carrier()) {
                    (true, Some(error), _) => {
                        let message = error.to_string();
                        let place = path_of_wrong_type(json);
                        self.reject(RejectReason::WrongType, &place, message, Unusable::Json(json), path);
                    }
                    (_, _, Some((name, value))) => self.text(value.get(), &path.of(name)),
                    _ => self.no_event(Unusable::Json(json), path),
                },
                Err(error) => self.defective(json, error, path),
            },
            Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(json) {
                // one reject for the whole of it, not one for each of a million numbers
                Ok(elements) if elements.is_empty() || !wrap::may_hold_event(json) => {
                    self.no_event(Unusable::Json(json), path)
                }
                Ok(elements) => {
                    for (index, element) in elements.iter().enumerate() {
                        self.text(element.get(), &path.of(&format!("[{index}]")));
                    }
                }
                Err(error) => self.defective(json, error, path),
            },
            _ => self.no_event(Unusable::Bytes(json.as_bytes()), path),
        }
    }

    /// A JSON string, with JSON in it perhaps.
    fn string(&mut self, json: &str, path: &Path) {
        match unescape(json) {
            Ok(text) => self.text(&text, &Path { json: path.json.clone(), wrappings: path.wrappings + 1 }),
            Err(error) => self.defective(json, error, path),
        }
    }

    /// A text that is not valid JSON, or not only one: mends what can be mended.
    fn defective(&mut self, json: &str, error: serde_json::Error, path: &Path) {
        let words = error.to_string();
        if words.contains("hex escape")
            && let Some(mended) = surrogate::mend(json)
        {
            return self.text(&mended, path);
        }
        if words.starts_with("trailing characters")
            && let Some(values) = several(json)
        {
            for (value, index) in values.into_iter().zip(0_usize..) {
                self.text(value, &path.of(&format!("[{index}]")));
            }
            return;
        }
        // A number that no type holds costs the evidence of its body only.
        if words.starts_with("number out of range") && matches!(self.mode, BodyMode::Causes | BodyMode::Evidence) {
            let mut draft = Draft::new(BodyMode::Raw { evidence: true });
            if read(json, &mut draft).is_ok() {
                return self.object(json, draft, path);
            }
        }
        let (reason, message) = match error.classify() {
            _ if words.starts_with("recursion limit") => (RejectReason::TooDeep, words),
            Category::Eof if json.is_empty() => (RejectReason::BadJson, "the record is empty".to_owned()),
            Category::Eof => (RejectReason::BadJson, format!("the record is cut off: {words}")),
            _ => (RejectReason::BadJson, words),
        };
        self.reject(reason, "", message, Unusable::Damaged(json, &error), path);
    }

    fn no_event(&mut self, record: Unusable<'_>, path: &Path) {
        let message = "neither an audit.k8s.io event nor a wrapping of one".to_owned();
        self.reject(RejectReason::NotAnEvent, "", message, record, path);
    }

    fn reject(&mut self, reason: RejectReason, place: &str, message: String, record: Unusable<'_>, path: &Path) {
        self.give(Err(Reject::new(reason, path.join(place), message, record)));
    }

    fn give(&mut self, result: Result<&Event<'_>, Reject>) {
        (self.sink)(self.results, result);
        self.results = self.results.saturating_add(1);
    }
}

/// Reads `json` as an event.
fn read<'de>(json: &'de str, draft: &mut Draft<'de>) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    strict(draft).deserialize(&mut deserializer)?;
    deserializer.end()
}

/// JSON path of the first wrong type in an event; the second reading that it costs is paid by rejects only.
fn path_of_wrong_type(json: &str) -> String {
    let mut track = serde_path_to_error::Track::new();
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let tracked = serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
    match strict(&mut Draft::new(BodyMode::Skip)).deserialize(tracked) {
        Ok(()) => String::new(),
        Err(_) => track.path().to_string(),
    }
}

/// The parts of a record that holds several JSON texts, one after the other; what follows the last whole one is a part too.
/// `None` unless the first one is whole and something follows it.
fn several(text: &str) -> Option<Vec<&str>> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let mut parts = Vec::new();
    let mut end = 0;
    while let Some(Ok(value)) = values.next() {
        parts.push(value.get());
        end = values.byte_offset();
    }
    let rest = text.get(end..).map_or("", str::trim_ascii);
    if !rest.is_empty() {
        parts.push(rest);
    }
    (parts.len() > 1).then_some(parts)
}

/// `text` without a byte order mark, white space, and the prefix that container runtimes write before each line.
fn without_prefix(text: &str) -> &str {
    let text = text.trim_start_matches('\u{feff}').trim_ascii();
    let runtime_line = text.starts_with(|c: char| c.is_ascii_digit()).then(|| {
        // 2026-11-21T07:10:15.863533Z stdout F {…}
        let mut words = text.splitn(4, ' ');
        let (_time, stream, tag) = (words.next()?, words.next()?, words.next()?);
        (matches!(stream, "stdout" | "stderr") && tag == "F").then(|| words.next())?
    });
    runtime_line.flatten().unwrap_or(text)
}
