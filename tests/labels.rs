//! Label models from end to end: labels applied, a model trained, its file checked against the trainer, and labels in the stream
//! that depend on nothing but the events.
#![cfg(feature = "train")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use causeway::flow::labelled::read_labelled;
use causeway::model::evaluate::predict;
use causeway::model::features::FeatureSet;
use causeway::model::labeler::{Labeler, Use};
use causeway::model::labels::LabelSpec;
use causeway::model::runtime::{Device, Runtime};
use causeway::model::samples::Samples;
use causeway::model::train::run::Watch;
use causeway::model::train::{Architecture, Heads, NetConfig, Settings, Trained, device, train};
use causeway::model::windows::Window;
use causeway::model::words::words;
use common::kills::{Random, until_it_ends, wanted};
use common::{Rows, assert_same, causeway, cell, replay, rows, sample_lines, succeed, verify};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Whether ONNX Runtime is there; says so when it is not.
fn runtime() -> bool {
    match Runtime::get() {
        Ok(_) => true,
        Err(error) => {
            eprintln!("skipped: {error}");
            false
        }
    }
}

/// The first lines of the sample log, labelled by the rules for the control plane's routine.
fn labelled(folder: &Path, lines: usize) -> PathBuf {
    let log = folder.join("audit.jsonl");
    std::fs::write(&log, sample_lines()[..lines].concat()).unwrap();
    let output = succeed(causeway(&["label", "apply", log.to_str().unwrap()]));
    let path = folder.join("labelled.jsonl");
    std::fs::write(&path, output.stdout).unwrap();
    path
}

fn settings(architecture: Architecture, features: FeatureSet) -> Settings {
    let net = NetConfig { architecture, heads: Heads::One, features, embedding: 2, units: 4, units_2: 3, dropout: 0.1 };
    Settings { window: 10, stride: 10, epochs: 2, ..Settings::new(net) }
}

fn trained(log: &Path, settings: &Settings, checkpoints: Option<PathBuf>, stop_after: usize) -> Option<Trained> {
    let data = read_labelled(&[log.display().to_string()], settings.net.features).unwrap();
    let watch = Watch { batch: &mut |_, _, _, _| (), epoch: &mut |epoch| epoch.epoch < stop_after, checkpoints };
    train(&data, &data.segments, settings, &device(Device::Cpu).unwrap(), watch).ok()
}

#[test]
fn the_file_computes_what_the_trainer_computes() {
    if !runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let log = labelled(folder.path(), 1_500);
    let kinds = [
        (Architecture::Tcn, Heads::One, FeatureSet::Linked),
        (Architecture::Tcn, Heads::Five, FeatureSet::Linked),
        (Architecture::Bilstm, Heads::One, FeatureSet::Mended),
        (Architecture::Bilstm, Heads::Five, FeatureSet::Original),
    ];
    for (architecture, heads, features) in kinds {
        let mut settings = settings(architecture, features);
        settings.net.heads = heads;
        let model = trained(&log, &settings, None, usize::MAX).unwrap();
        let data = read_labelled(&[log.display().to_string()], features).unwrap();
        let spec = LabelSpec::read(&model.onnx).unwrap();
        assert_eq!(spec, model.spec);
        let samples = Samples::new(&data, &spec.vocabularies, &spec.labels, spec.window);
        let starts = [0, 7, 50];
        let batch = samples.batch(&starts, None);
        let shape = [starts.len(), spec.window, spec.width()];
        let own = model.net.logits(&batch.ids, shape);
        let file = Runtime::get().unwrap().model(&model.onnx, Device::Cpu).unwrap().run(&shape, &batch.ids).unwrap();
        assert_eq!(own.len(), file.values.len());
        let difference = own.iter().zip(&file.values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference < 1e-4, "{architecture:?} {heads:?} {features:?}: logits differ by {difference}");
        check(&model.onnx, folder.path());
    }
}

