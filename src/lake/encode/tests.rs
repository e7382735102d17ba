//! What is read back equals what was written, and files are as the crate's own writer makes them.

use super::parts::Parts;
use super::*;
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType, UInt16Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt16Array,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::reader::{ChunkReader, Length};
use proptest::prelude::*;
use std::sync::Arc;

/// The cells of a row.
#[derive(Clone, Debug, PartialEq)]
struct Cells {
    text: String,
    some_text: Option<String>,
    term: String,
    some_term: Option<String>,
    list: Vec<String>,
    number: i64,
    code: i32,
    some_code: Option<u16>,
    some_time: Option<i64>,
}

fn schema() -> SchemaRef {
    let terms = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    Arc::new(Schema::new(vec![
        Field::new("text", DataType::Utf8, false),
        Field::new("number", DataType::Int64, false),
        Field::new("some_text", DataType::Utf8, true),
        Field::new("term", terms(), false),
        Field::new("some_term", terms(), true),
        Field::new("list", DataType::List(Arc::new(Field::new("item", DataType::Utf8, false))), false),
        Field::new("code", DataType::Int32, false),
        Field::new("flag", DataType::Boolean, false),
        Field::new("some_code", DataType::UInt16, true),
        Field::new("some_time", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
    ]))
}

/// Keys into `terms`, to which what is missing is appended: a dictionary that is kept from batch to batch.
fn dictionary<'a>(cells: impl Iterator<Item = Option<&'a str>>, terms: &mut Vec<String>) -> ArrayRef {
    let mut key = |text: &str| {
        let known = terms.iter().position(|term| term == text);
        known.unwrap_or_else(|| {
            terms.push(text.to_owned());
            terms.len() - 1
        }) as i32
    };
    let keys: Int32Array = cells.map(|cell| cell.map(&mut key)).collect();
    Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(StringArray::from_iter_values(terms))).unwrap())
}

fn batch(rows: &[Cells], terms: &mut Vec<String>, some_terms: &mut Vec<String>) -> RecordBatch {
    let mut lists =
        ListBuilder::new(StringBuilder::new()).with_field(Arc::new(Field::new("item", DataType::Utf8, false)));
    for row in rows {
        row.list.iter().for_each(|item| lists.values().append_value(item));
        lists.append(true);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.text))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.number))),
        Arc::new(rows.iter().map(|row| row.some_text.as_deref()).collect::<StringArray>()),
        dictionary(rows.iter().map(|row| Some(row.term.as_str())), terms),
        dictionary(rows.iter().map(|row| row.some_term.as_deref()), some_terms),
        Arc::new(lists.finish()),
        Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.code))),
        Arc::new(BooleanArray::from(rows.iter().map(|row| row.code > 0).collect::<Vec<_>>())),
        Arc::new(rows.iter().map(|row| row.some_code).collect::<UInt16Array>()),
        Arc::new(rows.iter().map(|row| row.some_time).collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn rows_of(batch: &RecordBatch) -> Vec<Cells> {
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let texts = |array: &ArrayRef| -> Vec<Option<String>> {
        let array = match array.as_dictionary_opt::<Int32Type>() {
            Some(array) => arrow_select::take::take(array.values(), array.keys(), None).unwrap(),
            None => Arc::clone(array),
        };
        array.as_string::<i32>().iter().map(|cell| cell.map(str::to_owned)).collect()
    };
    let [text, some_text, term, some_term] = ["text", "some_text", "term", "some_term"].map(|name| texts(column(name)));
    let list = column("list").as_list::<i32>();
    let flag = column("flag").as_boolean();
    let number = column("number").as_primitive::<Int64Type>();
    let code = column("code").as_primitive::<Int32Type>();
    let some_code = column("some_code").as_primitive::<UInt16Type>();
    let some_time = column("some_time").as_primitive::<TimestampMicrosecondType>();
    let cells = |row: usize| {
        assert_eq!(flag.value(row), code.value(row) > 0);
        Cells {
            text: text[row].clone().unwrap(),
            some_text: some_text[row].clone(),
            term: term[row].clone().unwrap(),
            some_term: some_term[row].clone(),
            list: texts(&list.value(row)).into_iter().flatten().collect(),
            number: number.value(row),
            code: code.value(row),
            some_code: some_code.is_valid(row).then(|| some_code.value(row)),
            some_time: some_time.is_valid(row).then(|| some_time.value(row)),
        }
    };
    (0..batch.num_rows()).map(cells).collect()
}

fn properties() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL).unwrap()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_column_bloom_filter_enabled("term".into(), true)
}

fn read(bytes: Vec<u8>) -> Vec<Cells> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
    assert_eq!(reader.schema().fields(), schema().fields());
    reader.build().unwrap().flat_map(|batch| rows_of(&batch.unwrap())).collect()
}

fn metadata(bytes: &[u8]) -> ParquetMetaData {
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
    reader.try_parse(&Bytes::copy_from_slice(bytes)).unwrap();
    reader.finish().unwrap()
}

/// Few texts, so that they repeat; some long, one empty.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[ab]{0,2}", 1 => "[a-z]{60,80}", 1 => "\\PC{0,9}"]
}

