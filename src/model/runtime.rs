//! ONNX Runtime: found, loaded once a process, and asked for sessions.
//!
//! ```text
//! ORT_DYLIB_PATH, beside the executable, user data folder, project folder ─▶ Runtime (one a process)
//!                                                                             └─▶ Model: one session, for one thread
//! ```
//! The library is loaded when it is there; the program builds and runs without it. The path is looked for here, because the
//! binding's own look-up panics when there is none. A [`Model`] computes on one thread: parallelism comes from having
//! one for each thread, which scales better than one that splits its small matrices.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::ep::{self, ExecutionProvider};
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::TensorRef;

/// The version that is fetched by `make onnxruntime` and tested with.
pub const TESTED_VERSION: &str = "1.31.1";

/// What can go wrong with ONNX Runtime.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RuntimeError {
    /// There is no library.
    #[error(
        "ONNX Runtime was not found; run `make onnxruntime`, or set ORT_DYLIB_PATH to {name}; looked for {looked}",
        name = LIBRARY
    )]
    NotFound {
        /// Where it was looked for.
        looked: String,
    },
    /// The library is there but cannot be used.
    #[error("ONNX Runtime {} cannot be loaded: {error}; version {TESTED_VERSION} is known to work", path.display())]
    Load {
        /// The library.
        path: PathBuf,
        /// What the loader says.
        error: String,
    },
    /// The model is not accepted.
    #[error("ONNX Runtime does not accept the model: {0}")]
    Model(String),
    /// A GPU was asked for.
    #[error("no GPU can be used: {0}; set device = \"cpu\", or install onnxruntime-gpu with CUDA and cuDNN")]
    NoCuda(String),
    /// A batch failed.
    #[error("ONNX Runtime failed on a batch: {0}")]
    Run(String),
}

/// What models compute on.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// The GPU where its probe succeeds, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The GPU, or an error.
    Cuda,
}

/// The loaded library.
pub struct Runtime {
    environment: Environment,
    library: PathBuf,
}

impl Runtime {
    /// The library of this process, loaded at the first call.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] and [`RuntimeError::Load`]; the first call's answer stands.
    pub fn get() -> Result<&'static Runtime, RuntimeError> {
        static LOADED: OnceLock<Result<Runtime, RuntimeError>> = OnceLock::new();
        LOADED.get_or_init(|| Runtime::load(&find()?)).as_ref().map_err(Clone::clone)
    }

    fn load(path: &Path) -> Result<Runtime, RuntimeError> {
        let failed = |error: String| RuntimeError::Load { path: path.to_owned(), error };
        let environment = ort::init_from(path).map_err(|e| failed(e.to_string()))?.with_name("causeway");
        let environment = environment.with_telemetry(false).build().map_err(|e| failed(e.to_string()))?;
        Ok(Runtime { environment, library: path.to_owned() })
    }

    /// Where the library lies.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// A session for one thread.
    ///
    /// # Errors
    /// [`RuntimeError::Model`] when the model is not accepted, [`RuntimeError::NoCuda`] when `device` is [`Device::Cuda`] and no
    /// GPU can be used.
    pub fn model(&self, onnx: &[u8], device: Device) -> Result<Model, RuntimeError> {
        // Building a session is not said to be safe on several threads at once.
        static BUILDING: Mutex<()> = Mutex::new(());
        let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
        if device != Device::Cpu {
            match self.on_cuda(onnx) {
                Ok(session) => return Ok(Model { session, on_gpu: true }),
                Err(error) if device == Device::Cuda => {
                    return Err(RuntimeError::NoCuda(error.to_string().trim_end_matches(['.', '\n', ' ']).to_owned()));
                }
                Err(error) => tracing::debug!("models run on the processor: {error}"),
            }
        }
        let session = self.builder().and_then(|mut builder| commit(&mut builder, onnx));
        session.map(|session| Model { session, on_gpu: false }).map_err(|e| RuntimeError::Model(e.to_string()))
    }

    /// The probe: that the provider is compiled in says nothing; only registering it loads CUDA and finds the device.
    fn on_cuda(&self, onnx: &[u8]) -> ort::Result<Session> {
        let mut builder = self.builder()?;
        ep::CUDA::default().register(&mut builder)?;
        commit(&mut builder, onnx)
    }

    fn builder(&self) -> ort::Result<SessionBuilder> {
        let builder = Session::builder(&self.environment)?;
        let builder = builder.with_intra_threads(1)?.with_inter_threads(1)?.with_intra_op_spinning(false)?;
        Ok(builder.with_optimization_level(GraphOptimizationLevel::Level3)?)
    }
}

fn commit(builder: &mut SessionBuilder, onnx: &[u8]) -> ort::Result<Session> {
    builder.commit_from_memory(onnx)
}

/// A model, ready to compute; one input of integers, one output of floats.
pub struct Model {
    session: Session,
    on_gpu: bool,
}

/// What a model gave: values row by row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its values.
    pub values: Vec<f32>,
}

impl Model {
    /// Whether it computes on a GPU.
    pub fn on_gpu(&self) -> bool {
        self.on_gpu
    }

    /// Computes a batch: `ids` in the given shape, whose first dimension is the batch.
    ///
    /// The caller has seen to it that every id is below the size of its table: one that is not fails the whole batch, and a
    /// negative one would count from the table's end.
    ///
    /// # Errors
    /// [`RuntimeError::Run`] when the runtime fails, out of memory for one.
    pub fn run(&mut self, shape: &[usize], ids: &[i64]) -> Result<Output, RuntimeError> {
        let dimension = |n: &i64| usize::try_from(*n).unwrap_or(0);
        let copy = |shape: &[i64], values: &[f32]| Output {
            shape: shape.iter().map(dimension).collect(),
            values: values.to_vec(),
        };
        self.run_with(shape, ids, copy)
    }

