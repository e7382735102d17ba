//! The reader as a whole, on real files.

use super::*;
use crate::audit::time::Micros;
use crate::source::Offset;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Copy, Clone, Debug)]
enum Pack {
    Plain,
    Gzip,
    Zstd,
    Xz,
}

const PACKS: [Pack; 4] = [Pack::Plain, Pack::Gzip, Pack::Zstd, Pack::Xz];

impl Pack {
    /// `bytes` compressed as one member, frame or stream.
    fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Pack::Plain => bytes.to_vec(),
            Pack::Gzip => {
                let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                out.write_all(bytes).unwrap();
                out.finish().unwrap()
            }
            Pack::Zstd => zstd::encode_all(bytes, 1).unwrap(),
            Pack::Xz => {
                let mut out = liblzma::write::XzEncoder::new(Vec::new(), 0);
                out.write_all(bytes).unwrap();
                out.finish().unwrap()
            }
        }
    }
}

fn pack() -> impl Strategy<Value = Pack> {
    (0..PACKS.len()).prop_map(|at| PACKS[at])
}

fn settings(block_bytes: usize, max_record_bytes: usize) -> Settings {
    Settings { block_bytes, max_record_bytes, ..Settings::default() }
}

fn source(dir: &Path, names: &[&str], resume: &BTreeMap<FileKey, Offset>, settings: Settings) -> FileSource {
    let paths: Vec<String> = names.iter().map(|name| dir.join(name).to_string_lossy().into_owned()).collect();
    FileSource::new(discover(&paths).unwrap(), resume, settings).unwrap()
}

/// Everything the source gives, and per file its bytes by offset, checked to be whole lines one after the other.
fn read_all(source: &mut FileSource) -> Vec<Item> {
    let mut items = Vec::new();
    let mut at: BTreeMap<u32, u64> = BTreeMap::new();
    while let Some(item) = source.next_item().unwrap() {
        if let Item::Block(block) = &item {
            assert!(!block.bytes.is_empty());
            let expected = at.get(&block.partition.0).copied().unwrap_or(block.offset.0);
            assert!(block.offset.0 >= expected, "blocks overlap");
        }
        if let Some(end) = item.end() {
            at.insert(item.partition().0, end.0);
        }
        items.push(item);
    }
    items
}

fn bytes_of(items: &[Item]) -> Vec<u8> {
    items
        .iter()
        .filter_map(|item| if let Item::Block(b) = item { Some(b.bytes.clone()) } else { None })
        .flatten()
        .collect()
}

fn first_offset(items: &[Item]) -> Option<u64> {
    items.iter().find_map(|item| if let Item::Block(b) = item { Some(b.offset.0) } else { None })
}

