//! Sums of one batch by context and by session, read from its columns: text is copied once a context, not once a row.

use super::epoch::IdMap;
use super::filtered::MINUTE_US;
use super::note::{Brief, Note};
use super::parts::{ContextPart, SessionPart, TellRank, Told, keep_first};
use crate::audit::actor::Class;
use crate::audit::hash::{Id, hash};
use crate::audit::time::Micros;
use crate::context::detail::Detail;
use crate::context::model::{Background, Role};
use crate::lake::LakeError;
use crate::lake::tables::Table;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampMicrosecondType, UInt16Type};
use arrow_array::{Array, DictionaryArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::ArrowError;
use smallvec::SmallVec;

/// Background is folded into one context row a stream and hour.
pub const HOUR_US: i64 = 3_600_000_000;

/// A text column, dictionary or plain, with empty text for null.
pub enum TextColumn<'a> {
    /// Dictionary-encoded.
    Coded(&'a DictionaryArray<Int32Type>, &'a StringArray),
    /// Plain.
    Plain(&'a StringArray),
}

impl<'a> TextColumn<'a> {
    /// The text of a row.
    pub fn at(&self, row: u32) -> &'a str {
        let row = row as usize;
        match self {
            TextColumn::Coded(codes, values) => codes.key(row).map_or("", |code| values.value(code)),
            TextColumn::Plain(values) if values.is_null(row) => "",
            TextColumn::Plain(values) => values.value(row),
        }
    }

    /// The code of a row's text, where there is one.
    fn code(&self, row: u32) -> Option<u32> {
        let TextColumn::Coded(codes, _) = self else { return None };
        codes.key(row as usize).and_then(|code| u32::try_from(code).ok())
    }

    /// The text behind a code.
    fn of_code(&self, code: u32) -> &'a str {
        match self {
            TextColumn::Coded(_, values) if (code as usize) < values.len() => values.value(code as usize),
            _ => "",
        }
    }
}

/// The columns of `events` that sums are made of.
pub struct EventColumns<'a> {
    audit_id: TextColumn<'a>,
    user: TextColumn<'a>,
    impersonated_user: TextColumn<'a>,
    user_agent: TextColumn<'a>,
    source_ip: TextColumn<'a>,
    verb: TextColumn<'a>,
    action: TextColumn<'a>,
    class: TextColumn<'a>,
    label_text: TextColumn<'a>,
    api_group: TextColumn<'a>,
    resource: TextColumn<'a>,
    subresource: TextColumn<'a>,
    namespace: TextColumn<'a>,
    name: TextColumn<'a>,
    request_uri: TextColumn<'a>,
    label: &'a PrimitiveArray<Int32Type>,
    status_code: &'a PrimitiveArray<UInt16Type>,
    received_at: &'a PrimitiveArray<TimestampMicrosecondType>,
    stage_at: &'a PrimitiveArray<TimestampMicrosecondType>,
}

