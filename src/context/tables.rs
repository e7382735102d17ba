//! The rules compiled: patterns, sets of hashes, ages in microseconds.
//!
//! One [`Tables`] is shared by all decoding workers and engines. What depends on the actor alone is resolved once an actor
//! ([`Tables::resolve`]) and kept by the extractor, so no pattern is matched per event.

use super::actor::ActorRow;
use super::keys;
use super::kind::{Aspect, Kind};
use super::memory::{ByHash, Hashes};
use super::model::{Actor, Background};
use super::pattern::Pattern;
use super::rules::{BUILT_IN, BackgroundRow, Rules, RulesError, Suffix};
use hashbrown::{HashMap, HashSet};

/// One age tier of a kind of evidence.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Largest age, microseconds.
    pub within_us: i64,
    /// Weight up to that age.
    pub weight: u8,
}

/// The rules as extraction and engine use them.
#[derive(Debug)]
pub struct Tables {
    pub(super) actors: Vec<(Option<Pattern>, Option<Pattern>, Actor)>,
    pub(super) own_roots: Vec<(Pattern, String, String)>,
    pub(super) watches: Vec<(Pattern, Vec<Place>)>,
    pub(super) drivers: Vec<(Pattern, Vec<Place>)>,
    pub(super) cross: Vec<(Pattern, u64, [u64; 2])>,
    pub(super) user_exempt: Pattern,
    pub(super) background: Vec<CompiledRow>,
    pub(super) weak_below: u8,
    pub(super) prompt_from: u8,
    pub(super) grammar_agents: Pattern,
    pub(super) kubelet_reads: Hashes,
    pub(super) spec_subresources: Hashes,
    pub(super) unwritten: Hashes,
    pub(super) hash_labels: Hashes,
    pub(super) generated_names: ByHash<Vec<(u64, Suffix)>>,
    pub(super) resources: HashMap<String, u64>,
    /// Hashes of all resources of `resources`, each once.
    pub(super) known_resources: Vec<u64>,
    pub(super) without_discovery: Hashes,
    pub(super) one_shot_managers: Hashes,
    pub(super) file_managers: Hashes,
    pub(super) described: Hashes,
    pub(super) drained: Hashes,
    pub(super) made_from: HashSet<(u64, u64)>,
    /// By the code of a kind.
    naming: Vec<bool>,
    nearer: Vec<Vec<u8>>,
    tiers: Vec<Vec<Tier>>,
    horizons_us: Vec<i64>,
}

/// A kind of object that wakes a controller.
#[derive(Copy, Clone, Debug)]
pub(super) struct Place {
    pub resource: u64,
    pub cluster_scoped: bool,
}

/// A background row with its patterns.
#[derive(Debug)]
pub(super) struct CompiledRow {
    pub class: Actor,
    pub user: Option<Pattern>,
    pub agent_not: Option<Pattern>,
    pub row: BackgroundRow,
    pub stream: Background,
}

impl Tables {
    /// The rules that are compiled in.
    pub fn built_in() -> Result<Tables, RulesError> {
        Tables::parse(BUILT_IN, "built-in rules")
    }

    /// Rules from the text of a file; `place` names it in errors.
    pub fn parse(text: &str, place: &str) -> Result<Tables, RulesError> {
        Tables::compile(Rules::parse(text, place)?, place)
    }

