//! Parquet files: text columns are encoded here, all others by the `parquet` crate.
//!
//! ```text
//!                 ┌─ text, dictionary, list of texts ─▶ TextChunk ─┐
//! RecordBatch ────┤                                                ├─▶ row group ─▶ file
//!                 └─ all others ──────▶ parquet's ArrowColumnWriter ┘
//!
//! TextChunk:  keys ─▶ KeyMap ─┐
//!             texts ──────────┴▶ Dictionary ─▶ indices ─▶ hybrid ─┐
//!             nulls, lists ──▶ Levels ─────────────────▶ hybrid ─┴▶ Pages, compressed
//! ```
//! The crate hashes and compares every cell of a dictionary column anew, though whoever built the batch has done so
//! already: that was half of all the time that writing took. Here a key of the batch's dictionary is looked up once, and
//! counts for every cell that has it, in this batch and in the next ones with the same dictionary.
//!
//! Invariants:
//! - What is read back equals what was written, and readers find the pages as the crate would have written them: data
//!   pages of version 1, `RLE_DICTIONARY` until the dictionary grows too large and `PLAIN` from then on.
//! - A page begins at a row. A chunk's dictionary holds only values that some cell has.

mod bounds;
mod dictionary;
mod file;
mod hybrid;
mod key_map;
mod levels;
mod pages;
mod text;
mod values;

#[cfg(test)]
mod tests;

pub use file::FileWriter;

/// Level of the zstd compression of every page.
pub const ZSTD_LEVEL: i32 = 1;
