//! Contexts as lines of a table and as JSON.

use super::super::args::{clock, rfc3339};
use super::super::event::short_user;
use super::super::table::TextTable;
use crate::lake::tables::ContextRow;
use serde_json::{Value, json};

/// A table with a line for each context; `width` is the terminal's, `None` cuts nothing.
pub fn list(rows: &[ContextRow], width: Option<usize>) -> String {
    if rows.is_empty() {
        return "no context fits; --background lists background streams too\n".to_owned();
    }
    let mut table = TextTable::new(&["START (UTC)", "TOOK", "WHO", "WHAT", "OUTCOME", "EVENTS", "CONTEXT"], 3);
    for row in rows {
        table.push([
            clock(row.start_at),
            took(row.duration_us),
            who(row),
            title(row),
            outcome(row),
            row.events.to_string(),
            row.context_id.to_string(),
        ]);
    }
    table.render(width)
}

/// What happened, in one line: the summary, or the action where there is none.
pub fn title(row: &ContextRow) -> String {
    if !row.summary.is_empty() {
        return row.summary.clone();
    }
    if !row.background.is_empty() {
        return format!("background: {}", row.background);
    }
    let object = match (row.namespace.as_str(), row.name.as_str()) {
        (_, "") => String::new(),
        ("", name) => format!(" {name}"),
        (namespace, name) => format!(" {namespace}/{name}"),
    };
    format!("{}{object}", row.action)
}

fn who(row: &ContextRow) -> String {
    let user = short_user(&row.user);
    match row.impersonated_user.as_str() {
        "" => user.into_owned(),
        other => format!("{user} as {}", short_user(other)),
    }
}

fn outcome(row: &ContextRow) -> String {
    let mut words = vec![row.outcome.as_str()];
    words.extend(
        [(row.late, "late"), (row.truncated, "truncated")].iter().filter(|(holds, _)| *holds).map(|(_, word)| *word),
    );
    words.retain(|word| !word.is_empty());
    words.join(", ")
}

/// A length of time in the unit that suits it.
fn took(micros: u64) -> String {
    let secs = micros as f64 / 1e6;
    match secs {
        secs if secs < 1.0 => format!("{:.0}ms", secs * 1e3),
        secs if secs < 120.0 => format!("{secs:.1}s"),
        secs if secs < 7_200.0 => format!("{:.0}m", secs / 60.0),
        secs => format!("{:.1}h", secs / 3_600.0),
    }
}

/// The row with the names of its columns; ids as in the tables, times in RFC 3339.
pub fn context_json(row: &ContextRow) -> Value {
    let mut value = serde_json::to_value(row).unwrap_or_default();
    // Ids and times are numbers in the row struct; in JSON they look as everywhere else.
    value["context_id"] = json!(row.context_id.to_string());
    value["parent_context_id"] = json!(row.parent_context_id.map(|id| id.to_string()));
    value["start_at"] = json!(rfc3339(row.start_at));
    value["end_at"] = json!(rfc3339(row.end_at));
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::hash::Id;
    use crate::audit::time::Micros;

    fn rows() -> Vec<ContextRow> {
        let scaled = ContextRow {
            context_id: Id(0x4be1_c63d_0a1b_2c3d),
            user: "alice".into(),
            summary: "alice scaled deployment shop/web from 3 to 5: 2 pods created".into(),
            outcome: "succeeded".into(),
            start_at: Micros(1_772_323_200_000_000),
            end_at: Micros(1_772_323_202_300_000),
            duration_us: 2_300_000,
            events: 14,
            closed: true,
            ..ContextRow::default()
        };
        let evil = ContextRow {
            user: "mal\u{1b}]0;x\u{7}lory".into(),
            summary: String::new(),
            action: "delete secrets".into(),
            namespace: "shop".into(),
            name: "db".into(),
            outcome: "denied".into(),
            duration_us: 900,
            closed: false,
            ..scaled.clone()
        };
        vec![scaled, evil]
    }

    #[test]
    fn contexts_are_listed_within_the_width() {
        insta::assert_snapshot!(list(&rows(), Some(120)), @r#"
        START (UTC)          TOOK  WHO                     WHAT                              OUTCOME    EVENTS  CONTEXT
        2026-03-01 00:00:00  2.3s  alice                   alice scaled deployment shop/we…  succeeded  14      4be1c63d0a1b2c3d
        2026-03-01 00:00:00  1ms   mal\u{1b}]0;x\u{7}lory  delete secrets shop/db            denied     14      4be1c63d0a1b2c3d
        "#);
        assert!(list(&rows(), Some(100)).lines().all(|line| console::measure_text_width(line) <= 110));
        assert!(list(&[], None).contains("no context fits"));
    }

    #[test]
    fn json_tells_ids_and_times_as_the_tables_do() {
        let value = context_json(&rows()[0]);
        assert_eq!(value["context_id"], "4be1c63d0a1b2c3d");
        assert_eq!(value["start_at"], "2026-03-01T00:00:00.000000Z");
        assert_eq!(value["parent_context_id"], Value::Null);
    }
}