/// Runs ONNX's own full checker, where Python has it.
fn check(onnx: &[u8], folder: &Path) {
    let path = folder.join("model.onnx");
    std::fs::write(&path, onnx).unwrap();
    let python = std::env::var("CAUSEWAY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let run = |code: &str| std::process::Command::new(&python).args(["-c", code]).arg(&path).output().unwrap();
    if !run("import onnx").status.success() {
        return eprintln!(
            "skipped: onnx's checker; install the Python package onnx (CAUSEWAY_PYTHON names the interpreter)"
        );
    }
    let checked = run("import onnx, sys; onnx.checker.check_model(sys.argv[1], full_check=True)");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn the_same_seed_gives_the_same_model_also_when_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let log = labelled(folder.path(), 1_500);
    let settings = Settings { epochs: 3, ..settings(Architecture::Tcn, FeatureSet::Linked) };
    let one = trained(&log, &settings, None, usize::MAX).unwrap();
    // Side by side with each other, as two users of the library in one process would.
    let side_by_side = std::thread::scope(|scope| {
        let runs = [1, 2].map(|_| scope.spawn(|| trained(&log, &settings, None, usize::MAX).unwrap()));
        runs.map(|run| run.join().unwrap())
    });
    for again in side_by_side {
        assert!(one.onnx == again.onnx, "two runs with one seed differ");
    }
    let checkpoints = folder.path().join("checkpoints");
    assert!(trained(&log, &settings, Some(checkpoints.clone()), 1).is_none(), "it was not stopped");
    let resumed = trained(&log, &settings, Some(checkpoints), usize::MAX).unwrap();
    assert!(one.onnx == resumed.onnx, "a resumed run ends with another model");
    let other = trained(&log, &Settings { seed: 2, ..settings }, None, usize::MAX).unwrap();
    assert!(one.onnx != other.onnx, "the seed does not matter");
}

#[test]
fn a_search_finds_its_settings_and_trains_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let log = labelled(folder.path(), 600);
    let model = folder.path().join("tuned.onnx");
    let small = ["--epochs", "2", "--window", "10", "--stride", "10", "--embedding", "2", "--device", "cpu"];
    let search = ["train", "labels", "--tune", "halving", "--trials", "3", "--output", model.to_str().unwrap()];
    let mut command = causeway(&search);
    command.args(small).arg(&log);
    let said = String::from_utf8(succeed(command).stdout).unwrap();
    let trials: Vec<serde_json::Value> =
        serde_json::from_slice(&std::fs::read(folder.path().join("tuned.tuning.json")).unwrap()).unwrap();
    assert_eq!(trials.len(), 3);
    let units = |trial: &serde_json::Value| trial["settings"]["net"]["units"].as_u64().unwrap();
    assert!(said.starts_with(&format!("trial {}: ", trials[0]["trial"])), "{said}");
    assert!(said.contains(&format!("units {} and ", units(&trials[0]))), "{said}");
    assert!(LabelSpec::read(&std::fs::read(&model).unwrap()).is_ok());
    let none = ["train", "labels", "--tune", "random", "--trials", "0", "--output", model.to_str().unwrap()];
    let refused = causeway(&none).arg(&log).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("0 is not in 1..=10000"), "{said}");
}

/// The sample log, each event labelled as it would be by itself: a model that was trained on it knows all kinds that the causal engine
/// names, and what it says of an event depends on what the engine says.
fn labelled_by_itself(folder: &Path) -> PathBuf {
    let (log, tables) = (folder.join("sample.jsonl"), folder.join("own"));
    std::fs::write(&log, sample_lines().concat()).unwrap();
    succeed(replay(&tables, &[&log], &["--filter", "off", "--contexts", "off"]));
    let rows = rows(&tables, &[]);
    let own = |row: &String| (cell(row, "audit_id").to_owned(), cell(row, "label").parse().unwrap());
    let own: BTreeMap<String, i32> = rows["events"].iter().map(own).collect();
    let mark = |line: &Vec<u8>| {
        let mut event: serde_json::Value = serde_json::from_slice(line).unwrap();
        if let Some(label) = own.get(event["auditID"].as_str().unwrap()) {
            event["label"] = (*label).into();
        }
        event.to_string() + "\n"
    };
    let path = folder.join("labelled.jsonl");
    std::fs::write(&path, sample_lines().iter().map(mark).collect::<String>()).unwrap();
    path
}

