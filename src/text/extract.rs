//! Parameters of a line by its template alone, as Drain3 finds them.
//!
//! One pattern is built from the template: text is taken literally, spaces match any run of white space, and each `<NAME>`
//! captures what the masks of that name (or any text) match. Slower than laying the two side by side ([`super::miner`]), but
//! template and line may come from anywhere.

use super::mask::{MaskSpec, Masks};
use super::miner::ANY;
use crate::text::mask::python_to_rust;
use hashbrown::HashMap;
use std::fmt::Write as _;

/// Patterns kept; when there are more, all are dropped and built again as they are needed.
const KEPT: usize = 3000;

/// Builds patterns and keeps them.
#[derive(Default)]
pub struct Extractor {
    patterns: HashMap<(String, bool), Option<Built>>,
}

/// The pattern of a template.
struct Built {
    regex: fancy_regex::Regex,
    /// Group name and mask name of each capture, from left to right.
    captures: Vec<(String, String)>,
}

impl Extractor {
    /// Values with the names of their masks, in order; none where the line does not fit the template. `exact` holds each value
    /// against the patterns of its mask; else any text will do.
    pub fn extract(&mut self, template: &str, line: &str, masks: &Masks, exact: bool) -> Option<Vec<(String, String)>> {
        if self.patterns.len() >= KEPT {
            self.patterns.clear();
        }
        let key = (template.to_owned(), exact);
        let built = self.patterns.entry(key).or_insert_with(|| Built::new(template, masks, exact)).as_ref()?;
        let found = built.regex.captures(line).ok()??;
        let value = |(group, mask): &(String, String)| {
            (found.name(group).map_or(String::new(), |value| value.as_str().to_owned()), mask.clone())
        };
        Some(built.captures.iter().map(value).collect())
    }
}

impl Built {
    fn new(template: &str, masks: &Masks, exact: bool) -> Option<Built> {
        let (prefix, suffix) = masks.brackets();
        let mut names: Vec<&str> = masks.specs().map(|spec| spec.mask_with.as_str()).collect();
        names.push(ANY);
        let mut pattern = String::from("^");
        let mut captures = Vec::new();
        let mut groups = 0;
        let mut rest = template;
        while !rest.is_empty() {
            let placeholder = names.iter().find_map(|name| {
                let behind = rest.strip_prefix(prefix)?.strip_prefix(name)?.strip_prefix(suffix)?;
                Some((*name, behind))
            });
            if let Some((name, behind)) = placeholder {
                let alternatives = alternatives(name, masks, exact, &mut groups);
                let group = format!("p_{groups}");
                groups += 1;
                write!(pattern, "(?P<{group}>{alternatives})").ok()?;
                captures.push((group, name.to_owned()));
                rest = behind;
                continue;
            }
            let mut chars = rest.chars();
            match chars.next() {
                Some(' ') => pattern.push_str(r"\s+"),
                Some(c) => pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
                None => {}
            }
            rest = chars.as_str();
        }
        pattern.push('$');
        Some(Built { regex: fancy_regex::Regex::new(&pattern).ok()?, captures })
    }
}

/// What may stand in the place of `<name>`.
fn alternatives(name: &str, masks: &Masks, exact: bool, groups: &mut usize) -> String {
    let mut patterns = Vec::new();
    if exact {
        patterns.extend(masks.specs().filter(|spec| spec.mask_with == name).map(|spec| renamed(spec, groups)));
    }
    if !exact || name == ANY {
        patterns.push(".+?".to_owned());
    }
    patterns.join("|")
}

/// A mask's pattern within a larger one: its groups have names of their own, and references by number take any text.
fn renamed(spec: &MaskSpec, groups: &mut usize) -> String {
    let mut pattern = spec.regex_pattern.clone();
    let mut from = 0;
    while let Some(at) = pattern.get(from..).and_then(|rest| rest.find("(?P<")).map(|at| at + from) {
        from = at + 4;
        let Some(end) = pattern.get(from..).and_then(|rest| rest.find('>')).map(|end| end + from) else { break };
        let Some(name) = pattern.get(from..end).map(str::to_owned) else { break };
        let new = format!("p_{groups}");
        *groups += 1;
        pattern = pattern
            .replace(&format!("(?P<{name}>"), &format!("(?P<{new}>"))
            .replace(&format!("(?P={name})"), &format!("(?P={new})"));
    }
    without_numbered_references(&python_to_rust(&pattern))
}

fn without_numbered_references(pattern: &str) -> String {
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('1'..='9') => {
                chars.next_if(char::is_ascii_digit);
                out.push_str("(?:.+?)");
            }
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extract(masks: &[(&str, &str)], template: &str, line: &str, exact: bool) -> Option<Vec<(String, String)>> {
        let specs: Vec<MaskSpec> = masks
            .iter()
            .map(|(pattern, name)| MaskSpec { regex_pattern: (*pattern).into(), mask_with: (*name).into() })
            .collect();
        let masks = Masks::new(&specs, "<", ">").unwrap();
        Extractor::default().extract(template, line, &masks, exact)
    }

    fn pairs(found: Option<Vec<(String, String)>>) -> Vec<String> {
        found.unwrap().into_iter().map(|(value, mask)| format!("{mask}={value}")).collect()
    }

    #[test]
    fn values_of_masks_and_wildcards() {
        let masks = [(r"\d{1,3}(\.\d{1,3}){3}", "ip"), (r"\d+", "integer"), (r"\d+\.\d+", "float")];
        assert_eq!(pairs(extract(&masks, "<ip>:<integer>", "192.0.0.1:5000", true)), ["ip=192.0.0.1", "integer=5000"]);
        assert_eq!(extract(&masks, "<float> <float>", "0.15 10.16 3.19", true), None);
        assert_eq!(
            pairs(extract(&masks, "<float> <float>", "0.15 10.16 3.19", false)),
            ["float=0.15", "float=10.16 3.19"]
        );
        assert_eq!(pairs(extract(&masks, "a <*>  b", "a x \t b", true)).len(), 1);
        assert_eq!(
            pairs(extract(
                &[(r"\d+", "NUM")],
                "order type: <*> order priority:<NUM>",
                "order type: changed, order priority:5",
                true
            )),
            ["*=changed,", "NUM=5"]
        );
    }

    #[test]
    fn groups_and_references_within_masks() {
        let masks = [(r"(?P<q>['\x22]).*?(?P=q)", "quoted"), (r"([ab])\1", "twice")];
        assert_eq!(pairs(extract(&masks, "<quoted> <quoted>", "'x y' \"z\"", true)), ["quoted='x y'", "quoted=\"z\""]);
        assert_eq!(pairs(extract(&masks, "v=<twice>", "v=aa", true)), ["twice=aa"]);
    }

    #[test]
    fn text_of_a_template_is_no_pattern() {
        assert_eq!(pairs(extract(&[], "a.b (c) [<*>]", "a.b (c) [7]", true)), ["*=7"]);
        assert_eq!(extract(&[], "a.b", "axb", true), None);
    }
}
