//! A line whose parts were replaced, and what stood there.
//!
//! Invariants: edits are in order and do not overlap, neither in the masked text nor in the line; text between them is the
//! line's own. A mask that takes a placeholder, or a part of one, takes what it stood for as a whole.

use std::ops::Range;

/// One replaced part.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// First byte of the placeholder in the masked text.
    pub start: usize,
    /// One behind its last byte.
    pub end: usize,
    /// First byte in the line of what it stands for.
    pub from: usize,
    /// One behind the last byte of that.
    pub to: usize,
    /// Place of the mask in its list.
    pub mask: usize,
}

/// Room for masking line after line.
#[derive(Debug, Default)]
pub struct Masked {
    text: String,
    edits: Vec<Edit>,
    next_text: String,
    next_edits: Vec<Edit>,
}

/// Where the line stands beside the masked text while both are walked through.
struct Walk {
    /// The first edit not passed.
    edit: usize,
    /// End of the last edit passed, in the masked text.
    at: usize,
    /// The same in the line.
    line_at: usize,
}

impl Masked {
    /// The masked text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What was replaced, in order.
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// Begins with a line as it is.
    pub(super) fn start(&mut self, line: &str) {
        self.text.clear();
        self.text.push_str(line);
        self.edits.clear();
    }

    /// Replaces whatever `find` finds from left to right. `find` takes the text and where to begin.
    pub(super) fn replace(
        &mut self,
        mask: usize,
        placeholder: &str,
        mut find: impl FnMut(&str, usize) -> Option<(usize, usize)>,
    ) {
        let Some(mut found) = find(&self.text, 0) else { return };
        self.next_text.clear();
        self.next_edits.clear();
        let mut walk = Walk { edit: 0, at: 0, line_at: 0 };
        let mut done = 0;
        loop {
            let (start, end) = found;
            self.keep(&mut walk, done..start);
            let (from, to) = self.origin(&mut walk, start, end);
            let new_start = self.next_text.len();
            self.next_text.push_str(placeholder);
            self.next_edits.push(Edit { start: new_start, end: self.next_text.len(), from, to, mask });
            done = end;
            // An empty match moves the search on by a character, as in Python.
            let is_empty = start == end;
            let step = if is_empty {
                self.text.get(end..).and_then(|rest| rest.chars().next()).map(char::len_utf8)
            } else {
                Some(0)
            };
            let Some(next) = step.and_then(|step| find(&self.text, end + step)) else { break };
            found = next;
        }
        self.keep(&mut walk, done..self.text.len());
        std::mem::swap(&mut self.text, &mut self.next_text);
        std::mem::swap(&mut self.edits, &mut self.next_edits);
    }

    /// Copies a part that this mask leaves alone, with the edits that lie in it.
    fn keep(&mut self, walk: &mut Walk, part: Range<usize>) {
        let new_start = self.next_text.len();
        self.next_text.push_str(self.text.get(part.clone()).unwrap_or_default());
        while let Some(edit) = self.edits.get(walk.edit).filter(|edit| edit.end <= part.end) {
            if edit.start >= part.start {
                let moved = |at: usize| at - part.start + new_start;
                self.next_edits.push(Edit { start: moved(edit.start), end: moved(edit.end), ..*edit });
            }
            walk.pass(edit);
        }
    }

    /// What of the line a part of the masked text stands for, whole edits only.
    fn origin(&self, walk: &mut Walk, start: usize, end: usize) -> (usize, usize) {
        let mut from = walk.in_line(start);
        while let Some(edit) = self.edits.get(walk.edit).filter(|edit| edit.start < end) {
            from = from.min(edit.from);
            walk.pass(edit);
        }
        (from, walk.in_line(end))
    }

    /// What of the line a part of the masked text stands for, for parts asked for from left to right; `edit` is the first
    /// one to look at, and is moved on.
    pub fn line_range(&self, part: Range<usize>, edit: &mut usize) -> Range<usize> {
        let last_passed = edit.checked_sub(1).and_then(|last| self.edits.get(last));
        let mut walk = Walk { edit: *edit, at: 0, line_at: 0 };
        if let Some(last) = last_passed {
            (walk.at, walk.line_at) = (last.end, last.to);
        }
        while let Some(passed) = self.edits.get(walk.edit).filter(|edit| edit.end <= part.start) {
            walk.pass(passed);
        }
        let (from, to) = self.origin(&mut walk, part.start, part.end);
        *edit = walk.edit;
        from..to
    }
}

impl Walk {
    fn pass(&mut self, edit: &Edit) {
        (self.edit, self.at, self.line_at) = (self.edit + 1, edit.end, edit.to);
    }

    fn in_line(&self, at: usize) -> usize {
        self.line_at + at.saturating_sub(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn literal(of: &'static str) -> impl FnMut(&str, usize) -> Option<(usize, usize)> {
        move |text, from| text.get(from..)?.find(of).map(|at| (from + at, from + at + of.len()))
    }

    #[test]
    fn a_mask_over_a_placeholder_takes_what_it_stood_for() {
        let mut masked = Masked::default();
        masked.start("ab 12 cd");
        masked.replace(0, "<N>", literal("12"));
        masked.replace(1, "<P>", literal("b <N>"));
        assert_eq!(masked.text(), "a<P> cd");
        assert_eq!(masked.edits(), [Edit { start: 1, end: 4, from: 1, to: 5, mask: 1 }]);
        // Half of a placeholder takes all of it.
        masked.start("ab 12 cd");
        masked.replace(0, "<N>", literal("12"));
        masked.replace(1, "<Q>", literal("> c"));
        assert_eq!(
            (masked.text(), masked.edits().last().unwrap().from..masked.edits().last().unwrap().to),
            ("ab <N<Q>d", 3..7)
        );
    }

    proptest! {
        #[test]
        fn the_line_can_be_put_together_again(line in "[ab1 é]{0,30}") {
            let mut masked = Masked::default();
            masked.start(&line);
            for (at, of) in ["1", "a", "b <0>", "é", "<3><1>"].into_iter().enumerate() {
                masked.replace(at, &format!("<{at}>"), literal(of));
            }
            let (mut again, mut at) = (String::new(), 0);
            for edit in masked.edits() {
                again.push_str(&masked.text()[at..edit.start]);
                again.push_str(&line[edit.from..edit.to]);
                at = edit.end;
            }
            again.push_str(&masked.text()[at..]);
            prop_assert_eq!(again, line);
        }
    }
}
