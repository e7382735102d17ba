//! The fast way through a record that is an event and nothing else: JSON read in place, what nobody reads passed over by its
//! brackets alone.
//!
//! ```text
//! {"auditID":"7", … "responseObject":{…}}
//!  key ─▶ wanted? ─┬─ a string: to the next quote, borrowed; where quotes stand is found out 256 bytes at a time (`specials`)
//!                  ├─ an object or a list that somebody reads: member by member
//!                  └─ anything else: to its end, 64 bytes at a time (`bracket`)
//! ```
//! Invariants: what it reads of valid JSON is what `serde_json` reads. It gives no reasons: at the first thing that it does
//! not expect (damage, a number of more than 18 digits, a value wanted as text) it is [`Unread`], and the record is read again
//! by `serde_json`, which is slower and says what is wrong. What is passed over is not known to be JSON.

use super::bracket::len_of_value;
use super::specials::Specials;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Most digits of an integer that surely fits into 64 bits.
const MAX_DIGITS: usize = 18;

/// The record is not read this way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unread;

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not plainly an event")
    }
}

impl std::error::Error for Unread {}

impl Error for Unread {
    fn custom<T: fmt::Display>(_: T) -> Unread {
        Unread
    }
}

/// A place in a JSON text.
pub(super) struct Reader<'de> {
    json: &'de str,
    at: usize,
    specials: Specials,
    /// Objects and lists begun and not ended.
    open: usize,
}

/// A string of the text.
enum Found {
    /// As it stands; where its text begins and ends.
    Plain(usize, usize),
    /// With escapes; where its quotes begin and end.
    Escaped(usize, usize),
}

impl<'de> Reader<'de> {
    /// A reader at the start of `json`.
    pub(super) fn new(json: &'de str) -> Reader<'de> {
        Reader { json, at: 0, specials: Specials::default(), open: 0 }
    }

    /// That nothing but white space follows.
    pub(super) fn end(mut self) -> Result<(), Unread> {
        self.peek().map_or(Ok(()), |_| Err(Unread))
    }

    fn rest(&self) -> &'de [u8] {
        self.json.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The next byte that is no white space.
    #[inline(always)]
    fn peek(&mut self) -> Option<u8> {
        match self.json.as_bytes().get(self.at) {
            Some(byte) if *byte > b' ' => Some(*byte),
            _ => self.peek_behind_space(),
        }
    }

    #[cold]
    fn peek_behind_space(&mut self) -> Option<u8> {
        let space = self.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
        self.at += space;
        self.json.as_bytes().get(self.at).copied()
    }

    /// Passes over this byte, and white space before it.
    #[inline(always)]
    fn pass(&mut self, byte: u8) -> Result<(), Unread> {
        if self.json.as_bytes().get(self.at) != Some(&byte) && self.peek_behind_space() != Some(byte) {
            return Err(Unread);
        }
        self.at += 1;
        Ok(())
    }

    /// The string that begins with the quote at hand. Nearly all end within 64 bytes and have no escapes: that much stands in line.
    #[inline(always)]
    fn string(&mut self) -> Result<Found, Unread> {
        self.pass(b'"')?;
        let start = self.at;
        let end = match self.specials.near(start) {
            Some(end) if self.json.as_bytes().get(end) == Some(&b'"') => end,
            _ => match self.far_end(start).ok_or(Unread)? {
                (end, false) => end,
                (end, true) => {
                    self.at = end + 1;
                    return Ok(Found::Escaped(start - 1, self.at));
                }
            },
        };
        self.at = end + 1;
        Ok(Found::Plain(start, end))
    }

    /// Where the string ends whose text begins at `start`, wherever that is and whatever it holds, and whether there are escapes in it.
    #[inline(never)]
    fn far_end(&mut self, start: usize) -> Option<(usize, bool)> {
        let (mut at, mut escaped) = (start, false);
        loop {
            at = self.specials.next(self.json, at)?;
            match self.json.as_bytes().get(at)? {
                b'"' => return Some((at, escaped)),
                b'\\' => (at, escaped) = (at + 2, true),
                _ => return None,
            }
        }
    }

    #[inline(always)]
    fn visit_string<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Unread> {
        match self.string()? {
            Found::Plain(start, end) => visitor.visit_borrowed_str(self.json.get(start..end).ok_or(Unread)?),
            Found::Escaped(start, end) => visitor.visit_string(self.unescaped(start, end)?),
        }
    }

    #[cold]
    fn unescaped(&self, start: usize, end: usize) -> Result<String, Unread> {
        self.json.get(start..end).and_then(|text| serde_json::from_str(text).ok()).ok_or(Unread)
    }

    /// The characters of the number at hand, whether or not they make one.
    fn number(&mut self) -> &'de [u8] {
        let rest = self.rest();
        let len = rest.iter().take_while(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).count();
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    fn integer(&mut self) -> Result<i64, Unread> {
        let text = self.number();
        let (negative, digits) = match text {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        // no leading zeros, and `-0` is a fraction
        let zero_first = digits.starts_with(b"0") && (negative || digits.len() > 1);
        if digits.is_empty() || digits.len() > MAX_DIGITS || zero_first {
            return Err(Unread);
        }
        let mut number = 0i64;
        for digit in digits {
            if !digit.is_ascii_digit() {
                return Err(Unread);
            }
            number = number * 10 + i64::from(digit - b'0');
        }
        Ok(if negative { -number } else { number })
    }

    fn word(&mut self, word: &str) -> Result<(), Unread> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(Unread);
        }
        self.at += word.len();
        Ok(())
    }

