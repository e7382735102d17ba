//! The closing account of a run: where every event that was read has gone.
//!
//! Invariant: read = events + filtered + rejects. The printed account shows the sum, and says so where it does not hold.

use indicatif::{HumanBytes, HumanCount};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Counts of all runs into one folder so far, with the time and the bytes of the last one: after a crash and a restart they are
/// those of an undisturbed run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Events read; a record that is no event counts as one.
    pub read: u64,
    /// Rows of the table `events`.
    pub events: u64,
    /// Events dropped by a rule; their counts are in the table `filtered`.
    pub filtered: u64,
    /// Rows of the table `rejects`.
    pub rejects: u64,
    /// Contexts found.
    pub contexts: u64,
    /// Sessions closed.
    pub sessions: u64,
    /// Events that arrived below the watermark; they are among `events`.
    pub late: u64,
    /// Empty lines, which are skipped and are no events.
    pub empty_lines: u64,
    /// Wall time of this run, in seconds.
    pub seconds: f64,
    /// Events dropped by each rule; the sum is `filtered`.
    pub filtered_by_rule: BTreeMap<String, u64>,
    /// Bytes read by this run, as they lie in the files (compressed where those are).
    pub bytes_in: u64,
    /// Bytes of all tables.
    pub bytes_out: u64,
}

impl Account {
    /// Whether every event that was read is accounted for.
    pub fn adds_up(&self) -> bool {
        let parts =
            [self.events, self.filtered, self.rejects].iter().try_fold(0u64, |sum, part| sum.checked_add(*part));
        parts == Some(self.read) && self.filtered_by_rule.values().sum::<u64>() == self.filtered
    }

    /// Bytes read a second; 0 for a run without duration.
    fn bytes_per_sec(&self) -> u64 {
        if self.seconds > 0.0 { (self.bytes_in as f64 / self.seconds) as u64 } else { 0 }
    }
}

impl Account {
    /// Counts of the tables, with the time and the bytes of a run.
    pub fn of(counts: &crate::lake::Account, elapsed: std::time::Duration, bytes_in: u64, bytes_out: u64) -> Account {
        Account {
            read: counts.read,
            events: counts.events,
            filtered: counts.filtered,
            rejects: counts.rejects,
            contexts: counts.contexts,
            sessions: counts.sessions,
            late: counts.late,
            empty_lines: counts.empty_lines,
            seconds: elapsed.as_secs_f64(),
            filtered_by_rule: counts.filtered_by_rule.clone(),
            bytes_in,
            bytes_out,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: u64| HumanCount(count).to_string();
        let widest = count(self.read).len().max(count(self.events).len()).max(count(self.filtered).len());
        let line = |f: &mut fmt::Formatter<'_>, name: &str, amount: u64, note: &str| {
            let line = format!("{name:<10} {:>widest$}  {note}", count(amount));
            writeln!(f, "{}", line.trim_end())
        };
        line(f, "read", self.read, "events and records that are none")?;
        line(f, "= events", self.events, &format!("rows, {} of tables", HumanBytes(self.bytes_out)))?;
        line(f, "+ filtered", self.filtered, "dropped by a rule and counted")?;
        for (rule, dropped) in &self.filtered_by_rule {
            writeln!(f, "{:11}{:>widest$}  {}", "", count(*dropped), rule.escape_debug())?;
        }
        line(f, "+ rejects", self.rejects, if self.rejects == 0 { "" } else { "see the table `rejects`" })?;
        if !self.adds_up() {
            writeln!(f, "these do not add up: please report this as a defect")?;
        }
        line(f, "contexts", self.contexts, "")?;
        line(f, "sessions", self.sessions, "")?;
        if self.late > 0 {
            line(f, "late", self.late, "of the events arrived below the watermark")?;
        }
        if self.empty_lines > 0 {
            line(f, "empty", self.empty_lines, "lines skipped")?;
        }
        if self.bytes_in == 0 {
            return write!(f, "this run read nothing in {:.1} s", self.seconds);
        }
        let (input, rate) = (HumanBytes(self.bytes_in), HumanBytes(self.bytes_per_sec()));
        write!(f, "this run read {input} in {:.1} s, {rate}/s", self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account {
            read: 86_848,
            events: 40_000,
            filtered: 46_846,
            rejects: 2,
            contexts: 1_370,
            sessions: 45,
            late: 3,
            seconds: 2.0,
            filtered_by_rule: [("stage".to_owned(), 42_000), ("background:leases".to_owned(), 4_846)].into(),
            bytes_in: 200 << 20,
            bytes_out: 2 << 20,
            ..Account::default()
        }
    }

    #[test]
    fn reads_as_a_sum() {
        let text = account().to_string();
        insta::assert_snapshot!(text, @r"
        read       86,848  events and records that are none
        = events   40,000  rows, 2.00 MiB of tables
        + filtered 46,846  dropped by a rule and counted
                    4,846  background:leases
                   42,000  stage
        + rejects       2  see the table `rejects`
        contexts    1,370
        sessions       45
        late            3  of the events arrived below the watermark
        this run read 200.00 MiB in 2.0 s, 100.00 MiB/s
        ");
    }

    #[test]
    fn a_run_that_passes_over_all_says_so() {
        let text = Account { bytes_in: 0, ..account() }.to_string();
        assert!(text.ends_with("this run read nothing in 2.0 s"), "{text}");
    }

    #[test]
    fn a_lost_event_shows() {
        assert!(account().adds_up());
        let lossy = Account { events: 39_999, ..account() };
        assert!(!lossy.adds_up());
        assert!(lossy.to_string().contains("do not add up"));
        let unexplained = Account { filtered_by_rule: BTreeMap::new(), ..account() };
        assert!(!unexplained.adds_up());
    }
}
