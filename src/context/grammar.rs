//! The grammar of kubectl's commands: how well a request continues an open command (`spec/contexts.md` 2.5).
//!
//! A score is 0–99 with the step of the command that it is held to be; the best command takes the request. kubectl works
//! strictly one request after the other, so a command whose last request still runs takes no other one.

use super::command::Command;
use super::keys;
use super::kind::Kind;
use super::model::{ClientRequest, Head, Path, Verb, asks};
use super::tables::Tables;

/// Longest pause between two requests that need no thought, microseconds.
const SHORT_US: i64 = 150_000;
/// Longest pause between two requests about the same thing.
const STRONG_US: i64 = 600_000;
/// Longest pause between two watches of one object.
const LONG_US: i64 = 90_000_000;
/// By how much a request may start before the last one has ended: clocks of one server.
const BUSY_US: i64 = -1_500;
/// Longest pause within a burst of refused requests.
const BURST_US: i64 = 300_000;
/// Longest pause between two objects of a file: the client computes a patch.
const APPLY_US: i64 = 1_000_000;
/// Shortest time in which kubectl reads an OpenAPI document.
const PARSE_US: i64 = 4_000;
/// The same for a big one.
const PARSE_BIG_US: i64 = 25_000;
/// Longest pause between two polls of an object.
const POLL_US: i64 = 1_300_000;
/// Longest pause within a drain.
const DRAIN_US: i64 = 6_000_000;
/// By how much the requests of a client that sends several at once may overlap.
const OVERLAP_US: i64 = 2_000_000;
/// Longest pause within a command of a client of which nothing is known.
const PAUSE_US: i64 = 400_000;
/// Longest pause between two polls of such a client.
const POLL_LONG_US: i64 = 2_600_000;
/// Longest pause between two objects that one command names: nothing is computed between them.
const SERIES_US: i64 = 15_000;
/// How long a command is kept that waits for nothing.
const IDLE_US: i64 = 8_000_000;
/// How long a command is kept whose watch has not ended yet.
const WATCH_US: i64 = 900_000_000;

/// A step and how sure it is.
pub(super) type Step = (u8, Kind);

/// Whether `command` can still go on at `now_us`.
pub(super) fn is_open(command: &Command, now_us: i64) -> bool {
    let since = now_us.saturating_sub(command.end.0.max(command.real_end.0));
    let most = match (command.done, command.waits, command.last.is(asks::FOLLOWS)) {
        (true, _, _) => BURST_US,
        (_, true, true) => WATCH_US,
        (_, true, false) => LONG_US,
        _ => IDLE_US,
    };
    since <= most
}

/// How well `request` continues `command`; `None` when it can not.
pub(super) fn continues(
    tables: &Tables,
    command: &Command,
    request: &ClientRequest,
    head: &Head,
    skew_us: i64,
) -> Option<Step> {
    let gap_us = head.received_at.since(command.end);
    let near = || {
        let began_us = head.received_at.since(command.last_head.received_at);
        let within = skew_us > 0
            && began_us <= 2 * skew_us
            && head.stage_at.since(command.last_head.received_at) >= -2 * skew_us;
        within.then_some((40, Kind::SameClient))
    };
    if request.is(asks::GRAMMAR) {
        return step(tables, command, request, head, gap_us, skew_us).or_else(near);
    }
    any_client(command, request, gap_us)
}

fn step(
    tables: &Tables,
    command: &Command,
    request: &ClientRequest,
    head: &Head,
    gap_us: i64,
    skew_us: i64,
) -> Option<Step> {
    let last = &command.last;
    if command.drains && request.path == Path::Object {
        if (-999_999..=DRAIN_US).contains(&gap_us) && request.is(asks::EVICTS) {
            return Some((74, Kind::DrainEvicts));
        }
        let polled = request.verb == Verb::Get && request.resource == keys::text("pods") && named(command, request);
        if (-299_999..=DRAIN_US).contains(&gap_us) && polled {
            return Some((75, Kind::DrainWaits));
        }
    }
    if (-skew_us..=BURST_US).contains(&gap_us) {
        let refused = |code| matches!(code, 401 | 403);
        let began = command.count > 0 || matches!(last.path, Path::Other);
        if refused(request.code) && refused(last.code) && began {
            return Some((50, Kind::RefusedBurst));
        }
        if request.is(asks::ANONYMOUS) {
            return Some((50, Kind::AnonymousBurst));
        }
    }
    if gap_us < BUSY_US - skew_us || command.done {
        return None;
    }
    match request.path {
        Path::Object => object(tables, command, request, head, gap_us, skew_us),
        _ => discovery(command, request, gap_us),
    }
}

