//! A first look at a file: what it is, how it is framed, when it begins.

use super::event_time::first_event_time;
use super::framing::HEAD_BYTES;
use super::identity::FileKey;
use super::open::{Input, Meter};
use super::{Framing, InputFile, InputKind, Records, Settings, SourceError};
use crate::audit::time::Micros;
use std::sync::Arc;

/// What the first [`HEAD_BYTES`] of a file tell.
pub(super) struct Probe {
    /// The file.
    pub(super) file: InputFile,
    /// Its id, were it alone.
    pub(super) key: FileKey,
    /// How it is cut into records.
    pub(super) framing: Framing,
    /// Time of its first event, where the head shows one.
    pub(super) first_time: Option<Micros>,
    /// What was read from its disk.
    pub(super) meter: Arc<Meter>,
    /// The opened file, where it can be opened only once.
    pub(super) input: Option<Input>,
}

impl Probe {
    /// Opens `file`, looks and, if it can be opened again, closes it.
    pub(super) fn of(file: InputFile, settings: &Settings) -> Result<Probe, SourceError> {
        let meter = Arc::new(Meter::default());
        let mut input = Input::open(&file, Arc::clone(&meter), 0, &settings.stop)?;
        let head = input.peek(HEAD_BYTES)?;
        let (framing, key, first_time) = match settings.records {
            Records::Lines => (Framing::Lines, FileKey::of_text(head, &file.path), None),
            Records::Audit => {
                let framing = Framing::of(head);
                (framing, FileKey::of(head, framing, &file.path), first_event_time(head))
            }
        };
        let once = file.kind != InputKind::Regular;
        if !once {
            meter.disk_bytes.store(0, std::sync::atomic::Ordering::Relaxed);
        }
        Ok(Probe { file, key, framing, first_time, meter, input: once.then_some(input) })
    }
}
