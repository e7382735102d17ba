//! The columns of `events` that say where an event was read: whole blocks have the same cluster, source and partition.

use super::events::EventMeta;
use super::intern::{DictColumn, emptied};
use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, Int32Array, Int64Array, StringArray};
use arrow_schema::ArrowError;
use std::sync::Arc;

/// Builds the columns, a row for each event.
#[derive(Debug, Default)]
pub(super) struct PlaceColumns {
    /// Cluster, source and partition of rows one behind the other, and how many those are.
    runs: Vec<(Source, usize)>,
    source: DictColumn,
    offset: Vec<i64>,
    item: Vec<i32>,
}

#[derive(Debug)]
struct Source {
    cluster: Box<str>,
    source: Box<str>,
    partition: u32,
}

impl Source {
    fn is(&self, meta: &EventMeta<'_>) -> bool {
        self.partition == meta.partition && *self.source == *meta.source && *self.cluster == *meta.cluster
    }
}

impl PlaceColumns {
    /// Adds a row.
    #[inline]
    pub(super) fn push(&mut self, meta: &EventMeta<'_>) {
        match self.runs.last_mut().filter(|(source, _)| source.is(meta)) {
            Some((_, rows)) => *rows += 1,
            None => {
                let source =
                    Source { cluster: meta.cluster.into(), source: meta.source.into(), partition: meta.partition };
                self.runs.push((source, 1));
            }
        }
        self.offset.push(i64::try_from(meta.offset).unwrap_or(i64::MAX));
        self.item.push(i32::try_from(meta.item).unwrap_or(i32::MAX));
    }

    /// Cluster, source, partition, offset and item.
    pub(super) fn finish(&mut self) -> Result<[ArrayRef; 5], ArrowError> {
        let runs = std::mem::take(&mut self.runs);
        let mut partition = Vec::with_capacity(self.item.len());
        for (source, rows) in &runs {
            self.source.push_times(&source.source, *rows);
            partition.extend(std::iter::repeat_n(i32::try_from(source.partition).unwrap_or(i32::MAX), *rows));
        }
        Ok([
            clusters(&runs),
            self.source.finish()?,
            Arc::new(Int32Array::from(partition)),
            Arc::new(Int64Array::from(emptied(&mut self.offset))),
            Arc::new(Int32Array::from(emptied(&mut self.item))),
        ])
    }
}

fn clusters(runs: &[(Source, usize)]) -> ArrayRef {
    if let [(source, rows)] = runs {
        return Arc::new(StringArray::new_repeated(&*source.cluster, *rows));
    }
    let mut clusters = StringBuilder::new();
    for (source, rows) in runs {
        (0..*rows).for_each(|_| clusters.append_value(&source.cluster));
    }
    Arc::new(clusters.finish())
}