impl<'a> EventColumns<'a> {
    /// Finds the columns.
    pub fn of(rows: &'a RecordBatch) -> Result<EventColumns<'a>, LakeError> {
        let missing = |name: &str| {
            LakeError::batch(Table::Events)(ArrowError::SchemaError(format!("column {name} is not there")))
        };
        let column = |name: &str| rows.column_by_name(name).ok_or_else(|| missing(name));
        let text = |name: &str| {
            let column = column(name)?;
            if let Some(plain) = column.as_string_opt::<i32>() {
                return Ok(TextColumn::Plain(plain));
            }
            let codes = column.as_dictionary_opt::<Int32Type>().ok_or_else(|| missing(name))?;
            let values = codes.values().as_string_opt::<i32>().ok_or_else(|| missing(name))?;
            Ok(TextColumn::Coded(codes, values))
        };
        let time = |name: &str| column(name)?.as_primitive_opt().ok_or_else(|| missing(name));
        Ok(EventColumns {
            audit_id: text("audit_id")?,
            user: text("user")?,
            impersonated_user: text("impersonated_user")?,
            user_agent: text("user_agent")?,
            source_ip: text("source_ip")?,
            verb: text("verb")?,
            action: text("action")?,
            class: text("class")?,
            label_text: text("label_text")?,
            api_group: text("api_group")?,
            resource: text("resource")?,
            subresource: text("subresource")?,
            namespace: text("namespace")?,
            name: text("name")?,
            request_uri: text("request_uri")?,
            label: column("label")?.as_primitive_opt().ok_or_else(|| missing("label"))?,
            status_code: column("status_code")?.as_primitive_opt().ok_or_else(|| missing("status_code"))?,
            received_at: time("received_at")?,
            stage_at: time("stage_at")?,
        })
    }

    fn code(&self, row: u32) -> u16 {
        let row = row as usize;
        if self.status_code.is_null(row) { 0 } else { self.status_code.value(row) }
    }

    fn told(&self, note: &Note, detail: Option<Detail>) -> Told {
        let row = note.brief.row;
        let text = |column: &TextColumn| column.at(row).to_owned();
        Told {
            id: note.id,
            at: note.brief.at,
            audit_id: text(&self.audit_id),
            user: text(&self.user),
            impersonated_user: text(&self.impersonated_user),
            user_agent: text(&self.user_agent),
            source_ip: text(&self.source_ip),
            verb: text(&self.verb),
            action: text(&self.action),
            class: text(&self.class),
            label: self.label.value(row as usize),
            label_text: text(&self.label_text),
            api_group: text(&self.api_group),
            resource: text(&self.resource),
            subresource: text(&self.subresource),
            namespace: text(&self.namespace),
            name: text(&self.name),
            request_uri: text(&self.request_uri),
            status_code: self.code(row),
            detail,
        }
    }
}

/// Sums of one batch.
pub struct Sums<'a> {
    stream: &'a str,
    columns: &'a EventColumns<'a>,
    details: &'a [(u32, Detail)],
    /// Places in `parts`.
    contexts: IdMap<(Id, Micros), u32>,
    #[allow(clippy::vec_box)] // they leave boxed, and are sorted before
    parts: Vec<Box<ContextPart>>,
    /// Events by verb and by actor, as codes of their columns: see [`Tally`].
    tallies: IdMap<u64, u64>,
    by_minute: bool,
    /// Minutes of background streams, and their places in `folded`.
    minutes: IdMap<(Micros, u32), u32>,
    folded: Vec<Folded<'a>>,
    /// The one of the last event, where most follow that are of the same.
    last_folded: u32,
    sessions: IdMap<Id, SessionPart>,
    /// Where names are put together.
    text: String,
}

