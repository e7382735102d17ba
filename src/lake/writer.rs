//! Writes batches into Parquet files in the staging folder: one open file for each table, cluster and date.
//!
//! ```text
//! batch ─▶ split by date ─▶ FileWriter (one a folder) ─▶ bytes, counted and hashed ─▶ _causeway/staging/<session><worker>-<n>
//! ```
//! Memory is bounded: when all open row groups together pass [`Limits::buffered_bytes`] the largest is written out, and
//! when more than [`Limits::open_files`] are open the one that was idle longest is closed.

use super::encode::{FileWriter, ZSTD_LEVEL};
use super::fail_point::fail_point;
use super::manifest::{Checksum, StagedFile};
use super::store::{Store, StoreWriter};
use super::tables::{Kind, Table};
use super::{LakeError, PROGRAM_VERSION, SCHEMA_VERSION, layout, partition};
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{RecordBatch, UInt32Array};
use arrow_select::take::take_record_batch;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// Bounds of a writer.
#[derive(Copy, Clone, Debug)]
pub struct Limits {
    /// Most rows of a row group.
    pub row_group_rows: usize,
    /// Most bytes that all open row groups of the writer take together.
    pub buffered_bytes: usize,
    /// Most files open at once.
    pub open_files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { row_group_rows: 128 << 10, buffered_bytes: 64 << 20, open_files: 64 }
    }
}

/// Writes the tables of one worker.
#[derive(Debug)]
pub struct TableWriter {
    store: Arc<dyn Store>,
    worker: usize,
    limits: Limits,
    metadata: Vec<KeyValue>,
    /// Files opened so far; numbers their staged names.
    opened: u64,
    /// Calls of `write` so far; tells which file was idle longest.
    clock: u64,
    /// By folder.
    open: BTreeMap<String, OpenFile>,
    closed: Vec<ClosedFile>,
}

#[derive(Debug)]
struct OpenFile {
    table: Table,
    staged: String,
    writer: FileWriter<Counted>,
    used_at: u64,
    rows: u64,
    times: Option<(i64, i64)>,
}

#[derive(Debug)]
struct ClosedFile {
    folder: String,
    table: Table,
    staged: String,
    rows: u64,
    bytes: u64,
    checksum: Checksum,
    times: Option<(i64, i64)>,
}

impl TableWriter {
    /// A writer for worker number `worker`, unique among all workers of all processes. Make it after the lake is opened.
    pub fn new(store: Arc<dyn Store>, worker: usize) -> TableWriter {
        TableWriter::with_limits(store, worker, Limits::default())
    }

    /// The same with other bounds.
    pub fn with_limits(store: Arc<dyn Store>, worker: usize, limits: Limits) -> TableWriter {
        let metadata = vec![
            KeyValue::new("causeway.program_version".into(), PROGRAM_VERSION.to_owned()),
            KeyValue::new("causeway.schema_version".into(), SCHEMA_VERSION.to_string()),
        ];
        let (open, closed) = (BTreeMap::new(), Vec::new());
        TableWriter { store, worker, limits, metadata, opened: 0, clock: 0, open, closed }
    }

    /// Adds a line to the metadata of files opened from now on, such as the version of the model.
    pub fn add_metadata(&mut self, key: &str, value: &str) {
        self.metadata.retain(|line| line.key != key);
        self.metadata.push(KeyValue::new(key.to_owned(), value.to_owned()));
    }

    /// Rows written since the last [`TableWriter::finish`].
    pub fn pending_rows(&self) -> u64 {
        self.open.values().map(|file| file.rows).sum::<u64>() + self.closed.iter().map(|file| file.rows).sum::<u64>()
    }

