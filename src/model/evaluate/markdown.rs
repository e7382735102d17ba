//! Scores as Markdown.

use super::scores::{Figures, Part, Scores};
use std::fmt::Write as _;

/// A table with one row of figures for each name.
pub fn table(first: &str, rows: &[(String, Figures)]) -> String {
    let mut out =
        format!("| {first} | events | accuracy | precision | recall | F1 | kappa |\n|---|---|---|---|---|---|---|\n");
    for (name, f) in rows {
        // writing to a string cannot fail
        _ = writeln!(
            out,
            "| {name} | {} | {:.4} | {:.3} | {:.3} | {:.3} | {:.3} |",
            f.count, f.accuracy, f.precision, f.recall, f.f1, f.kappa
        );
    }
    out
}

impl Scores {
    /// All figures; `worst` classes and confusions.
    pub fn markdown(&self, title: &str, worst: usize) -> String {
        let part = |part: Part| match part {
            Part::Label => "label, voted",
            Part::Type => "its type",
            Part::Sub => "its subresource",
            Part::Namespaced => "its namespace bit",
            Part::Single => "its object bit",
            Part::Verb => "its verb",
        };
        let mut rows: Vec<(String, Figures)> = self.voted.iter().map(|(p, f)| (part(*p).to_owned(), *f)).collect();
        rows.push(("label, unvoted".to_owned(), self.unvoted));
        rows.push(("kinds known to training, voted".to_owned(), self.seen));
        rows.push(("the same, by the causal engine alone".to_owned(), self.engine));
        rows.push(("without the control plane's routine, voted".to_owned(), self.actions));
        let mut out = format!("## {title}\n\n{}", table("of", &rows));
        _ = write!(
            out,
            "\nUndecided: {:.2} %. Mean confidence {:.3}; on {} events of kinds unknown to training {:.3}. A wrong label has less \
             confidence than a right one with probability {:.3} (AUROC), an unknown kind less than a known one with {:.3}.\n",
            self.undecided * 100.0,
            self.confidence.0,
            self.unseen,
            self.confidence.1,
            self.auroc_of_confidence,
            self.auroc_of_unseen
        );
        if worst > 0 {
            out.push_str("\n| most frequent kinds | events | precision | recall |\n|---|---|---|---|\n");
            for class in self.classes.iter().take(worst) {
                let precision = class.precision.map_or("–".to_owned(), |p| format!("{p:.3}"));
                _ = writeln!(out, "| {} | {} | {precision} | {:.3} |", class.text, class.count, class.recall);
            }
            out.push_str("\n| truth | said instead | events |\n|---|---|---|\n");
            for confusion in self.confusions.iter().take(worst) {
                _ = writeln!(out, "| {} | {} | {} |", confusion.truth, confusion.said, confusion.count);
            }
        }
        out
    }
}
