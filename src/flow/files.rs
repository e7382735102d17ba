//! Files as the manifest knows them: by their first record, so that a file keeps its place when it is renamed or compressed.

use crate::lake::manifest::SourceState;
use crate::source::catalog::SourceName;
use crate::source::files::{FileKey, FileSource, InputFile, Settings, SourceError};
use crate::source::{Offset, PartitionId};
use std::collections::BTreeMap;

/// Opens files, each where the manifest says that it goes on; `None` when told to stop before that.
///
/// # Errors
/// [`SourceError`] when a file cannot be read.
pub fn open(
    files: Vec<InputFile>,
    known: &BTreeMap<String, SourceState>,
    settings: Settings,
) -> Result<Option<FileSource>, SourceError> {
    match FileSource::new(files, &offsets(known), settings) {
        Err(SourceError::Stopped) => Ok(None),
        opened => opened.map(Some),
    }
}

/// Where each file that the manifest knows goes on.
fn offsets(known: &BTreeMap<String, SourceState>) -> BTreeMap<FileKey, Offset> {
    let key = |text: &str| Some(FileKey(u64::from_str_radix(text.rsplit_once('/')?.1, 16).ok()?));
    known.iter().filter_map(|(text, state)| Some((key(text)?, Offset(state.resume_offset)))).collect()
}

/// What the files of a source are called in the manifest and in the tables of a stream.
pub fn names(source: &FileSource, stream: &str) -> BTreeMap<PartitionId, SourceName> {
    let name = |partition: &crate::source::files::Partition| SourceName {
        key: format!("{stream}/file/{}", partition.key),
        name: partition.file.path.display().to_string(),
        stream: stream.into(),
        ..SourceName::default()
    };
    (0..).map(PartitionId).zip(source.partitions().iter().map(name)).collect()
}