/// A small model on disk.
fn model(folder: &Path) -> PathBuf {
    let log = labelled_by_itself(folder);
    let model = trained(&log, &settings(Architecture::Tcn, FeatureSet::Linked), None, usize::MAX).unwrap();
    let path = folder.join("labels.onnx");
    std::fs::write(&path, model.onnx).unwrap();
    path
}

const MANY_COMMITS: &[&str] = &["--set", "files.block_bytes=64KiB", "--set", "commit.bytes=256KiB", "--filter", "off"];

#[test]
fn labels_depend_neither_on_workers_nor_batches_nor_kills() {
    if !runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let log = folder.path().join("audit.log");
    std::fs::write(&log, sample_lines().concat()).unwrap();
    let run = |name: &str, more: &[&str]| {
        let mut command = replay(&folder.path().join(name), &[&log], MANY_COMMITS);
        // A stride below the window: windows overlap, so a restart needs the rows before it.
        let labels = ["--set", "model.labels=required", "--set", "model.stride=3"];
        command.arg("--model").arg(&model).args(labels).args(more);
        command
    };
    let tables = |name: &str| -> Rows { rows(&folder.path().join(name), &[]) };
    succeed(run("one", &["--workers", "1", "--set", "model.batch=1"]));
    let expected = tables("one");
    let labelled = expected["events"].iter().filter(|row| cell(row, "model_label") != "∅").count();
    assert!(labelled * 10 > expected["events"].len() * 8, "{labelled} of {} rows", expected["events"].len());
    for (workers, batch) in [(1, 64), (2, 5), (4, 1_000)] {
        let name = format!("{workers} workers, batches of {batch}");
        let (workers, batch) = (workers.to_string(), format!("model.batch={batch}"));
        succeed(run(&name, &["--workers", &workers, "--set", &batch]));
        assert_same(&expected, &tables(&name), &name);
    }
    for point in ["staged", "before-manifest", "after-manifest", "half-published"] {
        for hit in [2, 4] {
            let mut command = run("killed", &["--workers", "2"]);
            command.env("CAUSEWAY_FAIL_POINT", format!("{point}:{hit}"));
            command.output().unwrap();
        }
    }
    succeed(run("killed", &[]));
    assert_same(&expected, &tables("killed"), "killed");

    let began = Instant::now();
    succeed(run("timed", &["--workers", "2"]));
    let whole_ms = began.elapsed().as_millis() as u64;
    let (mut random, mut killed, mut round) = (Random(11), 0, 0);
    while killed < wanted(12) {
        let name = format!("round {round}");
        round += 1;
        killed += until_it_ends(&mut random, whole_ms * 5 / 4, |random| {
            let (workers, batch) = (1 + random.below(4), format!("model.batch={}", 1 + random.below(80)));
            run(&name, &["--workers", &workers.to_string(), "--set", &batch])
        });
        assert_same(&expected, &tables(&name), &name);
        verify(&folder.path().join(&name));
    }
    eprintln!("{killed} kills in {round} replays");
}

