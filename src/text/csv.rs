//! Comma-separated values with quotes, as spreadsheets and loghub write them (RFC 4180).

/// The records of a text, each a list of cells. A quoted cell may hold commas, quotes (doubled) and line ends.
pub fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut chars = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut cell)),
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            c => cell.push(c),
        }
    }
    if !cell.is_empty() || !record.is_empty() {
        record.push(cell);
        records.push(record);
    }
    records.retain(|record| record.len() > 1 || record.iter().any(|cell| !cell.is_empty()));
    records
}

/// A cell as it is written: in quotes where it must be.
pub fn cell(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_commas_and_line_ends() {
        assert_eq!(
            records("a,b\r\n\"x, \"\"y\"\"\nz\",\n\nlast,"),
            [vec!["a", "b"], vec!["x, \"y\"\nz", ""], vec!["last", ""]]
        );
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(rows in proptest::collection::vec(proptest::collection::vec("[a,\"\n\r ]{0,5}", 2..4), 0..5)) {
            let text: String = rows.iter().map(|row| row.iter().map(|text| cell(text)).collect::<Vec<_>>().join(",") + "\n").collect();
            prop_assert_eq!(records(&text), rows);
        }
    }
}
