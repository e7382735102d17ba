//! The columns of `events` that say who asked: user, groups, address, program and class.

use super::column::list_item;
use super::combined::Combined;
use crate::audit::event::Event;
use crate::audit::redact::redact_text;
use arrow_array::{ArrayRef, ListArray, StringArray};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::ArrowError;
use std::borrow::Cow;
use std::sync::Arc;

/// User, impersonated user, source address, user agent and class.
const COLUMNS: usize = 5;

/// Builds the columns, a row for each event.
#[derive(Debug, Default)]
pub(super) struct CallerColumns(Combined<COLUMNS, Caller>);

/// What is known of a caller beside the columns.
#[derive(Debug)]
struct Caller {
    /// The groups, one behind the other.
    groups: Box<str>,
    /// Where each ends.
    ends: Box<[i32]>,
    /// Bytes of all texts.
    bytes: usize,
}

impl CallerColumns {
    /// The number of the event's caller, and how many bytes of text a row of it has.
    #[inline]
    pub(super) fn number(&mut self, event: &Event<'_>) -> (u32, usize) {
        let texts = [&*event.user, &event.impersonated_user, &event.source_ip, &event.user_agent];
        let groups = event.groups.iter().map(|group| &**group);
        let number = self.0.number(0, texts.into_iter().chain(groups), || learn(event));
        (number, self.0.other(number).map_or(0, |caller| caller.bytes))
    }

    /// Adds a row.
    #[inline]
    pub(super) fn push(&mut self, number: u32) {
        self.0.push(number);
    }

    /// User, groups, impersonated user, source address, user agent and class.
    pub(super) fn finish(&mut self) -> Result<[ArrayRef; 6], ArrowError> {
        let groups = groups(self.0.rows())?;
        let [user, impersonated, address, agent, class] = self.0.finish();
        Ok([user?, groups, impersonated?, address?, agent?, class?])
    }
}

/// What the columns have of an event, and what else is known of its caller. A user agent may hold a token by mistake.
fn learn<'e>(event: &'e Event<'_>) -> ([Option<Cow<'e, str>>; COLUMNS], Caller) {
    let some = |text: Cow<'e, str>| (!text.is_empty()).then_some(text);
    let cells = [
        Some(Cow::Borrowed(&*event.user)),
        some(Cow::Borrowed(&event.impersonated_user)),
        some(Cow::Borrowed(&event.source_ip)),
        some(redact_text(&event.user_agent)),
        Some(Cow::Borrowed(event.class().as_str())),
    ];
    let groups = event.groups.concat().into_boxed_str();
    let end = |end: &mut usize, len: usize| {
        *end += len;
        Some(*end as i32)
    };
    let ends = event.groups.iter().map(|group| group.len()).scan(0, |at, len| end(at, len)).collect();
    // Empty groups count, too: their number is bounded by that of the bytes.
    let bytes = groups.len() + event.groups.len() + cells.iter().flatten().map(|cell| cell.len()).sum::<usize>();
    (cells, Caller { groups, ends, bytes })
}

/// The groups of each row. They have their memory at once: they are the longest column.
fn groups<'c>(callers: impl Iterator<Item = &'c Caller> + Clone) -> Result<ArrayRef, ArrowError> {
    let (mut rows, mut items, mut bytes) = (0, 0, 0);
    for caller in callers.clone() {
        rows += 1;
        items += caller.ends.len();
        bytes += caller.groups.len();
    }
    let mut text = Vec::with_capacity(bytes);
    let (mut item_ends, mut list_ends) = (Vec::with_capacity(items + 1), Vec::with_capacity(rows + 1));
    item_ends.push(0);
    list_ends.push(0);
    for caller in callers {
        let start = text.len() as i32;
        text.extend_from_slice(caller.groups.as_bytes());
        item_ends.extend(caller.ends.iter().map(|end| start + end));
        list_ends.push(item_ends.len() as i32 - 1);
    }
    let offsets = |ends: Vec<i32>| OffsetBuffer::new(ScalarBuffer::from(ends));
    let items = StringArray::try_new(offsets(item_ends), Buffer::from_vec(text), None)?;
    Ok(Arc::new(ListArray::try_new(list_item(), offsets(list_ends), Arc::new(items), None)?))
}
