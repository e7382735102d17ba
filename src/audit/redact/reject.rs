//! What may be shown of a record that is no event.
//!
//! Such bytes cannot be trusted to be what they seem, so nothing is blanked out: what is shown is picked. Invariant: the excerpt
//! holds nothing but strings of the fixed lists below as member names, and the values of members of that name
//! - that stand in an object which has an `auditID` or a `requestURI` of its own, or in one of its parts,
//! - with nothing but carriers of events around that object,
//! - before the first byte at which the record stops being valid JSON,
//! - that are short and do not look like credentials.
//!
//! So bodies, messages, values of Secrets, and whatever follows a defect never show.

use super::cursor::Cursor;
use super::valid::{Unusable, Valid};
use super::{REDACTED, text::redact_text, uri::redact_uri};
use crate::audit::decode::CARRIERS;
use std::borrow::Cow;

/// Bytes of an excerpt.
const MAX_EXCERPT_LEN: usize = 4 * 1024;
/// Bytes that most excerpts need.
const USUAL_LEN: usize = 1024;
/// Bytes of one value.
const MAX_VALUE_LEN: usize = 256;
/// Wrappings that are followed.
const MAX_DEPTH: usize = 8;
/// Elements of a list.
const MAX_SCALARS: usize = 32;
/// Length of a run of base64 characters that is taken for a secret, and of one that has digits too.
const MIN_BASE64_LEN: (usize, usize) = (32, 20);

/// Harmless scalars of an event, and lists of scalars.
const SCALARS: [&str; 15] = [
    "apiVersion",
    "auditID",
    "code",
    "groups",
    "kind",
    "level",
    "requestReceivedTimestamp",
    "requestURI",
    "sourceIPs",
    "stage",
    "stageTimestamp",
    "timestamp",
    "userAgent",
    "username",
    "verb",
];
/// Those of them that are lists.
const LISTS: [&str; 2] = ["groups", "sourceIPs"];
/// Harmless scalars of the parts of an event.
const PART_SCALARS: [&str; 11] = [
    "apiGroup",
    "apiVersion",
    "code",
    "groups",
    "name",
    "namespace",
    "reason",
    "resource",
    "subresource",
    "status",
    "username",
];
/// Parts of an event.
const PARTS: [&str; 4] = ["impersonatedUser", "objectRef", "responseStatus", "user"];

/// What may be shown of `record`: at most 4 KiB of text, no secrets (see the invariant above).
pub fn redact_reject(record: Unusable<'_>) -> String {
    let record_len = record.len();
    let valid = Valid::of(record);
    let mut excerpt = String::with_capacity(USUAL_LEN);
    let end = Picker::new(valid.text(), 0).value(&mut excerpt);
    if excerpt.len() > MAX_EXCERPT_LEN {
        excerpt.truncate(excerpt.floor_char_boundary(MAX_EXCERPT_LEN - 64));
    }
    if end.is_none() || excerpt.is_empty() {
        excerpt.push_str(&format!("… ({record_len} bytes)"));
    }
    excerpt
}

/// Picks what may be shown. Each method returns `None` where it can go no further: the valid JSON ends, it is nested too deeply, half of
/// a surrogate stands in a text, or the excerpt is long enough.
struct Picker<'t> {
    json: Cursor<'t>,
    depth: usize,
}