#[test]
fn the_stream_says_what_evaluation_measures() {
    if !runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let log = labelled_by_itself(folder.path());
    let labeler = Labeler::open(&model, Use { device: Device::Cpu, stride: 15, batch: 0 }).unwrap();
    let data = read_labelled(&[log.display().to_string()], labeler.spec().features).unwrap();
    let found = predict(&labeler, &data, &data.segments, &[]).unwrap();
    let expected: BTreeMap<String, String> =
        found.voted.iter().map(|p| (uuid(data.events[p.row].audit_id), p.label.0.to_string())).collect();
    // The causal engine is asked for the model's sake, however contexts are found.
    for how in [&["--filter", "light"][..], &["--contexts", "off"], &["--filter", "light", "--method", "k8ntext"]] {
        let output = folder.path().join(how.join("-"));
        let mut command = replay(&output, &[&log], how);
        command.arg("--model").arg(&model).args(["--set", "model.labels=required", "--set", "model.stride=15"]);
        succeed(command);
        let rows = rows(&output, &[]);
        let found: BTreeMap<String, String> = rows["events"]
            .iter()
            .map(|row| (cell(row, "audit_id").to_owned(), cell(row, "model_label").to_owned()))
            .collect();
        let differing = expected.iter().filter(|(id, label)| found.get(*id) != Some(label)).count();
        assert_eq!((differing, expected.len()), (0, found.len()), "{how:?}");
    }
    // otherwise the engine could be wrong in a run without a label showing it
    let by_engine = found.voted.iter().filter(|p| p.label == p.engine && p.label != p.truth).count();
    assert!(by_engine * 4 > found.voted.len(), "{by_engine} of {} labels are not the event's own", found.voted.len());
}

/// An audit id as text.
fn uuid(id: u128) -> String {
    let hex = format!("{id:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[test]
fn a_run_without_library_or_model_says_so_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let log = folder.path().join("audit.log");
    std::fs::write(&log, sample_lines()[..300].concat()).unwrap();
    let run = |name: &str, more: &[&str]| {
        let mut command = replay(&folder.path().join(name), &[&log], more);
        command.env("ORT_DYLIB_PATH", folder.path().join("no-such-library.so"));
        command.arg("--model").arg(&model).output().unwrap()
    };
    let auto = run("auto", &[]);
    let said = String::from_utf8_lossy(&auto.stderr).into_owned();
    assert!(auto.status.success(), "{said}");
    assert_eq!(said.matches("make onnxruntime").count(), 1, "{said}");
    assert!(rows(&folder.path().join("auto"), &[])["events"].iter().all(|row| cell(row, "model_label") == "∅"));
    assert!(!run("required", &["--set", "model.labels=required"]).status.success());
}

#[test]
fn a_gpu_that_was_asked_for_and_is_not_there_ends_the_run() {
    if !runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let onnx = std::fs::read(&model).unwrap();
    if Runtime::get().unwrap().model(&onnx, Device::Cuda).is_ok() {
        return eprintln!("skipped: there is a GPU");
    }
    let log = folder.path().join("audit.log");
    std::fs::write(&log, sample_lines()[..1_500].concat()).unwrap();
    let run = |device: &str| {
        let output = folder.path().join(device);
        let mut command = replay(&output, &[&log], &["--filter", "off", "--set", &format!("model.device={device}")]);
        (command.arg("--model").arg(&model).output().unwrap(), output)
    };
    let (refused, _) = run("cuda");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("no GPU can be used") && said.contains("device = \"cpu\""), "{said}");
    let (found, tables) = run("auto");
    assert!(found.status.success());
    assert!(rows(&tables, &[])["events"].iter().any(|row| cell(row, "model_label") != "∅"));
}

#[test]
fn a_batch_that_fails_costs_the_labels_of_what_fails_alone() {
    if !runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let how = Use { device: Device::Cpu, stride: 5, batch: 0 };
    let labeler = Labeler::open(&model(folder.path()), how).unwrap();
    let (window, width) = (labeler.spec().window, labeler.spec().width());
    let whole = Window { start: 0, rows: vec![1; window * width], events: window };
    let short = Window { rows: vec![1; width], ..whole.clone() };
    let answers = labeler.session().unwrap().answer(&[whole.clone(), short, whole]);
    let answered: Vec<bool> = answers.words.iter().map(Option::is_some).collect();
    assert_eq!(answered, [true, false, true]);
    assert!(answers.error.is_some());
    assert!(words(&[f32::NAN; 4], 2).is_none(), "an answer that is no number is a failure");
}
