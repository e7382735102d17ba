//! `causeway label annotate`: a person labels what no rule does, event by event (`k8ntext.md` section 3.7).
//!
//! ```text
//! FILE ─▶ events in time order ─▶ questions: white-listed and not labelled yet ─▶ answers ─▶ FILE.answers, one line each, at once
//!                                                                                      └─▶ quit: FILE with labels on standard output
//! ```
//! The file of answers is the memory: the same command goes on where it was left, whatever ended it.

use super::questions::{Questions, Reply};
use super::truth::{Mark, label_of_line, marked};
use crate::audit::label::Label;
use crate::cli::printable::Printable;
use anyhow::{Context, Result};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// Label events by hand.
///
/// Shows each event that has no label yet with the events around it, and asks. Every answer is saved at once in FILE.answers; the
/// same command goes on from there. When it ends, the log with its labels goes to standard output.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  causeway label apply audit.jsonl > routine.jsonl
  causeway label annotate routine.jsonl > labelled.jsonl

Answers:
  Enter, a        the label given last
  b               the event's own proposal
  nc nw np nd     the proposal of the next create, watch, patch or update, delete within 19 events
  ec ew ep ed     the event's own proposal with another verb
  m               the proposal of the next event within 39 that is not the control plane's
  NUMBER          that label
  s               nobody knows
  u               back to the question before, its answer taken back
  q               quit; what was answered is kept")]
pub struct Annotate {
    /// Audit lines, one event each; labelled ones are passed over.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Annotate {
    /// Asks on standard error, reads answers from standard input, and writes the labelled log.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let text = std::fs::read(&self.file).with_context(|| format!("cannot read {}", self.file.display()))?;
        let lines: Vec<&[u8]> =
            text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
        let mut questions = Questions::new(&lines);
        let path = answers_of(&self.file);
        if let Ok(file) = File::open(&path) {
            for answer in BufReader::new(file).lines() {
                questions.answer(&answer?);
            }
        }
        let mut saved = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot keep answers in {}", path.display()))?;
        ask(&mut questions, &mut std::io::stdin().lock(), &mut std::io::stderr(), &mut saved)?;
        let answers = questions.labels();
        for (number, line) in lines.iter().enumerate() {
            let mark = answers.get(&number).map(|label| Mark { label: Some(*label), routine: false });
            let keeps = label_of_line(line).is_some_and(|label| label != Label::UNKNOWN);
            match mark.filter(|_| !keeps).and_then(|mark| marked(line, mark)) {
                Some(line) => out.write_all(&line)?,
                None => out.write_all(line)?,
            }
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

fn answers_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".answers");
    PathBuf::from(name)
}

/// Asks until there are no more questions, or the person has had enough. An answer is saved, as the label that it came to, before
/// the next question.
fn ask(
    questions: &mut Questions,
    input: &mut impl BufRead,
    screen: &mut impl Write,
    saved: &mut impl Write,
) -> std::io::Result<()> {
    while let Some(shown) = questions.question() {
        write!(screen, "{}", Printable::lines(&shown))?;
        write!(screen, "? ")?;
        screen.flush()?;
        let mut answer = String::new();
        if input.read_line(&mut answer)? == 0 {
            return Ok(());
        }
        match questions.answer(answer.trim()) {
            Reply::Labelled(label) => {
                writeln!(saved, "{}", if label == Label::UNKNOWN { "s".to_owned() } else { label.0.to_string() })?
            }
            Reply::TakenBack => writeln!(saved, "u")?,
            Reply::Quit => return Ok(()),
            Reply::Unclear(why) => writeln!(screen, "{why}")?,
        }
        saved.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize, verb: &str) -> String {
        format!(
            r#"{{"auditID":"{number}","stage":"ResponseComplete","verb":"{verb}","requestURI":"/api/v1/namespaces/shop/pods/web","stageTimestamp":"2026-11-21T07:10:{number:02}.000000Z","user":{{"username":"alice"}},"objectRef":{{"resource":"pods","apiVersion":"v1","namespace":"shop","name":"web"}}}}"#
        )
    }

    #[test]
    fn answers_are_saved_at_once_and_go_on_where_they_were_left() {
        let text: Vec<String> = ["get", "create", "delete"].iter().enumerate().map(|(n, verb)| line(n, verb)).collect();
        let lines: Vec<&[u8]> = text.iter().map(|line| line.as_bytes()).collect();
        let mut saved = Vec::new();
        let mut first = Questions::new(&lines);
        // the next create, the same again, back, own proposal, quit
        ask(&mut first, &mut &b"nc\n\nu\nhuh\nb\nq\n"[..], &mut Vec::new(), &mut saved).unwrap();
        assert_eq!(String::from_utf8_lossy(&saved), "4496\n4496\nu\n4496\n");
        let mut second = Questions::new(&lines);
        for answer in String::from_utf8_lossy(&saved).lines() {
            second.answer(answer);
        }
        ask(&mut second, &mut &b"ec\n"[..], &mut Vec::new(), &mut saved).unwrap();
        assert!(second.question().is_none());
        assert_eq!(second.labels().into_values().collect::<Vec<_>>(), [Label(4496); 3]);
    }
}
