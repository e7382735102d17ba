//! Where one record ends and the next begins: lines, or the values of a JSON document that spans many lines.
//!
//! A document is turned into lines in place, byte for byte, so that offsets stay true and the rest of the program knows
//! lines only:
//!
//! ```text
//! {"kind":"EventList","items":[⏎    {⏎"a":1⏎}, ⏎ {"b":2}⏎]}        what the file holds
//! ⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎⏎{→"a":1→}⏎⏎⏎⏎{"b":2}⏎⏎⏎        what is read (⏎ newline, → tab)
//! ```
//!
//! What stands between records becomes newlines, that is, blank lines; newlines within a record become tabs. A tab is a
//! blank wherever a newline is one, and as illegal within a string, so a record's validity does not change.

use super::nesting::Nesting;

/// Bytes of a file's start from which its framing is judged.
pub(super) const HEAD_BYTES: usize = 64 << 10;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// How a file is cut into records.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A record a line.
    Lines,
    /// JSON values one after the other, each over many lines (`jq .`).
    Values,
    /// The elements of a JSON array, or of the `items` of a list object (`kubectl get --raw`), and what may follow behind it.
    Elements {
        /// Offset of the bracket that opens the array.
        open: u64,
        /// Whether the array is the `items` of an object.
        in_object: bool,
    },
}

impl Framing {
    /// The framing of a file that begins with `head`: lines, unless that cannot be.
    ///
    /// A document is a file that begins with an array of objects, or whose first line opens an object without closing it
    /// and whose next line does not begin one. (A log whose first line was cut short is still a log.)
    pub(super) fn of(head: &[u8]) -> Framing {
        let blank = head.len() - head.strip_prefix(BOM).unwrap_or(head).trim_ascii_start().len();
        let text = head.get(blank..).unwrap_or_default();
        match text.first() {
            Some(b'[') if matches!(text.get(1..).unwrap_or_default().trim_ascii_start().first(), Some(b'{' | b']')) => {
                Framing::Elements { open: blank as u64, in_object: false }
            }
            Some(b'{') if opens_over_lines(text) => match open_of_items(text) {
                Some(at) => Framing::Elements { open: (blank + at) as u64, in_object: true },
                None => Framing::Values,
            },
            _ => Framing::Lines,
        }
    }
}

fn opens_over_lines(text: &[u8]) -> bool {
    let mut lines = text.split_inclusive(|b| *b == b'\n');
    let (Some(first), Some(second)) = (lines.next(), lines.find(|line| !line.trim_ascii().is_empty())) else {
        return false;
    };
    let mut nesting = Nesting::default();
    for byte in first.trim_ascii_end() {
        nesting.step(*byte);
    }
    let open =
        !nesting.in_string && nesting.depth() > 0 && matches!(first.trim_ascii_end().last(), Some(b'{' | b'[' | b','));
    open && !second.starts_with(b"{")
}