impl<'a> Sums<'a> {
    /// Nothing yet. `details` are sorted by row.
    pub fn new(stream: &'a str, columns: &'a EventColumns<'a>, details: &'a [(u32, Detail)]) -> Sums<'a> {
        Sums {
            stream,
            columns,
            details,
            contexts: IdMap::default(),
            parts: Vec::new(),
            tallies: IdMap::default(),
            by_minute: false,
            minutes: IdMap::default(),
            folded: Vec::new(),
            last_folded: 0,
            sessions: IdMap::default(),
            text: String::new(),
        }
    }

    /// Keeps a part for each minute of a context, so that its pauses can be told.
    pub fn by_minute(self, by_minute: bool) -> Sums<'a> {
        Sums { by_minute, ..self }
    }

    /// Adds an event to its background stream's hour, and to what is folded away of its minute.
    pub fn background(&mut self, brief: &Brief, stream: Background) {
        let minute = brief.at.floor(MINUTE_US);
        let last = self.folded.get(self.last_folded as usize);
        if last.is_none_or(|last| (last.minute, last.stream) != (minute, stream)) {
            self.last_folded = self.folded_at(minute, stream);
        }
        let Some(folded) = self.folded.get_mut(self.last_folded as usize) else { return };
        let (class, place) = (self.columns.class.at(brief.row), folded.place);
        match folded.classes.iter_mut().find(|(known, _)| *known == class) {
            Some((_, count)) => *count += 1,
            None => folded.classes.push((class, 1)),
        }
        if let Some(part) = self.seen(brief, place) {
            part.minutes |= 1 << (brief.at.0.rem_euclid(HOUR_US) / MINUTE_US);
        }
    }

    fn folded_at(&mut self, minute: Micros, stream: Background) -> u32 {
        if let Some(known) = self.minutes.get(&(minute, stream as u32)) {
            return *known;
        }
        let hour = minute.floor(HOUR_US);
        let id = Id(hash(&[self.stream, "background", stream.name(), &hour.0.to_string()]));
        let place = self.place(id, minute);
        if let Some(part) = self.parts.get_mut(place as usize) {
            part.context = id;
            part.background.get_or_insert_with(|| stream.name().to_owned());
        }
        let index = self.folded.len() as u32; // a batch has fewer rows than that
        self.folded.push(Folded { minute, stream, place, classes: SmallVec::new() });
        self.minutes.insert((minute, stream as u32), index);
        index
    }

    /// The place of the part of a context that an event in this minute belongs to.
    fn place(&mut self, context: Id, minute: Micros) -> u32 {
        let minute = if self.by_minute { minute } else { Micros::MIN };
        let parts = &mut self.parts;
        *self.contexts.entry((context, minute)).or_insert_with(|| {
            parts.push(Box::default());
            (parts.len() - 1) as u32 // a batch has fewer rows than that
        })
    }

    /// Adds what counts of every event to the part at `place`.
    fn seen(&mut self, brief: &Brief, place: u32) -> Option<&mut ContextPart> {
        let (columns, row) = (self.columns, brief.row);
        let (part, tallies) = (self.parts.get_mut(place as usize)?, &mut self.tallies);
        let (start, end) =
            (Micros(columns.received_at.value(row as usize)), Micros(columns.stage_at.value(row as usize)));
        part.start = if part.events == 0 { start } else { part.start.min(start) };
        part.end = if part.events == 0 { end } else { part.end.max(end) };
        part.last = if part.events == 0 { brief.at } else { part.last.max(brief.at) };
        part.events += 1;
        part.late += u64::from(brief.late);
        for (kind, column, counts) in
            [(Tally::Verb, &columns.verb, &mut part.verbs), (Tally::Actor, &columns.user, &mut part.actors)]
        {
            match column.code(row) {
                Some(code) => *tallies.entry(kind.key(place, code)).or_default() += 1,
                None => add(counts, column.at(row), 1),
            }
        }
        Some(part)
    }

    /// Adds an event to its context.
    pub fn context(&mut self, note: &Note) {
        let place = self.place(note.attribution.context, note.brief.at.floor(MINUTE_US));
        if self.seen(&note.brief, place).is_none() {
            return;
        }
        let Some(part) = self.parts.get_mut(place as usize) else { return };
        let (columns, row) = (self.columns, note.brief.row);
        let verb = columns.verb.at(row);
        let code = columns.code(row);
        let failed = u64::from(code >= 400);
        part.context = note.attribution.context;
        let (resource, subresource) = (columns.resource.at(row), columns.subresource.at(row));
        let (namespace, name) = (columns.namespace.at(row), columns.name.at(row));
        let detail = || {
            self.details.binary_search_by_key(&row, |d| d.0).ok().and_then(|i| self.details.get(i)).map(|d| d.1.clone())
        };
        if resource != "namespaces" {
            part.namespaces.add(namespace);
        }
        match note.attribution.role {
            Role::Root | Role::Request => {
                part.requests += 1;
                part.requests_failed += failed;
                part.denied += u64::from(code == 401 || code == 403);
                if verb == "get"
                    && let Some(count) = detail().and_then(|detail| detail.read_replicas)
                {
                    part.read_replicas([resource, namespace, name].join("/"), note.brief.at, count);
                }
                part.writes += u64::from(note.brief.write);
                part.writes_failed += u64::from(note.brief.write) * failed;
                let kind = match note.brief.write && !resource.starts_with("self") {
                    true => 0,
                    false if !resource.is_empty() => 1,
                    false => 2,
                };
                let rank: TellRank = (kind, note.brief.at, note.id);
                if part.told.as_ref().is_none_or(|told| rank <= told.0) {
                    keep_first(&mut part.told, Some((rank, columns.told(note, detail()))));
                }
            }
            Role::Effect | Role::Background => {
                part.effects_failed += failed;
                let rank: TellRank = (0, note.brief.at, note.id);
                if note.brief.write
                    && columns.class.at(row) == Class::ServiceAccount.as_str()
                    && part.then.as_ref().is_none_or(|then| rank <= then.0)
                {
                    keep_first(&mut part.then, Some((rank, columns.told(note, detail()))));
                }
            }
        }
        if note.attribution.role == Role::Root {
            part.root_audit_id = Some(columns.audit_id.at(row).to_owned());
            part.set_off_by(note.attribution.parent_context);
        }
        if note.brief.write && failed == 0 && resource != "events" && !resource.is_empty() {
            if !name.is_empty() {
                let namespace = if resource == "namespaces" { "" } else { namespace };
                part.objects.add(joined(&mut self.text, [resource, "/", namespace, "/", name]));
            }
            let by_command = note.attribution.role != Role::Effect;
            let slash = if subresource.is_empty() { "" } else { "/" };
            let counts = if by_command { &mut part.commands } else { &mut part.changes };
            // A kubelet's delete is the last step of a deletion that was counted when it was asked for.
            if by_command || verb != "delete" || columns.class.at(row) != Class::Node.as_str() {
                add(counts, joined(&mut self.text, [verb, " ", resource, slash, subresource]), 1);
            }
            if by_command && resource == "secrets" {
                part.secrets.add(name);
            }
            if subresource == "binding"
                && let Some(node) = detail().and_then(|d| d.node)
            {
                part.nodes.add(&node);
            }
        }
    }

    /// Adds an event to its session; the root of a context is counted.
    pub fn session(&mut self, brief: &Brief, root: bool) {
        let Some(session) = brief.session.filter(|_| !brief.late) else { return };
        let (columns, row) = (self.columns, brief.row);
        let part = self.sessions.entry(session).or_default();
        let (start, end) =
            (Micros(columns.received_at.value(row as usize)), Micros(columns.stage_at.value(row as usize)));
        if part.events == 0 {
            *part = SessionPart {
                session,
                user: columns.user.at(row).to_owned(),
                impersonated_user: columns.impersonated_user.at(row).to_owned(),
                user_agent: columns.user_agent.at(row).to_owned(),
                source_ip: columns.source_ip.at(row).to_owned(),
                start,
                end,
                last: brief.at,
                ..SessionPart::default()
            };
        }
        part.start = part.start.min(start);
        part.end = part.end.max(end);
        part.last = part.last.max(brief.at);
        part.events += 1;
        part.writes += u64::from(brief.write);
        part.errors += u64::from(columns.code(row) >= 400);
        part.contexts += u64::from(root);
    }

    /// The sums, by id, and the events of background by minute, stream and class.
    pub fn finish(self) -> (Vec<Box<ContextPart>>, Vec<SessionPart>, Vec<FoldedCount<'a>>) {
        let (columns, mut contexts) = (self.columns, self.parts);
        for (key, count) in self.tallies {
            let (kind, place, code) = Tally::of(key);
            if let Some(part) = contexts.get_mut(place) {
                let (counts, column) = match kind {
                    Tally::Verb => (&mut part.verbs, &columns.verb),
                    Tally::Actor => (&mut part.actors, &columns.user),
                };
                add(counts, column.of_code(code), count);
            }
        }
        let mut sessions: Vec<_> = self.sessions.into_values().collect();
        contexts.sort_unstable_by_key(|part| (part.context, part.last));
        sessions.sort_unstable_by_key(|part| part.session);
        let counts = |of: Folded<'a>| of.classes.into_iter().map(move |(class, n)| ((of.minute, of.stream, class), n));
        let mut folded: Vec<FoldedCount<'a>> = self.folded.into_iter().flat_map(counts).collect();
        folded.sort_unstable();
        (contexts, sessions, folded)
    }
}