    /// Adds the rows of a batch, which has the table's schema.
    ///
    /// # Errors
    /// [`LakeError::Parquet`] or [`LakeError::Io`] with the path; the commit in the making is lost then.
    pub fn write(&mut self, table: Table, cluster: &str, batch: &RecordBatch) -> Result<(), LakeError> {
        self.clock += 1;
        let folder = format!("{}/cluster={}", table.name(), partition::encode(cluster));
        let times = table.time_column().and_then(|name| batch.column_by_name(name));
        let Some(times) = times.and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>()) else {
            return self.write_part(table, folder, batch, None);
        };
        for (day, rows) in by_day(times.values()) {
            let folder = format!("{folder}/date={}", partition::date_text(day));
            match rows {
                Rows::All(span) => self.write_part(table, folder, batch, Some(span))?,
                Rows::Some(rows, span) => {
                    let part = take_record_batch(batch, &UInt32Array::from(rows)).map_err(LakeError::batch(table))?;
                    self.write_part(table, folder, &part, Some(span))?;
                }
            }
        }
        Ok(())
    }

    fn write_part(
        &mut self,
        table: Table,
        folder: String,
        batch: &RecordBatch,
        times: Option<(i64, i64)>,
    ) -> Result<(), LakeError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let mut file = match self.open.remove(&folder) {
            Some(file) => file,
            None => self.open_file(table)?,
        };
        let staged = self.store.root().join(&file.staged);
        file.writer.write(batch).map_err(LakeError::parquet(staged))?;
        file.used_at = self.clock;
        file.rows += batch.num_rows() as u64;
        file.times = match (file.times, times) {
            (Some((min, max)), Some((low, high))) => Some((min.min(low), max.max(high))),
            (one, other) => one.or(other),
        };
        self.open.insert(folder, file);
        self.spill()
    }

    fn open_file(&mut self, table: Table) -> Result<OpenFile, LakeError> {
        if self.open.len() >= self.limits.open_files {
            let idle = self.open.iter().min_by_key(|(_, file)| file.used_at).map(|(folder, _)| folder.clone());
            if let Some((folder, file)) = idle.and_then(|folder| self.open.remove_entry(&folder)) {
                self.close(folder, file)?;
            }
        }
        let (session, worker, opened) = (self.store.session(), self.worker, self.opened);
        let staged = format!("{}/{session}{worker}-{opened}.parquet", layout::STAGING);
        self.opened += 1;
        let full = self.store.root().join(&staged);
        let sink = Counted { inner: self.store.writer(&staged)?, bytes: 0, hash: Xxh3::new() };
        let properties = properties(table, &self.limits, self.metadata.clone());
        let writer = properties
            .and_then(|properties| FileWriter::try_new(sink, table.schema(), properties))
            .map_err(LakeError::parquet(full))?;
        fail_point("file-opened");
        Ok(OpenFile { table, staged, writer, used_at: self.clock, rows: 0, times: None })
    }

    /// Writes out the largest row group when all together take too much memory.
    fn spill(&mut self) -> Result<(), LakeError> {
        let total: usize = self.open.values().map(|file| file.writer.memory_size()).sum();
        if total <= self.limits.buffered_bytes {
            return Ok(());
        }
        let Some(largest) = self.open.values_mut().max_by_key(|file| file.writer.memory_size()) else { return Ok(()) };
        let path = self.store.root().join(&largest.staged);
        largest.writer.flush().map_err(LakeError::parquet(path))
    }

    fn close(&mut self, folder: String, file: OpenFile) -> Result<(), LakeError> {
        let full = self.store.root().join(&file.staged);
        let sink = file.writer.into_inner().map_err(LakeError::parquet(&full))?;
        let (bytes, checksum) = (sink.bytes, Checksum(sink.hash.digest()));
        sink.inner.finish().map_err(LakeError::io("write", full))?;
        fail_point("file-closed");
        let OpenFile { table, staged, rows, times, .. } = file;
        self.closed.push(ClosedFile { folder, table, staged, rows, bytes, checksum, times });
        Ok(())
    }

    /// Closes all files, durable, and says where each belongs in commit number `commit`.
    ///
    /// # Errors
    /// [`LakeError::Parquet`] or [`LakeError::Io`] with the path.
    pub fn finish(&mut self, commit: u64) -> Result<Vec<StagedFile>, LakeError> {
        for (folder, file) in std::mem::take(&mut self.open) {
            self.close(folder, file)?;
        }
        let worker = self.worker;
        let staged = |(n, file): (usize, ClosedFile)| StagedFile {
            table: file.table,
            path: format!("{}/part-{commit:010}-{worker}-{n}.parquet", file.folder),
            staged: file.staged,
            rows: file.rows,
            bytes: file.bytes,
            checksum: file.checksum,
            min_us: file.times.map(|(min, _)| min),
            max_us: file.times.map(|(_, max)| max),
        };
        Ok(std::mem::take(&mut self.closed).into_iter().enumerate().map(staged).collect())
    }
}

