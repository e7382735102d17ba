//! The rules file as it is written: who acts, what wakes whom, what is periodic, how much evidence weighs.
//!
//! The compiled-in file is `rules.toml` beside this one; its comments say what each table means. [`super::tables`] compiles
//! it into what extraction and engine use.

use super::kind::{Aspect, Kind};
use super::model::{Actor, Background};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// The file that is compiled in.
pub const BUILT_IN: &str = include_str!("rules.toml");

/// A rules file is not usable.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// Not TOML, or not of the expected shape; the message holds line and column.
    #[error("{place}: {source}; start from `causeway config rules`")]
    Shape {
        /// Name of the file.
        place: String,
        /// What is wrong and where.
        source: Box<toml::de::Error>,
    },
    /// A pattern is no regular expression.
    #[error("{place}: {table}: pattern '{pattern}' is not a regular expression: {why}")]
    Pattern {
        /// Name of the file.
        place: String,
        /// The table that holds it.
        table: &'static str,
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// A value that no rule can use.
    #[error("{place}: {table}: {what}")]
    Value {
        /// Name of the file.
        place: String,
        /// The table that holds it.
        table: &'static str,
        /// What is wrong and what to write instead.
        what: String,
    },
}

/// A whole rules file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// First match decides the class of an actor.
    pub actors: Vec<ActorRule>,
    /// Requests of controllers that start a context of their own.
    pub own_roots: Vec<OwnRoot>,
    /// What wakes a controller; first match.
    pub watches: Vec<Woken>,
    /// Controllers that act on objects of another kind; every match.
    pub drivers: Vec<Woken>,
    /// Controllers of cluster objects that are woken from any namespace.
    pub cross: Vec<Cross>,
    /// What is periodic.
    pub background: BackgroundRules,
    /// Tiers of each kind of evidence: (largest age in seconds, weight).
    pub kinds: BTreeMap<Kind, Vec<(f64, u8)>>,
    /// Kinds of evidence that name the very object that was written.
    pub naming: Vec<Kind>,
    /// For a kind of evidence about an object's family: kinds that name a cause nearer by within the same context.
    #[serde(default)]
    pub nearer: BTreeMap<Kind, Vec<Kind>>,
    /// Seconds for which each aspect is remembered.
    pub horizons: BTreeMap<Aspect, f64>,
    /// Families of objects.
    pub objects: Objects,
    /// What kubectl's commands do.
    pub commands: CommandRules,
}

/// Class of an actor by user name and user agent; an absent pattern fits all.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActorRule {
    /// Pattern of `user.username`.
    pub user: Option<String>,
    /// Pattern of `userAgent`.
    pub agent: Option<String>,
    /// The class.
    pub class: ActorName,
}

/// [`Actor`] by its name in the file.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActorName {
    /// See [`Actor::Human`].
    Human,
    /// See [`Actor::System`].
    System,
    /// See [`Actor::Operator`].
    Operator,
}

impl From<ActorName> for Actor {
    fn from(name: ActorName) -> Actor {
        match name {
            ActorName::Human => Actor::Human,
            ActorName::System => Actor::System,
            ActorName::Operator => Actor::Operator,
        }
    }
}

/// A request that starts a context of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnRoot {
    /// Pattern of the user name.
    pub user: String,
    /// Verb.
    pub verb: String,
    /// Resource.
    pub resource: String,
}

/// Kinds that wake a controller.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Woken {
    /// Pattern of the user name.
    pub user: String,
    /// The resources, the main one first.
    pub resources: Vec<String>,
}

/// A write to `writes` is woken by any write to `group`/`resource`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cross {
    /// Pattern of the user name.
    pub user: String,
    /// Resource that is written.
    pub writes: String,
    /// API group of the kind that wakes.
    pub group: String,
    /// Resource of the kind that wakes.
    pub resource: String,
}

/// What is periodic.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackgroundRules {
    /// Pattern of system actors that are never background by a row.
    pub user_exempt: String,
    /// A link below this weight does not save a periodic request.
    pub weak_below: u8,
    /// A link below this weight does not make an operator's request an effect.
    pub prompt_from: u8,
    /// First match decides.
    pub rows: Vec<BackgroundRow>,
}