/// Clients of which nothing is known: pauses, objects and namespaces tell their commands apart.
fn any_client(command: &Command, request: &ClientRequest, gap_us: i64) -> Option<Step> {
    let step = |holds: bool, score| holds.then_some((score, Kind::SameClient));
    if !(-OVERLAP_US..=POLL_LONG_US).contains(&gap_us) {
        return None;
    }
    if request.path != Path::Object {
        // A path of no kind, such as /version, is what a client begins with.
        return step((!command.wrote || request.path != Path::Other) && gap_us <= PAUSE_US, 60);
    }
    let reads = matches!(request.verb, Verb::Get | Verb::List | Verb::Watch);
    let polls = reads && command.wrote && command.uris.has(request.uri);
    let same = request.name != 0 && command.objects.has(request.object);
    let here = request.namespace != 0 && command.namespaces.has(request.namespace);
    step(same && (gap_us <= PAUSE_US || polls), 80)
        .or_else(|| step(here && (gap_us <= PAUSE_US || polls), 64))
        .or_else(|| step((request.namespace == 0 || command.namespaces.is_empty()) && gap_us <= PAUSE_US, 60))
}

/// The object of the request's own name was asked for before.
fn named(command: &Command, request: &ClientRequest) -> bool {
    request.own_name != 0 && command.objects.has(keys::object(request.resource, request.namespace, request.own_name))
}

/// Documents, groups, versions.
fn discovery(command: &Command, request: &ClientRequest, gap_us: i64) -> Option<Step> {
    let last = &command.last;
    let after = |path, most_us| last.path == path && gap_us <= most_us;
    match request.path {
        Path::OpenApi if request.is(asks::DOCUMENT_ROOT) => {
            let again = command.wrote && !command.documents && command.missing.is_some() && last.is_namespace();
            let edits =
                !command.wrote && command.count == 1 && last.verb == Verb::Get && command.pending.has(last.object);
            let explains = last.path == Path::Apis && command.count == 0;
            ((again || edits || explains) && gap_us <= SHORT_US).then_some((60, Kind::Validation))
        }
        Path::OpenApi if command.documents && command.count > 0 && gap_us <= SHORT_US => Some((55, Kind::NextDocument)),
        Path::OpenApi => after(Path::OpenApi, SHORT_US).then_some((80, Kind::NextDocument)),
        Path::Api => (after(Path::OpenApi, STRONG_US) && command.count == 0).then_some((80, Kind::Discovery)),
        Path::Apis => after(Path::Api, STRONG_US).then_some((80, Kind::Discovery)),
        Path::Group if after(Path::Apis, SHORT_US) && command.count == 0 => Some((60, Kind::GroupDiscovery)),
        Path::Group if after(Path::Group, 50_000) => Some((60, Kind::GroupDiscovery)),
        _ => {
            let eviction = command.drains && gap_us <= SHORT_US && request.is(asks::API_PATH);
            eviction.then_some((60, Kind::GroupDiscovery))
        }
    }
}