/// Near each other, far from each other, and at both ends.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![4 => -3..3i64, 2 => 1_700_000_000_000_000..1_700_000_001_000_000i64, 1 => any::<i64>()]
}

fn cells() -> impl Strategy<Value = Cells> {
    let some = || prop::option::of(text());
    let texts = (text(), some(), text(), some(), prop::collection::vec(text(), 0..4));
    let some_code = prop::option::of(prop_oneof![200..205u16, any::<u16>()]);
    let numbers = (number(), number().prop_map(|n| n as i32), some_code, prop::option::of(number()));
    (texts, numbers).prop_map(|((text, some_text, term, some_term, list), (number, code, some_code, some_time))| {
        Cells { text, some_text, term, some_term, list, number, code, some_code, some_time }
    })
}

/// Runs of equal rows among others, as logs have them.
fn rows() -> impl Strategy<Value = Vec<Cells>> {
    let run = (cells(), prop_oneof![3 => Just(1), 1 => 2..200usize]).prop_map(|(cells, times)| vec![cells; times]);
    prop::collection::vec(run, 0..12).prop_map(|runs| runs.concat())
}

/// What comes between two batches.
#[derive(Clone, Debug)]
enum Between {
    Nothing,
    Flush,
    NewDictionaries,
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        batches in prop::collection::vec((rows(), prop_oneof![
            Just(Between::Nothing), Just(Between::Flush), Just(Between::NewDictionaries)
        ], 0..5usize), 1..6),
        page_rows in 1..300usize,
        page_bytes in 1..2000usize,
        dictionary_bytes in prop_oneof![1..300usize, Just(1 << 20)],
        group_rows in 1..700usize,
        has_dictionary: bool,
        lengths_apart: bool,
    ) {
        let encoding = if lengths_apart { Encoding::DELTA_LENGTH_BYTE_ARRAY } else { Encoding::PLAIN };
        let properties = properties()
            .set_column_encoding("text".into(), encoding)
            .set_column_encoding("some_text".into(), encoding)
            .set_dictionary_enabled(has_dictionary)
            .set_data_page_row_count_limit(page_rows)
            .set_data_page_size_limit(page_bytes)
            .set_dictionary_page_size_limit(dictionary_bytes)
            .set_max_row_group_row_count(Some(group_rows));
        let mut writer = FileWriter::try_new(Vec::new(), schema(), properties.build()).unwrap();
        let (mut terms, mut some_terms) = (Vec::new(), Vec::new());
        let mut expected = Vec::new();
        for (rows, between, skipped) in &batches {
            match between {
                Between::Nothing => {}
                Between::Flush => writer.flush().unwrap(),
                Between::NewDictionaries => (terms, some_terms) = (vec!["unused".to_owned()], Vec::new()),
            }
            // Slices do not begin at the start of their buffers.
            let batch = batch(rows, &mut terms, &mut some_terms);
            let skipped = (*skipped).min(rows.len());
            writer.write(&batch.slice(skipped, rows.len() - skipped)).unwrap();
            expected.extend_from_slice(&rows[skipped..]);
        }
        let bytes = writer.into_inner().unwrap();
        let metadata = metadata(&bytes);
        for group in metadata.row_groups() {
            prop_assert!(group.num_rows() as usize <= group_rows);
        }
        prop_assert_eq!(read(bytes), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Indices of every width, in runs and without.
    #[test]
    fn many_values_are_read(
        distinct in prop_oneof![1..3usize, 3..300usize, 300..70_000usize],
        runs in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![4 => 1..3usize, 1 => 1..99usize]), 1..2000),
    ) {
        let field = Field::new("term", DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)), false);
        let schema = Arc::new(Schema::new(vec![field]));
        let mut writer = FileWriter::try_new(Vec::new(), Arc::clone(&schema), properties().build()).unwrap();
        let values = Arc::new(StringArray::from_iter_values((0..distinct).map(|n| n.to_string())));
        // All values once, so that indices are as wide as they get.
        let runs = runs.iter().flat_map(|(value, times)| vec![value.index(distinct) as i32; *times]);
        let keys: Vec<i32> = (0..distinct as i32).chain(runs).collect();
        for part in keys.chunks(4096) {
            let part = Int32Array::from_iter_values(part.iter().copied());
            let column = DictionaryArray::<Int32Type>::try_new(part, Arc::clone(&values) as ArrayRef).unwrap();
            writer.write(&RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(column)]).unwrap()).unwrap();
        }
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(writer.into_inner().unwrap())).unwrap();
        let texts = |batch: RecordBatch| {
            let column = batch.column(0).as_dictionary::<Int32Type>().clone();
            let texts = column.downcast_dict::<StringArray>().unwrap();
            texts.into_iter().map(|text| text.unwrap().parse().unwrap()).collect::<Vec<i32>>()
        };
        let read: Vec<i32> = reader.build().unwrap().flat_map(|batch| texts(batch.unwrap())).collect();
        prop_assert_eq!(read, keys);
    }
}

