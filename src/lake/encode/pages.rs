//! The pages of one column chunk, compressed, one behind the other as they go into the file.

use super::ZSTD_LEVEL;
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

/// Compresses pages; all columns of a file share it, as its tables are larger than most pages.
pub struct Packer {
    compressor: Compressor<'static>,
    /// The page in the making, not compressed.
    pub page: Vec<u8>,
}

impl Packer {
    pub fn new() -> Result<Packer> {
        Ok(Packer { compressor: Compressor::new(ZSTD_LEVEL)?, page: Vec::new() })
    }

    fn pack(&mut self, bytes: &[u8]) -> Result<Bytes> {
        let mut packed = Vec::with_capacity(compress_bound(bytes.len()));
        self.compressor.compress_to_buffer(bytes, &mut packed)?;
        Ok(Bytes::from(packed))
    }
}

/// The data pages so far.
#[derive(Default)]
pub struct Pages {
    bytes: Vec<u8>,
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
        let page = std::mem::take(&mut packer.page);
        let data = Page::DataPage {
            buf: packer.pack(&page)?,
            num_values: values as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let offset = self.bytes.len() as i64;
        let spec = put(CompressedPage::new(data, page.len()), &mut self.bytes)?;
        packer.page = page;
        packer.page.clear();
        self.offsets.append_row_count(rows as i64);
        self.offsets.append_offset_and_size(offset, spec.compressed_size as i32);
        self.count(&spec, encoding);
        self.values += values as i64;
        self.rows += rows as u64;
        Ok(())
    }

    fn count(&mut self, spec: &PageWriteSpec, encoding: Encoding) {
        self.unpacked_bytes += spec.uncompressed_size as i64;
        match self.encodings.last_mut().filter(|last| last.encoding == encoding) {
            Some(last) => last.count += 1,
            None => self.encodings.push(PageEncodingStats { page_type: spec.page_type, encoding, count: 1 }),
        }
    }

    /// Bytes of all pages so far.
    pub fn memory_size(&self) -> usize {
        self.bytes.len()
    }

    /// The chunk: its bytes, the dictionary page first, and what the file's metadata say of it.
    pub fn finish(
        mut self,
        packer: &mut Packer,
        dictionary: Option<(&[u8], u32)>,
        metadata: ColumnChunkMetaDataBuilder,
    ) -> Result<(Bytes, ColumnCloseResult)> {
        let mut bytes = Vec::new();
        if let Some((page, texts)) = dictionary {
            let buf = packer.pack(page)?;
            bytes.reserve(buf.len() + self.bytes.len() + MOST_HEADER_BYTES);
            let encoding = Encoding::PLAIN;
            let data = Page::DictionaryPage { buf, num_values: texts, encoding, is_sorted: false };
            let spec = put(CompressedPage::new(data, page.len()), &mut bytes)?;
            let pages = std::mem::take(&mut self.encodings);
            self.count(&spec, encoding);
            self.encodings.extend(pages);
        }
        let dictionary_bytes = bytes.len();
        if bytes.is_empty() {
            bytes = self.bytes
        } else {
            bytes.extend_from_slice(&self.bytes)
        }
        let encodings = self.encodings.iter().map(|pages| &pages.encoding).chain([&Encoding::RLE]);
        let metadata = metadata
            .set_encodings_mask(EncodingMask::new_from_encodings(encodings))
            .set_page_encoding_stats(self.encodings.clone())
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size(self.unpacked_bytes)
            .set_num_values(self.values)
            .set_data_page_offset(0)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: self.rows,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(self.offsets.build()),
        };
        Ok((Bytes::from(bytes), close.update_dictionary_location(dictionary_bytes)?))
    }
}

/// More than the header of a dictionary page takes.
const MOST_HEADER_BYTES: usize = 64;

/// Appends a page with its header.
fn put(page: CompressedPage, out: &mut Vec<u8>) -> Result<PageWriteSpec> {
    let mut sink = TrackedWrite::new(out);
    let spec = SerializedPageWriter::new(&mut sink).write_page(page)?;
    sink.flush()?;
    Ok(spec)
}
