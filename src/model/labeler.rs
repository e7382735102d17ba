//! A label model in use: opened once, asked for one session a thread, which answers batches of windows.
//!
//! A batch that fails (out of memory, an answer that is no number) is tried again in halves; a window that fails alone has no
//! answer, which is counted and told, and nothing else.

use super::features::{Encoder, UNKNOWN};
use super::labels::{LabelSpec, SpecError};
use super::runtime::{Device, Model, Runtime, RuntimeError};
use super::vote::Word;
use super::windows::Window;
use super::words::words;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Windows of a batch on a processor: larger ones fall out of its caches.
const CPU_BATCH: usize = 64;
/// Windows of a batch on a GPU.
const GPU_BATCH: usize = 1_024;

/// A model that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LabelerError {
    /// The model file is not as it should be.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// ONNX Runtime cannot be used.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// How a model is used.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// What it computes on.
    pub device: Device,
    /// Events between the starts of windows.
    pub stride: usize,
    /// Most windows in a batch; 0 is what suits the device.
    pub batch: usize,
}

/// A label model, ready for any number of threads.
#[derive(Debug)]
pub struct Labeler {
    spec: LabelSpec,
    encoder: Encoder,
    onnx: Vec<u8>,
    how: Use,
    on_gpu: bool,
    failed: AtomicU64,
}

impl Labeler {
    /// Reads a model file and tries it.
    ///
    /// # Errors
    /// [`LabelerError`] when the file does not fit to this program, or the library or device cannot be used.
    pub fn open(path: &Path, how: Use) -> Result<Labeler, LabelerError> {
        let onnx = std::fs::read(path).map_err(|error| SpecError::Read { path: path.to_owned(), error })?;
        Labeler::of(onnx, how)
    }

    /// The same for the bytes of a file.
    ///
    /// # Errors
    /// As [`Labeler::open`].
    pub fn of(onnx: Vec<u8>, how: Use) -> Result<Labeler, LabelerError> {
        let spec = LabelSpec::read(&onnx)?;
        let encoder = spec.encoder();
        let mut labeler = Labeler { spec, encoder, onnx, how, on_gpu: false, failed: AtomicU64::new(0) };
        labeler.on_gpu = labeler.session()?.model.on_gpu();
        Ok(labeler)
    }

    /// A session for one thread.
    ///
    /// # Errors
    /// [`RuntimeError`] when the library or device cannot be used.
    pub fn session(&self) -> Result<LabelSession, RuntimeError> {
        let model = Runtime::get()?.model(&self.onnx, self.how.device)?;
        let sizes = self.spec.sizes().into_iter().map(|size| u16::try_from(size).unwrap_or(u16::MAX)).collect();
        Ok(LabelSession { model, sizes, window: self.spec.window, classes: self.spec.labels.len(), ids: Vec::new() })
    }

    /// What the model says of itself.
    pub fn spec(&self) -> &LabelSpec {
        &self.spec
    }

    /// What turns events into its numbers.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Events between the starts of windows, at most a window.
    pub fn stride(&self) -> usize {
        self.how.stride.clamp(1, self.spec.window)
    }

    /// Most windows in a batch.
    pub fn batch(&self) -> usize {
        match self.how.batch {
            0 if self.on_gpu => GPU_BATCH,
            0 => CPU_BATCH,
            batch => batch,
        }
    }

    /// Whether it computes on a GPU.
    pub fn on_gpu(&self) -> bool {
        self.on_gpu
    }

    /// Takes note of windows without an answer.
    pub fn count_failed(&self, windows: u64) {
        self.failed.fetch_add(windows, Ordering::Relaxed);
    }

    /// Windows without an answer so far.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

/// One thread's session.
pub struct LabelSession {
    model: Model,
    /// Numbers of each column, so that no id is beyond its table.
    sizes: Vec<u16>,
    window: usize,
    classes: usize,
    ids: Vec<i64>,
}

/// What a session said of a batch.
#[derive(Debug, Default)]
pub struct Answers {
    /// For each window the words on its rows; `None` where it failed.
    pub words: Vec<Option<Vec<Word>>>,
    /// Why the last of those failed.
    pub error: Option<RuntimeError>,
}

impl LabelSession {
    /// Answers a batch of windows.
    pub fn answer(&mut self, windows: &[Window]) -> Answers {
        let mut answers = Answers::default();
        self.answer_into(windows, &mut answers);
        answers
    }

    fn answer_into(&mut self, windows: &[Window], answers: &mut Answers) {
        match self.run(windows) {
            Ok(words) => answers.words.extend(words.into_iter().map(Some)),
            Err(_) if windows.len() > 1 => {
                let (first, second) = windows.split_at(windows.len() / 2);
                self.answer_into(first, answers);
                self.answer_into(second, answers);
            }
            Err(error) => {
                answers.words.extend(windows.iter().map(|_| None));
                answers.error = Some(error);
            }
        }
    }

    /// The words on each window.
    fn run(&mut self, windows: &[Window]) -> Result<Vec<Vec<Word>>, RuntimeError> {
        if windows.is_empty() {
            return Ok(Vec::new());
        }
        self.ids.clear();
        for row in windows.iter().flat_map(|window| window.rows.chunks(self.sizes.len().max(1))) {
            // An id beyond its table would fail the whole batch.
            let known = |(id, size): (&u16, &u16)| if id < size { i64::from(*id) } else { i64::from(UNKNOWN) };
            self.ids.extend(row.iter().zip(&self.sizes).map(known));
        }
        let (rows, classes) = (self.window, self.classes);
        self.model.run_with(&[windows.len(), rows, self.sizes.len()], &self.ids, |_, logits| {
            if logits.len() != windows.len() * rows * classes {
                let (found, windows) = (logits.len(), windows.len());
                return Err(RuntimeError::Run(format!("it gave {found} numbers for {windows} windows of {rows} rows")));
            }
            let each = logits.chunks_exact((rows * classes).max(1));
            let words: Option<Vec<_>> = each.map(|logits| words(logits, classes)).collect();
            words.ok_or_else(|| RuntimeError::Run("it gave a value that is no number".into()))
        })?
    }
}