/// A chunk that is read from the middle, over the edges of its pieces.
#[test]
fn a_chunk_reads_as_one() {
    let mut parts = Parts::default();
    [&b"two"[..], b"", b"three"].into_iter().for_each(|part| parts.push(Bytes::copy_from_slice(part)));
    parts.push_front(Bytes::from_static(b"one"));
    assert_eq!((Length::len(&parts), parts.get_bytes(2, 6).unwrap().as_ref()), (11, &b"etwoth"[..]));
    assert!(parts.get_bytes(8, 4).is_err());
}

fn sample(numbers: std::ops::Range<usize>) -> Vec<Cells> {
    let cells = |n: usize| Cells {
        text: format!("text {n}"),
        some_text: (!n.is_multiple_of(3)).then(|| format!("text {}", n % 7)),
        term: format!("term {}", n % 5),
        some_term: None,
        list: (0..n % 3).map(|item| format!("item {item}")).collect(),
        number: (n * n % 1000) as i64 - 500,
        code: n as i32 % 11,
        some_code: (!n.is_multiple_of(4)).then_some(200 + n as u16 % 5),
        some_time: (!n.is_multiple_of(5)).then_some(1_700_000_000_000_000 + n as i64 * 999),
    };
    numbers.map(cells).collect()
}

/// The Bloom filter of a column.
fn filter(bytes: &[u8], column: &ColumnChunkMetaData) -> Option<Vec<u8>> {
    let from = column.bloom_filter_offset()? as usize;
    Some(bytes[from..from + column.bloom_filter_length()? as usize].to_vec())
}

/// The file that the crate's writer makes of the same batches says the same of its columns.
#[test]
fn metadata_are_those_of_the_crate() {
    let plain = |builder: WriterPropertiesBuilder, name: &str, encoding| {
        builder.set_column_dictionary_enabled(name.into(), false).set_column_encoding(name.into(), encoding)
    };
    let properties = plain(properties(), "number", Encoding::DELTA_BINARY_PACKED);
    let properties = plain(properties, "some_time", Encoding::DELTA_BINARY_PACKED);
    let properties = plain(properties, "text", Encoding::DELTA_LENGTH_BYTE_ARRAY);
    let properties = properties.set_data_page_row_count_limit(1000).build();
    let mut ours = FileWriter::try_new(Vec::new(), schema(), properties.clone()).unwrap();
    let mut crates = ArrowWriter::try_new(Vec::new(), schema(), Some(properties)).unwrap();
    let (mut terms, mut some_terms) = (Vec::new(), Vec::new());
    for numbers in [0..1500, 1500..2500] {
        let batch = batch(&sample(numbers), &mut terms, &mut some_terms);
        // The crate looks at the length of a page every 1024 rows only.
        for part in (0..batch.num_rows()).step_by(500).map(|row| batch.slice(row, 500)) {
            ours.write(&part).unwrap();
            crates.write(&part).unwrap();
        }
    }
    let (ours_bytes, crates_bytes) = (ours.into_inner().unwrap(), crates.into_inner().unwrap());
    let (ours, crates) = (metadata(&ours_bytes), metadata(&crates_bytes));
    assert_eq!(ours.file_metadata().schema_descr(), crates.file_metadata().schema_descr());
    assert_eq!(ours.file_metadata().key_value_metadata(), crates.file_metadata().key_value_metadata());
    let (ours_offsets, crates_offsets) = (ours.offset_index().unwrap(), crates.offset_index().unwrap());
    let (group, by_crate) = (ours.row_group(0), crates.row_group(0));
    assert_eq!(group.num_rows(), by_crate.num_rows());
    for (n, (column, by_crate)) in group.columns().iter().zip(by_crate.columns()).enumerate() {
        let path = column.column_path().string();
        assert_eq!(column.num_values(), by_crate.num_values(), "{path}");
        assert_eq!(column.compression(), by_crate.compression(), "{path}");
        assert_eq!(column.encodings_mask(), by_crate.encodings_mask(), "{path}");
        assert_eq!(column.page_encoding_stats(), by_crate.page_encoding_stats(), "{path}");
        assert_eq!(column.statistics(), by_crate.statistics(), "{path}");
        assert_eq!(filter(&ours_bytes, column), filter(&crates_bytes, by_crate), "{path}");
        assert_eq!(column.dictionary_page_offset().is_some(), by_crate.dictionary_page_offset().is_some(), "{path}");
        let first_rows = |offsets: &Vec<Vec<_>>| -> Vec<i64> {
            let index: &parquet::file::page_index::offset_index::OffsetIndexMetaData = &offsets[0][n];
            index.page_locations().iter().map(|page| page.first_row_index).collect()
        };
        assert_eq!(first_rows(ours_offsets), first_rows(crates_offsets), "{path}");
        let size_ratio = column.compressed_size() as f64 / by_crate.compressed_size() as f64;
        assert!(size_ratio < 1.1, "{path} takes {size_ratio} times the bytes");
        let index = &ours_offsets[0][n];
        let first = index.page_locations()[0].offset;
        assert_eq!(first, column.data_page_offset(), "{path}");
    }
}