/// Offset and length of each record, given or too long.
fn records(items: &[Item]) -> Vec<(u64, u64, bool)> {
    let mut found = Vec::new();
    for item in items {
        match item {
            Item::Block(block) => {
                let mut at = block.offset.0;
                for line in block.bytes.split_inclusive(|b| *b == b'\n') {
                    found.push((at, line.len() as u64, true));
                    at += line.len() as u64;
                }
            }
            Item::Oversize { offset, len, .. } => found.push((offset.0, *len, false)),
            _ => {}
        }
    }
    found
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    // Binary, with newlines often enough to matter; a leading letter so that no framing but lines is found.
    prop::collection::vec(prop_oneof![3 => Just(b'\n'), 1 => Just(b'\r'), 8 => any::<u8>()], 0..400).prop_map(
        |mut bytes| {
            bytes.insert(0, b'a');
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_block_size_and_compression_give_the_same(bytes in content(), pack in pack(), block in 1usize..300, cut in 0usize..400) {
        let dir = tempfile::tempdir().unwrap();
        // Two members, cut anywhere.
        let cut = cut.min(bytes.len());
        let packed = match pack { Pack::Plain => bytes.clone(), _ => [pack.of(&bytes[..cut]), pack.of(&bytes[cut..])].concat() };
        fs::write(dir.path().join("x"), packed).unwrap();
        let items = read_all(&mut source(dir.path(), &["x"], &BTreeMap::new(), settings(block, 1000)));
        prop_assert_eq!(bytes_of(&items), bytes);
        prop_assert!(matches!(items.last(), Some(Item::End(_))));
        for (at, item) in items.iter().enumerate() {
            if let Item::Block(b) = item {
                prop_assert!(b.bytes.ends_with(b"\n") || at == items.len() - 2);
            }
        }
    }

    #[test]
    fn long_records_are_told_alike_whatever_the_block(bytes in content(), pack in pack(), block in 1usize..60, max in 1usize..30) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("x"), pack.of(&bytes)).unwrap();
        let items = read_all(&mut source(dir.path(), &["x"], &BTreeMap::new(), settings(block, max)));
        let mut want = Vec::new();
        let mut at = 0;
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            let len = line.strip_suffix(b"\n").unwrap_or(line).len();
            want.push((at, line.len() as u64, len <= max));
            at += line.len() as u64;
        }
        prop_assert_eq!(records(&items), want);
    }

    #[test]
    fn resuming_at_a_line_gives_exactly_the_rest(bytes in content(), pack in pack(), block in 1usize..300, nth in 0usize..40) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("x"), pack.of(&bytes)).unwrap();
        let starts: Vec<usize> = std::iter::once(0)
            .chain(bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1))
            .chain([bytes.len()])
            .collect();
        let start = starts[nth % starts.len()];
        let key = source(dir.path(), &["x"], &BTreeMap::new(), Settings::default()).partitions()[0].key;
        let items = read_all(&mut source(dir.path(), &["x"], &BTreeMap::from([(key, Offset(start as u64))]), settings(block, 1000)));
        prop_assert_eq!(bytes_of(&items), &bytes[start..]);
        if start < bytes.len() {
            prop_assert_eq!(first_offset(&items), Some(start as u64));
        }
    }

    #[test]
    fn an_archive_cut_anywhere_gives_a_prefix_and_says_so(lines in 1usize..3000, pack in 1usize..4, cut in 0.0f64..1.0) {
        let dir = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..lines).flat_map(|n| format!("{{\"n\":{}}}\n", n * 7919 % 1000).into_bytes()).collect();
        let packed = PACKS[pack].of(&bytes);
        // At least the magic bytes must be left, or it is no archive.
        let cut = 6 + ((packed.len() - 7) as f64 * cut) as usize;
        fs::write(dir.path().join("x"), &packed[..cut]).unwrap();
        let mut first = source(dir.path(), &["x"], &BTreeMap::new(), settings(100, 1000));
        let items = read_all(&mut first);
        let got = bytes_of(&items);
        prop_assert!(bytes.starts_with(&got));
        let [.., Item::Corrupt { offset, head, message, .. }, Item::End(_)] = &items[..] else {
            return Err(TestCaseError::fail(format!("{items:?}")));
        };
        prop_assert_eq!(offset.0, got.len() as u64);
        prop_assert!(message.contains("archive"));
        prop_assert!(bytes[got.len()..].starts_with(head));
        let is_cut = !head.contains(&b'\n') && head.last() != Some(&b'}');
        prop_assert!(is_cut);

        // The same again adds nothing; the whole archive adds exactly what was missing.
        let done = BTreeMap::from([(first.partitions()[0].key, items[items.len() - 2].end().unwrap())]);
        if got.contains(&b'\n') {
            let again = read_all(&mut source(dir.path(), &["x"], &done, settings(100, 1000)));
            prop_assert!(matches!(&again[..], [Item::End(_)]));
            fs::write(dir.path().join("x"), &packed).unwrap();
            let rest = read_all(&mut source(dir.path(), &["x"], &done, settings(100, 1000)));
            let missing = bytes[got.len()..].strip_prefix(b"\n").unwrap_or(&bytes[got.len()..]);
            prop_assert!(bytes_of(&rest) == missing, "{} bytes of {}", bytes_of(&rest).len(), missing.len());
            let bad = rest.iter().any(|item| matches!(item, Item::Shrunk { .. } | Item::Corrupt { .. }));
            prop_assert!(!bad);
        }
    }

    #[test]
    fn any_cut_into_rotated_files_is_read_in_order(count in 1usize..60, cuts in prop::collection::vec(0usize..60, 0..5), pack in pack(), block in 1usize..900) {
        let dir = tempfile::tempdir().unwrap();
        let lines: Vec<String> = (0..count).map(event).collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(count)).chain([0, count]).collect();
        cuts.sort_unstable();
        for (n, pair) in cuts.windows(2).enumerate() {
            // Names tell nothing of the order.
            fs::write(dir.path().join(format!("{}.log", 9 - n)), pack.of(lines[pair[0]..pair[1]].concat().as_bytes())).unwrap();
        }
        let items = read_all(&mut source(dir.path(), &[""], &BTreeMap::new(), settings(block, 2000)));
        prop_assert_eq!(String::from_utf8(bytes_of(&items)).unwrap(), lines.concat());
    }

    #[test]
    fn overlapping_logs_interleave_and_the_floor_holds(of in prop::collection::vec(0usize..3, 1..80), block in 1usize..300) {
        let dir = tempfile::tempdir().unwrap();
        for log in 0..3 {
            let lines: String = of.iter().enumerate().filter(|(_, l)| **l == log).map(|(n, _)| event(n)).collect();
            fs::write(dir.path().join(format!("{log}.log")), lines).unwrap();
        }
        let mut source = source(dir.path(), &[""], &BTreeMap::new(), settings(block, 300));
        let mut total = 0;
        let mut floor = source.floor();
        while let Some(item) = source.next_item().unwrap() {
            let Item::Block(block) = item else { continue };
            let begins = event_time::first_event_time(&block.bytes);
            prop_assert!(begins >= floor, "{:?} under the floor {:?}", begins, floor);
            prop_assert!(source.floor().is_none_or(|next| Some(next) >= begins), "a later block went first");
            total += block.bytes.len();
            floor = source.floor().or(floor);
        }
        prop_assert_eq!(total, of.iter().enumerate().map(|(n, _)| event(n).len()).sum::<usize>());
        prop_assert_eq!(source.floor(), None);
        let progress = source.progress();
        prop_assert_eq!(Some(progress.passed_bytes + progress.read_bytes), progress.total_bytes);
    }
}