    fn compile(rules: Rules, place: &str) -> Result<Tables, RulesError> {
        let value = |table, what| RulesError::Value { place: place.to_owned(), table, what };
        if !rules.actors.last().is_some_and(|rule| rule.user.is_none() && rule.agent.is_none()) {
            return Err(value("actors", "the last row must fit all: write { class = \"human\" }".to_owned()));
        }
        let mut tiers = vec![Vec::new(); Kind::ALL.len()];
        for (kind, ages) in &rules.kinds {
            let mut last_us = 0;
            for &(within_secs, weight) in ages {
                let within_us = micros(within_secs)
                    .filter(|&us| us > last_us)
                    .ok_or_else(|| value("kinds", format!("ages of {} must be positive and grow", kind.name())))?;
                if weight > 99 {
                    return Err(value("kinds", format!("weights of {} must be 0 to 99", kind.name())));
                }
                last_us = within_us;
                if let Some(slot) = tiers.get_mut(usize::from(kind.code())) {
                    slot.push(Tier { within_us, weight });
                }
            }
        }
        let mut nearer = vec![Vec::new(); Kind::ALL.len()];
        for (kind, closer) in &rules.nearer {
            if let Some(slot) = nearer.get_mut(usize::from(kind.code())) {
                *slot = closer.iter().map(|one| one.code()).collect();
            }
        }
        let mut horizons_us = Vec::with_capacity(Aspect::ALL.len());
        for aspect in Aspect::ALL {
            let secs = rules.horizons.get(aspect).copied().unwrap_or(0.0);
            horizons_us.push(micros(secs).ok_or_else(|| {
                value("horizons", format!("the horizon of {} must be 0 to 31536000 seconds", aspect.name()))
            })?);
        }
        let cluster: HashSet<&str> = rules.objects.cluster_scoped.iter().map(String::as_str).collect();
        let places = |names: &[String]| {
            names
                .iter()
                .map(|name| Place { resource: keys::text(name), cluster_scoped: cluster.contains(name.as_str()) })
                .collect::<Vec<_>>()
        };
        let regex = |table, pattern: &str| compile_pattern(place, table, pattern);
        let optional = |table, pattern: &Option<String>| pattern.as_deref().map(|one| regex(table, one)).transpose();

        let mut generated_names: ByHash<Vec<(u64, Suffix)>> = ByHash::default();
        for one in &rules.objects.generated_names {
            generated_names.entry(keys::text(&one.resource)).or_default().push((keys::text(&one.owner), one.suffix));
        }
        let resources: HashMap<String, u64> =
            rules.objects.resources.iter().map(|(kind, resource)| (kind.clone(), keys::text(resource))).collect();
        let mut known_resources: Vec<u64> = rules.objects.resources.values().map(|one| keys::text(one)).collect();
        known_resources.sort_unstable();
        known_resources.dedup();

        Ok(Tables {
            actors: rules
                .actors
                .iter()
                .map(|one| {
                    Ok((optional("actors", &one.user)?, optional("actors", &one.agent)?, Actor::from(one.class)))
                })
                .collect::<Result<_, RulesError>>()?,
            own_roots: rules
                .own_roots
                .into_iter()
                .map(|one| Ok((regex("own_roots", &one.user)?, one.verb, one.resource)))
                .collect::<Result<_, RulesError>>()?,
            watches: rules
                .watches
                .iter()
                .map(|one| Ok((regex("watches", &one.user)?, places(&one.resources))))
                .collect::<Result<_, RulesError>>()?,
            drivers: rules
                .drivers
                .iter()
                .map(|one| Ok((regex("drivers", &one.user)?, places(&one.resources))))
                .collect::<Result<_, RulesError>>()?,
            cross: rules
                .cross
                .iter()
                .map(|one| {
                    let woken_by = [keys::text(&one.group), keys::text(&one.resource)];
                    Ok((regex("cross", &one.user)?, keys::text(&one.writes), woken_by))
                })
                .collect::<Result<_, RulesError>>()?,
            user_exempt: regex("background", &rules.background.user_exempt)?,
            weak_below: rules.background.weak_below,
            prompt_from: rules.background.prompt_from,
            grammar_agents: regex("commands", &rules.commands.grammar_agents)?,
            background: rules
                .background
                .rows
                .into_iter()
                .map(|row| {
                    Ok(CompiledRow {
                        class: Actor::from(row.class),
                        user: optional("background", &row.user)?,
                        agent_not: optional("background", &row.agent_not)?,
                        stream: row.stream,
                        row,
                    })
                })
                .collect::<Result<_, RulesError>>()?,
            kubelet_reads: hashes(&rules.objects.kubelet_reads),
            spec_subresources: hashes(&rules.objects.spec_subresources),
            unwritten: hashes(&rules.objects.unwritten),
            hash_labels: hashes(&rules.objects.hash_labels),
            generated_names,
            resources,
            known_resources,
            without_discovery: hashes(&rules.commands.without_discovery),
            one_shot_managers: hashes(&rules.commands.one_shot_managers),
            file_managers: hashes(&rules.commands.file_managers),
            described: hashes(&rules.commands.described),
            drained: hashes(&rules.commands.drained),
            made_from: rules.commands.made_from.iter().map(|(a, b)| (keys::text(a), keys::text(b))).collect(),
            naming: Kind::ALL.iter().map(|kind| rules.naming.contains(kind)).collect(),
            nearer,
            tiers,
            horizons_us,
        })
    }

    /// Everything that the rules say of an actor.
    pub fn resolve(&self, user: &str, agent: &str) -> ActorRow {
        ActorRow::resolve(self, user, agent)
    }

    /// Weight of evidence of `kind` that is `age_us` old; `None` when it is too old or the kind is not used.
    #[inline]
    pub fn weight(&self, kind: u8, age_us: i64) -> Option<u8> {
        let tiers = self.tiers.get(usize::from(kind))?;
        tiers.iter().find(|tier| age_us <= tier.within_us).map(|tier| tier.weight)
    }