/// One row of the background rules; absent fields match all.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackgroundRow {
    /// Class of the actor.
    #[serde(default = "system")]
    pub class: ActorName,
    /// Pattern of the user name.
    pub user: Option<String>,
    /// Pattern that the user agent must not match.
    pub agent_not: Option<String>,
    /// Verbs.
    pub verbs: Option<Vec<String>>,
    /// Resources.
    pub resources: Option<Vec<String>>,
    /// Namespaces.
    pub namespaces: Option<Vec<String>>,
    /// Names.
    pub names: Option<Vec<String>>,
    /// API groups; `*.` at the start stands for any prefix.
    pub groups: Option<Vec<String>>,
    /// Starts of the request URI.
    pub paths: Option<Vec<String>>,
    /// A resource, but neither namespace nor name.
    #[serde(default)]
    pub whole_cluster: bool,
    /// The object carries the annotation of leader election.
    #[serde(default)]
    pub leader_election: bool,
    /// The stream that the event belongs to.
    #[serde(deserialize_with = "stream")]
    pub stream: Background,
}

fn system() -> ActorName {
    ActorName::System
}

/// Families of objects.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objects {
    /// What a kubelet reads for a pod.
    pub kubelet_reads: Vec<String>,
    /// Subresources whose write changes the wanted state.
    pub spec_subresources: Vec<String>,
    /// Cluster-scoped resources.
    pub cluster_scoped: Vec<String>,
    /// Resources whose writes leave no trace.
    pub unwritten: Vec<String>,
    /// Labels that only controllers use.
    pub hash_labels: Vec<String>,
    /// Owners by generated name.
    pub generated_names: Vec<GeneratedName>,
    /// Resource by kind.
    pub resources: BTreeMap<String, String>,
}

/// An object of `resource` whose name ends in `suffix` may belong to an `owner` named by the rest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratedName {
    /// Resource of the object.
    pub resource: String,
    /// Resource of the owner.
    pub owner: String,
    /// What stands after the last dash.
    pub suffix: Suffix,
}

/// The generated end of a name.
#[derive(Copy, Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suffix {
    /// Characters that it is made of.
    pub chars: Chars,
    /// Fewest characters.
    pub min: usize,
    /// Most characters.
    #[serde(default = "unlimited")]
    pub max: usize,
}

fn unlimited() -> usize {
    usize::MAX
}

impl Suffix {
    /// Whether `end` can be such an end.
    pub fn fits(&self, end: &str) -> bool {
        (self.min..=self.max).contains(&end.len())
            && match self.chars {
                Chars::Any => true,
                Chars::Digits => end.bytes().all(|b| b.is_ascii_digit()),
                Chars::Alphanumeric => end.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()),
            }
    }
}

/// Characters of a generated end.
#[derive(Copy, Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chars {
    /// Any but a dash.
    Any,
    /// 0–9.
    Digits,
    /// 0–9, a–z.
    Alphanumeric,
}

/// What kubectl's commands do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandRules {
    /// Pattern of the user agents whose commands follow the grammar.
    pub grammar_agents: String,
    /// Created without asking the API server first.
    pub without_discovery: Vec<String>,
    /// Field managers of commands that end with their one write.
    pub one_shot_managers: Vec<String>,
    /// Field managers of commands that write files of objects.
    pub file_managers: Vec<String>,
    /// Listed by `describe`.
    pub described: Vec<String>,
    /// Looked at by `drain`.
    pub drained: Vec<String>,
    /// (read, created).
    pub made_from: Vec<(String, String)>,
}

/// Names of the background streams, as in the rules file and in tables.
pub const STREAMS: &[(&str, Background)] = &[
    ("leases", Background::Leases),
    ("node", Background::Node),
    ("watch", Background::Watch),
    ("probe", Background::Probe),
    ("api-server", Background::ApiServer),
    ("controller-token", Background::ControllerToken),
    ("discovery", Background::Discovery),
    ("periodic", Background::Periodic),
    ("other", Background::Other),
];

fn stream<'de, D: Deserializer<'de>>(input: D) -> Result<Background, D::Error> {
    let name = String::deserialize(input)?;
    STREAMS.iter().find(|(known, _)| *known == name).map(|&(_, stream)| stream).ok_or_else(|| {
        let known: Vec<&str> = STREAMS.iter().map(|&(known, _)| known).collect();
        serde::de::Error::custom(format!("unknown stream \"{name}\", expected one of {}", known.join(", ")))
    })
}

impl Rules {
    /// Reads a rules file; `place` names it in errors.
    pub fn parse(text: &str, place: &str) -> Result<Rules, RulesError> {
        toml::from_str(text).map_err(|source| RulesError::Shape { place: place.to_owned(), source: Box::new(source) })
    }
}
