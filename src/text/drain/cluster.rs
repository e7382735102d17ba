//! A cluster of lines and its template.

use super::tokens::Tokens;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Number of a cluster: from 1, in the order of creation. This is the log key.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterId(pub u32);

/// One place of a template.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
struct Slot {
    start: u32,
    end: u32,
    is_wildcard: bool,
}

/// The tokens that the lines of a cluster share, joined by one space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    slots: Vec<Slot>,
}

/// How much of a template a line has.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Similarity {
    /// Places with the same token; with wildcards where those count.
    pub(super) same: usize,
    /// Places with a wildcard.
    pub(super) wildcards: usize,
}

impl Template {
    /// The template of these tokens; those that read `wildcard` are wildcards.
    pub fn new<'a>(tokens: impl Iterator<Item = &'a str>, wildcard: &str) -> Template {
        let mut template = Template { text: String::new(), slots: Vec::new() };
        for token in tokens {
            if !template.slots.is_empty() {
                template.text.push(' ');
            }
            let start = offset(template.text.len());
            template.text.push_str(token);
            let end = offset(template.text.len());
            template.slots.push(Slot { start, end, is_wildcard: token == wildcard });
        }
        template
    }

    /// The tokens joined by one space.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The tokens.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().map(|slot| self.text.get(slot.start as usize..slot.end as usize).unwrap_or_default())
    }

    /// For each token, whether it is a wildcard.
    pub fn wildcards(&self) -> impl Iterator<Item = bool> {
        self.slots.iter().map(|slot| slot.is_wildcard)
    }

    /// How similar a line of as many tokens is; none where it cannot reach `least`.
    pub(super) fn similarity(&self, line: Tokens, wildcards_count: bool, least: usize) -> Option<Similarity> {
        let text = self.text.as_bytes();
        let (mut wildcards, mut equal, mut unequal) = (0, 0, 0);
        for (slot, token) in self.slots.iter().zip(line.bytes()) {
            if slot.is_wildcard {
                wildcards += 1;
                if wildcards_count {
                    continue;
                }
            } else if text.get(slot.start as usize..slot.end as usize) == Some(token) {
                equal += 1;
                continue;
            }
            unequal += 1;
            if least + unequal > self.slots.len() {
                return None;
            }
        }
        let same = if wildcards_count { equal + wildcards } else { equal };
        Some(Similarity { same, wildcards })
    }

    /// Makes a wildcard of each place where the line has another token; says whether there was one.
    pub(super) fn absorb(&mut self, line: Tokens, wildcard: &str) -> bool {
        let same = |(slot, token): (&Slot, &[u8])| {
            slot.is_wildcard || self.text.as_bytes().get(slot.start as usize..slot.end as usize) == Some(token)
        };
        if self.slots.iter().zip(line.bytes()).all(same) {
            return false;
        }
        let merged = self.tokens().zip(line.iter()).map(|(own, token)| if own == token { own } else { wildcard });
        *self = Template::new(merged, wildcard);
        true
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Lines of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its number.
    pub id: ClusterId,
    /// Lines that joined it, the first one included.
    pub size: u64,
    /// What they share.
    pub template: Template,
}

fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
