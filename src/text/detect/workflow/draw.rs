//! The automaton as a drawing: a graph in DOT, which Graphviz and many viewers show.

use super::super::vocabulary::Vocabulary;
use super::automaton::{Automaton, NodeId};
use std::fmt::Write;

/// Most characters of a key in a drawing.
const LONGEST_LABEL: usize = 48;

/// The graph; ways that were taken by less than `least_share` of the sessions are left out.
pub fn dot(automaton: &Automaton, vocabulary: &Vocabulary, least_share: f64) -> String {
    let mut text = String::from("digraph workflow {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n");
    let sessions = automaton.node(NodeId::ROOT).map_or(0, |root| root.visits).max(1) as f64;
    let shown = |taken: u64| taken as f64 >= least_share * sessions;
    for (id, node) in automaton.nodes() {
        if id != NodeId::ROOT && !shown(node.visits) {
            continue;
        }
        let name = node.key.map_or("begin", |key| vocabulary.key(key));
        let shape = if node.is_end { ", peripheries=2" } else { "" };
        let ends = if node.ends > 0 { format!("\\n{} end here", node.ends) } else { String::new() };
        let _ = writeln!(text, "  n{} [label=\"{}\\n{}{ends}\"{shape}];", id.0, escaped(name), node.visits);
        for edge in node.children.values().filter(|edge| shown(edge.taken)) {
            let _ = writeln!(text, "  n{} -> n{} [label=\"{}\"];", id.0, edge.to.0, edge.taken);
        }
    }
    text.push_str("}\n");
    text
}

/// Text that may stand between quotes: one line, nothing that the format would read as its own.
fn escaped(text: &str) -> String {
    let short: String = text.chars().take(LONGEST_LABEL).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    let plain = short.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    plain.replace('\\', "\\\\").replace('"', "\\\"") + more
}

#[cfg(test)]
mod tests {
    use super::super::super::sequence::KeySequence;
    use super::super::learn::{Options, learn};
    use super::*;

    #[test]
    fn every_way_is_drawn_and_no_key_breaks_out() {
        let session = KeySequence::new("s", ["say \"hi\"\n", "b\\"]);
        let vocabulary = Vocabulary::of([&session]);
        let learnt = learn(&[vocabulary.encode(&session)], Options::default());
        let text = dot(&learnt.automaton, &vocabulary, 0.0);
        assert_eq!(text.matches(" -> ").count(), 2);
        assert!(text.contains(r#"say \"hi\" "#) && text.contains(r"b\\"), "{text}");
        assert!(text.lines().all(|line| line.matches('"').count() % 2 == 0 || line.contains("\\\"")), "{text}");
    }
}
