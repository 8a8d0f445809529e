//! Plain pages of text as PDF, in the fonts that every reader has (ISO 32000-1, 9.6.2.2).
//!
//! These fonts know the letters of Western Europe (code page 1252). What they lack is written in Latin letters that
//! sound or mean the same, so that no memo breaks a page.

use pdf_writer::{Content, Date, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use crate::domain::Time;

/// A4, in points.
const PAGE: (f32, f32) = (595.0, 842.0);
const MARGIN: f32 = 42.0;
const LEADING: f32 = 1.45;
/// A fixed letter's width as part of the font's size.
const FIXED_WIDTH: f32 = 0.6;
/// Size of the body's text.
pub(super) const SIZE: f32 = 8.5;

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Large and bold.
    Title,
    /// Bold, of the body's size.
    Bold,
    /// Fixed letters.
    Plain,
}

/// Pages that are being written.
pub(super) struct Pages {
    title: String,
    written: Vec<Content>,
    /// Where the last line stands.
    y: f32,
    /// What stands at the head of every page after the first.
    head: Option<String>,
}

impl Pages {
    pub(super) fn new(title: &str) -> Self {
        Self { title: title.to_owned(), written: vec![Content::new()], y: PAGE.1 - MARGIN, head: None }
    }

    /// Repeats this line on every page from now on.
    pub(super) fn repeat(&mut self, head: &str) {
        self.head = Some(head.to_owned());
        self.line(Style::Bold, head);
    }

    /// Writes a line; what does not fit is cut off.
    pub(super) fn line(&mut self, style: Style, text: &str) {
        let size = if style == Style::Title { 16.0 } else { SIZE };
        if self.y - size * LEADING < MARGIN {
            self.written.push(Content::new());
            self.y = PAGE.1 - MARGIN;
            if let Some(head) = self.head.clone() {
                self.put(Style::Bold, &head, SIZE);
            }
        }
        self.put(style, text, size);
    }

    fn put(&mut self, style: Style, text: &str, size: f32) {
        self.y -= size * LEADING;
        let Some(page) = self.written.last_mut() else { return };
        let font: &[u8] = match style {
            Style::Title => b"T",
            Style::Bold => b"B",
            Style::Plain => b"P",
        };
        page.begin_text();
        page.set_font(Name(font), size);
        page.next_line(MARGIN, self.y);
        let mut letters = letters(text);
        letters.truncate(columns());
        page.show(Str(&letters));
        page.end_text();
    }

    /// Writes a name and what it is, on as many lines as it takes.
    pub(super) fn entry(&mut self, name: &str, text: &str) {
        const INDENT: usize = 18;
        let width = columns() - INDENT;
        let letters: Vec<char> = text.chars().flat_map(|c| shown(c).chars().collect::<Vec<_>>()).collect();
        let mut lines = letters.chunks(width).map(|line| line.iter().collect::<String>());
        self.line(Style::Plain, &format!("{name:<INDENT$}{}", lines.next().unwrap_or_default()));
        for line in lines {
            self.line(Style::Plain, &format!("{:INDENT$}{line}", ""));
        }
    }

    /// An empty line.
    pub(super) fn space(&mut self) {
        self.y -= SIZE * LEADING;
    }

    /// The document.
    pub(super) fn finish(self, at: Time) -> Vec<u8> {
        let mut pdf = Pdf::new();
        let [catalog, tree, info, title, bold, plain] = [1, 2, 3, 4, 5, 6].map(Ref::new);
        let count = i32::try_from(self.written.len()).unwrap_or(i32::MAX / 4);
        let page_of = |number: i32| (Ref::new(10 + 2 * number), Ref::new(11 + 2 * number));
        pdf.catalog(catalog).pages(tree).lang(TextStr("en"));
        pdf.pages(tree).kids((0..count).map(|number| page_of(number).0)).count(count);
        let mut about = pdf.document_info(info);
        about.title(TextStr(&self.title)).producer(TextStr("Satchel"));
        if let Some(date) = date(at) {
            about.creation_date(date);
        }
        about.finish();
        for (font, name) in [(title, "Helvetica-Bold"), (bold, "Courier-Bold"), (plain, "Courier")] {
            pdf.type1_font(font).base_font(Name(name.as_bytes())).encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        for (number, content) in (0..).zip(self.written) {
            let (page, text) = page_of(number);
            let mut page = pdf.page(page);
            page.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).parent(tree).contents(text);
            let mut resources = page.resources();
            resources.fonts().pair(Name(b"T"), title).pair(Name(b"B"), bold).pair(Name(b"P"), plain);
            resources.finish();
            page.finish();
            pdf.stream(text, &content.finish());
        }
        pdf.finish()
    }
}

