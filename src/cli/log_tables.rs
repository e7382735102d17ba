//! Log lines of replayed tables, as the detectors of values and counts want them.

use crate::audit::time::Micros;
use crate::lake::Table;
use crate::lake::scan::read_table;
use crate::lake::tables::read::Cells;
use crate::text::detect::values::{Row, Since};
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// One line of the table `lines`.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// File or topic.
    pub source: String,
    /// Its place there.
    pub offset: i64,
    /// Its number there, from 1.
    pub number: i64,
    /// Its time.
    pub at: Micros,
    /// The newest template of its key.
    pub template: Arc<str>,
    /// Its parameters, as they were found when it was read.
    pub parameters: Vec<String>,
}

impl LogLine {
    /// How people call it: the source and the number of the line.
    pub fn place(&self) -> String {
        format!("{}:{}", self.source, self.number)
    }

    /// How the table `anomalies` calls it: the source and the offset.
    pub fn place_by_offset(&self) -> String {
        format!("{}@{}", self.source, self.offset)
    }
}

/// The newest template of each key of each stream.
pub fn newest_templates(dir: &Path) -> Result<BTreeMap<(String, i64), Arc<str>>> {
    let mut newest: BTreeMap<(String, i64), (i64, Arc<str>)> = BTreeMap::new();
    for batch in read_table(dir, Table::Templates, &["cluster", "key", "revision", "template"])? {
        let cells = Cells::new(&batch);
        for row in 0..batch.num_rows() {
            let revision = cells.int("revision", row).unwrap_or_default();
            let key = (cells.text("cluster", row), cells.int("key", row).unwrap_or_default());
            let entry = newest.entry(key).or_insert((-1, Arc::from("")));
            if revision > entry.0 {
                *entry = (revision, Arc::from(cells.str("template", row)));
            }
        }
    }
    Ok(newest.into_iter().map(|(key, (_, template))| (key, template)).collect())
}

/// The lines of a folder of tables, in the order of their times.
///
/// # Errors
/// When the folder holds no log lines.
pub fn log_lines(dir: &Path) -> Result<Vec<LogLine>> {
    let templates = newest_templates(dir)?;
    let mut lines = Vec::new();
    for batch in read_table(dir, Table::Lines, &["cluster", "source", "offset", "line", "at", "key", "parameters"])? {
        let cells = Cells::new(&batch);
        for row in 0..batch.num_rows() {
            let number = |name| cells.int(name, row).unwrap_or_default();
            let template = templates.get(&(cells.text("cluster", row), number("key"))).cloned();
            lines.push(LogLine {
                source: cells.text("source", row),
                offset: number("offset"),
                number: number("line"),
                at: Micros(number("at")),
                template: template.unwrap_or_else(|| Arc::from("")),
                parameters: cells.list("parameters", row),
            });
        }
    }
    if lines.is_empty() {
        bail!("{} holds no log lines; replay some into it with --pipeline first", dir.display());
    }
    lines.sort_by(|a, b| (a.at, &a.source, a.offset).cmp(&(b.at, &b.source, b.offset)));
    Ok(lines)
}

/// Rows of one key, each with its line.
pub type KeyRows<'a> = (Vec<Row>, Vec<&'a LogLine>);

/// The rows of each key, by template. A line that was read when its template had fewer wildcards has fewer parameters and is left out.
pub fn rows_by_key(lines: &[LogLine], since: Since) -> BTreeMap<Arc<str>, KeyRows<'_>> {
    let mut rows: BTreeMap<Arc<str>, KeyRows<'_>> = BTreeMap::new();
    let mut last_at: BTreeMap<&str, Micros> = BTreeMap::new();
    for line in lines {
        let of: &str = if since == Since::SameKey { &line.template } else { "" };
        let before = last_at.insert(of, line.at);
        let elapsed_secs = before.map(|before| line.at.since(before) as f64 / 1e6);
        let (rows, of_rows) = rows.entry(Arc::clone(&line.template)).or_default();
        rows.push(Row { elapsed_secs, params: line.parameters.clone() });
        of_rows.push(line);
    }
    for (rows, of_rows) in rows.values_mut() {
        let wanted = rows.last().map_or(0, |row| row.params.len());
        let mut keep = rows.iter().map(|row| row.params.len() == wanted).collect::<Vec<_>>().into_iter();
        of_rows.retain(|_| keep.next().unwrap_or(false));
        rows.retain(|row| row.params.len() == wanted);
    }
    rows
}