/// Events of background by the start of their minute, their stream and their actor's class.
pub type FoldedCount<'a> = ((Micros, Background, &'a str), u64);

/// Background of one minute and stream.
struct Folded<'a> {
    minute: Micros,
    stream: Background,
    /// The part that it adds to.
    place: u32,
    /// Events by the class of their actor.
    classes: SmallVec<[(&'a str, u64); 4]>,
}

/// What is counted by code: each event would else be looked up by text, in a map of each context, twice.
#[derive(Copy, Clone)]
enum Tally {
    Verb,
    Actor,
}

impl Tally {
    /// Of the context at `place`: the place above, the code below, which has 31 bits, and what is counted between them.
    fn key(self, place: u32, code: u32) -> u64 {
        let kind = match self {
            Tally::Verb => 0,
            Tally::Actor => 1 << 31,
        };
        u64::from(place) << 32 | kind | u64::from(code)
    }

    fn of(key: u64) -> (Tally, usize, u32) {
        let kind = if key & 1 << 31 == 0 { Tally::Verb } else { Tally::Actor };
        (kind, (key >> 32) as usize, key as u32 & !(1 << 31))
    }
}

/// The parts put together in a buffer that is used again.
fn joined<'t>(text: &'t mut String, parts: [&str; 5]) -> &'t str {
    text.clear();
    parts.into_iter().for_each(|part| text.push_str(part));
    text
}

fn add(counts: &mut super::parts::Counts, name: &str, more: u64) {
    match counts.get_mut(name) {
        Some(count) => *count += more,
        None => {
            counts.insert(name.to_owned(), more);
        }
    }
}