    /// The same, but lets `read` see dimensions and values where they lie, and gives what it returns.
    ///
    /// # Errors
    /// As [`Model::run`].
    pub fn run_with<T>(
        &mut self,
        shape: &[usize],
        ids: &[i64],
        read: impl FnOnce(&[i64], &[f32]) -> T,
    ) -> Result<T, RuntimeError> {
        let failed = |error: ort::Error| RuntimeError::Run(error.to_string());
        let input = TensorRef::from_array_view((shape.to_vec(), ids)).map_err(failed)?;
        let outputs = self.session.run(ort::inputs![input]).map_err(failed)?;
        let first = outputs.values().next().ok_or_else(|| RuntimeError::Run("it gave no output".to_owned()))?;
        let (shape, values) = first.try_extract_tensor::<f32>().map_err(failed)?;
        Ok(read(shape, values))
    }
}

/// Name of the library's file on this platform.
const LIBRARY: &str = if cfg!(target_os = "windows") {
    "onnxruntime.dll"
} else if cfg!(target_os = "macos") {
    "libonnxruntime.dylib"
} else {
    "libonnxruntime.so"
};

/// The path that the variable names, or else the first of [`places`] where the library lies.
fn find() -> Result<PathBuf, RuntimeError> {
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let path = if path.is_dir() { path.join(LIBRARY) } else { path };
        return if path.is_file() { Ok(path) } else { Err(not_found(&[path])) };
    }
    let places = places();
    places.iter().find(|path| path.is_file()).cloned().ok_or_else(|| not_found(&places))
}

fn not_found(places: &[PathBuf]) -> RuntimeError {
    let looked: Vec<String> = places.iter().map(|path| path.display().to_string()).collect();
    RuntimeError::NotFound { looked: looked.join(", ") }
}

/// Where the library may lie: beside the executable (and in `onnxruntime/` there and in the folders above it, which is where
/// `make onnxruntime` puts it in a checkout), and in the user's data folder.
fn places() -> Vec<PathBuf> {
    let executable = std::env::current_exe().and_then(|path| path.canonicalize()).unwrap_or_default();
    let mut folders: Vec<PathBuf> = executable.parent().map(Path::to_owned).into_iter().collect();
    folders.extend(executable.ancestors().skip(1).take(4).map(|folder| folder.join("onnxruntime")));
    let home = |variable: &str| std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    let data = home("XDG_DATA_HOME").or_else(|| Some(home("HOME")?.join(".local/share")));
    folders.extend(data.map(|data| data.join("causeway/onnxruntime")));
    folders.into_iter().map(|folder| folder.join(LIBRARY)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::onnx::{Dim, Element, Graph};

    #[test]
    fn a_model_computes_what_its_graph_says() {
        let runtime = match Runtime::get() {
            Ok(runtime) => runtime,
            Err(error) => return eprintln!("skipped: {error}"),
        };
        let mut graph = Graph::new("rows");
        graph.input("ids", Element::I64, &[Dim::Named("batch"), Dim::Fixed(2)]);
        graph.floats("table", &[3, 2], &[0.0, 1.0, 10.0, 11.0, 20.0, 21.0]);
        graph.node("Gather", &["table", "ids"], &["rows"], &[]);
        graph.output("rows", Element::F32, &[Dim::Named("batch"), Dim::Fixed(2), Dim::Fixed(2)]);
        let onnx = graph.finish(&[]);
        let mut model = runtime.model(&onnx, Device::Cpu).unwrap();
        let output = model.run(&[1, 2], &[2, 0]).unwrap();
        assert_eq!(output, Output { shape: vec![1, 2, 2], values: vec![20.0, 21.0, 0.0, 1.0] });
        assert!(matches!(model.run(&[1, 2], &[3, 0]), Err(RuntimeError::Run(_))));
        assert!(matches!(runtime.model(b"no model", Device::Cpu), Err(RuntimeError::Model(_))));
    }

    #[test]
    fn without_a_gpu_models_run_on_the_processor_unless_one_was_asked_for() {
        let runtime = match Runtime::get() {
            Ok(runtime) => runtime,
            Err(error) => return eprintln!("skipped: {error}"),
        };
        let mut graph = Graph::new("same");
        graph.input("x", Element::F32, &[Dim::Fixed(1)]);
        graph.node("Identity", &["x"], &["y"], &[]);
        graph.output("y", Element::F32, &[Dim::Fixed(1)]);
        let onnx = graph.finish(&[]);
        let asked = runtime.model(&onnx, Device::Cuda);
        let auto = runtime.model(&onnx, Device::Auto).unwrap();
        assert_eq!(auto.on_gpu(), asked.is_ok(), "what can be had when asked for is taken by itself");
        if let Err(error) = asked {
            let said = error.to_string();
            assert!(said.starts_with("no GPU can be used: ") && said.contains("device = \"cpu\""), "{said}");
        }
        assert!(!runtime.model(&onnx, Device::Cpu).unwrap().on_gpu());
    }

    #[test]
    fn the_message_names_the_remedy() {
        let error = not_found(&[PathBuf::from("/opt/causeway/libonnxruntime.so")]).to_string();
        assert!(error.contains("make onnxruntime") && error.contains("/opt/causeway/libonnxruntime.so"), "{error}");
    }
}