    /// Passes over the value at hand.
    fn skip(&mut self) -> Result<(), Unread> {
        match self.peek().ok_or(Unread)? {
            b'{' | b'[' => {
                self.at += len_of_value(self.rest()).ok_or(Unread)?;
                Ok(())
            }
            b'"' => self.string().map(drop),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'0'..=b'9' | b'-' => {
                self.number();
                Ok(())
            }
            _ => Err(Unread),
        }
    }

    /// Goes into the object or list at hand; an error unless the visitor came to its end.
    fn enter<T>(&mut self, visit: impl FnOnce(Parts<'_, 'de>) -> Result<T, Unread>) -> Result<T, Unread> {
        let open = self.open;
        self.at += 1;
        self.open += 1;
        let value = visit(Parts { reader: self, first: true })?;
        if self.open == open { Ok(value) } else { Err(Unread) }
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Unread;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.peek().ok_or(Unread)? {
            b'"' => self.visit_string(visitor),
            b'{' => self.enter(|members| visitor.visit_map(members)),
            b'[' => self.enter(|elements| visitor.visit_seq(elements)),
            b't' => self.word("true").and_then(|()| visitor.visit_bool(true)),
            b'f' => self.word("false").and_then(|()| visitor.visit_bool(false)),
            b'n' => self.word("null").and_then(|()| visitor.visit_unit()),
            _ => self.integer().and_then(|number| visitor.visit_i64(number)),
        }
    }

    /// Keys come so, and are given as bytes.
    #[inline(always)]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.string()? {
            Found::Plain(start, end) => {
                visitor.visit_borrowed_bytes(self.json.as_bytes().get(start..end).ok_or(Unread)?)
            }
            Found::Escaped(start, end) => visitor.visit_string(self.unescaped(start, end)?),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.skip().and_then(|()| visitor.visit_unit())
    }

    /// Only a value that is wanted as it stands is asked for so; that is `serde_json`'s own.
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, _: V) -> Result<V::Value, Unread> {
        Err(Unread)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map struct enum
    }
}

/// The members of an object or the elements of a list.
struct Parts<'r, 'de> {
    reader: &'r mut Reader<'de>,
    first: bool,
}

impl Parts<'_, '_> {
    /// Whether there is another part; the reader stands at it, or behind `close`.
    #[inline(always)]
    fn more(&mut self, close: u8) -> Result<bool, Unread> {
        let first = std::mem::take(&mut self.first);
        match self.reader.peek() {
            Some(b',') if !first => {
                self.reader.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.reader.at += 1;
                self.reader.open -= 1;
                Ok(false)
            }
            Some(_) if first => Ok(true),
            _ => Err(Unread),
        }
    }
}

impl<'de> MapAccess<'de> for Parts<'_, 'de> {
    type Error = Unread;

