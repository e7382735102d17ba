//! Labels: K8NTEXT's 22-bit code for the kind of action that set an event off.
//!
//! ```text
//! 21        12 11    9   8            7        6    4 3         0
//! │  type id  │ sub id │ namespaced │ single │ verb  │ variation │
//! ```
//!
//! A type id stands for a resource, a sub id for one of its subresources; sub ids of 8 and more leave their upper bits in the
//! variation. [`propose()`] says which label an event would have if it were the start of its action, [`control_plane()`] which one
//! an event of the control plane's own routine has.

mod control_plane;
mod propose;
mod table;

#[cfg(test)]
mod tests;

pub use control_plane::control_plane;
pub use propose::{Scope, Target, label, propose, target};
pub use table::all;

use serde::{Deserialize, Serialize};
use std::fmt;

/// A label.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Label(pub i32);

/// Verbs as labels tell them apart.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// `create`.
    Create = 1,
    /// `delete` and `deletecollection`.
    Delete = 2,
    /// `get` and `list`.
    Get = 3,
    /// `patch` and `update`.
    Patch = 4,
    /// `watch`.
    Watch = 5,
}

impl Verb {
    /// All verbs, in the order of their ids.
    pub const ALL: [Verb; 5] = [Verb::Create, Verb::Delete, Verb::Get, Verb::Patch, Verb::Watch];

    /// The verb of an event; `None` for verbs that have no id, such as `connect`.
    pub fn of(verb: &str) -> Option<Verb> {
        Some(match verb {
            "create" => Verb::Create,
            "delete" | "deletecollection" => Verb::Delete,
            "get" | "list" => Verb::Get,
            "patch" | "update" => Verb::Patch,
            "watch" => Verb::Watch,
            _ => return None,
        })
    }

    /// The canonical name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verb::Create => "create",
            Verb::Delete => "delete",
            Verb::Get => "get",
            Verb::Patch => "patch",
            Verb::Watch => "watch",
        }
    }
}

/// The parts of a label.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Type id, 0–1023.
    pub id: u16,
    /// Sub id, 0–127; the program's own table has 0–9.
    pub sub: u8,
    /// The request names a namespace.
    pub namespaced: bool,
    /// The request names an object.
    pub single: bool,
    /// The verb.
    pub verb: Verb,
}

impl Label {
    /// Nobody can say.
    pub const UNKNOWN: Label = Label(-1);
    /// Not a request for a resource, or of an excluded namespace.
    pub const IGNORED: Label = Label(-2);

    /// The label made of `parts`; of a type id above 1023 or a sub id above 127 the lower bits count.
    pub fn encode(parts: Parts) -> Label {
        let bit = |set: bool, place: u32| i32::from(set) << place;
        let (sub, variation) = (i32::from(parts.sub & 7), i32::from(parts.sub >> 3 & 15));
        let id = i32::from(parts.id & 0x3ff);
        let verb = parts.verb as i32;
        Label(id << 12 | sub << 9 | bit(parts.namespaced, 8) | bit(parts.single, 7) | verb << 4 | variation)
    }

    /// The parts; `None` for the special labels, codes of more than 22 bits and verbs that do not exist.
    pub fn parts(self) -> Option<Parts> {
        let field = |place: u32, bits: u32| self.0 >> place & ((1 << bits) - 1);
        if !(0..1 << 22).contains(&self.0) {
            return None;
        }
        let verb = Verb::ALL.into_iter().find(|verb| *verb as i32 == field(4, 3))?;
        Some(Parts {
            id: u16::try_from(field(12, 10)).ok()?,
            sub: u8::try_from(field(0, 4) << 3 | field(9, 3)).ok()?,
            namespaced: field(8, 1) == 1,
            single: field(7, 1) == 1,
            verb,
        })
    }
}

/// What the label says: `create core/v1/pods (ns) (single)`.
impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Label::UNKNOWN => return f.write_str("unknown"),
            Label::IGNORED => return f.write_str("ignored"),
            _ => (),
        }
        let Some((parts, row)) = self.parts().and_then(|parts| Some((parts, table::by_id(parts.id, parts.sub)?)))
        else {
            return f.write_str("cannot be decoded");
        };
        write!(f, "{} {}/{}/{}", parts.verb.as_str(), row.group, row.version, row.resource)?;
        f.write_str(if parts.namespaced { " (ns)" } else { "" })?;
        f.write_str(if parts.single { " (single)" } else { " (list)" })
    }
}
