//! Any bytes as a file, plain or as an archive of any kind: no panic, and the same records whatever the block size.
#![no_main]

use causeway::source::files::{FileSource, InputFile, Item, Settings};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use std::fs;

fuzz_target!(|bytes: &[u8]| {
    let Ok(dir) = tempfile::tempdir() else { return };
    let path = dir.path().join("x");
    if fs::write(&path, bytes).is_err() {
        return;
    }
    let read = |block_bytes| {
        let file = InputFile::at(&path).expect("the file is there");
        let settings = Settings { block_bytes, max_record_bytes: 1000, ..Settings::default() };
        let mut source = FileSource::new(vec![file], &BTreeMap::new(), settings).expect("the disk works");
        let mut records: Vec<(u64, Vec<u8>)> = Vec::new();
        while let Some(item) = source.next_item().expect("the disk works") {
            match item {
                Item::Block(block) => {
                    let mut at = block.offset.0;
                    for line in block.bytes.split_inclusive(|b| *b == b'\n') {
                        records.push((at, line.to_vec()));
                        at += line.len() as u64;
                    }
                }
                Item::Oversize { offset, head, .. } | Item::Corrupt { offset, head, .. } => {
                    records.push((offset.0, head))
                }
                Item::Shrunk { .. } => unreachable!("nothing was read before"),
                Item::End(_) => {}
            }
        }
        records
    };
    assert_eq!(read(7), read(1000));
});
