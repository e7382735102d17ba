//! Reading JSON in place, either strictly (a wrong type is an error) or leniently (a wrong type is passed over).
//!
//! A type says through [`Take`] which JSON values it accepts; [`strict`] and [`lenient`] are the two ways of giving it one.
//! Values are read into the place where they stay, so that a large struct is never moved. `null` is absence in both ways, and
//! of a repeated key the last value counts, as in Kubernetes itself. Strings are borrowed from the input unless they hold
//! escapes; whatever is passed over is skipped without recursion, so depth costs nothing there.

use crate::audit::event::Text;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

/// What a type does with the JSON values that it accepts. The methods return whether the value was accepted.
pub(super) trait Take<'de>: Sized {
    /// What is accepted, for messages.
    const EXPECTED: &'static str;
    /// Whether objects are accepted.
    const OBJECT: bool = false;
    /// Whether lists are accepted.
    const LIST: bool = false;

    fn string(&mut self, _text: Text<'de>) -> bool {
        false
    }

    fn integer(&mut self, _number: i64) -> bool {
        false
    }

    fn boolean(&mut self, _value: bool) -> bool {
        false
    }

    /// Takes the value of `key` from `map`, or skips it.
    fn member<A: MapAccess<'de>>(&mut self, _key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        skip(map)
    }

    /// Takes or skips the next element of `list`; false at its end.
    fn element<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        Ok(list.next_element::<IgnoredAny>()?.is_some())
    }
}

/// Passes over the value of the key just read.
pub(super) fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

/// Reads a value strictly: another type is an error.
pub(super) fn strict<T>(place: &mut T) -> Place<'_, T, true> {
    Place(place)
}

/// Reads a value leniently: another type leaves the place as it is.
pub(super) fn lenient<T>(place: &mut T) -> Place<'_, T, false> {
    Place(place)
}

/// A place for a value.
pub(super) struct Place<'p, T, const STRICT: bool>(&'p mut T);

impl<'de, T: Take<'de>, const STRICT: bool> DeserializeSeed<'de> for Place<'_, T, STRICT> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'p, T, const STRICT: bool> Place<'p, T, STRICT> {
    /// The place itself; [`strict`] and [`lenient`] where the way is known.
    pub(super) fn of(place: &'p mut T) -> Self {
        Place(place)
    }

    fn accepted<'de, E: Error>(accepted: bool, found: Unexpected<'_>) -> Result<(), E>
    where
        T: Take<'de>,
    {
        if accepted || !STRICT { Ok(()) } else { Err(E::invalid_type(found, &T::EXPECTED)) }
    }
}

impl<'de, T: Take<'de>, const STRICT: bool> Visitor<'de> for Place<'_, T, STRICT> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        Self::accepted(self.0.string(Cow::Borrowed(text)), Unexpected::Other("string"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        Self::accepted(self.0.string(Cow::Owned(text.to_owned())), Unexpected::Other("string"))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<(), E> {
        Self::accepted(self.0.string(Cow::Owned(text)), Unexpected::Other("string"))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        Self::accepted(self.0.integer(number), Unexpected::Other("number"))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        let accepted = i64::try_from(number).is_ok_and(|number| self.0.integer(number));
        Self::accepted(accepted, Unexpected::Other("number"))
    }

    fn visit_f64<E: Error>(self, _number: f64) -> Result<(), E> {
        Self::accepted(false, Unexpected::Other("fraction"))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        Self::accepted(self.0.boolean(value), Unexpected::Other("boolean"))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        Self::accepted(T::OBJECT, Unexpected::Map)?;
        if !T::OBJECT {
            return IgnoredAny.visit_map(map).map(drop);
        }
        // not `next_key`, which is a function of its own: the key came back through memory, in other pieces than it was fetched in,
        // and the processor waited for it (3 % of a conversion)
        while let Some(key) = map.next_key_seed(KeySeed)? {
            self.0.member(key, &mut map)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        Self::accepted(T::LIST, Unexpected::Seq)?;
        if !T::LIST {
            return IgnoredAny.visit_seq(list).map(drop);
        }
        while self.0.element(&mut list)? {}
        Ok(())
    }
}

/// A key, as the bytes of its text: it is only compared, and where it ends between characters need not be asked for that.
pub(super) struct Key<'de>(Cow<'de, [u8]>);

impl<'de> Key<'de> {
    /// The key as a text.
    pub(super) fn text(self) -> Text<'de> {
        // it is one, so nothing is lost
        match self.0 {
            Cow::Borrowed(bytes) => str::from_utf8(bytes).unwrap_or_default().into(),
            Cow::Owned(bytes) => String::from_utf8(bytes).unwrap_or_default().into(),
        }
    }
}

impl Deref for Key<'_> {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Reads a [`Key`]. `PhantomData`, serde's own seed, is a function that is not inlined, called for each of the 27 keys of an event.
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key<'de>;

    #[inline(always)]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key<'de>, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    #[inline(always)]
    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(bytes)))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(text.as_bytes())))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(text.as_bytes().to_vec())))
    }
}

impl<'de> Take<'de> for Text<'de> {
    const EXPECTED: &'static str = "a string";

    fn string(&mut self, text: Text<'de>) -> bool {
        *self = text;
        true
    }
}

impl<'de> Take<'de> for i64 {
    const EXPECTED: &'static str = "an integer";

    fn integer(&mut self, number: i64) -> bool {
        *self = number;
        true
    }
}

impl<'de> Take<'de> for u16 {
    const EXPECTED: &'static str = "an integer from 0 to 65535";

    fn integer(&mut self, number: i64) -> bool {
        u16::try_from(number).map(|number| *self = number).is_ok()
    }
}

impl<'de> Take<'de> for bool {
    const EXPECTED: &'static str = "a boolean";

    fn boolean(&mut self, value: bool) -> bool {
        *self = value;
        true
    }
}

/// An absent value is `None`; any accepted one makes it `Some`.
impl<'de, T: Take<'de> + Default> Take<'de> for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    const OBJECT: bool = T::OBJECT;
    const LIST: bool = T::LIST;

    fn string(&mut self, text: Text<'de>) -> bool {
        let mut value = T::default();
        let accepted = value.string(text);
        self.set_if(accepted, value)
    }

    fn integer(&mut self, number: i64) -> bool {
        let mut value = T::default();
        let accepted = value.integer(number);
        self.set_if(accepted, value)
    }

    fn boolean(&mut self, boolean: bool) -> bool {
        let mut value = T::default();
        let accepted = value.boolean(boolean);
        self.set_if(accepted, value)
    }

    fn member<A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        self.get_or_insert_default().member(key, map)
    }

    fn element<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        self.get_or_insert_default().element(list)
    }
}

/// What is seldom there lies apart.
impl<'de, T: Take<'de>> Take<'de> for Box<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    const OBJECT: bool = T::OBJECT;
    const LIST: bool = T::LIST;

    fn string(&mut self, text: Text<'de>) -> bool {
        (**self).string(text)
    }

    fn integer(&mut self, number: i64) -> bool {
        (**self).integer(number)
    }

    fn boolean(&mut self, value: bool) -> bool {
        (**self).boolean(value)
    }

    fn member<A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        (**self).member(key, map)
    }

    fn element<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        (**self).element(list)
    }
}

trait SetIf<T> {
    fn set_if(&mut self, accepted: bool, value: T) -> bool;
}

impl<T> SetIf<T> for Option<T> {
    fn set_if(&mut self, accepted: bool, value: T) -> bool {
        if accepted {
            *self = Some(value);
        }
        accepted
    }
}
