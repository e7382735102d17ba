//! Bodies: copied member by member, without what is secret. No tree is built, numbers and order stay as they are.
//!
//! What a member is called decides, wherever it stands and whatever the body's kind, so that Secrets in lists, tables, patches
//! without a kind, objects within objects and objects within strings are covered alike. That takes the `data` of some harmless objects too.

use super::assignment::redact_assignments;
use super::{REDACTED, text::redact_message, text::redact_text};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Members that are replaced as a whole, in lower case: contents of Secrets and ConfigMaps, and tokens in token reviews,
/// token requests and bootstrap objects.
const SECRET_MEMBERS: [&str; 9] =
    ["data", "stringdata", "binarydata", "token", "password", "clientsecret", "accesstoken", "refreshtoken", "idtoken"];

/// A body without secrets, as JSON. A body that is a bare string, or nested so deeply that it cannot be followed, is replaced
/// as a whole; of a JSON patch (a list) every `value` is.
pub fn redact_body(body: &RawValue) -> String {
    let mut copy = String::with_capacity(body.get().len());
    let about_secret = ["ecret", "onfig", "oken"].iter().any(|part| body.get().contains(part));
    let scope = match body.get().as_bytes().first() {
        Some(b'{') => Scope { patch: false, about_secret },
        Some(b'[') => Scope { patch: true, about_secret },
        _ => return format!("\"{REDACTED}\""),
    };
    let mut deserializer = serde_json::Deserializer::from_str(body.get());
    match (Copier { copy: &mut copy, scope }).deserialize(&mut deserializer) {
        Ok(()) => copy,
        Err(_) => format!("\"{REDACTED}\""),
    }
}

/// Where a value stands.
#[derive(Copy, Clone)]
struct Scope {
    /// Within a JSON patch, where `value` may hold anything and `path` says what.
    patch: bool,
    /// In a body that names Secrets, ConfigMaps or tokens anywhere: error messages in it may quote them.
    about_secret: bool,
}

/// Whether the value of `member` is secret. `f:` stands before the names of members in managed fields.
fn is_secret(member: &str, scope: Scope) -> bool {
    let name = member.strip_prefix("f:").unwrap_or(member).to_ascii_lowercase();
    SECRET_MEMBERS.contains(&&*name) || name.contains("last-applied") || (scope.patch && name == "value")
}

/// Copies one value.
struct Copier<'c> {
    copy: &'c mut String,
    scope: Scope,
}

impl Copier<'_> {
    fn scalar<T: fmt::Display, E>(self, value: T) -> Result<(), E> {
        use fmt::Write;
        // writing to a string cannot fail
        let _ = write!(self.copy, "{value}");
        Ok(())
    }
}

/// Writes `text` as a JSON string.
fn push_string<E: Error>(copy: &mut String, text: &str) -> Result<(), E> {
    copy.push_str(&serde_json::to_string(text).map_err(E::custom)?);
    Ok(())
}

impl<'de> DeserializeSeed<'de> for Copier<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Copier<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if !text.trim_ascii_start().starts_with(['{', '[']) {
            let resource = if self.scope.about_secret { "secrets" } else { "" };
            return push_string(self.copy, &redact_assignments(&redact_message(text, resource)));
        }
        // an object within a string, as tools keep in annotations of their own
        match serde_json::from_str::<&RawValue>(text) {
            Ok(inner) => push_string(self.copy, &redact_body(inner)),
            Err(_) => push_string(self.copy, REDACTED),
        }
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.scalar(value)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.scalar(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.scalar(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.copy.push_str(&serde_json::to_string(&number).map_err(E::custom)?);
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.scalar("null")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut separator = '{';
        while let Some(member) = map.next_key::<String>()? {
            self.copy.push(separator);
            separator = ',';
            push_string(self.copy, &redact_text(&member))?;
            self.copy.push(':');
            if is_secret(&member, self.scope) {
                map.next_value::<serde::de::IgnoredAny>()?;
                push_string(self.copy, REDACTED)?;
            } else {
                map.next_value_seed(Copier { copy: &mut *self.copy, scope: self.scope })?;
            }
        }
        self.copy.push_str(if separator == '{' { "{}" } else { "}" });
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.copy.push('[');
        let mut first = true;
        while list
            .next_element_seed(Element { copier: Copier { copy: &mut *self.copy, scope: self.scope }, first })?
            .is_some()
        {
            first = false;
        }
        self.copy.push(']');
        Ok(())
    }
}

/// Copies an element of a list, with the comma before it.
struct Element<'c> {
    copier: Copier<'c>,
    first: bool,
}

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if !self.first {
            self.copier.copy.push(',');
        }
        self.copier.deserialize(deserializer)
    }
}
