//! The questions of interactive labelling, and what an answer means: no terminal, no files.

use super::truth::{label_of_line, single_event};
use crate::audit::event::Event;
use crate::audit::filter::{Decision, Rules, Switches, decide, is_row};
use crate::audit::label::{Label, Parts, Verb, control_plane, propose};
use crate::audit::time::Micros;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How far the next event of a verb is looked for.
const NEXT_WITHIN: usize = 19;
/// How far the next event that is not the control plane's is looked for.
const OTHERS_WITHIN: usize = 39;

/// An event, as far as a question shows it.
struct Shown {
    /// Number of its line.
    line: usize,
    at: Micros,
    text: String,
    own: Label,
    verb: Option<Verb>,
    routine: bool,
    asked: bool,
}

/// What became of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The event has this label.
    Labelled(Label),
    /// The answer before was taken back.
    TakenBack,
    /// Enough.
    Quit,
    /// It was no answer.
    Unclear(String),
}

/// All questions of a log.
pub struct Questions {
    events: Vec<Shown>,
    /// Places of the questions among the events.
    asked: Vec<usize>,
    answers: Vec<Label>,
}

impl Questions {
    /// The questions of these lines: events in time order that are white-listed and have no label.
    pub fn new(lines: &[&[u8]]) -> Questions {
        let shown = |(line, text): (usize, &&[u8])| {
            let unlabelled = label_of_line(text).is_none_or(|label| label == Label::UNKNOWN);
            single_event(text, |event| Shown::of(event, line, unlabelled))
        };
        let mut events: Vec<Shown> = lines.iter().enumerate().filter_map(shown).collect();
        events.sort_by_key(|event| (event.at, event.line));
        let asked = events.iter().enumerate().filter(|(_, event)| event.asked).map(|(place, _)| place).collect();
        Questions { events, asked, answers: Vec::new() }
    }

    /// The question at hand; `None` when all were answered.
    pub fn question(&self) -> Option<String> {
        let place = *self.asked.get(self.answers.len())?;
        let mut text = format!("\n{} of {}", self.answers.len() + 1, self.asked.len());
        let last: Vec<String> = self.answers.iter().rev().take(5).map(Label::to_string).collect();
        // writing to a string cannot fail
        _ = writeln!(text, "; last: {}", if last.is_empty() { "none".to_owned() } else { last.join(" · ") });
        let now = self.events.get(place)?;
        let from = place.saturating_sub(1);
        for (number, event) in self.events.iter().enumerate().skip(from).take(place - from + 5) {
            let mark = if number == place { ">" } else { " " };
            let gap_ms = event.at.since(now.at) as f64 / 1_000.0;
            _ = writeln!(text, "{mark} {gap_ms:+10.1} ms  {}", event.text);
        }
        _ = writeln!(
            text,
            "b = {} {}; Enter = last; nc nw np nd; ec ew ep ed; m; s = unknown; u = back; q",
            now.own.0, now.own
        );
        Some(text)
    }

    /// Takes an answer to the question at hand.
    pub fn answer(&mut self, text: &str) -> Reply {
        match text {
            "q" => return Reply::Quit,
            "u" => {
                let taken = self.answers.pop().is_some();
                return if taken { Reply::TakenBack } else { Reply::Unclear("this is the first question".to_owned()) };
            }
            _ => {}
        }
        match self.meant(text) {
            Ok(label) => {
                self.answers.push(label);
                Reply::Labelled(label)
            }
            Err(why) => Reply::Unclear(why),
        }
    }

    /// The label that an answer stands for.
    fn meant(&self, text: &str) -> Result<Label, String> {
        let place = self.asked.get(self.answers.len()).copied().ok_or("there are no more questions")?;
        let now = self.events.get(place).ok_or("there are no more questions")?;
        let verb = |letter: &str| match letter {
            "c" => Some(Verb::Create),
            "w" => Some(Verb::Watch),
            "p" => Some(Verb::Patch),
            "d" => Some(Verb::Delete),
            _ => None,
        };
        let next = |within: usize, fits: &dyn Fn(&Shown) -> bool| {
            let found =
                self.events.iter().skip(place + 1).take(within).find(|event| fits(event)).map(|event| event.own);
            found.ok_or_else(|| format!("there is none among the next {within} events"))
        };
        match text {
            "" | "a" => self.answers.last().copied().ok_or_else(|| "no label was given yet".to_owned()),
            "b" => Ok(now.own),
            "s" => Ok(Label::UNKNOWN),
            "m" => next(OTHERS_WITHIN, &|event| !event.routine),
            _ => {
                if let Some(wanted) = text.strip_prefix('n').and_then(verb) {
                    return next(NEXT_WITHIN, &|event| event.verb == Some(wanted));
                }
                if let Some(wanted) = text.strip_prefix('e').and_then(verb) {
                    let parts = now.own.parts().ok_or("the event has no proposal of its own")?;
                    return Ok(Label::encode(Parts { verb: wanted, ..parts }));
                }
                let number: i32 = text.parse().map_err(|_| format!("`{text}` is no answer; see --help"))?;
                let label = Label(number);
                if label.parts().is_some() { Ok(label) } else { Err(format!("{number} is no label")) }
            }
        }
    }

    /// Labels by number of line.
    pub fn labels(&self) -> BTreeMap<usize, Label> {
        let line = |place: &usize| self.events.get(*place).map(|event| event.line);
        self.asked.iter().filter_map(line).zip(self.answers.iter().copied()).collect()
    }
}

impl Shown {
    fn of(event: &Event<'_>, line: usize, unlabelled: bool) -> Shown {
        let object = event.object.clone().unwrap_or_default();
        let white = is_row(event) && decide(event, Rules::Strict, &Switches::default()) == Decision::White;
        let name = [&*object.namespace, &*object.name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        Shown {
            line,
            at: event.received_at,
            text: format!("{}  {} {}  {}", event.user, event.action(), name.join("/"), event.status_code),
            own: propose(event),
            verb: Verb::of(&event.verb),
            routine: control_plane(event) != Label::UNKNOWN || event.user.starts_with("system:"),
            asked: white && unlabelled,
        }
    }
}
