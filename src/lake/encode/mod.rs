//! Parquet files: texts, whole numbers and times are encoded here, what is left by the `parquet` crate.
//!
//! ```text
//!              ┌─ texts, numbers, times ─▶ Chunk ────────────┐
//! RecordBatch ─┤                                             ├─▶ row group ─▶ file
//!              └─ all others ─▶ the crate's ArrowColumnWriter ┘
//!
//! Chunk:  keys ──▶ KeyMap ─┐
//!         lists ──▶ Lists ─┤
//!         texts ───────────┴▶ Dictionary ─▶ indices ─▶ hybrid ─┐
//!         numbers ─────────────────────────────────▶ delta ────┼─▶ Pages, compressed
//!         nulls, lists ──▶ Levels ─────────────────▶ hybrid ───┘
//! ```
//! The crate hashes and compares every cell of a dictionary column anew, though whoever built the batch has done so
//! already: that was half of all the time that writing took. Here a key of the batch's dictionary is looked up once, and
//! counts for every cell that has it, in this batch and in the next ones with the same dictionary.
//!
//! Invariants:
//! - What is read back equals what was written, and readers find what the crate's writer would have given them: data pages
//!   of version 1 with an offset index, `RLE_DICTIONARY` until the dictionary does not pay any more. Numbers are then
//!   `DELTA_BINARY_PACKED`, texts `PLAIN`, or `DELTA_LENGTH_BYTE_ARRAY` where the properties say so.
//! - A page begins at a row. A chunk's dictionary holds only values that some cell has.

mod bits;
mod bounds;
mod chunk;
mod delta;
mod dictionary;
mod file;
mod hybrid;
mod key_map;
mod levels;
mod lists;
mod numbers;
mod pages;
mod parts;
mod rules;
mod texts;

#[cfg(test)]
mod tests;

pub use file::FileWriter;

/// Level of the zstd compression of every page.
pub const ZSTD_LEVEL: i32 = 1;
