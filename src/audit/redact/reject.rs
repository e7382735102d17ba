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

use super::{REDACTED, text::redact_text, uri::redact_uri};
use crate::audit::decode::CARRIERS;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

/// Bytes of a record that are looked at.
const MAX_INPUT_LEN: usize = 64 * 1024;
/// Bytes of an excerpt.
const MAX_EXCERPT_LEN: usize = 4 * 1024;
/// Bytes of one value.
const MAX_VALUE_LEN: usize = 256;
/// Wrappings that are followed.
const MAX_DEPTH: usize = 8;
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
/// What may be shown of `bytes`: at most 4 KiB of text, no secrets (see the invariant above).
pub fn redact_reject(bytes: &[u8]) -> String {
    let head = bytes.get(..MAX_INPUT_LEN).unwrap_or(bytes);
    let text = String::from_utf8_lossy(head);
    let mut excerpt = String::new();
    let end = Scan { text: text.trim_start_matches('\u{feff}'), depth: 0 }.value(&mut excerpt);
    if excerpt.len() > MAX_EXCERPT_LEN {
        let cut = (0..=MAX_EXCERPT_LEN - 64).rev().find(|at| excerpt.is_char_boundary(*at)).unwrap_or(0);
        excerpt.truncate(cut);
    }
    if end.is_none() || excerpt.is_empty() {
        excerpt.push_str(&format!("… ({} bytes)", bytes.len()));
    }
    excerpt
}

/// Reads JSON from its start as far as it is valid. Each method that reads returns `None` where it is no longer.
struct Scan<'t> {
    text: &'t str,
    depth: usize,
}

impl Scan<'_> {
    /// The next byte after white space.
    fn peek(&mut self) -> Option<u8> {
        self.text = self.text.trim_start_matches([' ', '\t', '\n', '\r']);
        self.text.bytes().next()
    }

    fn skip_byte(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.text = self.text.get(1..).unwrap_or_default())
    }

    /// Reads one value of any shape.
    fn read<T: DeserializeOwned>(&mut self) -> Option<T> {
        let mut values = serde_json::Deserializer::from_str(self.text).into_iter::<T>();
        let value = values.next()?.ok()?;
        self.text = self.text.get(values.byte_offset()..)?;
        Some(value)
    }

    /// A value that may be an event or carry one.
    fn value(&mut self, out: &mut String) -> Option<()> {
        match self.peek()? {
            b'{' => self.object(out),
            b'[' => self.list(out),
            b'"' => self.string(out),
            _ => self.read::<IgnoredAny>().map(drop),
        }
    }

    fn list(&mut self, out: &mut String) -> Option<()> {
        self.descend()?;
        self.skip_byte(b'[')?;
        out.push('[');
        let mut closed = self.skip_byte(b']');
        while closed.is_none() && out.len() < MAX_EXCERPT_LEN {
            self.value(out)?;
            closed = self.skip_byte(b']');
            if closed.is_none() {
                self.skip_byte(b',')?;
                out.push(',');
            }
        }
        self.depth -= 1;
        out.push(']');
        closed
    }

    /// A string with JSON in it; one that is cut off is followed to its end.
    fn string(&mut self, out: &mut String) -> Option<()> {
        self.descend()?;
        let (inner, whole) = match self.read::<String>() {
            Some(inner) => (inner, Some(())),
            None => (cut_string(self.text)?, None),
        };
        let mut scan = Scan { text: &inner, depth: self.depth };
        if matches!(scan.peek(), Some(b'{' | b'[' | b'"')) {
            scan.value(out)?;
        }
        self.depth -= 1;
        whole
    }

    /// An object: an event, of which the harmless members are shown, or something else, of which only what it carries is.
    fn object(&mut self, out: &mut String) -> Option<()> {
        self.descend()?;
        let (mut shown, mut carried, mut is_event) = (String::new(), String::new(), false);
        let end = self.members(|scan, name| {
            is_event |= matches!(name, "auditID" | "requestURI");
            if SCALARS.contains(&name) {
                scan.scalar(name, &mut shown)
            } else if PARTS.contains(&name) {
                scan.part(name, &mut shown)
            } else if CARRIERS.contains(&name) && (name != "data" || scan.peek() == Some(b'"')) {
                // `data` only as a string: an object of that name may be the contents of a Secret
                let mut inner = String::new();
                let end = scan.value(&mut inner);
                if !inner.is_empty() {
                    carried.push_str(&format!("\"{name}\":{inner},"));
                }
                end
            } else {
                scan.read::<IgnoredAny>().map(drop)
            }
        });
        self.depth = self.depth.saturating_sub(1);
        let members = if is_event { shown } else { carried };
        out.push_str(&format!("{{{}}}", members.trim_end_matches(',')));
        end
    }

    /// One of the parts of an event.
    fn part(&mut self, name: &str, out: &mut String) -> Option<()> {
        if self.peek()? != b'{' {
            out.push_str(&format!("\"{name}\":\"{REDACTED}\","));
            return self.read::<IgnoredAny>().map(drop);
        }
        let mut shown = String::new();
        let end = self.members(|scan, name| {
            if PART_SCALARS.contains(&name) {
                scan.scalar(name, &mut shown)
            } else {
                scan.read::<IgnoredAny>().map(drop)
            }
        });
        out.push_str(&format!("\"{name}\":{{{}}},", shown.trim_end_matches(',')));
        end
    }

    /// Reads the members of an object: `read` is given each name and reads the value.
    fn members(&mut self, mut read: impl FnMut(&mut Self, &str) -> Option<()>) -> Option<()> {
        self.skip_byte(b'{')?;
        let mut closed = self.skip_byte(b'}');
        while closed.is_none() {
            let name: String = self.read()?;
            self.skip_byte(b':')?;
            read(self, &name)?;
            closed = self.skip_byte(b'}');
            if closed.is_none() {
                self.skip_byte(b',')?;
            }
        }
        closed
    }

    /// A harmless scalar or list of scalars.
    fn scalar(&mut self, name: &str, out: &mut String) -> Option<()> {
        let shown = match self.read::<Value>()? {
            Value::Array(values) if LISTS.contains(&name) => {
                Value::Array(values.into_iter().take(32).map(|value| harmless(name, value)).collect())
            }
            value => harmless(name, value),
        };
        out.push_str(&format!("\"{name}\":{shown},"));
        Some(())
    }

    fn descend(&mut self) -> Option<()> {
        self.depth += 1;
        (self.depth <= MAX_DEPTH).then_some(())
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

/// `value` of the member `name`, if it is harmless; what it was otherwise.
fn harmless(name: &str, value: Value) -> Value {
    match value {
        Value::String(text) if has_form(name, &text) => {
            let text = if name == "requestURI" { redact_uri(&text) } else { redact_text(&text) };
            let plain = text.len() <= MAX_VALUE_LEN && !has_base64_run(&text);
            Value::String(if plain { text.into_owned() } else { REDACTED.to_owned() })
        }
        Value::Number(number) if name == "code" && number.as_u64().is_some_and(|code| code < 1_000) => number.into(),
        Value::Null => Value::Null,
        _ => Value::String(REDACTED.to_owned()),
    }
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
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '=' | '_'))).any(|run| {
        let has = |class: fn(&u8) -> bool| run.bytes().any(|byte| class(&byte));
        let long = run.len() >= bare || (run.len() >= with_digits && has(u8::is_ascii_digit));
        long && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)
    })
}
