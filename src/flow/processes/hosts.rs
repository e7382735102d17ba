//! The processes of a run by number: a file with one `host:port` a line, the first line for process 0.

use super::ProcessesError;
use std::collections::BTreeSet;
use std::path::Path;

/// Which process of which ones this is. There are at least two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Number of this process.
    pub process: usize,
    /// Where each process listens, by number.
    pub addresses: Vec<String>,
}

impl Membership {
    /// The membership that the settings `run.processes`, `run.process` and `run.hostfile` name; `None` for one process alone.
    ///
    /// # Errors
    /// [`ProcessesError::Hosts`] when they do not fit each other, or the file cannot be read.
    pub fn of(processes: usize, process: usize, hostfile: Option<&Path>) -> Result<Option<Membership>, ProcessesError> {
        let wrong = |detail: String| Err(ProcessesError::Hosts(detail));
        if processes == 0 {
            return wrong("`run.processes` is 0; a run has at least one process".to_owned());
        }
        if process >= processes {
            let last = processes - 1;
            return wrong(format!(
                "`run.process` is {process}, but of {processes} processes the numbers are 0 to {last}; count from 0, or raise run.processes"
            ));
        }
        if processes == 1 {
            return Ok(None);
        }
        let Some(path) = hostfile else {
            return wrong(format!(
                "`run.processes` is {processes}, but there is no `run.hostfile`; name a file with one host:port a line, the first for process 0"
            ));
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            ProcessesError::Hosts(format!("cannot read the host file {}: {error}; check run.hostfile", path.display()))
        })?;
        let addresses = addresses(&text, processes)
            .map_err(|detail| ProcessesError::Hosts(format!("the host file {} {detail}", path.display())))?;
        Ok(Some(Membership { process, addresses }))
    }

    /// Where a process listens.
    pub fn address(&self, process: usize) -> String {
        self.addresses.get(process).cloned().unwrap_or_default()
    }
}

/// The first `count` addresses of a host file. Empty lines and what stands behind `#` do not count; further lines are for a run of
/// more processes.
fn addresses(text: &str, count: usize) -> Result<Vec<String>, String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let found: Vec<String> = lines.filter(|line| !line.is_empty()).take(count).map(str::to_owned).collect();
    if found.len() < count {
        return Err(format!("has {} hosts for {count} processes; add a line host:port for each", found.len()));
    }
    let mut seen = BTreeSet::new();
    for address in &found {
        let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        if port.and_then(|(_, port)| port.parse::<u16>().ok()).is_none_or(|port| port == 0) {
            return Err(format!("has the line `{address}`; write host:port"));
        }
        if !seen.insert(address) {
            return Err(format!("names {address} twice; each process needs an address of its own"));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_file_has_one_address_a_process() {
        let text = "# the cluster\na:2101\n\n b:2101 # rack 2\nc:2101\n";
        assert_eq!(addresses(text, 2).unwrap(), ["a:2101", "b:2101"]);
        assert!(addresses(text, 4).unwrap_err().contains("3 hosts for 4 processes"));
        assert!(addresses("a\nb:1", 2).unwrap_err().contains("`a`"));
        assert!(addresses("a:0\nb:1", 2).unwrap_err().contains("`a:0`"));
        assert!(addresses(":7\nb:1", 2).unwrap_err().contains("`:7`"));
        assert!(addresses("a:1\na:1", 2).unwrap_err().contains("twice"));
    }

    #[test]
    fn numbers_must_fit() {
        let told = |processes, process| Membership::of(processes, process, None).unwrap_err().to_string();
        assert_eq!(Membership::of(1, 0, None).unwrap(), None);
        assert!(told(0, 0).contains("at least one"));
        assert!(told(3, 3).contains("0 to 2"));
        assert!(told(3, 1).contains("run.hostfile"));
    }
}