/// Rows of one day, with their least and greatest time.
enum Rows {
    All((i64, i64)),
    Some(Vec<u32>, (i64, i64)),
}

/// The rows of each day; all in one piece where they are of one day, which is the rule.
fn by_day(times: &[i64]) -> BTreeMap<i64, Rows> {
    let Some(span) = times.iter().copied().min().zip(times.iter().copied().max()) else { return BTreeMap::new() };
    let day = partition::day_of(span.0);
    if day == partition::day_of(span.1) {
        return BTreeMap::from([(day, Rows::All(span))]);
    }
    let mut days = BTreeMap::new();
    for (row, at) in (0u32..).zip(times) {
        let rows = days.entry(partition::day_of(*at)).or_insert_with(|| Rows::Some(Vec::new(), (*at, *at)));
        if let Rows::Some(rows, (min, max)) = rows {
            rows.push(row);
            (*min, *max) = ((*min).min(*at), (*max).max(*at));
        }
    }
    days
}

fn properties(
    table: Table,
    limits: &Limits,
    mut metadata: Vec<KeyValue>,
) -> Result<WriterProperties, parquet::errors::ParquetError> {
    metadata.push(KeyValue::new("causeway.table".into(), table.name().to_owned()));
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_created_by(format!("causeway {PROGRAM_VERSION}"))
        .set_max_row_group_row_count(Some(limits.row_group_rows))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(metadata));
    for column in table.columns() {
        let path = ColumnPath::from(column.name);
        // Rows are ordered by time: the least and greatest text of a row group say nothing, and cost a comparison a cell.
        if matches!(column.kind, Kind::Text | Kind::Dict) {
            builder = builder.set_column_statistics_enabled(path.clone(), EnabledStatistics::None);
        }
        // Where a dictionary does not pay. Not for dictionaries, which pyarrow does not read from such pages.
        if matches!(column.kind, Kind::Text) {
            builder = builder.set_column_encoding(path.clone(), Encoding::DELTA_LENGTH_BYTE_ARRAY);
        }
        // Times and positions hardly repeat, or always, and differ little from row to row: no dictionary, whose cells are hashed.
        if matches!(column.kind, Kind::Time) || matches!(column.name, "partition" | "offset" | "item" | "latency_us") {
            builder = builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        } else if column.name == "audit_id" {
            builder = builder.set_column_dictionary_enabled(path, false);
        }
    }
    for name in table.bloom_columns() {
        builder = builder.set_column_bloom_filter_enabled(ColumnPath::from(*name), true);
    }
    Ok(builder.build())
}

/// Counts and hashes what passes.
struct Counted {
    inner: Box<dyn StoreWriter>,
    bytes: u64,
    hash: Xxh3,
}

