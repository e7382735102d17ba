//! The pages of one column chunk, compressed, one behind the other as they go into the file.

use super::ZSTD_LEVEL;
use super::parts::Parts;
use bytes::Bytes;
use parquet::basic::{Encoding, EncodingMask};
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaDataBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use std::io::Write;
use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

/// More than the header of a page takes.
const MOST_HEADER_BYTES: usize = 64;

/// Compresses pages; all columns of a file share it, as its tables and buffers are larger than most pages.
pub struct Packer {
    compressor: Compressor<'static>,
    /// The page in the making, not compressed.
    pub page: Vec<u8>,
    /// The last page, compressed.
    packed: Vec<u8>,
}

impl Packer {
    pub fn new() -> Result<Packer> {
        Ok(Packer { compressor: Compressor::new(ZSTD_LEVEL)?, page: Vec::new(), packed: Vec::new() })
    }

    /// Compresses the page; gives it with its header, and begins the next one.
    fn pack(&mut self, page: impl FnOnce(Bytes) -> Page) -> Result<(Bytes, PageWriteSpec)> {
        self.packed.clear();
        self.packed.reserve(compress_bound(self.page.len()));
        self.compressor.compress_to_buffer(&self.page, &mut self.packed)?;
        let packed = Bytes::from(std::mem::take(&mut self.packed));
        let page = CompressedPage::new(page(packed.clone()), self.page.len());
        let mut bytes = Vec::with_capacity(packed.len() + MOST_HEADER_BYTES);
        let mut sink = TrackedWrite::new(&mut bytes);
        let spec = SerializedPageWriter::new(&mut sink).write_page(page)?;
        sink.flush()?;
        drop(sink);
        // Nobody else has the buffer any more: it is taken back as it is.
        self.packed = Vec::from(packed);
        self.page.clear();
        Ok((Bytes::from(bytes), spec))
    }
}

/// The data pages so far.
#[derive(Default)]
pub struct Pages {
    parts: Parts,
    unpacked_bytes: i64,
    values: i64,
    rows: u64,
    offsets: OffsetIndexBuilder,
    /// How many pages have which encoding, in the order of the file.
    encodings: Vec<PageEncodingStats>,
}

impl Pages {
    /// Adds the packer's page with so many rows, and so many values, nulls among them.
    pub fn push(&mut self, packer: &mut Packer, encoding: Encoding, rows: usize, values: usize) -> Result<()> {
        let (part, spec) = packer.pack(|buf| Page::DataPage {
            buf,
            num_values: values as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        })?;
        self.offsets.append_row_count(rows as i64);
        self.offsets.append_offset_and_size(self.parts.bytes() as i64, spec.compressed_size as i32);
        self.unpacked_bytes += spec.uncompressed_size as i64;
        self.values += values as i64;
        self.rows += rows as u64;
        match self.encodings.last_mut().filter(|last| last.encoding == encoding) {
            Some(last) => last.count += 1,
            None => self.encodings.push(PageEncodingStats { page_type: spec.page_type, encoding, count: 1 }),
        }
        self.parts.push(part);
        Ok(())
    }

    /// Bytes of all pages so far.
    pub fn memory_size(&self) -> usize {
        self.parts.bytes()
    }

    /// The chunk: its pages, that of the dictionary first, and what the file's metadata say of them.
    pub fn finish(
        mut self,
        packer: &mut Packer,
        dictionary: Option<(Vec<u8>, u32)>,
        metadata: ColumnChunkMetaDataBuilder,
    ) -> Result<(Parts, ColumnCloseResult)> {
        let mut dictionary_bytes = 0;
        if let Some((page, num_values)) = dictionary {
            packer.page = page;
            let encoding = Encoding::PLAIN;
            let (part, spec) =
                packer.pack(|buf| Page::DictionaryPage { buf, num_values, encoding, is_sorted: false })?;
            self.unpacked_bytes += spec.uncompressed_size as i64;
            self.encodings.insert(0, PageEncodingStats { page_type: spec.page_type, encoding, count: 1 });
            dictionary_bytes = part.len();
            self.parts.push_front(part);
        }
        let encodings = self.encodings.iter().map(|pages| &pages.encoding).chain([&Encoding::RLE]);
        let metadata = metadata
            .set_encodings_mask(EncodingMask::new_from_encodings(encodings))
            .set_page_encoding_stats(self.encodings.clone())
            .set_total_compressed_size(self.parts.bytes() as i64)
            .set_total_uncompressed_size(self.unpacked_bytes)
            .set_num_values(self.values)
            .set_data_page_offset(0)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: self.parts.bytes() as u64,
            rows_written: self.rows,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(self.offsets.build()),
        };
        Ok((self.parts, close.update_dictionary_location(dictionary_bytes)?))
    }
}
