//! Lines of files, one after the other with their numbers, for commands that read log lines themselves.

use crate::source::files::{FileSource, Item, Records, Settings, discover};
use crate::text::line::OddLine;
use anyhow::Result;
use std::collections::BTreeMap;

/// A line.
#[derive(Debug)]
pub struct RawLine<'a> {
    /// Its file.
    pub file: &'a str,
    /// Whether there are other files too.
    pub several: bool,
    /// Its number in the file, from 1.
    pub number: u64,
    /// Its bytes with the line end, or why there are none.
    pub bytes: Result<&'a [u8], OddLine>,
}

/// Shows every line of the inputs (files, folders, globs, `-`), in their order.
///
/// # Errors
/// When an input cannot be read, and whatever `visit` fails with.
pub fn each_line(inputs: &[String], visit: &mut dyn FnMut(RawLine<'_>) -> Result<()>) -> Result<()> {
    let settings = Settings { records: Records::Lines, ..Settings::default() };
    let mut source = FileSource::new(discover(inputs)?, &BTreeMap::new(), settings)?;
    let names: Vec<String> = source.partitions().iter().map(|p| p.file.path.display().to_string()).collect();
    let mut counts = vec![0u64; names.len()];
    let several = names.len() > 1;
    while let Some(item) = source.next_item()? {
        let at = item.partition().0 as usize;
        let (Some(count), Some(file)) = (counts.get_mut(at), names.get(at)) else { continue };
        match item {
            Item::Block(block) => {
                for line in block.bytes.split_inclusive(|byte| *byte == b'\n') {
                    *count += 1;
                    visit(RawLine { file, several, number: *count, bytes: Ok(line) })?;
                }
            }
            Item::Oversize { .. } => {
                *count += 1;
                visit(RawLine { file, several, number: *count, bytes: Err(OddLine::TooLong) })?;
            }
            Item::Corrupt { offset, message, .. } => tracing::warn!("{file}, byte {}: {message}", offset.0),
            Item::Shrunk { .. } | Item::End(_) => {}
        }
    }
    Ok(())
}