/// Requests for objects.
fn object(
    tables: &Tables,
    command: &Command,
    request: &ClientRequest,
    head: &Head,
    gap_us: i64,
    skew_us: i64,
) -> Option<Step> {
    let last = &command.last;
    if command.manager != 0 && request.manager != 0 && command.manager != request.manager {
        return None; // one command, one field manager
    }
    if command.count == 0 {
        return first_object(command, request, gap_us, skew_us);
    }
    let mut same = request.name != 0 && command.objects.has(request.object);
    let repeats = matches!(request.verb, Verb::Get | Verb::List) && command.uris.has(request.uri);
    if same && repeats && !command.waits && last.uri != request.uri {
        same = false;
    }
    let reads = matches!(request.verb, Verb::Get | Verb::List | Verb::Watch);
    if reads && command.deleted.has(request.object) {
        let since_end_us = head.received_at.since(command.real_end).abs();
        if gap_us.min(since_end_us) <= 1_000_000 {
            return Some((92, Kind::WaitsUntilGone));
        }
    }
    about_same(command, request, gap_us, same)
        .or_else(|| next_of_file(command, request, gap_us, same, skew_us > 0))
        .or_else(|| soon_after(tables, command, request, gap_us))
        .or_else(|| waiting(command, request, gap_us, same))
}

/// The first request for an object after discovery.
fn first_object(command: &Command, request: &ClientRequest, gap_us: i64, skew_us: i64) -> Option<Step> {
    let last = command.last.path;
    let documents = last == Path::OpenApi;
    if !matches!(last, Path::Apis | Path::OpenApi | Path::Group)
        || gap_us > if documents { STRONG_US } else { SHORT_US }
    {
        return None;
    }
    let needs_none = request.verb == Verb::Create && request.is(asks::WITHOUT_DISCOVERY);
    if needs_none && !request.is(asks::SUBRESOURCE) && !command.documents && last != Path::Group {
        return None;
    }
    let big = [keys::text("v1"), keys::text("apps/v1")].iter().any(|&one| command.versions.has(one));
    if documents && gap_us + skew_us < if big && needs_none { PARSE_BIG_US } else { PARSE_US } {
        return None; // kubectl needs longer to read the schema
    }
    let other_group = !command.versions.is_empty() && !command.versions.has(request.version);
    Some((if other_group { 52 } else { 70 }, Kind::AfterDiscovery))
}

/// The same object, or what belongs to it.
fn about_same(command: &Command, request: &ClientRequest, gap_us: i64, same: bool) -> Option<Step> {
    if gap_us > STRONG_US {
        return None;
    }
    let last = &command.last;
    let gets = request.verb == Verb::Get;
    let writes_again = command.wrote
        && request.is(asks::WRITES)
        && request.verb != Verb::Delete
        && !request.is(asks::FOLLOWS)
        && !command.documents
        && command.manager != request.manager;
    let gone = gets && last.code == 404 && command.wrote;
    if same && gap_us <= if gets { SHORT_US } else { STRONG_US } && !gone && !writes_again {
        return Some((90, Kind::SameObject));
    }
    if let Some((resource, namespace)) = command.missing {
        if gets && request.is_namespace() && request.own_name == namespace {
            return Some((88, Kind::AsksNamespace));
        }
        if request.verb == Verb::Create && (request.resource, request.namespace) == (resource, namespace) {
            return Some((90, Kind::CreatesMissing));
        }
    }
    if request.about != 0 && command.names.has(request.about) && !command.wrote {
        return Some((86, Kind::ObjectEvents));
    }
    let node = || keys::object(keys::text("nodes"), 0, request.own_name);
    if gets && request.resource == keys::text("leases") && command.objects.has(node()) && !command.wrote {
        return Some((86, Kind::NodeLease));
    }
    (request.node != 0 && command.objects.has(request.node)).then_some((88, Kind::NodePods))
}

/// The next object of an applied file.
fn next_of_file(command: &Command, request: &ClientRequest, gap_us: i64, same: bool, shuffled: bool) -> Option<Step> {
    let last = &command.last;
    let gets = request.verb == Verb::Get;
    let most_us = if gets && request.own_name != 0 && !same { APPLY_US } else { SHORT_US };
    if !(command.documents || command.files) || gap_us > most_us {
        return None;
    }
    let inside = command.namespaces.has(request.namespace);
    let near = if request.namespace != 0 { inside } else { command.versions.has(request.version) };
    let fits = matches!(request.verb, Verb::Get | Verb::Create | Verb::Patch | Verb::Delete)
        && !(command.missing.is_some() && last.code == 404)
        && (command.wrote || last.path == Path::OpenApi || last.verb == Verb::Get)
        && (gets || request.verb == last.verb);
    if near && fits {
        return Some((if inside && gap_us <= SHORT_US { 71 } else { 57 }, Kind::NextOfFile));
    }
    // A request between is missing, or the order within the command is lost.
    let of_files = (command.files && (request.manager == 0 || request.is(asks::FILES))) || shuffled;
    let of_command = inside || request.is_namespace() && command.namespaces.has(request.own_name);
    (of_files && of_command).then_some((45, Kind::NextOfFile))
}

