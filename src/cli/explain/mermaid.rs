//! A context as a Mermaid flowchart, for Markdown pages.

use super::super::printable::Printable;
use super::tree::{Part, Tree};
use std::fmt::Write;

/// The chart: a node an event, an edge a link with the short name of its evidence.
pub fn chart(tree: &Tree, part: Part) -> String {
    let mut text = String::from("flowchart TD\n");
    for line in tree.lines(part) {
        let Some(event) = tree.event(line.event) else { continue };
        let more = if line.alike > 0 { format!(" (and {} more)", line.alike) } else { String::new() };
        let label = format!("{}: {}{more}", event.actor(), event.action());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  e{}[\"{}\"]", line.event, quoted(&label));
        if let Some(parent) = tree.parent(line.event) {
            let reason = if event.cause_reason.is_empty() { "follows" } else { &event.cause_reason };
            let _ = writeln!(text, "  e{parent} -->|\"{}\"| e{}", quoted(reason), line.event);
        }
    }
    text
}

/// Text within double quotes: what Mermaid or HTML would read as markup becomes an entity.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for c in Printable::new(text).to_string().chars() {
        match c {
            '"' | '#' | '&' | '<' | '>' | '`' | '\\' => _ = write!(quoted, "#{};", u32::from(c)),
            _ => quoted.push(c),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn a_chart_has_nodes_and_reasons() {
        insta::assert_snapshot!(chart(&fixture::scaling(), Part::Folded), @r#"
        flowchart TD
          e0["alice: patch deployments/scale shop/web"]
          e1["deployment-controller: update replicasets shop/web-5d4"]
          e0 -->|"owner-written"| e1
          e2["replicaset-controller: create pods shop/web-5d4-x7k2p"]
          e1 -->|"made-for-owner"| e2
          e4["kube-scheduler: create pods/binding shop/web-5d4-x7k2p"]
          e2 -->|"object-written"| e4
          e3["replicaset-controller: create pods shop/web#92;u{1b}[2J"]
          e1 -->|"made-for-owner"| e3
        "#);
    }

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(quoted("a\"]; click <b>\n"), "a#34;]; click #60;b#62;#92;n");
    }
}