fn event(n: usize) -> String {
    format!("{{\"auditID\":\"{n}\",\"stageTimestamp\":\"2024-01-02T03:{:02}:{:02}.000000Z\"}}\n", n / 60, n % 60)
}

fn write(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn ten_megabytes_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("{{\"a\":1}}\n{{\"body\":\"{}\"}}\n{{\"b\":2}}\n", "x".repeat(10 << 20));
    write(dir.path(), "big.log.gz", Pack::Gzip.of(text.as_bytes()));
    let items = read_all(&mut source(dir.path(), &["big.log.gz"], &BTreeMap::new(), Settings::default()));
    assert_eq!(bytes_of(&items), text.as_bytes());
    let items = read_all(&mut source(dir.path(), &["big.log.gz"], &BTreeMap::new(), settings(1 << 16, 1 << 20)));
    assert_eq!(records(&items).iter().map(|r| r.2).collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn a_pretty_printed_list_resumes_between_items() {
    let dir = tempfile::tempdir().unwrap();
    let items: Vec<String> = (0..50).map(|n| format!("    {{\n      \"n\": {n}\n    }}")).collect();
    let text = format!("{{\n  \"items\": [\n{}\n  ],\n  \"kind\": \"EventList\"\n}}\n", items.join(",\n"));
    write(dir.path(), "list.json.xz", Pack::Xz.of(text.as_bytes()));
    let mut all = source(dir.path(), &["list.json.xz"], &BTreeMap::new(), settings(64, 1000));
    let items = read_all(&mut all);
    let full: Vec<(u64, u64, bool)> = records(&items).into_iter().filter(|r| r.1 > 1).collect();
    assert_eq!(full.len(), 50);
    for (n, (at, len, _)) in full.iter().enumerate() {
        let record = &text[*at as usize..(*at + *len) as usize];
        assert_eq!(record.split_whitespace().collect::<String>().trim_end_matches(','), format!("{{\"n\":{n}}}"));
    }
    let resume = BTreeMap::from([(all.partitions()[0].key, Offset(full[20].0))]);
    let rest = read_all(&mut source(dir.path(), &["list.json.xz"], &resume, settings(64, 1000)));
    assert_eq!(records(&rest).into_iter().filter(|r| r.1 > 1).collect::<Vec<_>>(), full[20..]);
}

#[test]
fn a_one_line_list_is_one_record() {
    let dir = tempfile::tempdir().unwrap();
    let text = "{\"kind\":\"EventList\",\"items\":[{\"a\":1},{\"a\":2}]}";
    write(dir.path(), "list.json", text);
    let items = read_all(&mut source(dir.path(), &["list.json"], &BTreeMap::new(), Settings::default()));
    assert_eq!(records(&items), [(0, text.len() as u64, true)]);
}

#[test]
fn a_log_goes_on_after_it_grew_was_renamed_and_compressed() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "audit.log", event(0) + &event(1));
    let first = source(dir.path(), &["audit.log"], &BTreeMap::new(), Settings::default());
    let done = BTreeMap::from([(first.partitions()[0].key, Offset((event(0) + &event(1)).len() as u64))]);
    assert_eq!(bytes_of(&read_all(&mut source(dir.path(), &["audit.log"], &done, Settings::default()))), b"");
    write(dir.path(), "audit-1.log.gz", Pack::Gzip.of((event(0) + &event(1) + &event(2)).as_bytes()));
    write(dir.path(), "audit.log", event(3));
    let items = read_all(&mut source(dir.path(), &["audit.log", "audit-1.log.gz"], &done, Settings::default()));
    assert_eq!(String::from_utf8(bytes_of(&items)).unwrap(), event(2) + &event(3));
}

