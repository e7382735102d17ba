//! How a section of the configuration is declared: one `section!` gives the struct, its defaults and its reference text.
//!
//! ```text
//! section! { doc, name, fields with docs, types, defaults }
//!     ├─▶ struct (serde: defaults filled in, unknown keys refused) + Default
//!     └─▶ Field::describe ─▶ Vec<Key>: `config reference`, nearest names, the kind of an environment value
//! ```
//! Invariant: nothing about a key is written twice, so reference and program cannot drift apart.

use std::path::PathBuf;

/// What a value looks like, which decides how the text of an environment variable is read.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A table of further keys.
    Section,
    /// Text as it stands.
    Text,
    /// `true` or `false`, a number, a list: read as TOML.
    Literal,
}

/// One line of the reference: a section or a key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Dotted path, `filter.mode`; empty for the whole configuration.
    pub path: String,
    /// Section, text or literal.
    pub kind: Kind,
    /// The type in words, with the choices where there are some.
    pub type_name: String,
    /// The default as it would be written in TOML; empty when the key is unset by default.
    pub default: String,
    /// What it means: the doc comment of the field.
    pub doc: String,
}

/// A value that may stand in the configuration.
pub trait Field {
    /// Appends the lines of the reference: one for a plain value, one and those of its fields for a section.
    fn describe(&self, path: &str, doc: String, out: &mut Vec<Key>);
}

/// A plain value.
pub trait Leaf: serde::Serialize {
    /// Text or literal.
    const KIND: Kind;
    /// The type in words.
    fn type_name() -> String;
}

impl<T: Leaf> Field for T {
    fn describe(&self, path: &str, doc: String, out: &mut Vec<Key>) {
        let default = toml::Value::try_from(self).map(|value| value.to_string()).unwrap_or_default();
        out.push(Key { path: path.to_owned(), kind: T::KIND, type_name: T::type_name(), default, doc });
    }
}

macro_rules! leaf {
    ($($type:ty: $kind:ident $name:literal),* $(,)?) => {$(
        impl Leaf for $type {
            const KIND: Kind = Kind::$kind;
            fn type_name() -> String {
                $name.to_owned()
            }
        }
    )*};
}

leaf! {
    bool: Literal "true or false",
    u64: Literal "number",
    usize: Literal "number",
    String: Text "text",
    Vec<String>: Literal "list of text",
    PathBuf: Text "path",
}

impl<T: Leaf> Leaf for Option<T> {
    const KIND: Kind = T::KIND;
    fn type_name() -> String {
        T::type_name()
    }
}

/// `section` and `key` joined by a dot; the outermost section has no name.
pub fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// Doc comment lines as one text, without the space after `///`.
pub fn doc_text(lines: &[&str]) -> String {
    lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// Declares a section; see the head of [`crate::config::section`].
macro_rules! section {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident {
            $( $(#[doc = $field_doc:literal])* $field:ident: $type:ty = $default:expr, )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $( $(#[doc = $field_doc])* pub $field: $type, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        impl $crate::config::section::Field for $name {
            fn describe(&self, path: &str, _doc: String, out: &mut Vec<$crate::config::section::Key>) {
                use $crate::config::section::{Key, Kind, doc_text, join};
                out.push(Key {
                    path: path.to_owned(),
                    kind: Kind::Section,
                    type_name: "section".to_owned(),
                    default: String::new(),
                    doc: doc_text(&[$($doc),*]),
                });
                $( self.$field.describe(&join(path, stringify!($field)), doc_text(&[$($field_doc),*]), out); )*
            }
        }
    };
}

/// Declares a choice of words: an enum that serde and clap know by the same names.
macro_rules! choice {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident {
            $( $(#[doc = $variant_doc:literal])* $variant:ident = $text:literal, )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Copy, Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::ValueEnum)]
        pub enum $name {
            $( $(#[doc = $variant_doc])* #[serde(rename = $text)] #[value(name = $text)] $variant, )*
        }

        impl $crate::config::section::Leaf for $name {
            const KIND: $crate::config::section::Kind = $crate::config::section::Kind::Text;
            fn type_name() -> String {
                [$( concat!("\"", $text, "\"") ),*].join(" | ")
            }
        }
    };
}

pub(crate) use {choice, section};