impl std::fmt::Debug for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counted").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Write for Counted {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.bytes += written as u64;
        self.hash.update(buffer.get(..written).unwrap_or(buffer));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::time::Micros;
    use crate::lake::samples::{START_US, events};
    use crate::lake::store::LocalStore;
    use crate::lake::tables::{FilteredRow, RejectRow, to_batches};
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use proptest::prelude::*;

    fn store(folder: &tempfile::TempDir) -> Arc<dyn Store> {
        Arc::new(LocalStore::new(folder.path()))
    }

    fn row_groups(folder: &tempfile::TempDir, file: &StagedFile) -> Vec<i64> {
        let file = std::fs::File::open(folder.path().join(&file.staged)).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect()
    }

    #[test]
    fn a_file_for_each_cluster_and_date() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = TableWriter::new(store(&folder), 3);
        // Hour by hour over two midnights.
        writer.write(Table::Events, "prod", &events(0..49)).unwrap();
        writer.write(Table::Events, "..", &events(0..1)).unwrap();
        let reject = RejectRow { cluster: "prod".into(), ..RejectRow::default() };
        writer.write(Table::Rejects, "prod", &to_batches(&[reject]).unwrap()[0]).unwrap();
        assert_eq!(writer.pending_rows(), 51);
        let files = writer.finish(7).unwrap();
        let found: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.rows)).collect();
        assert_eq!(
            found,
            [
                ("events/cluster=%2E./date=2024-01-31/part-0000000007-3-0.parquet", 1),
                ("events/cluster=prod/date=2024-01-31/part-0000000007-3-1.parquet", 24),
                ("events/cluster=prod/date=2024-02-01/part-0000000007-3-2.parquet", 24),
                ("events/cluster=prod/date=2024-02-02/part-0000000007-3-3.parquet", 1),
                ("rejects/cluster=prod/part-0000000007-3-4.parquet", 1),
            ]
        );
        assert_eq!(files[1].min_us, Some(START_US));
        assert_eq!(files[1].max_us, Some(START_US + 23 * 3_600_000_000));
        assert_eq!(files[4].min_us, None);
        for file in &files {
            let bytes = std::fs::read(folder.path().join(&file.staged)).unwrap();
            assert_eq!((bytes.len() as u64, Checksum::of(&bytes)), (file.bytes, file.checksum));
        }
        assert_eq!((writer.pending_rows(), writer.finish(8).unwrap().len()), (0, 0));
    }

    #[test]
    fn row_groups_are_bounded_by_rows_and_by_memory() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { row_group_rows: 10, ..Limits::default() };
        let mut writer = TableWriter::with_limits(store(&folder), 0, limits);
        writer.write(Table::Events, "a", &events(0..24)).unwrap();
        assert_eq!(row_groups(&folder, &writer.finish(1).unwrap()[0]), [10, 10, 4]);
        let mut writer = TableWriter::with_limits(store(&folder), 0, Limits { buffered_bytes: 1, ..limits });
        writer.write(Table::Events, "a", &events(0..3)).unwrap();
        writer.write(Table::Events, "a", &events(3..7)).unwrap();
        assert_eq!(row_groups(&folder, &writer.finish(2).unwrap()[0]), [3, 4]);
    }

    #[test]
    fn open_files_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = TableWriter::with_limits(store(&folder), 0, Limits { open_files: 2, ..Limits::default() });
        for cluster in ["a", "b", "a", "c", "a"] {
            writer.write(Table::Events, cluster, &events(0..1)).unwrap();
            assert!(writer.open.len() <= 2);
        }
        let rows: Vec<_> = writer.finish(1).unwrap().iter().map(|file| file.rows).collect();
        assert_eq!(rows, [1, 3, 1]);
    }

    #[test]
    fn files_say_who_wrote_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = TableWriter::new(store(&folder), 0);
        writer.add_metadata("causeway.model_version", "tcn-1");
        writer.write(Table::Events, "a", &events(0..1)).unwrap();
        let files = writer.finish(1).unwrap();
        let file = std::fs::File::open(folder.path().join(&files[0].staged)).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let lines = reader.metadata().file_metadata().key_value_metadata().unwrap();
        for (key, value) in
            [("causeway.table", "events"), ("causeway.schema_version", "1"), ("causeway.model_version", "tcn-1")]
        {
            assert!(lines.iter().any(|line| line.key == key && line.value.as_deref() == Some(value)), "{key}");
        }
        let group = &reader.metadata().row_groups()[0];
        let filtered: Vec<_> = group
            .columns()
            .iter()
            .filter(|c| c.bloom_filter_offset().is_some())
            .map(|c| c.column_path().string())
            .collect();
        assert_eq!(filtered, ["audit_id", "context_id"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn no_name_and_no_time_leaves_the_folder(
            cluster in prop_oneof![any::<String>(), "[./=\0]{0,300}"],
            minutes in prop::collection::vec(any::<i64>(), 1..8),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut writer = TableWriter::new(store(&folder), 0);
            let row = |at: &i64| FilteredRow { cluster: cluster.clone(), minute: Micros(*at), ..FilteredRow::default() };
            let rows: Vec<_> = minutes.iter().map(row).collect();
            for batch in to_batches(&rows).unwrap() {
                writer.write(Table::Filtered, &cluster, &batch).unwrap();
            }
            let files = writer.finish(1).unwrap();
            prop_assert_eq!(files.iter().map(|file| file.rows).sum::<u64>(), rows.len() as u64);
            prop_assert!(files.iter().all(|file| layout::is_table_path(&file.path, Table::Filtered)));
            prop_assert!(files.iter().all(|file| file.path.split('/').all(|part| part.len() <= 120)));
        }
    }
}