#[test]
fn a_line_that_was_cut_is_given_again_whole_and_one_that_got_its_newline_is_not() {
    let dir = tempfile::tempdir().unwrap();
    for pack in PACKS {
        let whole = event(0) + &event(1) + &event(2);
        let key = FileKey::of(whole.as_bytes(), Framing::Lines, Path::new("x"));
        for (done, want) in
            [(whole.len() - event(2).len() - 5, event(1) + &event(2)), (event(0).len() - 1, event(1) + &event(2))]
        {
            write(dir.path(), "x", pack.of(whole.as_bytes()));
            let items = read_all(&mut source(
                dir.path(),
                &["x"],
                &BTreeMap::from([(key, Offset(done as u64))]),
                settings(40, 4000),
            ));
            assert_eq!(String::from_utf8(bytes_of(&items)).unwrap(), want, "{pack:?}");
        }
    }
}

#[test]
fn a_file_that_was_cut_short_is_told() {
    let dir = tempfile::tempdir().unwrap();
    for pack in PACKS {
        write(dir.path(), "x", pack.of(event(0).as_bytes()));
        let key = source(dir.path(), &["x"], &BTreeMap::new(), Settings::default()).partitions()[0].key;
        let items =
            read_all(&mut source(dir.path(), &["x"], &BTreeMap::from([(key, Offset(5000))]), Settings::default()));
        let [Item::Shrunk { len, resume, .. }, Item::End(_)] = &items[..] else { panic!("{items:?}") };
        assert_eq!((*len, *resume), (event(0).len() as u64, Offset(5000)));
    }
}

#[test]
fn copies_are_read_once_and_look_alikes_twice() {
    let dir = tempfile::tempdir().unwrap();
    let whole = event(0) + &event(1);
    write(dir.path(), "a.log", event(0));
    write(dir.path(), "b.log.zst", Pack::Zstd.of(whole.as_bytes()));
    write(dir.path(), "c.log", &whole);
    let mut copies = source(dir.path(), &[""], &BTreeMap::new(), Settings::default());
    assert_eq!(bytes_of(&read_all(&mut copies)), whole.as_bytes());
    assert_eq!(copies.partitions().len(), 1);
    write(dir.path(), "d.log", event(0) + &event(2));
    let mut alike = source(dir.path(), &[""], &BTreeMap::new(), settings(10, 4000));
    assert_eq!(alike.partitions().len(), 2);
    assert_ne!(alike.partitions()[0].key, alike.partitions()[1].key);
    assert_eq!(read_all(&mut alike).len(), 4 + 2);
}

#[test]
fn a_first_record_longer_than_the_head_still_finds_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let late = format!("{{\"body\":\"{}\",\"stageTimestamp\":\"2024-01-02T09:00:00Z\"}}\n", "x".repeat(100_000));
    write(dir.path(), "a.log", &late);
    write(dir.path(), "b.log", event(0));
    let mut source = source(dir.path(), &[""], &BTreeMap::new(), Settings::default());
    assert_eq!(source.floor(), Some(Micros::MIN));
    assert_eq!(bytes_of(&read_all(&mut source)), (event(0) + &late).as_bytes());
}