    #[inline(always)]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unread> {
        if self.more(b'}')? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unread> {
        self.reader.pass(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

impl<'de> SeqAccess<'de> for Parts<'_, 'de> {
    type Error = Unread;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unread> {
        if self.more(b']')? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::decode::body_mode::BodyMode;
    use crate::audit::decode::envelope::Draft;
    use crate::audit::decode::take::strict;
    use crate::audit::decode::tests::event;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// What of `json` is read this way, in full detail; `None` where it is not.
    fn fast(json: &str, mode: BodyMode) -> Option<String> {
        let (mut draft, mut reader) = (Draft::new(mode), Reader::new(json));
        strict(&mut draft).deserialize(&mut reader).ok()?;
        reader.end().ok()?;
        draft.finish().ok()?;
        Some(format!("{:?}", draft.event))
    }

    fn slow(json: &str, mode: BodyMode) -> Option<String> {
        let (mut draft, mut deserializer) = (Draft::new(mode), serde_json::Deserializer::from_str(json));
        strict(&mut draft).deserialize(&mut deserializer).ok()?;
        deserializer.end().ok()?;
        draft.finish().ok()?;
        Some(format!("{:?}", draft.event))
    }

    #[test]
    fn an_event_is_read_whole() {
        for json in [event("a").to_string(), serde_json::to_string_pretty(&event("a")).unwrap()] {
            for mode in [BodyMode::Skip, BodyMode::Evidence] {
                assert!(fast(&json, mode).is_some());
                assert_eq!(fast(&json, mode), slow(&json, mode));
            }
            assert_eq!(fast(&json, BodyMode::Raw { evidence: true }), None);
        }
    }

    #[test]
    fn what_is_odd_is_left_to_the_slow_way() {
        let event = event("a").to_string();
        let head = event.strip_suffix('}').unwrap();
        for tail in [
            "",
            "}}",
            "} x",
            ",}",
            ",\"k\":}",
            ",\"k\" 1}",
            ",k:1}",
            ",\"verb\":tru}",
            ",\"verb\":\"a\nb\"}",
            ",\"k\":\"a\nb\"}",
        ] {
            assert_eq!(fast(&format!("{head}{tail}"), BodyMode::Evidence), None, "{tail}");
        }
        for count in ["01", "-", "1e3", "1.5", "1234567890123456789", "--1", "+1", "-0"] {
            let text = format!("{head},\"responseStatus\":{{\"code\":{count}}}}}");
            assert_eq!(fast(&text, BodyMode::Evidence), None, "{count}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,40}".prop_map(Value::from),
        ];
        let key = prop_oneof![
            ".{0,20}",
            proptest::sample::select(vec![
                "metadata",
                "spec",
                "name",
                "uid",
                "labels",
                "ownerReferences",
                "kind",
                "items",
                "managedFields",
                "code",
                "containers",
                "image",
                "replicas",
                "username",
                "groups",
                "involvedObject",
                "annotations",
            ])
            .prop_map(str::to_owned),
        ];
        leaf.prop_recursive(5, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(key.clone(), inner, 0..6).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        /// Whatever stands anywhere in an event: where the slow way reads it, both read the same.
        #[test]
        fn valid_json_is_read_as_serde_json_reads_it(
            values in prop::collection::vec((0usize..20, any_json()), 0..4),
            pretty in any::<bool>(),
        ) {
            let mut event = event("a");
            for (place, value) in values {
                let names: Vec<String> = event.as_object().unwrap().keys().cloned().collect();
                event[names.get(place).map_or("other", String::as_str)] = value;
            }
            let json = if pretty { serde_json::to_string_pretty(&event).unwrap() } else { event.to_string() };
            for mode in [BodyMode::Skip, BodyMode::Evidence] {
                if let Some(read) = fast(&json, mode) {
                    prop_assert_eq!(Some(read), slow(&json, mode));
                }
            }
        }

        /// Damage never makes it read something else of what both accept.
        #[test]
        fn damaged_json_is_never_misread(at in any::<prop::sample::Index>(), with in ".{0,3}", cut in 0usize..4) {
            let json = event("a").to_string();
            let at = at.index(json.len());
            let (Some(head), Some(tail)) = (json.get(..at), json.get((at + cut).min(json.len())..)) else { return Ok(()) };
            let json = format!("{head}{with}{tail}");
            for mode in [BodyMode::Skip, BodyMode::Evidence] {
                if let (Some(fast), Some(slow)) = (fast(&json, mode), slow(&json, mode)) {
                    prop_assert_eq!(fast, slow);
                }
            }
        }
    }
}