/// Letters of a line of the body.
pub(super) fn columns() -> usize {
    let width = (PAGE.0 - 2.0 * MARGIN) / (SIZE * FIXED_WIDTH);
    format!("{:.0}", width.floor()).parse().unwrap_or(100)
}

fn date(at: Time) -> Option<Date> {
    let text = at.to_string();
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u8>().ok();
    let date = Date::new(text.get(0..4)?.parse().ok()?).month(number(5..7)?).day(number(8..10)?);
    Some(date.hour(number(11..13)?).minute(number(14..16)?).second(number(17..19)?).utc_offset_hour(0))
}

/// Code page 1252 from 0x80 to 0x9f, where it is not Latin-1.
const WESTERN: [(char, u8); 27] = [
    ('€', 0x80),
    ('‚', 0x82),
    ('ƒ', 0x83),
    ('„', 0x84),
    ('…', 0x85),
    ('†', 0x86),
    ('‡', 0x87),
    ('ˆ', 0x88),
    ('‰', 0x89),
    ('Š', 0x8a),
    ('‹', 0x8b),
    ('Œ', 0x8c),
    ('Ž', 0x8e),
    ('‘', 0x91),
    ('’', 0x92),
    ('“', 0x93),
    ('”', 0x94),
    ('•', 0x95),
    ('–', 0x96),
    ('—', 0x97),
    ('˜', 0x98),
    ('™', 0x99),
    ('š', 0x9a),
    ('›', 0x9b),
    ('œ', 0x9c),
    ('ž', 0x9e),
    ('Ÿ', 0x9f),
];

/// The letter's place in the fonts.
fn place(letter: char) -> Option<u8> {
    match u8::try_from(letter) {
        Ok(byte) if (0x20..0x7f).contains(&byte) || byte >= 0xa0 => Some(byte),
        _ => WESTERN.iter().find(|(known, _)| *known == letter).map(|(_, byte)| *byte),
    }
}

/// The letter as the fonts can show it: itself, or others that stand for it.
fn shown(letter: char) -> String {
    if place(letter).is_some() {
        return letter.to_string();
    }
    if letter.is_whitespace() {
        return " ".to_owned();
    }
    match any_ascii::any_ascii_char(letter) {
        "" if letter.is_control() => String::new(),
        "" => "?".to_owned(),
        latin => latin.to_owned(),
    }
}

fn letters(text: &str) -> Vec<u8> {
    text.chars().flat_map(|c| shown(c).chars().filter_map(place).collect::<Vec<_>>()).collect()
}

/// A text of exactly so many letters as the fonts show it, for a column.
pub(super) fn fitted(text: &str, width: usize) -> String {
    let shown: String = text.chars().map(shown).collect::<String>().chars().take(width).collect();
    format!("{shown:<width$}")
}

#[cfg(test)]
mod tests {
    use super::{Pages, Style, Time, columns, fitted, letters};

    #[test]
    fn any_letter_can_be_written() {
        assert_eq!(letters("Zürich €5 – ok"), b"Z\xfcrich \x805 \x96 ok");
        assert_eq!(letters("Привет"), b"Privet");
        assert_eq!(letters("a\nb\u{0}c"), b"a bc");
        assert!(!letters("東京 ☕ 😀").is_empty());
        assert_eq!(fitted("東京", 12).chars().count(), 12);
        assert!(columns() > 90);
    }

    #[test]
    fn long_texts_go_on_and_pages_follow_one_another() {
        let mut pages = Pages::new("t");
        pages.repeat("head");
        pages.entry("memo", &"я(\\)".repeat(3000));
        pages.line(Style::Plain, "end");
        let pdf = pages.finish(Time::from_unix(1_800_000_000));
        let count = |what: &[u8]| pdf.windows(what.len()).filter(|bytes| *bytes == what).count();
        assert!(pdf.starts_with(b"%PDF-1.7") && count(b"/Type /Page\n") >= 2);
        assert_eq!(count(b"(head)"), count(b"/Type /Page\n"));
        assert_eq!(count(b"(end)"), 1);
    }
}
