//! Versions of a model file: learning keeps the file that was there, and undoing brings it back.
//!
//! `keys.onnx` is the one in use; `keys.onnx.1`, `keys.onnx.2` … are those before, the highest number the newest.

use super::super::error::DetectError;
use std::path::{Path, PathBuf};

/// Keeps the model at `path` as the next version, so that another one may take its place; returns where.
///
/// # Errors
/// When it cannot be copied.
pub fn keep(path: &Path) -> Result<PathBuf, DetectError> {
    let kept = version(path, newest(path) + 1);
    // The old file keeps its name until the new one takes it: whoever reads it meanwhile finds one of the two.
    std::fs::copy(path, &kept).map_err(|source| DetectError::File { path: kept.clone(), source })?;
    Ok(kept)
}

/// Brings the newest kept version back to `path`; returns which one it was.
///
/// # Errors
/// When there is none, or it cannot be moved.
pub fn undo(path: &Path) -> Result<PathBuf, DetectError> {
    let number = newest(path);
    if number == 0 {
        let detail = format!("{} has no version before it; nothing was learnt, or all is undone", path.display());
        return Err(DetectError::Setting(detail));
    }
    let kept = version(path, number);
    std::fs::rename(&kept, path).map_err(|source| DetectError::File { path: kept.clone(), source })?;
    Ok(kept)
}

fn version(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

/// The highest number of a kept version; 0 where there is none.
fn newest(path: &Path) -> u32 {
    (1..).take_while(|number| version(path, *number).exists()).last().unwrap_or(0)
}
