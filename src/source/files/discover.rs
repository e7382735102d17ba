//! From what was asked for to the files that are read: paths, folders, globs, `-`.

use super::SourceError;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Endings of the files that a folder contributes, each also with one of [`COMPRESSIONS`] behind it.
const LOGS: [&str; 3] = [".jsonl", ".json", ".log"];
/// Endings of compressed files. They choose files in folders only: how a file is compressed is read from its bytes.
const COMPRESSIONS: [&str; 3] = [".gz", ".zst", ".xz"];
/// The folder in which an output keeps its own state.
const OWN_STATE: &str = "_causeway";

/// How a file can be read.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// A regular file: it can be opened again, and an offset of a plain one can be sought.
    Regular,
    /// A named pipe or a device: it can be opened and read once.
    Pipe,
    /// Standard input.
    Stdin,
}

/// One file to read.
#[derive(Clone, Debug)]
pub struct InputFile {
    /// The path as given or found; `-` for standard input.
    pub path: PathBuf,
    /// How it can be read.
    pub kind: InputKind,
    /// Bytes on disk, compressed where it is; 0 for what is no regular file.
    pub disk_bytes: u64,
}

impl InputFile {
    /// A file by its path.
    ///
    /// # Errors
    /// [`SourceError::Open`] when the system cannot tell what it is.
    pub fn at(path: &Path) -> Result<InputFile, SourceError> {
        let meta = fs::metadata(path).map_err(|source| SourceError::Open { path: path.into(), source })?;
        Ok(if meta.is_file() {
            InputFile { path: path.into(), kind: InputKind::Regular, disk_bytes: meta.len() }
        } else {
            InputFile { path: path.into(), kind: InputKind::Pipe, disk_bytes: 0 }
        })
    }
}

/// The files that `inputs` name, in their order, a folder's and a glob's sorted by path; a file named twice is there once.
///
/// A folder is walked to the bottom and gives its `.jsonl`, `.json` and `.log` files, plain or compressed; hidden files and
/// `_causeway` folders are left out. A file that is named itself, or by a glob, is taken whatever its name.
///
/// # Errors
/// [`SourceError`] with the input that names nothing readable.
pub fn discover(inputs: &[String]) -> Result<Vec<InputFile>, SourceError> {
    let mut found = Found::default();
    for input in inputs {
        let path = Path::new(input);
        if input == "-" {
            found.add(InputFile { path: path.into(), kind: InputKind::Stdin, disk_bytes: 0 });
        } else if path.exists() {
            found.add_path(path)?;
        } else if input.contains(['*', '?', '[']) {
            found.add_glob(input)?;
        } else {
            return Err(SourceError::NotFound { path: path.into() });
        }
    }
    if found.files.is_empty() { Err(SourceError::NoInput) } else { Ok(found.files) }
}

/// Files found so far, each once.
#[derive(Default)]
struct Found {
    files: Vec<InputFile>,
    seen: BTreeSet<PathBuf>,
}

impl Found {
    fn add(&mut self, file: InputFile) {
        let canonical = match file.kind {
            InputKind::Regular => fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone()),
            InputKind::Pipe | InputKind::Stdin => file.path.clone(),
        };
        if self.seen.insert(canonical) {
            self.files.push(file);
        }
    }

    fn add_path(&mut self, path: &Path) -> Result<(), SourceError> {
        if path.is_dir() {
            return self.add_folder(path);
        }
        self.add(InputFile::at(path)?);
        Ok(())
    }

    fn add_folder(&mut self, folder: &Path) -> Result<(), SourceError> {
        let mut any = false;
        let walk = walkdir::WalkDir::new(folder).follow_links(true).sort_by_file_name();
        for entry in walk.into_iter().filter_entry(|entry| entry.depth() == 0 || is_visible(entry)) {
            let entry = entry.map_err(|e| SourceError::Open {
                path: e.path().unwrap_or(folder).into(),
                source: e
                    .into_io_error()
                    .unwrap_or_else(|| std::io::Error::other("the links of this folder run in a circle")),
            })?;
            if entry.file_type().is_file() && is_log(entry.path()) {
                self.add(InputFile::at(entry.path())?);
                any = true;
            }
        }
        if any { Ok(()) } else { Err(SourceError::EmptyFolder { path: folder.into() }) }
    }

    fn add_glob(&mut self, pattern: &str) -> Result<(), SourceError> {
        let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
        let paths = glob::glob_with(pattern, options)
            .map_err(|e| SourceError::BadGlob { pattern: pattern.into(), reason: e.msg.into() })?;
        let mut any = false;
        for path in paths {
            let path = path.map_err(|e| SourceError::Open { path: e.path().into(), source: e.into() })?;
            self.add_path(&path)?;
            any = true;
        }
        if any { Ok(()) } else { Err(SourceError::NoMatch { pattern: pattern.into() }) }
    }
}

fn is_visible(entry: &walkdir::DirEntry) -> bool {
    let name = entry.file_name().as_encoded_bytes();
    !name.starts_with(b".") && name != OWN_STATE.as_bytes()
}

fn is_log(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let plain = COMPRESSIONS.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    LOGS.iter().any(|end| plain.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(inputs: &[String], root: &Path) -> Vec<String> {
        let files = discover(inputs).unwrap();
        files.iter().map(|f| f.path.strip_prefix(root).unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_folder_gives_its_logs_sorted_and_a_file_is_taken_once() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for name in [
            "b.jsonl",
            "a.log.gz",
            "c.JSON.xz",
            "notes.txt",
            ".hidden.log",
            "sub/d.json.zst",
            "_causeway/e.json",
            "x.gz",
        ] {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), "x").unwrap();
        }
        let at = |name: &str| root.join(name).to_string_lossy().into_owned();
        let folder = vec![root.to_string_lossy().into_owned()];
        assert_eq!(names(&folder, root), ["a.log.gz", "b.jsonl", "c.JSON.xz", "sub/d.json.zst"]);
        assert_eq!(names(&[at("notes.txt"), folder[0].clone(), at("b.jsonl")], root)[0], "notes.txt");
        assert_eq!(names(&[at("b.jsonl"), at("sub/../b.jsonl")], root), ["b.jsonl"]);
        assert_eq!(names(&[at("*.gz")], root), ["a.log.gz", "x.gz"]);
        assert_eq!(names(&[at("n*")], root), ["notes.txt"]);
    }

    #[test]
    fn what_names_nothing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| vec![dir.path().join(name).to_string_lossy().into_owned()];
        assert!(discover(&at("gone.log")).unwrap_err().to_string().contains("gone.log: no such file"));
        assert!(discover(&at("*.log")).unwrap_err().to_string().contains("*.log: the glob matches no file"));
        assert!(discover(&at("a**b")).unwrap_err().to_string().contains("not a valid glob"));
        assert!(matches!(discover(&at("")), Err(SourceError::EmptyFolder { .. })));
        assert!(matches!(discover(&[]), Err(SourceError::NoInput)));
    }

    #[test]
    fn a_name_with_glob_characters_that_exists_is_that_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a[1]*.log");
        fs::write(&path, "x").unwrap();
        assert_eq!(discover(&[path.to_string_lossy().into_owned()]).unwrap()[0].path, path);
    }
}