/// Steps that follow without a pause.
fn soon_after(tables: &Tables, command: &Command, request: &ClientRequest, gap_us: i64) -> Option<Step> {
    if gap_us > SHORT_US {
        return None;
    }
    let last = &command.last;
    let same_kind = last.resource == request.resource;
    let near = request.namespace == 0 || command.namespaces.is_empty() || command.namespaces.has(request.namespace);
    let fresh = !command.wrote && !command.uris.has(request.uri);
    let listed = command.listed == request.resource;
    match request.verb {
        Verb::Delete if last.verb == Verb::List && same_kind && near => Some((70, Kind::DeletesListed)),
        Verb::Patch | Verb::Update if last.verb == Verb::List && same_kind && near => Some((70, Kind::WritesListed)),
        Verb::Patch | Verb::Update if last.verb == request.verb && listed && near => Some((58, Kind::WritesListed)),
        Verb::Get if last.verb == Verb::List && same_kind && near && request.is(asks::SUBRESOURCE) => {
            Some((70, Kind::ReadsListed))
        }
        Verb::Delete if last.verb == Verb::Delete && near => {
            (same_kind || command.documents || gap_us <= 60_000).then_some((58, Kind::NextDeletion))
        }
        Verb::List if last.verb == Verb::List && fresh && near && request.is(asks::PLAIN_LIST) => {
            Some((55, Kind::NextListing))
        }
        Verb::List
            if last.verb == Verb::Delete && command.listed == last.resource && near && request.is(asks::PLAIN_LIST) =>
        {
            Some((56, Kind::NextListing))
        }
        Verb::List
            if matches!(last.verb, Verb::List | Verb::Watch) && fresh && near && (same_kind || request.name != 0) =>
        {
            Some((53, Kind::NextListing))
        }
        Verb::List | Verb::Get
            if fresh
                && request.is(asks::DESCRIBED)
                && !command.objects.is_empty()
                && (near || request.resource == keys::text("leases")) =>
        {
            Some((56, Kind::RelatedObjects))
        }
        Verb::Create
            if last.verb == Verb::Get
                && !command.wrote
                && near
                && command.count <= 2
                && last.is(asks::OK)
                && tables.made_from.contains(&(last.resource, request.resource)) =>
        {
            Some((72, Kind::MadeFromRead))
        }
        Verb::Get
            if gap_us <= SERIES_US
                && fresh
                && near
                && same_kind
                && request.name != 0
                && command.pending.has(last.object) =>
        {
            Some((51, Kind::NextNamed))
        }
        Verb::Watch if last.verb == Verb::List && same_kind && last.namespace == request.namespace => {
            Some((85, Kind::WatchesListed))
        }
        _ => None,
    }
}

/// Steps of a command that waits.
fn waiting(command: &Command, request: &ClientRequest, gap_us: i64, same: bool) -> Option<Step> {
    let last = &command.last;
    if command.waits && same && last.code != 404 {
        if last.verb == Verb::Watch && matches!(request.verb, Verb::List | Verb::Watch) && gap_us <= LONG_US {
            return Some((66, Kind::KeepsWatching));
        }
        let polls = matches!(last.verb, Verb::Get | Verb::Delete) && request.verb == Verb::Get;
        if polls && gap_us <= POLL_US && command.wrote {
            return Some((66, Kind::Polls));
        }
    }
    let looks = command.drains
        && request.code != 404
        && request.is(asks::DRAINED)
        && request.verb == Verb::Get
        && gap_us <= SHORT_US;
    looks.then_some((73, Kind::DrainLooks))
}
