//! Names within an output folder, and the check that keeps paths inside it.
//!
//! ```text
//! <output>/
//!   _causeway/lock                      held by the one process that commits
//!   _causeway/staging/                  files of the commit in the making
//!   _causeway/manifest/0000000001.json  one a commit
//!   _causeway/state/0000000001.bin      state of the newest commit
//!   events/cluster=…/date=…/part-0000000001-0-0.parquet
//! ```

use super::tables::Table;

/// The folder of everything that is no table.
pub const OWN: &str = "_causeway";
/// The lock file.
pub const LOCK: &str = "_causeway/lock";
/// Files that are not committed yet.
pub const STAGING: &str = "_causeway/staging";
/// One file a commit.
pub const MANIFESTS: &str = "_causeway/manifest";
/// State of the newest commit.
pub const STATES: &str = "_causeway/state";

/// Path of the manifest of commit `number`.
pub fn manifest_path(number: u64) -> String {
    format!("{MANIFESTS}/{number:010}.json")
}

/// Number of the commit whose manifest has this file name.
pub fn manifest_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json")?;
    let number = digits.parse().ok()?;
    (format!("{number:010}") == digits).then_some(number)
}

/// Name of the state file of commit `number`.
pub fn state_name(number: u64) -> String {
    format!("{number:010}.bin")
}

/// Whether `path` is a plain relative path: no empty part, no `.` or `..`, nothing that another system reads differently.
pub fn is_inside(path: &str) -> bool {
    !path.contains(['\\', '\0', ':']) && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Whether `path` is a place for a file of `table`.
pub fn is_table_path(path: &str, table: Table) -> bool {
    is_inside(path)
        && path.ends_with(".parquet")
        && path.strip_prefix(table.name()).is_some_and(|rest| rest.starts_with("/cluster="))
}

/// Whether `path` is a place right in `folder`.
pub fn is_in(path: &str, folder: &str) -> bool {
    is_inside(path)
        && path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')).is_some_and(|name| !name.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        assert!(is_table_path("events/cluster=a/date=2024-01-01/part-1.parquet", Table::Events));
        for bad in [
            "events/cluster=a/../../x.parquet",
            "/etc/cluster=a.parquet",
            "events//cluster=a/x.parquet",
            "contexts/cluster=a/x.parquet",
            "events/cluster=a/x.csv",
            "events/cluster=a\\..\\x.parquet",
        ] {
            assert!(!is_table_path(bad, Table::Events), "{bad}");
        }
        assert!(is_in("_causeway/staging/x", STAGING));
        assert!(!is_in("_causeway/staging/x/y", STAGING));
        assert!(!is_in("_causeway/staging/..", STAGING));
    }

    #[test]
    fn manifest_names_read_back() {
        for number in [1, 9_999_999_999, 10_000_000_000, u64::MAX] {
            let path = manifest_path(number);
            let name = path.rsplit('/').next().unwrap();
            assert_eq!(manifest_number(name), Some(number));
        }
        assert_eq!(manifest_number("1.json"), None);
        assert_eq!(manifest_number("+000000001.json"), None);
    }
}