#[test]
fn empty_files_and_blank_lines_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.log", "");
    write(dir.path(), "b.log", "");
    write(dir.path(), "c.log", "\n\r\n \n");
    let items = read_all(&mut source(dir.path(), &[""], &BTreeMap::new(), Settings::default()));
    assert_eq!(bytes_of(&items), b"\n\r\n \n");
    assert_eq!(items.iter().filter(|item| matches!(item, Item::End(_))).count(), 3);
}

#[test]
fn a_pipe_is_read_once_and_without_a_total() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let text: String = (0..5000).map(event).collect();
    let packed = Pack::Gzip.of(text.as_bytes());
    let to = path.clone();
    let writer = std::thread::spawn(move || fs::write(to, packed).unwrap());
    let mut pipe = source(dir.path(), &["pipe"], &BTreeMap::new(), settings(1000, 1000));
    assert_eq!(bytes_of(&read_all(&mut pipe)), text.as_bytes());
    assert_eq!(pipe.progress().total_bytes, None);
    writer.join().unwrap();
}

#[test]
fn a_damaged_archive_gives_what_came_before() {
    let dir = tempfile::tempdir().unwrap();
    let text: String = (0..20_000).map(|n| event(n * 7 % 3000)).collect();
    for pack in [Pack::Gzip, Pack::Zstd, Pack::Xz] {
        let mut packed = pack.of(text.as_bytes());
        let middle = packed.len() / 2;
        packed[middle..middle + 40].fill(0xff);
        write(dir.path(), "x", packed);
        let items = read_all(&mut source(dir.path(), &["x"], &BTreeMap::new(), Settings::default()));
        let got = bytes_of(&items);
        assert!(items.iter().any(|item| matches!(item, Item::Corrupt { .. })), "{pack:?}");
        if !matches!(pack, Pack::Gzip) {
            assert!(text.as_bytes().starts_with(&got), "{pack:?}");
        }
    }
}

#[test]
fn real_logs_of_two_servers_interleave() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/lab/clients");
    if !dir.exists() {
        eprintln!("skipped: {} is absent", dir.display());
        return;
    }
    let mut two =
        source(&dir, &["audit-1.jsonl.xz", "audit-2.jsonl.xz"], &BTreeMap::new(), settings(256 << 10, 16 << 20));
    let mut latest = Micros::MIN;
    let mut blocks = BTreeMap::new();
    let mut turns = 0;
    let mut last = None;
    while let Some(item) = two.next_item().unwrap() {
        let Item::Block(block) = item else { continue };
        let begins = event_time::first_event_time(&block.bytes).unwrap();
        assert!(begins.plus(2_000_000) >= latest, "out of order by more than two seconds");
        latest = latest.max(begins);
        *blocks.entry(block.partition).or_insert(0) += 1;
        turns += usize::from(last.replace(block.partition) != Some(block.partition));
    }
    assert!(blocks.len() == 2 && turns > 10, "{blocks:?} {turns}");
}

#[test]
fn lines_of_text_are_read_in_the_order_given_and_never_as_a_document() {
    let dir = tempfile::tempdir().unwrap();
    let texts = [
        "[\n{\"stageTimestamp\":\"2026-01-02T00:00:00Z\"}\n]\n",
        "{\"stageTimestamp\":\"2026-01-01T00:00:00Z\"}\n",
        "plain\n",
    ];
    let files: Vec<InputFile> = (0..)
        .zip(texts)
        .map(|(at, text)| {
            let path = dir.path().join(format!("{at}.log"));
            std::fs::write(&path, text).unwrap();
            InputFile::at(&path).unwrap()
        })
        .collect();
    let settings = Settings { records: Records::Lines, ..Settings::default() };
    let mut source = FileSource::new(files, &BTreeMap::new(), settings).unwrap();
    let mut found = Vec::new();
    while let Some(item) = source.next_item().unwrap() {
        if let Item::Block(block) = item {
            found.push(String::from_utf8(block.bytes).unwrap());
        }
    }
    assert_eq!(found, texts);
}
