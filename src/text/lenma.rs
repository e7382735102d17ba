//! LenMa: log lines to keys by the lengths of their words.
//!
//! A line joins the template, of as many words and the same first word, that it fits in every word; or else the one whose
//! word lengths point in the same direction (cosine), if they share at least three words. The lengths of a template are
//! those of its newest line.

use hashbrown::HashMap;

/// Words that a line and a template must share before their lengths are compared.
const SHARED_WORDS: usize = 3;

/// Templates learned so far.
pub struct LenMa {
    threshold: f64,
    templates: Vec<Template>,
    by_length: HashMap<usize, Vec<usize>>,
}

/// Words that lines share.
struct Template {
    /// None where lines differ.
    words: Vec<Option<Box<str>>>,
    lengths: Vec<usize>,
    size: u64,
}

impl LenMa {
    /// A parser that has seen nothing. `threshold` is the least cosine with which a line joins a template; 0.9 is usual.
    pub fn new(threshold: f64) -> LenMa {
        LenMa { threshold, templates: Vec::new(), by_length: HashMap::new() }
    }

    /// Learns a masked line: its key, from 1 in the order of creation.
    pub fn learn(&mut self, line: &str) -> u32 {
        let words: Vec<&str> = line.split_whitespace().collect();
        let candidates = self.by_length.entry(words.len()).or_default();
        let mut best: Option<(usize, f64)> = None;
        for at in candidates.iter().copied() {
            let Some(score) = self.templates.get(at).map(|template| template.score(&words)) else { continue };
            if score >= self.threshold && best.is_none_or(|(_, best)| score > best) {
                best = Some((at, score));
            }
        }
        let at = match best {
            Some((at, _)) => {
                if let Some(template) = self.templates.get_mut(at) {
                    template.absorb(&words);
                }
                at
            }
            None => {
                candidates.push(self.templates.len());
                self.templates.push(Template::new(&words));
                self.templates.len() - 1
            }
        };
        u32::try_from(at + 1).unwrap_or(u32::MAX)
    }

    /// A template by its key, words joined by a space, `<*>` where lines differ; empty for an unknown key.
    pub fn template(&self, key: u32) -> String {
        let template = (key as usize).checked_sub(1).and_then(|at| self.templates.get(at));
        let words = template.map(|template| template.words.as_slice()).unwrap_or_default();
        words.iter().map(|word| word.as_deref().unwrap_or("<*>")).collect::<Vec<_>>().join(" ")
    }

    /// Lines of each template, in the order of keys.
    pub fn sizes(&self) -> impl Iterator<Item = u64> {
        self.templates.iter().map(|template| template.size)
    }

    /// The words of a line in the places where its template has none: its parameters.
    pub fn parameters<'a>(&self, line: &'a str, key: u32) -> Vec<&'a str> {
        let template = (key as usize).checked_sub(1).and_then(|at| self.templates.get(at));
        let words = template.map(|template| template.words.as_slice()).unwrap_or_default();
        line.split_whitespace().zip(words).filter(|(_, word)| word.is_none()).map(|(word, _)| word).collect()
    }
}

impl Template {
    fn new(words: &[&str]) -> Template {
        let mut template = Template { words: Vec::new(), lengths: Vec::new(), size: 1 };
        template.words = words.iter().map(|word| Some((*word).into())).collect();
        template.lengths = words.iter().map(|word| word.chars().count()).collect();
        template
    }

    /// From 0 to 1.
    fn score(&self, words: &[&str]) -> f64 {
        let pairs = || self.words.iter().map(Option::as_deref).zip(words);
        if pairs().next().is_some_and(|(own, word)| own != Some(word)) {
            return 0.0;
        }
        if pairs().all(|(own, word)| own.is_none_or(|own| own == *word)) {
            return 1.0;
        }
        if pairs().filter(|(own, word)| *own == Some(**word)).count() < SHARED_WORDS {
            return 0.0;
        }
        cosine(&self.lengths, &words.iter().map(|word| word.chars().count()).collect::<Vec<_>>())
    }

    fn absorb(&mut self, words: &[&str]) {
        for (own, word) in self.words.iter_mut().zip(words) {
            if own.as_deref().is_some_and(|own| own != *word) {
                *own = None;
            }
        }
        self.lengths = words.iter().map(|word| word.chars().count()).collect();
        self.size += 1;
    }
}

#[expect(clippy::cast_precision_loss, reason = "lengths of words are far below 2^52")]
fn cosine(a: &[usize], b: &[usize]) -> f64 {
    let dot = |a: &[usize], b: &[usize]| a.iter().zip(b).map(|(a, b)| (*a as f64) * (*b as f64)).sum::<f64>();
    let norm = (dot(a, a) * dot(b, b)).sqrt();
    if norm > 0.0 { dot(a, b) / norm } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_like_lengths_share_a_template() {
        let mut lenma = LenMa::new(0.88);
        assert_eq!(lenma.learn("session opened for user ann by root"), 1);
        assert_eq!(lenma.learn("session opened for user bob by root"), 1);
        assert_eq!(lenma.template(1), "session opened for user <*> by root");
        assert_eq!(lenma.parameters("session opened for user bob by root", 1), ["bob"]);
        // Another first word, another length, too few shared words, another direction.
        assert_eq!(lenma.learn("Session opened for user bob by root"), 2);
        assert_eq!(lenma.learn("session opened for user bob"), 3);
        assert_eq!(lenma.learn("session x y z w v u"), 4);
        assert_eq!(lenma.learn("session opened for user averyveryverylongnameindeedthatfillsalot by root"), 1);
        assert_eq!(lenma.learn(""), 5);
        assert_eq!(lenma.learn("  "), 5);
        assert_eq!(lenma.sizes().collect::<Vec<_>>(), [3, 1, 1, 1, 2]);
    }

    #[test]
    fn the_direction_of_lengths_decides() {
        let mut lenma = LenMa::new(0.88);
        assert_eq!(lenma.learn("a b c dddddddddd e"), 1);
        assert_eq!(lenma.learn("a b c x eeeeeeeeee"), 2);
        assert_eq!(lenma.learn("a b c yyyyyyyyy z"), 1);
        assert_eq!(lenma.template(1), "a b c <*> <*>");
    }
}