impl<'t> Picker<'t> {
    fn new(json: &'t str, depth: usize) -> Picker<'t> {
        Picker { json: Cursor::new(json), depth }
    }

    /// A value that may be an event or carry one.
    fn value(&mut self, out: &mut String) -> Option<()> {
        match self.json.peek()? {
            b'{' => self.object(out),
            b'[' => self.list(out),
            b'"' => self.carried(out),
            _ => self.json.skip(),
        }
    }

    fn list(&mut self, out: &mut String) -> Option<()> {
        self.descend()?;
        out.push('[');
        let mut first = true;
        while self.json.more(b'[', b']', first)? {
            if out.len() >= MAX_EXCERPT_LEN {
                return None;
            }
            if !first {
                out.push(',');
            }
            self.value(out)?;
            first = false;
        }
        self.depth -= 1;
        out.push(']');
        Some(())
    }

    /// A string with JSON in it; one that is cut off is followed to its end.
    fn carried(&mut self, out: &mut String) -> Option<()> {
        self.descend()?;
        let literal = self.json.rest();
        let (inner, whole) = match self.json.string() {
            Some(inner) => (inner, Some(())),
            None => (Cow::Owned(cut_string(literal)?), None),
        };
        if inner.trim_ascii_start().starts_with(['{', '[', '"']) {
            Picker::new(Valid::of(Unusable::Bytes(inner.as_bytes())).text(), self.depth).value(out)?;
        }
        self.depth -= 1;
        whole
    }

    /// An object: an event, of which the harmless members are shown, or something else, of which only what it carries is.
    fn object(&mut self, out: &mut String) -> Option<()> {
        self.descend()?;
        let (mut shown, mut carried, mut is_event) = (String::with_capacity(USUAL_LEN), String::new(), false);
        let end = self.members(|this, name| {
            is_event |= matches!(name, "auditID" | "requestURI");
            if SCALARS.contains(&name) {
                this.scalar(name, &mut shown)
            } else if PARTS.contains(&name) {
                this.part(name, &mut shown)
            } else if CARRIERS.contains(&name) && (name != "data" || this.json.peek() == Some(b'"')) {
                // `data` only as a string: an object of that name may be the contents of a Secret
                let mut inner = String::new();
                let end = this.value(&mut inner);
                if !inner.is_empty() {
                    push_name(name, &mut carried);
                    carried.push_str(&inner);
                    carried.push(',');
                }
                end
            } else {
                this.json.skip()
            }
        });
        self.depth = self.depth.saturating_sub(1);
        out.push('{');
        out.push_str(if is_event { &shown } else { &carried });
        close_object(out);
        end
    }

    /// One of the parts of an event.
    fn part(&mut self, name: &str, out: &mut String) -> Option<()> {
        let first = self.json.peek()?;
        push_name(name, out);
        let end = if first == b'{' {
            out.push('{');
            let end =
                self.members(
                    |this, name| {
                        if PART_SCALARS.contains(&name) { this.scalar(name, out) } else { this.json.skip() }
                    },
                );
            close_object(out);
            end
        } else {
            push_plain(REDACTED, out);
            self.json.skip()
        };
        out.push(',');
        end
    }

    /// Reads the members of an object: `read` is given each name and reads the value.
    fn members(&mut self, mut read: impl FnMut(&mut Self, &str) -> Option<()>) -> Option<()> {
        let mut first = true;
        while self.json.more(b'{', b'}', first)? {
            let name = self.json.string()?;
            self.json.pass(b':')?;
            read(self, &name)?;
            first = false;
        }
        Some(())
    }

    /// A harmless scalar or list of scalars; nothing of a text or list that is cut off.
    fn scalar(&mut self, name: &str, out: &mut String) -> Option<()> {
        let start = out.len();
        push_name(name, out);
        let end = if LISTS.contains(&name) && self.json.peek() == Some(b'[') {
            self.scalars(name, out)
        } else {
            self.harmless(name, out)
        };
        match end {
            Some(()) => out.push(','),
            None => out.truncate(start),
        }
        end
    }

    /// A list of scalars, of which the first 32 are shown.
    fn scalars(&mut self, name: &str, out: &mut String) -> Option<()> {
        out.push('[');
        let mut count = 0;
        while self.json.more(b'[', b']', count == 0)? {
            if count < MAX_SCALARS {
                out.push_str(if count > 0 { "," } else { "" });
                self.harmless(name, out)?;
            } else {
                self.json.skip()?;
            }
            count += 1;
        }
        out.push(']');
        Some(())
    }

    /// The value of the member `name`, if it is harmless; [`REDACTED`] in its place otherwise.
    fn harmless(&mut self, name: &str, out: &mut String) -> Option<()> {
        match self.json.peek()? {
            b'"' => push_text(name, self.json.string()?, out),
            b'{' | b'[' => {
                self.json.skip()?;
                push_plain(REDACTED, out);
            }
            _ => {
                let word = self.json.word()?;
                let is_code = name == "code" && word.parse().is_ok_and(|code: u16| code < 1_000);
                if is_code || word == "null" { out.push_str(word) } else { push_plain(REDACTED, out) }
            }
        }
        Some(())
    }

    fn descend(&mut self) -> Option<()> {
        self.depth += 1;
        (self.depth <= MAX_DEPTH).then_some(())
    }
}

fn push_name(name: &str, out: &mut String) {
    push_plain(name, out);
    out.push(':');
}

/// The end of an object, each of whose members has a comma behind it.
fn close_object(out: &mut String) {
    if out.ends_with(',') {
        out.pop();
    }
    out.push('}');
}

/// `text` as a JSON string, if nothing in it has to be escaped.
fn push_plain(text: &str, out: &mut String) {
    out.push('"');
    out.push_str(text);
    out.push('"');
}

/// `text` as the value of the member `name`, without what may be a secret.
fn push_text(name: &str, text: Cow<'_, str>, out: &mut String) {
    if !has_form(name, &text) {
        return push_plain(REDACTED, out);
    }
    let shown = if name == "requestURI" { redact_uri(&text) } else { redact_text(&text) };
    if shown.len() > MAX_VALUE_LEN || has_base64_run(&shown) {
        return push_plain(REDACTED, out);
    }
    match (&text, &shown) {
        // as it stands in the record
        (Cow::Borrowed(_), Cow::Borrowed(shown)) => push_plain(shown, out),
        _ => out.push_str(&serde_json::Value::from(&*shown).to_string()),
    }
}

/// The text of a string literal that lacks its end.
fn cut_string(literal: &str) -> Option<String> {
    // the cut may lie within an escape, at most twelve bytes long
    (0..12).find_map(|cut| {
        let kept = literal.get(..literal.len().checked_sub(cut)?)?;
        serde_json::from_str(&format!("{kept}\"")).ok()
    })
}

/// Whether `text` may be a value of the member `name` at all: of those that have a form, another text may be anything.
fn has_form(name: &str, text: &str) -> bool {
    let word = |longest| text.len() <= longest && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    match name {
        "code" => false,
        "level" => matches!(text, "None" | "Metadata" | "Request" | "RequestResponse"),
        "stage" => matches!(text, "RequestReceived" | "ResponseStarted" | "ResponseComplete" | "Panic"),
        "verb" => word(20),
        "kind" => word(40),
        "requestReceivedTimestamp" | "stageTimestamp" | "timestamp" => {
            text.bytes().all(|byte| byte.is_ascii_digit() || b"TtZz:.+- ".contains(&byte))
        }
        _ => true,
    }
}

/// Whether there is a long run of characters of base64 as a name, a path or an id would not have one: capitals and small
/// letters mixed.
fn has_base64_run(text: &str) -> bool {
    let (bare, with_digits) = MIN_BASE64_LEN;
    text.as_bytes().split(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'=' | b'_'))).any(|run| {
        let has = |class: fn(&u8) -> bool| run.iter().any(class);
        let long = run.len() >= bare || (run.len() >= with_digits && has(u8::is_ascii_digit));
        long && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)
    })
}
