//! Where lines break, how far they are indented, and where a space stands.

use super::WIDTH;
use super::piece::{Piece, What};
use crate::parse::Kind;

/// What stands between two pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    Nothing,
    Space,
    Line,
    Blank,
}

/// What is open around a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// The body of an enum.
    Enum,
    /// Another body.
    Body,
    /// A list with one entry per line.
    BrokenList,
    /// A list on one line.
    List,
    /// Attributes.
    Attributes,
}

/// The pieces as text.
pub(super) fn layout(pieces: &[Piece<'_>]) -> String {
    let mut layout = Layout { pieces, text: String::new(), line_start: 0, open: Vec::new(), begins: true };
    for index in 0..pieces.len() {
        layout.put(index);
    }
    if !layout.text.is_empty() {
        layout.text.push('\n');
    }
    layout.text
}

struct Layout<'p, 'a> {
    pieces: &'p [Piece<'a>],
    text: String,
    /// Where the line at hand begins in `text`.
    line_start: usize,
    open: Vec<Open>,
    /// Whether the next piece begins a declaration, a member or an entry of a broken list.
    begins: bool,
}

impl<'a> Layout<'_, 'a> {
    fn put(&mut self, index: usize) {
        let piece = self.pieces[index];
        let gap = match index.checked_sub(1) {
            None => Gap::Nothing,
            Some(before) => self.gap(&self.pieces[before], &piece, index),
        };
        let closes = is_closing(&piece) && !self.open.is_empty();
        let closed = if closes { self.open.pop() } else { None };
        match gap {
            Gap::Nothing => {}
            Gap::Space => self.text.push(' '),
            Gap::Line => self.new_line(&piece),
            Gap::Blank => {
                self.text.push('\n');
                self.new_line(&piece);
            }
        }
        self.write(piece);
        self.follow(index, &piece, closed);
    }

    fn new_line(&mut self, piece: &Piece<'_>) {
        self.text.push('\n');
        self.line_start = self.text.len();
        let levels = self.open.iter().filter(|open| matches!(open, Open::Enum | Open::Body | Open::BrokenList)).count();
        // In the middle of a declaration: one level more.
        let continued = !self.begins && !piece.is_comment() && !is_closing(piece);
        for _ in 0..levels + usize::from(continued) {
            self.text.push_str("  ");
        }
    }

    fn write(&mut self, piece: Piece<'a>) {
        if piece.text.contains('\r') {
            self.text.push_str(&piece.text.replace("\r\n", "\n"));
        } else {
            self.text.push_str(piece.text);
        }
    }

    /// Keeps track of what is open and of whether something new begins.
    fn follow(&mut self, index: usize, piece: &Piece<'_>, closed: Option<Open>) {
        let What::Token(kind) = piece.what else { return };
        match kind {
            Kind::OpenBrace => {
                let is_enum = self.word_before_name(index) == Some("enum");
                self.open.push(if is_enum { Open::Enum } else { Open::Body });
                self.begins = true;
            }
            Kind::OpenParen => {
                let broken = self.is_broken(index);
                self.open.push(if broken { Open::BrokenList } else { Open::List });
                self.begins = broken;
            }
            Kind::OpenBracket | Kind::Less => {
                self.open.push(if kind == Kind::Less { Open::List } else { Open::Attributes });
                self.begins = false;
            }
            Kind::CloseBracket => self.begins = closed == Some(Open::Attributes),
            Kind::CloseBrace | Kind::Semicolon => self.begins = true,
            Kind::Comma => self.begins = matches!(self.open.last(), Some(Open::Enum | Open::BrokenList)),
            Kind::Ident
            | Kind::Int
            | Kind::Float
            | Kind::String
            | Kind::CloseParen
            | Kind::Greater
            | Kind::Equals
            | Kind::Arrow
            | Kind::Question
            | Kind::At
            | Kind::Dot
            | Kind::Minus
            | Kind::End => self.begins = false,
        }
    }

    /// For the brace at `index`: the word before the name before it.
    fn word_before_name(&self, index: usize) -> Option<&'a str> {
        let mut tokens = self.pieces[..index].iter().rev().filter(|piece| !piece.is_comment());
        tokens.nth(1).map(|piece| piece.text)
    }

    /// Whether the list that opens at `index` gets one entry per line: it holds a comment, or its line would be too long.
    fn is_broken(&self, index: usize) -> bool {
        let mut depth = 0_usize;
        let mut width = self.text.len() - self.line_start;
        let mut inside = true;
        for pair in self.pieces[index..].windows(2) {
            let (piece, next) = (&pair[0], &pair[1]);
            depth += usize::from(piece.is(Kind::OpenParen));
            depth = depth.saturating_sub(usize::from(piece.is(Kind::CloseParen)));
            inside &= depth > 0;
            if inside && next.is_comment() {
                return true;
            }
            if depth == 0 && (next.is_comment() || piece.is(Kind::Semicolon) || piece.is(Kind::CloseBrace)) {
                break;
            }
            width += next.text.chars().count() + usize::from(within_line(piece, next, false) == Gap::Space);
            if width > WIDTH {
                return !self.pieces.get(index + 1).is_some_and(|next| next.is(Kind::CloseParen));
            }
        }
        false
    }

    fn gap(&self, before: &Piece<'_>, piece: &Piece<'_>, index: usize) -> Gap {
        if piece.is_comment() {
            return if piece.is_own_line() || before.ends_line() { self.line(before, piece) } else { Gap::Space };
        }
        if before.ends_line() || (before.is_comment() && piece.newlines > 0) {
            return self.line(before, piece);
        }
        if before.is_comment() {
            return Gap::Space;
        }
        match (before.what, self.open.last()) {
            (What::Token(Kind::OpenBrace), _) if piece.is(Kind::CloseBrace) => Gap::Nothing,
            (What::Token(Kind::OpenBrace), _) => Gap::Line,
            _ if piece.is(Kind::CloseBrace) => Gap::Line,
            (What::Token(Kind::CloseBrace | Kind::Semicolon), _) if piece.is(Kind::Semicolon) => Gap::Nothing,
            (What::Token(Kind::CloseBrace | Kind::Semicolon), _) => self.line(before, piece),
            (What::Token(Kind::OpenParen), Some(Open::BrokenList)) => Gap::Line,
            (What::Token(Kind::Comma), Some(Open::BrokenList | Open::Enum)) => self.line(before, piece),
            (_, Some(Open::BrokenList)) if piece.is(Kind::CloseParen) => Gap::Line,
            (What::Token(Kind::CloseBracket), open) => self.after_attributes(open, index),
            (_, open) => within_line(before, piece, open == Some(&Open::Attributes)),
        }
    }

    /// A new line, after a blank one where the text has one, and between the declarations of a file that have bodies.
    fn line(&self, before: &Piece<'_>, piece: &Piece<'_>) -> Gap {
        let at_edge = before.is(Kind::OpenBrace) || piece.is(Kind::CloseBrace);
        let in_list = matches!(self.open.last(), Some(Open::BrokenList | Open::List | Open::Attributes));
        let after_body = self.open.is_empty() && before.is(Kind::CloseBrace);
        if !at_edge && !in_list && (piece.newlines > 1 || after_body) { Gap::Blank } else { Gap::Line }
    }

    /// Attributes stand above declarations and methods, and beside fields, parameters and enumerators.
    fn after_attributes(&self, open: Option<&Open>, index: usize) -> Gap {
        match open {
            None => Gap::Line,
            Some(Open::Enum | Open::BrokenList | Open::List | Open::Attributes) => Gap::Space,
            Some(Open::Body) if self.pieces[index].is(Kind::OpenBracket) => Gap::Space,
            Some(Open::Body) => {
                let opens = self.pieces[index..].iter().find_map(|piece| match piece.what {
                    What::Token(Kind::OpenParen | Kind::OpenBrace) => Some(true),
                    What::Token(Kind::Semicolon | Kind::CloseBrace) => Some(false),
                    What::Token(_) | What::Comment(_) => None,
                });
                if opens == Some(true) { Gap::Line } else { Gap::Space }
            }
        }
    }
}

fn is_closing(piece: &Piece<'_>) -> bool {
    [Kind::CloseBrace, Kind::CloseParen, Kind::CloseBracket, Kind::Greater].iter().any(|kind| piece.is(*kind))
}

/// Between two pieces of one line.
fn within_line(before: &Piece<'_>, piece: &Piece<'_>, in_attributes: bool) -> Gap {
    use Kind::{
        Arrow, At, CloseBracket, CloseParen, Comma, Dot, Equals, Greater, Less, Minus, OpenBracket, OpenParen,
        Question, Semicolon,
    };
    let (What::Token(left), What::Token(right)) = (before.what, piece.what) else { return Gap::Space };
    let tight = match (left, right) {
        (_, Comma | Semicolon | CloseParen | CloseBracket | Greater | Less | Question | Dot) => true,
        (OpenParen | OpenBracket | Less | At | Dot | Minus, _) => true,
        (Arrow | Comma | Equals, OpenParen) => false,
        (_, OpenParen) => true,
        (Equals, _) | (_, Equals) => in_attributes,
        _ => false,
    };
    if tight { Gap::Nothing } else { Gap::Space }
}
