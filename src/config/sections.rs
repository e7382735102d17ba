//! The sections of the configuration. A doc comment here is what `causeway config reference` prints.

use super::filter::Filter;
use super::kafka::{Kafka, Publish};
use super::observe::Observe;
use super::section::{choice, section};
use super::storage::Storage;
use super::units::{Age, Size};
use std::path::PathBuf;

section! {
    /// Configuration of Causeway, as TOML. A key may also be set by the environment, `CAUSEWAY__SECTION__KEY`, which wins over
    /// the file, and many by a flag, which wins over both.
    pub struct Config {
        /// How the program runs.
        run: Run = Run::default(),
        /// The stream of events.
        stream: Stream = Stream::default(),
        /// Archived files.
        files: Files = Files::default(),
        /// Topics.
        kafka: Kafka = Kafka::default(),
        /// What becomes a row.
        filter: Filter = Filter::default(),
        /// Contexts.
        contexts: Contexts = Contexts::default(),
        /// Sessions.
        sessions: Sessions = Sessions::default(),
        /// The label model.
        model: Model = Model::default(),
        /// When tables are committed.
        commit: Commit = Commit::default(),
        /// Tables.
        output: Output = Output::default(),
        /// Object stores.
        storage: Storage = Storage::default(),
        /// Output to a topic.
        publish: Publish = Publish::default(),
        /// Bounds.
        limits: Limits = Limits::default(),
        /// Log lines of the program itself.
        log: Log = Log::default(),
        /// Metrics and health.
        observe: Observe = Observe::default(),
    }
}

section! {
    /// How the program runs.
    pub struct Run {
        /// Worker threads; 0 is one for each core. The tables hold the same rows whatever the number.
        workers: usize = 0,
        /// Processes of `causeway run` that work as one, on one machine or several, with the same folder or bucket for the tables. All
        /// of them have the same settings but `run.process`; when one ends, all end, and an orchestrator starts them again.
        processes: usize = 1,
        /// Number of this process among them, from 0. Process 0 commits.
        process: usize = 0,
        /// File with one host:port a line, where the processes reach each other; the first line is process 0. The connections are
        /// not secured: keep them in a network of their own.
        hostfile: Option<PathBuf> = None,
    }
}

section! {
    /// The stream: the audit events of the API servers of one cluster, and how far they may be out of order.
    pub struct Stream {
        /// Name of the cluster. It is a column and a folder of every table; contexts and sessions never cross clusters.
        cluster: String = "default".to_owned(),
        /// How much older than the newest event of its partition an event may be when it arrives. Later ones are kept,
        /// flagged `late`, and change nothing that is settled.
        allowed_lateness: Age = Age::from_secs(10),
        /// How far ahead of this machine's clock an event's time may lie. Events beyond it go to `rejects` instead of
        /// dragging the watermark with them.
        max_future_skew: Age = Age::from_secs(300),
        /// Silence after which a partition of a topic is no longer waited for. What comes of it later than the others' events is
        /// kept, flagged `late`.
        idle_after: Age = Age::from_secs(30),
    }
}

section! {
    /// Archived files as input.
    pub struct Files {
        /// Size of the blocks of whole lines that are dealt to the workers. Those that the processor's cache holds are best.
        block_bytes: Size = Size::from_mib(2),
        /// Longest record. Longer ones go to `rejects`; it also bounds what a compressed file may expand to at once.
        max_record_bytes: Size = Size::from_mib(64),
    }
}

choice! {
    /// On or off.
    pub enum Switch {
        /// Do it.
        On = "on",
        /// Leave it out.
        Off = "off",
    }
}

choice! {
    /// How contexts are found.
    pub enum Method {
        /// By evidence of causes.
        Causal = "causal",
        /// By K8NTEXT's clustering: events of one label in a window of time, by score.
        K8ntext = "k8ntext",
        /// By K8NTEXT's older clustering: actions, and events matched to them by names and owners.
        K8ntextOld = "k8ntext-old",
    }
}

