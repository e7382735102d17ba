//! `causeway explain`: one context as a tree, or every context that touched an object or a user.

#[cfg(test)]
mod fixture;
mod json;
mod mermaid;
mod target;
mod text;
mod tree;
mod words;

use super::args::clock;
use super::contexts::{context_json, list, title};
use super::event::{EventView, short_user};
use super::exit::UsageError;
use super::printable::{Printable, PrintableJson};
use super::table::terminal_width;
use super::tables;
use crate::lake::scan::{ContextFilter, EventFilter, read_contexts};
use crate::lake::tables::ContextRow;
use anyhow::{Result, bail};
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use target::{Found, ObjectName};
use text::Styles;
use tree::{Part, Tree};

/// Show a context as a tree: who, what, when, and why each event belongs to it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway explain tables 4be1c63d                      a context, by the first digits of its id
  causeway explain tables 7c1e6d2a-0a61-4e27-9d8f-…     the path from an event (its auditID) up to the root, and what it set off
  causeway explain tables --object pod/shop/web-0       every context that touched the pod
  causeway explain tables --user alice                  every context that alice had a part in
  causeway explain tables 4be1c63d --mermaid            a flowchart for a Markdown page")]
pub struct Explain {
    /// Folder of the tables, or their URL.
    dir: PathBuf,
    /// Id of a context, the first digits of one, or an auditID.
    #[arg(required_unless_present_any = ["object", "user"], conflicts_with_all = ["object", "user"])]
    id: Option<String>,
    /// List every context that touched this object: KIND/NAMESPACE/NAME, or KIND/NAME for one of the cluster.
    #[arg(long, value_name = "OBJECT", conflicts_with = "user")]
    object: Option<ObjectName>,
    /// List every context that this user had a part in.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// JSON.
    #[arg(long, conflicts_with = "mermaid")]
    json: bool,
    /// A Mermaid flowchart.
    #[arg(long)]
    mermaid: bool,
    /// Draw every event; otherwise many alike ones become one line.
    #[arg(long)]
    all: bool,
}

impl Explain {
    /// Prints what was asked for.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let rows = read_contexts(&self.dir, &ContextFilter::default())?;
        let all = EventFilter::default();
        let touched = match (&self.id, &self.object, &self.user) {
            (Some(id), _, _) => return self.one(id, &rows, out),
            (None, Some(object), _) => tables::context_ids(&self.dir, &all, &|event| object.is_of(event))?,
            (None, None, Some(user)) => tables::context_ids(&self.dir, &all, &|event| target::is_user_of(user, event))?,
            (None, None, None) => return Err(UsageError("give an id, --object or --user".to_owned()).into()),
        };
        if self.mermaid {
            return Err(UsageError("--mermaid draws one context; give its id".to_owned()).into());
        }
        let mut rows: Vec<ContextRow> = rows;
        rows.retain(|row| touched.contains(&row.context_id.to_string()));
        if self.json {
            return Ok(rows.iter().try_for_each(|row| writeln!(out, "{}", PrintableJson(&context_json(row))))?);
        }
        Ok(out.write_all(list(&rows, terminal_width()).as_bytes())?)
    }

    fn one(&self, id: &str, rows: &[ContextRow], out: &mut impl Write) -> Result<()> {
        let (row, audit_id) = match target::find(id, rows) {
            Found::One(row) => (row, None),
            Found::Several(count) => bail!("{count} contexts begin with {id}; give more digits"),
            Found::None => {
                let request = EventFilter { audit_id: Some(id.to_owned()), ..EventFilter::default() };
                let ids = tables::context_ids(&self.dir, &request, &|_| true)?;
                let row = rows.iter().find(|row| ids.contains(&row.context_id.to_string()));
                let Some(row) = row else {
                    bail!("no context and no event with a context has the id {id}; `causeway contexts` lists contexts")
                };
                (row, Some(id))
            }
        };
        let members = EventFilter {
            cluster: Some(row.cluster.clone()),
            context_id: Some(row.context_id),
            ..EventFilter::default()
        };
        let tree = Tree::new(tables::events(&self.dir, &members, &|_| true)?);
        let mark = audit_id.and_then(|id| tree.events().iter().position(|event| event.audit_id == id));
        let part = match mark {
            Some(event) => Part::Through(event),
            None if self.all => Part::Whole,
            None => Part::Folded,
        };
        if self.json {
            let part = if mark.is_some() { part } else { Part::Whole };
            let value = json!({ "context": context_json(row), "events": json::events(&tree, part) });
            return Ok(writeln!(out, "{:#}", PrintableJson(&value))?);
        }
        if self.mermaid {
            return Ok(write!(out, "{}", mermaid::chart(&tree, part))?);
        }
        let styles = if console::colors_enabled() { Styles::coloured() } else { Styles::default() };
        let parent = row.parent_context_id.and_then(|id| rows.iter().find(|row| row.context_id == id));
        write!(out, "{}\n\n{}", header(row, parent, &tree), text::draw(&tree, part, mark, &styles))?;
        Ok(())
    }
}

/// What a context was, in a few lines.
fn header(row: &ContextRow, parent_row: Option<&ContextRow>, tree: &Tree) -> String {
    let mut lines = vec![format!("{}  {}", row.context_id, title(row))];
    let outcome = if row.outcome.is_empty() { "outcome unknown" } else { &row.outcome };
    let secs = row.duration_us as f64 / 1e6;
    lines.push(format!("{} UTC, {secs:.3} s, {} events, {outcome}", clock(row.start_at), row.events));
    let user = tree.event(0).map(EventView::actor).unwrap_or_else(|| short_user(&row.user).into_owned());
    lines.push(format!(
        "by {user}{}",
        if row.user_agent.is_empty() { String::new() } else { format!(", {}", row.user_agent) }
    ));
    if let Some(parent) = row.parent_context_id {
        let told = parent_row.map(|row| format!(": {}", title(row))).unwrap_or_default();
        lines.push(format!("set off by context {parent}{told}"));
    }
    let flags = [
        (row.late, "some events arrived late and were attributed with what was known then"),
        (row.truncated, "it reached the bound on its size: lists are not complete"),
    ];
    lines.extend(flags.iter().filter(|(holds, _)| *holds).map(|(_, words)| (*words).to_owned()));
    let dropped = row.events.saturating_sub(tree.events().len() as u64);
    if dropped > 0 {
        lines.push(format!("{dropped} of its events have no row (dropped by the filter)"));
    }
    lines.iter().map(|line| Printable::new(line).to_string()).collect::<Vec<_>>().join("\n")
}
