//! Checkpoints: a folder with the course of a run, both networks and the optimizer, written after each epoch.
//!
//! The course is written last and names what it belongs to: files of another run, or of an epoch that was not finished, are
//! not taken for this one's.

use super::TrainError;
use super::course::Course;
use super::net::Net;
use burn::module::Module;
use burn::optim::ModuleOptimizer;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// What [`load`] gives back: course, network, best network, optimizer.
pub(super) type Resumed = (Course, Net, Net, ModuleOptimizer);

const COURSE: &str = "course.json";

#[derive(Serialize, Deserialize)]
struct Saved {
    key: String,
    course: Course,
}

fn failed(folder: &Path, error: impl std::fmt::Display) -> TrainError {
    TrainError::File { path: folder.display().to_string(), error: error.to_string() }
}

/// Names of the files of an epoch: both networks, optimizer.
fn files(folder: &Path, epoch: usize) -> [std::path::PathBuf; 3] {
    ["net", "best", "optimizer"].map(|part| folder.join(format!("{part}-{epoch}.bpk")))
}

/// Saves the state after an epoch and removes that of the epoch before.
pub(super) fn save(
    folder: &Path,
    key: &str,
    course: &Course,
    net: &Net,
    best: &Net,
    optimizer: &ModuleOptimizer,
) -> Result<(), TrainError> {
    fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    let epoch = course.history.epochs.len();
    let [net_file, best_file, optimizer_file] = files(folder, epoch);
    net.clone().save_file(net_file).map_err(|e| failed(folder, e))?;
    best.clone().save_file(best_file).map_err(|e| failed(folder, e))?;
    optimizer.save(optimizer_file).map_err(|e| failed(folder, e))?;
    let text = serde_json::to_string_pretty(&Saved { key: key.to_owned(), course: course.clone() })
        .map_err(|e| failed(folder, e))?;
    let unfinished = folder.join("course.new");
    fs::write(&unfinished, text).map_err(|e| failed(folder, e))?;
    fs::rename(&unfinished, folder.join(COURSE)).map_err(|e| failed(folder, e))?;
    for old in files(folder, epoch - 1) {
        // There is none before the second epoch.
        _ = fs::remove_file(old);
    }
    Ok(())
}

/// Where a run of this key was left; `None` when there is none.
pub(super) fn load(
    folder: &Path,
    key: &str,
    net: &Net,
    optimizer: ModuleOptimizer,
) -> Result<Option<Resumed>, TrainError> {
    let Ok(text) = fs::read_to_string(folder.join(COURSE)) else { return Ok(None) };
    let saved: Saved = serde_json::from_str(&text).map_err(|e| failed(folder, e))?;
    if saved.key != key {
        return Err(failed(folder, "it holds checkpoints of other data or settings; remove it or name another folder"));
    }
    let [net_file, best_file, optimizer_file] = files(folder, saved.course.history.epochs.len());
    let best = net.valid().try_load_file(best_file).map_err(|e| failed(folder, e))?;
    let net = net.clone().try_load_file(net_file).map_err(|e| failed(folder, e))?;
    let optimizer = optimizer.load(optimizer_file).map_err(|e| failed(folder, e))?;
    Ok(Some((saved.course, net, best, optimizer)))
}