section! {
    /// Contexts: what somebody did, with everything that it set off.
    pub struct Contexts {
        /// Whether causes are looked for. `off` leaves the context columns empty, and `filter.mode = "fold"` then means `light`.
        engine: Switch = Switch::On,
        /// A file of actor classes and evidence weights that replaces the built-in rules whole. Start from a copy of them.
        rules: Option<PathBuf> = None,
        /// How contexts are found. K8NTEXT's methods are there to be compared with. They are defined on a whole log: the input
        /// is read twice, so it must be files, and what the clustering needs of all events is held in memory.
        method: Method = Method::Causal,
        /// Where K8NTEXT's methods have the label of an event from: `proposed` (what it would start itself), or `oracle:FILE`
        /// (what the root of its true action would start, FILE being ground truth as in `causeway evaluate`).
        labels: String = "proposed".to_owned(),
        /// `causeway run` writes the row of a context once nothing has joined it for so long, in event time and to the minute. What
        /// joins later gives a further row with the next revision. A replay writes the last one only.
        quiet: Age = Age::from_secs(120),
        /// K8NTEXT's switch -C: the control plane's own routine is one cluster, and background.
        control_plane: Switch = Switch::Off,
        /// K8NTEXT's older clustering puts an event alone whose action has so many already; 0 is no limit.
        cluster_max_lines: u64 = 1_000,
        /// So it does with an event that comes later than this after its action's first; 0s is no limit.
        cluster_timeout: Age = Age::from_secs(300),
    }
}

section! {
    /// Sessions: the events of one actor (user, impersonated user, user agent, source address) without a long pause.
    pub struct Sessions {
        /// Whether sessions are found. `off` leaves the column `session_id` and the table `sessions` empty.
        engine: Switch = Switch::On,
        /// The pause that ends a session.
        gap: Age = Age::from_secs(900),
    }
}

choice! {
    /// Whether a label model is used.
    pub enum ModelUse {
        /// Where one is named and ONNX Runtime is there; without the library the run says so and goes on.
        Auto = "auto",
        /// Always: without it the run does not start.
        Required = "required",
        /// Never.
        Off = "off",
    }
}

choice! {
    /// What the model computes on.
    pub enum ModelDevice {
        /// A GPU where one can be used, else the processor.
        Auto = "auto",
        /// The processor.
        Cpu = "cpu",
        /// A GPU, or the run does not start.
        Cuda = "cuda",
    }
}

section! {
    /// The label model: it says for each event which kind of action set it off, as a second opinion beside contexts. Rows are
    /// written once they are labelled, up to a window of events later.
    pub struct Model {
        /// Whether labels are asked for.
        labels: ModelUse = ModelUse::Auto,
        /// The model file, as `causeway train labels` writes it. `--model` sets it on the command line.
        path: Option<PathBuf> = None,
        /// What it computes on.
        device: ModelDevice = ModelDevice::Auto,
        /// Events between the starts of windows: with windows of 60, 15 gives each event four votes, 1 sixty at 15 times the cost.
        stride: usize = 15,
        /// Most windows in a batch; 0 is 64 on a processor and 1024 on a GPU. The labels do not depend on it.
        batch: usize = 0,
    }
}

section! {
    /// When tables are committed: at the first of the three. A commit is whole or absent, and a run continues from the last one.
    pub struct Commit {
        /// Longest time between two commits.
        every: Age = Age::from_secs(60),
        /// Most input read for one commit.
        bytes: Size = Size::from_mib(1_024),
        /// Most messages of topics read for one commit.
        rows: u64 = 1_000_000,
    }
}

choice! {
    /// Whether request and response bodies are written.
    pub enum Bodies {
        /// No body columns.
        Off = "off",
        /// Body columns without the contents of Secrets, ConfigMaps, tokens and last-applied annotations.
        Redacted = "redacted",
    }
}

section! {
    /// The tables.
    pub struct Output {
        /// Folder of the tables, or the URL of a prefix in an object store, `s3://bucket/prefix`. `--output` sets it on the command
        /// line.
        dir: Option<PathBuf> = None,
        /// Request and response bodies. They are always redacted first; there is no way to write them as they are.
        bodies: Bodies = Bodies::Off,
    }
}

section! {
    /// Bounds on one context. One that goes beyond them has run away: an operator in a loop, or a wrong cause. Its row is flagged
    /// `truncated`; counts stay right, lists of objects, namespaces and nodes are bounded in any case.
    pub struct Limits {
        /// Most events of one context.
        context_events: u64 = 100_000,
        /// Longest time from the first to the last event of one context.
        context_age: Age = Age::from_secs(86_400),
    }
}

choice! {
    /// Shape of the program's own log lines.
    pub enum LogFormat {
        /// Lines for people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

section! {
    /// The program's own log, on standard error.
    pub struct Log {
        /// What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`) or levels by module, `info,causeway::lake=debug`.
        filter: String = "warn".to_owned(),
        /// Shape of the lines.
        format: LogFormat = LogFormat::Text,
    }
}
