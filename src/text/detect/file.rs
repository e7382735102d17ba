//! Model files are written whole or not at all.

use std::io;
use std::path::Path;

/// Writes to a temporary file beside `path`, which then takes its name: whoever reads it meanwhile finds the old one or the new one.
///
/// # Errors
/// When it cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    std::fs::write(&temporary, bytes)?;
    std::fs::rename(&temporary, path)
}
