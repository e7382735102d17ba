//! Scores as a page of Markdown.

use super::parts::SIZES;
use super::sizes::bins;
use super::{Clustering, Part, Scores, Sizes};
use std::fmt::{self, Write};

impl Scores {
    /// The scores as Markdown, with the `worst` kinds of action.
    pub fn markdown(&self, worst: usize) -> String {
        let mut page = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut page, worst);
        page
    }

    fn write(&self, page: &mut String, worst: usize) -> fmt::Result {
        writeln!(page, "| events | n | pair P | pair R | pair F1 | B³ P | B³ R | B³ F1 | ARI |")?;
        writeln!(page, "|---|--:|--:|--:|--:|--:|--:|--:|--:|")?;
        clustering(page, "caused by users", &self.user)?;
        clustering(page, "all", &self.all)?;
        let c = &self.contexts;
        writeln!(
            page,
            "\n| contexts | exact | split | merged | split and merged | exact share | of two events or more |"
        )?;
        writeln!(page, "|--:|--:|--:|--:|--:|--:|--:|")?;
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {:.4} | {:.4} |",
            c.total, c.perfect, c.split, c.merge, c.split_merge, c.exact_share, c.exact_share_size2plus
        )?;
        writeln!(page, "\n| how many | split into so many | so many merged | split over so many, merged |")?;
        writeln!(page, "|--:|--:|--:|--:|")?;
        let tables = [&c.split_into, &c.merged_of, &c.split_merge_into];
        for (least, most, name) in SIZES {
            let [split, merged, both] =
                tables.map(|table| table.range(least..=most).map(|(_, count)| count).sum::<usize>());
            writeln!(page, "| {name} | {split} | {merged} | {both} |")?;
        }
        let b = &self.background;
        writeln!(page, "\nBackground: {} events, {} predicted.", b.truth, b.predicted)?;
        writeln!(
            page,
            "User events called background: {} ({:.4}). Background in contexts: {} ({:.4}), of these with user events: {}.",
            b.user_called_background,
            b.user_called_background_share,
            b.background_called_user,
            b.background_called_user_share,
            b.background_in_user_context
        )?;
        let r = &self.root;
        writeln!(
            page,
            "Right root: {:.4} of events, {:.4} of contexts. Mapping accuracy: {:.4}.",
            r.accuracy, r.contexts_with_right_root, self.mapping_accuracy
        )?;
        let names: Vec<&str> = bins().collect();
        writeln!(
            page,
            "\n| sizes | contexts | least | median | mean | most | labels by mean: {} |",
            names.join(" | ")
        )?;
        writeln!(page, "|---|--:|--:|--:|--:|--:|{}", "--:|".repeat(names.len()))?;
        sizes(page, "true", &self.sizes.truth)?;
        sizes(page, "predicted", &self.sizes.predicted)?;
        part_table(page, "size", self.by_size.iter().map(|(name, part)| (name.as_str(), part)))?;
        let mut kinds: Vec<(&str, &Part)> = self.by_kind.iter().map(|(name, part)| (name.as_str(), part)).collect();
        kinds.sort_by(|one, other| one.1.b3_f1.total_cmp(&other.1.b3_f1).then(one.0.cmp(other.0)));
        part_table(page, "kind", kinds.into_iter().take(worst))
    }
}

fn clustering(page: &mut String, name: &str, c: &Clustering) -> fmt::Result {
    writeln!(
        page,
        "| {name} | {} | {:.4} | {:.4} | {:.4} | {:.4} | {:.4} | {:.4} | {:.4} |",
        c.events, c.pair_p, c.pair_r, c.pair_f1, c.b3_p, c.b3_r, c.b3_f1, c.ari
    )
}

fn sizes(page: &mut String, name: &str, s: &Sizes) -> fmt::Result {
    write!(page, "| {name} | {} | {} | {} | {:.2} | {} |", s.contexts, s.least, s.median, s.mean, s.most)?;
    bins().try_for_each(|bin| write!(page, " {} |", s.labels_by_mean.get(bin).copied().unwrap_or_default()))?;
    writeln!(page)
}

fn part_table<'p>(page: &mut String, head: &str, parts: impl Iterator<Item = (&'p str, &'p Part)>) -> fmt::Result {
    writeln!(page, "\n| {head} | contexts | exact share | events | B³ P | B³ R | B³ F1 |")?;
    writeln!(page, "|---|--:|--:|--:|--:|--:|--:|")?;
    for (name, part) in parts {
        let name = name.replace('|', "\\|");
        writeln!(
            page,
            "| {name} | {} | {:.4} | {} | {:.4} | {:.4} | {:.4} |",
            part.contexts, part.exact_share, part.events, part.b3_p, part.b3_r, part.b3_f1
        )?;
    }
    Ok(())
}
