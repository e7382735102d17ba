//! What a line says of its session: that it has none, that it goes on, or that it begins one.

use super::settings::{Adapter, AdapterError};
use crate::audit::time::Micros;
use crate::text::mask::Pattern;
use memchr::memmem::Finder;

/// What a line says.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Says<'a> {
    /// It belongs to no session.
    Nothing,
    /// It belongs to the session of this name (or to the one session at a time that has none), which it may begin.
    Belongs {
        /// The identifier.
        name: Option<&'a str>,
        /// Whether it begins the session in any case.
        begins: bool,
    },
}

/// An adapter, compiled.
pub(super) enum Assign {
    Delimiter(Finder<'static>),
    Identifier { identifier: Pattern, delimiter: Option<Finder<'static>> },
    Interval { length_us: i64, step_back_us: i64 },
}

impl Assign {
    pub(super) fn new(adapter: &Adapter, step_back_us: i64) -> Result<Assign, AdapterError> {
        let finder = |text: &String| Finder::new(text).into_owned();
        let pattern = |text: &String| {
            Pattern::new(text).map_err(|reason| AdapterError::Pattern { pattern: text.clone(), reason })
        };
        Ok(match adapter {
            Adapter::OnlyDelimiter { delimiter } => Assign::Delimiter(finder(delimiter)),
            Adapter::DelimiterAndIdentifier { delimiter, identifier } => {
                Assign::Identifier { identifier: pattern(identifier)?, delimiter: Some(finder(delimiter)) }
            }
            Adapter::OnlyIdentifier { identifier } => {
                Assign::Identifier { identifier: pattern(identifier)?, delimiter: None }
            }
            Adapter::Interval { length_us } => Assign::Interval { length_us: *length_us, step_back_us },
        })
    }

    /// Looks at a line. `began` is the time of the first line of the session at hand.
    pub(super) fn look<'a>(&self, raw: &'a str, time: Option<Micros>, began: Option<Micros>) -> Says<'a> {
        match self {
            Assign::Delimiter(delimiter) => {
                Says::Belongs { name: None, begins: delimiter.find(raw.as_bytes()).is_some() }
            }
            Assign::Identifier { identifier, delimiter } => {
                let found = identifier.find(raw, 0, raw.is_ascii()).and_then(|(start, end)| raw.get(start..end));
                let Some(name) = found else { return Says::Nothing };
                let begins = delimiter.as_ref().is_some_and(|delimiter| delimiter.find(raw.as_bytes()).is_some());
                Says::Belongs { name: Some(name), begins }
            }
            Assign::Interval { length_us, step_back_us } => {
                let passed = time.zip(began).map(|(time, began)| time.since(began));
                let begins = passed.is_some_and(|passed| passed >= *length_us || passed < -*step_back_us);
                Says::Belongs { name: None, begins }
            }
        }
    }

    /// Whether lines before the first beginning are session 0.
    pub(super) fn has_zero(&self) -> bool {
        matches!(self, Assign::Delimiter(_))
    }
}