    /// Tiers of every kind of evidence by its code: (largest age in microseconds, weight), ages ascending.
    pub fn tiers(&self) -> Vec<Vec<(i64, u8)>> {
        self.tiers.iter().map(|tiers| tiers.iter().map(|tier| (tier.within_us, tier.weight)).collect()).collect()
    }

    /// Whether evidence of `kind` is used at all.
    #[inline]
    pub fn uses(&self, kind: Kind) -> bool {
        self.tiers.get(usize::from(kind.code())).is_some_and(|tiers| !tiers.is_empty())
    }

    /// Whether evidence of `kind` names the very object that was written, rather than a place where something was.
    #[inline]
    pub(super) fn names_object(&self, kind: u8) -> bool {
        self.naming.get(usize::from(kind)).copied().unwrap_or(false)
    }

    /// Kinds of evidence that name a cause nearer by than `kind` does.
    #[inline]
    pub(super) fn nearer_than(&self, kind: u8) -> &[u8] {
        self.nearer.get(usize::from(kind)).map(Vec::as_slice).unwrap_or_default()
    }

    /// How long a write of `aspect` is remembered, microseconds.
    #[inline]
    pub fn horizon_us(&self, aspect: u8) -> i64 {
        self.horizons_us.get(usize::from(aspect)).copied().unwrap_or(0)
    }

    /// Hash of the resource of a kind; `None` when the kind is not in the table.
    #[inline]
    pub(super) fn resource_of(&self, kind: &str) -> Option<u64> {
        self.resources.get(kind).copied()
    }

    /// Hash of the resource of a kind, guessed as lower case and "s" when the kind is not in the table.
    pub(super) fn resource_or_guess(&self, kind: &str) -> u64 {
        self.resource_of(kind).unwrap_or_else(|| {
            let mut name: smallvec::SmallVec<[u8; 64]> = kind.bytes().map(|b| b.to_ascii_lowercase()).collect();
            name.push(b's');
            std::str::from_utf8(&name).map_or(0, keys::text)
        })
    }
}

fn compile_pattern(place: &str, table: &'static str, pattern: &str) -> Result<Pattern, RulesError> {
    Pattern::new(pattern).map_err(|why| RulesError::Pattern {
        place: place.to_owned(),
        table,
        pattern: pattern.to_owned(),
        why,
    })
}

fn hashes(names: &[String]) -> Hashes {
    names.iter().map(|name| keys::text(name)).collect()
}

/// Whole microseconds of `secs`; `None` when negative, not finite, or above a year.
fn micros(secs: f64) -> Option<i64> {
    (0.0..=31_536_000.0).contains(&secs).then(|| (secs * 1e6).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::super::rules::Chars;
    use super::*;

    #[test]
    fn the_built_in_rules_compile_and_name_every_aspect() {
        let rules = Rules::parse(BUILT_IN, "rules.toml").unwrap();
        assert_eq!(rules.horizons.len(), Aspect::ALL.len());
        let tables = Tables::compile(rules, "rules.toml").unwrap();
        assert_eq!(tables.weight(Kind::ObjectWritten.code(), 2_000_000), Some(90));
        assert_eq!(tables.weight(Kind::ObjectWritten.code(), 2_000_001), Some(70));
        assert_eq!(tables.weight(Kind::ObjectWritten.code(), 3_600_000_001), None);
        assert_eq!(tables.resource_or_guess("WebApp"), keys::text("webapps"));
        assert_eq!(tables.resource_or_guess("Ingress"), keys::text("ingresses"));
    }

    #[test]
    fn errors_say_where_and_what() {
        let unknown = Tables::parse(&BUILT_IN.replace("weak_below", "weakbelow"), "mine.toml").unwrap_err().to_string();
        assert!(unknown.contains("mine.toml") && unknown.contains("weakbelow"), "{unknown}");
        let pattern = Tables::parse(
            &BUILT_IN.replace("'^kubelet/'", "'('").replace("'^system:node:', class", "'(', class"),
            "mine.toml",
        );
        assert!(matches!(pattern, Err(RulesError::Pattern { table: "actors", .. })));
        let stream = Tables::parse(&BUILT_IN.replace("stream = \"node\"", "stream = \"nodes\""), "m").unwrap_err();
        assert!(stream.to_string().contains("nodes"), "{stream}");
    }

    #[test]
    fn generated_ends() {
        let five = Suffix { chars: Chars::Alphanumeric, min: 5, max: 5 };
        assert!(five.fits("x7k2p") && !five.fits("x7k2") && !five.fits("X7k2p"));
        assert!(!Suffix { chars: Chars::Digits, min: 8, max: usize::MAX }.fits("1234567a"));
    }
}
