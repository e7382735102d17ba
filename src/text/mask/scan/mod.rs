//! The seven masks of the HDFS settings, and the usual ones of loghub's, read by hand.
//!
//! Each scanner finds in an ASCII line exactly what its pattern finds, which property tests hold against the regex engine. The
//! first six of the seven are guarded: what comes before and behind is no letter and no digit of ASCII.

mod cmd;
mod dotted;
mod hex;
mod id;
mod ip;
mod loose;
mod num;
mod seq_lower;
mod seq_upper;

/// Finds the first match at or behind an offset of an ASCII line.
pub type Scanner = fn(&[u8], usize) -> Option<(usize, usize)>;

/// The patterns, the names they are masked with, and their scanners, in the order of the settings.
pub const KNOWN: [(&str, &str, Scanner); 7] = [
    (r"((?<=[^A-Za-z0-9])|^)(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))((?=[^A-Za-z0-9])|$)", "ID", id::find),
    (r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)", "IP", ip::find),
    (r"((?<=[^A-Za-z0-9])|^)([0-9a-f]{6,} ?){3,}((?=[^A-Za-z0-9])|$)", "SEQ", seq_lower::find),
    (r"((?<=[^A-Za-z0-9])|^)([0-9A-F]{4} ?){4,}((?=[^A-Za-z0-9])|$)", "SEQ", seq_upper::find),
    (r"((?<=[^A-Za-z0-9])|^)(0x[a-f0-9A-F]+)((?=[^A-Za-z0-9])|$)", "HEX", hex::find),
    (r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)", "NUM", num::find),
    (r#"(?<=executed cmd )(".+?")"#, "CMD", cmd::find),
];

/// Other patterns that are on nearly every line of some logs.
pub const LOGHUB: [(&str, Scanner); 6] = [
    (r"(\d+\.){3}\d+", dotted::find),
    (r"(\d+\.){3}\d+(:\d+)?", dotted::find_with_port),
    (r"((\d+\.){3}\d+,?)+", dotted::find_list),
    (r"\d+", dotted::find_digits),
    (r"blk_-?\d+", loose::find_block),
    (r"/.+?\s", loose::find_path),
];

/// The scanner of a pattern that has one.
pub fn known(pattern: &str) -> Option<Scanner> {
    let seven = KNOWN.iter().map(|(known, _, scanner)| (known, scanner));
    let loghub = LOGHUB.iter().map(|(known, scanner)| (known, scanner));
    seven.chain(loghub).find(|(known, _)| **known == pattern).map(|(_, scanner)| *scanner)
}

const DIGIT: u8 = 1;
const LOWER_HEX: u8 = 2;
const UPPER_HEX: u8 = 4;
const ALNUM: u8 = 8;
/// A digit of either case.
const ANY_HEX: u8 = LOWER_HEX | UPPER_HEX;

/// Classes of each byte.
const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0u8;
    loop {
        let mut class = 0;
        if byte.is_ascii_digit() {
            class |= DIGIT | LOWER_HEX | UPPER_HEX;
        }
        if matches!(byte, b'a'..=b'f') {
            class |= LOWER_HEX;
        }
        if matches!(byte, b'A'..=b'F') {
            class |= UPPER_HEX;
        }
        if byte.is_ascii_alphanumeric() {
            class |= ALNUM;
        }
        table[byte as usize] = class;
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    table
};

fn is(byte: u8, class: u8) -> bool {
    CLASS.get(usize::from(byte)).is_some_and(|of| of & class != 0)
}

/// Whether the byte at `at` is of a class; false behind the end.
fn is_at(line: &[u8], at: usize, class: u8) -> bool {
    line.get(at).is_some_and(|byte| is(*byte, class))
}

/// Whether a match may begin at `at`: no letter or digit stands before it.
fn opens(line: &[u8], at: usize) -> bool {
    at.checked_sub(1).is_none_or(|before| !is_at(line, before, ALNUM))
}

/// Whether a match may end before `at`.
fn closes(line: &[u8], at: usize) -> bool {
    !is_at(line, at, ALNUM)
}

/// End of the run of a class that begins at `at`.
fn run_end(line: &[u8], at: usize, class: u8) -> usize {
    let rest = line.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| !is(*byte, class)).unwrap_or(rest.len())
}

/// Start of the run of a class that ends before `end`, but not before `from`.
fn run_start(line: &[u8], from: usize, end: usize, class: u8) -> usize {
    let before = line.get(from..end).unwrap_or_default();
    from + before.iter().rposition(|byte| !is(*byte, class)).map_or(0, |at| at + 1)
}

/// The next run of at least `least` bytes of a class that no letter or digit precedes, at or behind `from`. Looks at every
/// `least`th byte only: a long run holds one of them.
fn next_run(line: &[u8], mut from: usize, least: usize, class: u8) -> Option<(usize, usize)> {
    loop {
        let mut probe = from + least - 1;
        while !is(*line.get(probe)?, class) {
            probe += least;
        }
        let start = run_start(line, from, probe, class);
        let end = run_end(line, probe, class);
        if end - start >= least && opens(line, start) {
            return Some((start, end));
        }
        from = end;
    }
}

#[cfg(test)]
mod tests;
