//! Rows of text as columns that fit a width. One column gives way: it is cut with `…` where the rest leaves it too little room.

use super::printable::Printable;
use std::borrow::Cow;

/// The giving column is never cut below this width, as it would say nothing.
const MIN_GIVING: usize = 16;

/// No other column is wider than this on a terminal, lest one long name take the room of all.
const MAX_OTHER: usize = 28;

/// A table of text. Cells are made [`Printable`].
#[derive(Clone, Debug)]
pub struct TextTable {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    giving: usize,
}

impl TextTable {
    /// A table with these column heads; the column at place `giving` gives way.
    pub fn new(head: &[&'static str], giving: usize) -> TextTable {
        TextTable { head: head.to_vec(), rows: Vec::new(), giving }
    }

    /// Adds a row, a cell a column.
    pub fn push(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| Printable::new(&cell).to_string()).collect());
    }

    /// The table as lines no wider than `width` where that is possible; `None` cuts nothing.
    pub fn render(&self, width: Option<usize>) -> String {
        let head: Vec<String> = self.head.iter().map(|head| (*head).to_owned()).collect();
        let mut widths: Vec<usize> = vec![0; head.len()];
        for row in std::iter::once(&head).chain(&self.rows) {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(console::measure_text_width(cell));
            }
        }
        if let Some(width) = width {
            for (at, widest) in widths.iter_mut().enumerate() {
                *widest = if at == self.giving { *widest } else { (*widest).min(MAX_OTHER) };
            }
            let gaps = 2 * widths.len().saturating_sub(1);
            let others: usize =
                widths.iter().enumerate().filter(|(at, _)| *at != self.giving).map(|(_, width)| width).sum();
            if let Some(giving) = widths.get_mut(self.giving) {
                *giving = (*giving).min(width.saturating_sub(gaps + others).max(MIN_GIVING));
            }
        }
        let mut text = String::new();
        for row in std::iter::once(&head).chain(&self.rows) {
            let cells: Vec<Cow<'_, str>> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| console::pad_str(cell, *width, console::Alignment::Left, Some("…")))
                .collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

/// Width of the terminal on standard output; `None` where there is none.
pub fn terminal_width() -> Option<usize> {
    console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TextTable {
        let mut table = TextTable::new(&["WHO", "WHAT", "ID"], 1);
        table.push(["alice", "scaled deployment shop/web from 3 to 5: 2 pods created", "4be1"].map(str::to_owned));
        table.push(["größe\u{1b}[31m", "x", "77aa"].map(str::to_owned));
        table
    }

    #[test]
    fn the_giving_column_is_cut() {
        insta::assert_snapshot!(table().render(Some(44)), @r#"
        WHO              WHAT                   ID
        alice            scaled deployment sh…  4be1
        größe\u{1b}[31m  x                      77aa
        "#);
    }

    #[test]
    fn without_a_terminal_nothing_is_cut() {
        assert!(table().render(None).contains("from 3 to 5: 2 pods created"));
        assert!(!table().render(Some(10)).contains('\u{1b}'));
    }
}