/// Position of the `[` behind the key `items` of the object that `text` begins with.
fn open_of_items(text: &[u8]) -> Option<usize> {
    let mut nesting = Nesting::default();
    let mut string_at = 0;
    for (at, byte) in text.iter().enumerate() {
        let was_in_string = nesting.in_string;
        nesting.step(*byte);
        match (was_in_string, nesting.in_string) {
            (false, true) => string_at = at,
            (true, false) if nesting.depth() == 1 && text.get(string_at..=at) == Some(b"\"items\"".as_slice()) => {
                let behind = text.get(at + 1..)?;
                let value = behind.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start);
                if let Some(value) = value.filter(|value| value.starts_with(b"[")) {
                    return Some(text.len() - value.len());
                }
            }
            _ if nesting.depth() == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Where in a document the next byte stands.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Place {
    /// Before the array whose elements are records.
    Prologue,
    /// In the array, between elements.
    Between,
    /// In an element of the array.
    Element,
    /// Behind the array, in the object that holds it.
    Epilogue,
    /// Outside every value.
    Top,
    /// In a value of its own.
    Value,
    /// In a line that is no JSON: left as it is, for the decoder to reject.
    Junk,
}

/// Turns a document into lines, in pieces of any size.
pub(super) struct Document {
    offset: u64,
    open: u64,
    in_object: bool,
    place: Place,
    nesting: Nesting,
    /// The last byte of the epilogue that is no blank.
    before: u8,
}

impl Document {
    /// Reads a file of this framing from its first byte; `None` for lines, which are lines already.
    pub(super) fn new(framing: Framing) -> Option<Document> {
        let (place, open, in_object) = match framing {
            Framing::Lines => return None,
            Framing::Values => (Place::Top, 0, false),
            Framing::Elements { open, in_object } => (Place::Prologue, open, in_object),
        };
        Some(Document { offset: 0, open, in_object, place, nesting: Nesting::default(), before: 0 })
    }

    /// Rewrites the next bytes of the file.
    pub(super) fn rewrite(&mut self, bytes: &mut [u8]) {
        let mut rest = bytes;
        while let Some((byte, behind)) = rest.split_first_mut() {
            *byte = self.step(*byte);
            self.offset += 1;
            let plain = self.unchanged(behind);
            self.offset += plain as u64;
            rest = behind.get_mut(plain..).unwrap_or_default();
        }
    }

    /// How many of the next bytes are text of a string in a record, which stays as it is: most of a document.
    fn unchanged(&self, next: &[u8]) -> usize {
        let in_record = matches!(self.place, Place::Element | Place::Value);
        if !in_record || !self.nesting.in_text() {
            return 0;
        }
        memchr::memchr3(b'"', b'\\', b'\n', next).unwrap_or(next.len())
    }

    fn step(&mut self, byte: u8) -> u8 {
        let blank = byte.is_ascii_whitespace() || (self.offset < BOM.len() as u64 && BOM.contains(&byte));
        match self.place {
            Place::Prologue => {
                if self.offset == self.open {
                    self.place = Place::Between;
                }
                b'\n'
            }
            Place::Between if blank || byte == b',' => b'\n',
            Place::Between if byte == b']' => self.close_array(),
            Place::Between => self.record(Place::Element, byte),
            Place::Element if self.nesting.depth() > 0 || self.nesting.in_string => self.record(Place::Element, byte),
            // An element that is no object or array: up to the next separator.
            Place::Element if blank || byte == b',' => {
                self.place = Place::Between;
                b'\n'
            }
            Place::Element if byte == b']' => self.close_array(),
            Place::Element => self.record(Place::Element, byte),
            Place::Epilogue if !blank && self.is_no_member(byte) => self.top(byte),
            Place::Epilogue => {
                self.nesting.step(byte);
                if self.nesting.depth() == 0 {
                    self.place = Place::Top;
                }
                if !blank {
                    self.before = byte;
                }
                b'\n'
            }
            Place::Top if blank => b'\n',
            Place::Top => self.top(byte),
            Place::Value => self.record(Place::Value, byte),
            Place::Junk => {
                if byte == b'\n' {
                    self.place = Place::Top;
                }
                byte
            }
        }
    }

    /// A byte outside every value, no blank.
    fn top(&mut self, byte: u8) -> u8 {
        self.nesting = Nesting::default();
        if matches!(byte, b'{' | b'[') {
            return self.record(Place::Value, byte);
        }
        self.place = Place::Junk;
        byte
    }

    /// Whether `byte` cannot stand here in an object that goes on behind its array: then the array was closed by a bracket
    /// too many, and what follows is records still.
    fn is_no_member(&self, byte: u8) -> bool {
        if self.nesting.depth() != 1 || self.nesting.in_string {
            return false;
        }
        match self.before {
            b']' => !matches!(byte, b',' | b'}'),
            b',' => byte != b'"',
            before => matches!(byte, b'{' | b'[') && before != b':',
        }
    }

    /// A byte of a record, which goes on in `place` until its brackets close.
    fn record(&mut self, place: Place, byte: u8) -> u8 {
        let before = self.nesting.depth();
        self.nesting.step(byte);
        let closed = before > 0 && self.nesting.depth() == 0;
        self.place = match place {
            Place::Element if closed => Place::Between,
            Place::Value if closed => Place::Top,
            _ => place,
        };
        if byte == b'\n' { b'\t' } else { byte }
    }

    fn close_array(&mut self) -> u8 {
        self.nesting = Nesting::default();
        self.place = Place::Top;
        self.before = b']';
        if self.in_object {
            self.nesting.open(b'}');
            self.place = Place::Epilogue;
        }
        b'\n'
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Vec<(usize, String)> {
        let framing = Framing::of(text.as_bytes());
        let mut bytes = text.as_bytes().to_vec();
        Document::new(framing).expect("a document").rewrite(&mut bytes);
        assert_eq!(bytes.len(), text.len());
        let mut at = 0;
        let mut found = Vec::new();
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            if !line.trim_ascii().is_empty() {
                found.push((at, String::from_utf8(line.trim_ascii_end().to_vec()).unwrap()));
            }
            at += line.len();
        }
        found
    }

    #[test]
    fn logs_are_lines() {
        for text in [
            "",
            "\n\n",
            "{\"a\":1}",
            "{\"a\":1}\n{\"b\":2}\n",
            "{ \"a\": { \"b\": [1,\n{\"b\":2}\n",
            "{\"kind\":\"EventList\",\"items\":[{},{}]}\n",
            "{\"cut in a string\n{\"b\":2}\n",
            "{\n",
            "[2024-01-02] INFO {\n}\n",
            "\u{feff}{\"a\":1}\n{\"b\":2}",
        ] {
            assert_eq!(Framing::of(text.as_bytes()), Framing::Lines, "{text}");
        }
    }

    #[test]
    fn a_list_gives_its_items() {
        let text = "{\n  \"apiVersion\": \"v1\",\n  \"items\": [\n    {\n      \"a\": \"x,]}\\\"[\"\n    },\n    [1],\n    7 , \"s, t\",{}\n  ],\n  \"kind\": \"EventList\",\n  \"metadata\": {}\n}\n{\"b\": [\n2]}\n";
        let found = records(text);
        let texts: Vec<&str> = found.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["{\t      \"a\": \"x,]}\\\"[\"\t    }", "[1]", "7", "\"s, t\"", "{}", "{\"b\": [\t2]}"]);
        for (at, record) in &found {
            assert_eq!(text[*at..*at + record.len()].replace('\n', "\t"), *record);
        }
    }

    #[test]
    fn arrays_and_values() {
        assert_eq!(
            records(" [{\"a\":1},\n{\"a\":2}]").iter().map(|r| r.1.as_str()).collect::<Vec<_>>(),
            ["{\"a\":1}", "{\"a\":2}"]
        );
        assert_eq!(records("[]\n"), []);
        let values = records("\u{feff}{\n\"a\": 1\n}\njunk } {\n{\n\"b\": {\n\"items\": [\n]}}");
        assert_eq!(
            values.iter().map(|r| r.1.as_str()).collect::<Vec<_>>(),
            ["{\t\"a\": 1\t}", "junk } {", "{\t\"b\": {\t\"items\": [\t]}}"]
        );
    }

    #[test]
    fn damage_is_never_blanked() {
        // A bracket too many, a bracket too few, an open string: every letter of every item is still there.
        for item in ["]", "]]}", "{\"x\":1]}", "{\"x\":[1}", "{\"x\":\"1}\n", "}", "]x"] {
            let text = format!("{{\n\"items\": [\n{{\"a\":1}},\n{item},\n{{\"z\":9}}\n]}}");
            let found: String = records(&text).into_iter().map(|r| r.1).collect();
            assert!(found.contains("\"a\":1") && found.contains("\"z\":9"), "{item}: {found}");
        }
    }

    proptest::proptest! {
        #[test]
        fn pieces_do_not_matter(text in "[\\[\\]{}\",:\\\\a\n ]{0,60}", cut in 0usize..60) {
            for framing in [Framing::Values, Framing::Elements { open: 2, in_object: true }] {
                let mut whole = text.clone().into_bytes();
                let mut pieces = whole.clone();
                let cut = cut.min(pieces.len());
                Document::new(framing).unwrap().rewrite(&mut whole);
                let mut document = Document::new(framing).unwrap();
                document.rewrite(&mut pieces[..cut]);
                document.rewrite(&mut pieces[cut..]);
                proptest::prop_assert_eq!(whole, pieces);
            }
        }
    }
}
