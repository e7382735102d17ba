//! `causeway label`.

mod annotate;
mod apply;
mod questions;
mod truth;

use crate::audit::label::{Label, all};
use anyhow::{Result, bail};
use std::io::Write;

/// Translate labels: the 22-bit codes for kinds of action.
#[derive(Debug, clap::Subcommand)]
pub enum LabelCommand {
    /// Print the code of an action: verb, then group/version/resource.
    #[command(after_help = "\
Examples:
  causeway label encode create core/v1/pods --namespaced --single        4496
  causeway label encode patch apps/v1/deployments/scale --namespaced --single
  causeway label encode 'create core/v1/pods (ns) (single)'              4496, from what decode prints")]
    Encode {
        /// Verb and resource, `create core/v1/pods`.
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
        /// The request names a namespace.
        #[arg(long)]
        namespaced: bool,
        /// The request names an object.
        #[arg(long)]
        single: bool,
    },
    /// Print what codes stand for.
    #[command(after_help = "\
Example:
  causeway label decode 4496 41376")]
    Decode {
        /// The codes; -1 is unknown, -2 ignored.
        #[arg(required = true, allow_negative_numbers = true, value_name = "CODE")]
        codes: Vec<i32>,
    },
    /// Print every valid label with its code.
    List,
    Apply(apply::Apply),
    Annotate(annotate::Annotate),
}

impl LabelCommand {
    /// Does what was asked.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        match self {
            LabelCommand::Encode { words, namespaced, single } => {
                let text = spelt_out(&words.join(" "), *namespaced, *single);
                let Some(label) = all().into_iter().find(|label| label.to_string() == text) else {
                    bail!("there is no label `{text}`; `causeway label list` prints all of them");
                };
                writeln!(out, "{}", label.0)?;
            }
            LabelCommand::Decode { codes } => {
                for code in codes {
                    writeln!(out, "{code} {}", Label(*code))?;
                }
            }
            LabelCommand::Apply(command) => command.run(out)?,
            LabelCommand::Annotate(command) => command.run(out)?,
            LabelCommand::List => {
                for label in all() {
                    writeln!(out, "{} {label}", label.0)?;
                }
            }
        }
        Ok(())
    }
}

/// The text as labels spell it, `create core/v1/pods (ns) (single)`, from the short form and the flags.
fn spelt_out(text: &str, namespaced: bool, single: bool) -> String {
    let mut words: Vec<&str> = text.split_whitespace().filter(|word| !word.starts_with('(')).collect();
    let said = |mark: &str| text.contains(mark);
    if namespaced || said("(ns)") {
        words.push("(ns)");
    }
    words.push(if single || said("(single)") { "(single)" } else { "(list)" });
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decode_prints_encodes_again() {
        let labels = all();
        assert!(labels.len() > 1_000);
        for label in labels.into_iter().filter(|label| label.0 >= 0) {
            assert_eq!(spelt_out(&label.to_string(), false, false), label.to_string());
        }
    }
}
