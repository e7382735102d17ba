//! A context as a drawing for a terminal.
//!
//! ```text
//! +0.000  alice  patch deployments/scale shop/web  200
//! ├─ +0.012  deployment-controller  update replicasets shop/web-5d4  200
//! │          ReplicaSet web-5d4 is owned by Deployment web, which alice had scaled
//! ```

use super::super::event::EventView;
use super::super::printable::Printable;
use super::tree::{Line, Part, Tree};
use super::words::because;
use console::Style;
use std::fmt::Write;

/// Draws the part of the tree, two lines an event: what happened, and why it belongs here. `mark` is an event to point at.
pub fn draw(tree: &Tree, part: Part, mark: Option<usize>, styles: &Styles) -> String {
    let mut text = String::new();
    for line in tree.lines(part) {
        // Writing to a String cannot fail.
        let _ = draw_line(&mut text, tree, &line, mark == Some(line.event), styles);
    }
    text
}

/// How parts of a drawing are told apart; plain when it does not go to a terminal.
#[derive(Clone, Debug, Default)]
pub struct Styles {
    quiet: Style,
    actor: Style,
    bad: Style,
}

impl Styles {
    /// Colours for a terminal.
    pub fn coloured() -> Styles {
        Styles { quiet: Style::new().dim(), actor: Style::new().cyan(), bad: Style::new().red() }
    }
}

fn draw_line(text: &mut String, tree: &Tree, line: &Line, marked: bool, styles: &Styles) -> std::fmt::Result {
    let Some(event) = tree.event(line.event) else { return Ok(()) };
    let (branch, below) = rails(&line.more_above);
    let offset = offset_secs(tree, line.event);
    let actor = event.actor();
    let action = event.action();
    write!(text, "{branch}{}  ", styles.quiet.apply_to(&offset))?;
    write!(text, "{}  {}", styles.actor.apply_to(Printable::new(&actor)), Printable::new(&action))?;
    let outcome = event.outcome();
    if !outcome.is_empty() {
        let style = if event.status_code >= 400 { &styles.bad } else { &styles.quiet };
        write!(text, "  {}", style.apply_to(outcome))?;
    }
    if event.late {
        write!(text, "  late")?;
    }
    if marked {
        write!(text, "  ◀ this event")?;
    }
    writeln!(text)?;
    let why = because(event, tree.cause(line.event));
    let indent = " ".repeat(offset.len() + 2);
    if !why.is_empty() && line.event != 0 {
        writeln!(text, "{below}{indent}{}", styles.quiet.apply_to(Printable::new(&why)))?;
    }
    if line.alike > 0 {
        writeln!(text, "{below}{indent}{}", styles.quiet.apply_to(format!("… and {} more like it", line.alike)))?;
    }
    Ok(())
}

/// Rails to the left of an event's first line and of its further lines.
fn rails(more_above: &[bool]) -> (String, String) {
    let Some((last, above)) = more_above.split_last() else { return (String::new(), String::new()) };
    let past: String = above.iter().map(|more| if *more { "│  " } else { "   " }).collect();
    let (branch, below) = if *last { ("├─ ", "│  ") } else { ("└─ ", "   ") };
    (format!("{past}{branch}"), format!("{past}{below}"))
}

/// Seconds from the root to the event, `+0.012`.
fn offset_secs(tree: &Tree, index: usize) -> String {
    let at = |index| tree.event(index).map(EventView::told_at).unwrap_or_default();
    format!("{:+.3}", at(index).since(at(0)) as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn a_context_is_drawn_as_a_tree() {
        insta::assert_snapshot!(draw(&fixture::scaling(), Part::Folded, None, &Styles::default()), @r#"
        +0.000  alice  patch deployments/scale shop/web  200
        └─ +0.012  deployment-controller  update replicasets shop/web-5d4  200
                   ReplicaSet web-5d4 is owned by Deployment web, which alice had scaled
           ├─ +0.020  replicaset-controller  create pods shop/web-5d4-x7k2p  201
           │          Pod web-5d4-x7k2p belongs to ReplicaSet web-5d4, which deployment-controller had changed
           │  └─ +0.035  kube-scheduler  create pods/binding shop/web-5d4-x7k2p  201
           │             replicaset-controller had created Pod web-5d4-x7k2p, which kube-scheduler watches
           └─ +0.021  replicaset-controller  create pods shop/web\u{1b}[2J  201
                      Pod web\u{1b}[2J belongs to ReplicaSet web-5d4, which deployment-controller had changed
        "#);
    }

    #[test]
    fn an_event_is_pointed_at_with_its_path() {
        let drawn = draw(&fixture::scaling(), Part::Through(1), Some(1), &Styles::default());
        insta::assert_snapshot!(drawn, @r#"
        +0.000  alice  patch deployments/scale shop/web  200
        └─ +0.012  deployment-controller  update replicasets shop/web-5d4  200  ◀ this event
                   ReplicaSet web-5d4 is owned by Deployment web, which alice had scaled
           ├─ +0.020  replicaset-controller  create pods shop/web-5d4-x7k2p  201
           │          Pod web-5d4-x7k2p belongs to ReplicaSet web-5d4, which deployment-controller had changed
           │  └─ +0.035  kube-scheduler  create pods/binding shop/web-5d4-x7k2p  201
           │             replicaset-controller had created Pod web-5d4-x7k2p, which kube-scheduler watches
           └─ +0.021  replicaset-controller  create pods shop/web\u{1b}[2J  201
                      Pod web\u{1b}[2J belongs to ReplicaSet web-5d4, which deployment-controller had changed
        "#);
    }
}
