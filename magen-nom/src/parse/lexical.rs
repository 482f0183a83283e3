//! Cuts a text into tokens and comments.
//!
//! Every byte is looked at once. What cannot be cut is reported and stepped over, so that the grammar goes on after it:
//! a broken string still counts as a string, a broken number as a number.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_till, take_until, take_while, take_while1};
use nom::character::complete::{anychar, one_of};
use nom::combinator::{map_opt, opt, recognize, rest, value, verify};
use nom::sequence::{delimited, pair, preceded};
use nom::{IResult, Parser};

use super::token::{Comment, CommentKind, Kind, Lexed, Token, pair_braces};
use crate::diagnostic::{Code, Diagnostic, Place, Report};
use crate::source::Source;
use crate::span::{FileId, Span};

/// A piece of text and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Space,
    Comment(CommentKind),
    UnterminatedComment,
    Token(Kind),
    MalformedNumber,
    UnterminatedString,
    MisquotedString,
    ForeignName,
    /// A character that looks like a token.
    Lookalike(Kind),
    Unknown,
}

/// Cuts a whole file; complaints go to `report`.
pub fn lex(source: &Source, file: FileId, report: &mut Report) -> Lexed {
    let mut lexer = Lexer { text: &source.text, file, report, tokens: Vec::new(), comments: Vec::new(), first: true };
    lexer.run();
    let partners = pair_braces(&lexer.tokens);
    Lexed { tokens: lexer.tokens, comments: lexer.comments, partners }
}

struct Lexer<'a> {
    text: &'a str,
    file: FileId,
    report: &'a mut Report,
    tokens: Vec<Token>,
    comments: Vec<Comment>,
    /// Whether nothing was met on this line yet.
    first: bool,
}

impl Lexer<'_> {
    fn run(&mut self) {
        // An editor may have put a byte order mark in front.
        let mut remaining = self.text.strip_prefix('\u{feff}').unwrap_or(self.text);
        while !remaining.is_empty() {
            let Ok((after, found)) = piece(remaining) else { break };
            let span = Span::new(self.offset(remaining), self.offset(after));
            self.take(found, span);
            remaining = after;
        }
        let end = self.offset("");
        self.push(Kind::End, Span::at(end));
    }

    fn offset(&self, remaining: &str) -> u32 {
        // `Source` holds less than 4 GiB.
        u32::try_from(self.text.len() - remaining.len()).unwrap_or(u32::MAX)
    }

    fn take(&mut self, found: Piece, span: Span) {
        match found {
            Piece::Space => self.first |= self.slice(span).contains('\n'),
            Piece::Comment(kind) => self.comment(kind, span),
            Piece::UnterminatedComment => {
                self.unterminated_comment(span);
                self.comment(CommentKind::Block, span);
            }
            Piece::Token(kind) => {
                if kind == Kind::String {
                    self.check_escapes(span);
                }
                self.push(kind, span);
            }
            Piece::MalformedNumber => {
                self.malformed_number(span);
                self.push(Kind::Int, span);
            }
            Piece::UnterminatedString => {
                self.unterminated_string(span);
                self.push(Kind::String, span);
            }
            Piece::ForeignName => {
                self.foreign_name(span);
                self.push(Kind::Ident, span);
            }
            Piece::MisquotedString => {
                self.misquoted_string(span);
                self.push(Kind::String, span);
            }
            Piece::Lookalike(kind) => {
                self.unknown(span);
                self.push(kind, span);
            }
            Piece::Unknown => self.unknown(span),
        }
    }

    fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }

    fn push(&mut self, kind: Kind, span: Span) {
        self.tokens.push(Token { kind, span, first_on_line: self.first });
        self.first = false;
    }

    fn comment(&mut self, kind: CommentKind, span: Span) {
        self.comments.push(Comment { kind, span, first_on_line: self.first });
    }

    fn error(&self, code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, Place { file: self.file, span }, message)
    }

    fn malformed_number(&mut self, span: Span) {
        let found = self.slice(span);
        let said = self
            .error(Code::MalformedNumber, span, format!("`{found}` is not a number"))
            .label("not a number")
            .note("numbers look like `10`, `1_000`, `0xff`, `1.5` or `2.5e-3`");
        self.report.push(said);
    }

    fn unterminated_string(&mut self, span: Span) {
        let place = Place { file: self.file, span: Span::at(span.end) };
        let said = self
            .error(Code::UnterminatedString, span, "this string has no closing quote on its line")
            .label("starts here")
            .suggest("close it", place, "\"");
        self.report.push(said);
    }

    fn unterminated_comment(&mut self, span: Span) {
        let opening = Span::new(span.start, span.start + 2);
        let said = self
            .error(Code::UnterminatedComment, opening, "this comment is never closed")
            .label("everything from here to the end of the file is a comment")
            .help("close it with `*/`; a comment inside a comment is not counted");
        self.report.push(said);
    }

    fn foreign_name(&mut self, span: Span) {
        let found = self.slice(span);
        let said = self
            .error(Code::UnexpectedCharacter, span, format!("`{found}` has letters that a name cannot have"))
            .label("not a name")
            .note("names are made of the letters `A` to `Z` and `a` to `z`, digits and `_`, and do not start with a digit");
        self.report.push(said);
    }

    fn misquoted_string(&mut self, span: Span) {
        let place = Place { file: self.file, span };
        let mut inside = self.slice(span).chars();
        inside.next();
        inside.next_back();
        let said = self
            .error(Code::UnexpectedCharacter, span, "a string stands between plain quotation marks")
            .label("these are others")
            .suggest("use plain ones", place, format!("\"{}\"", inside.as_str()));
        self.report.push(said);
    }

    fn unknown(&mut self, span: Span) {
        let place = Place { file: self.file, span };
        let found = self.slice(span);
        let shown: String = found.chars().take(20).flat_map(char::escape_debug).collect();
        let said = self.error(Code::UnexpectedCharacter, span, format!("`{shown}` means nothing here"));
        let said = match lookalike(found) {
            Some((name, " ")) => said.label(format!("this is {name}")).suggest("write a space", place, " "),
            Some((name, "")) => said.label(format!("this is {name}")).suggest("remove it", place, ""),
            Some((name, right)) => {
                said.label(format!("this is {name}")).suggest(format!("write `{right}`"), place, right)
            }
            None => said.label(if found.chars().count() == 1 { "unknown character" } else { "unknown characters" }),
        };
        self.report.push(said);
    }

    fn check_escapes(&mut self, span: Span) {
        let text = self.slice(span);
        if !text.contains('\\') {
            return;
        }
        let mut remaining = text.get(1..text.len() - 1).unwrap_or_default();
        let mut wrong = Vec::new();
        while let Some(at) = remaining.find('\\') {
            let escape = remaining.get(at..).unwrap_or_default();
            let start = span.end - 1 - u32::try_from(escape.len()).unwrap_or_default();
            match escape_sequence(escape) {
                Ok((after, _)) => remaining = after,
                Err(_) => {
                    let length = 1 + escape.chars().nth(1).map_or(0, char::len_utf8);
                    wrong.push(Span::new(start, start + u32::try_from(length).unwrap_or(1)));
                    remaining = escape.get(length..).unwrap_or_default();
                }
            }
        }
        for place in wrong {
            let said = self
                .error(Code::UnknownEscape, place, format!("`{}` is no escape sequence", self.slice(place)))
                .label("unknown escape")
                .note("there are `\\n`, `\\t`, `\\r`, `\\0`, `\\\\`, `\\\"` and `\\u{…}` with up to six hexadecimal digits");
            self.report.push(said);
        }
    }
}

/// Characters that look like something of the language, or like nothing: what they are, and what they look like.
fn lookalike(found: &str) -> Option<(&'static str, &'static str)> {
    let mut characters = found.chars();
    let (Some(character), None) = (characters.next(), characters.next()) else { return None };
    Some(match character {
        '\u{a0}' => ("a no-break space", " "),
        '\u{200b}' => ("a space of no width", ""),
        '\u{feff}' => ("a byte order mark", ""),
        '\u{37e}' => ("a Greek question mark", ";"),
        '\u{ff1b}' => ("a full-width semicolon", ";"),
        '\u{ff0c}' => ("a full-width comma", ","),
        '\u{ff08}' => ("a full-width parenthesis", "("),
        '\u{ff09}' => ("a full-width parenthesis", ")"),
        '\u{2192}' | '\u{21d2}' => ("an arrow", "=>"),
        '\u{2013}' | '\u{2014}' | '\u{2212}' => ("a dash", "-"),
        _ => return None,
    })
}

/// Quotation marks that programs for prose like to put in, and the single ones of other languages.
fn is_quote(character: char) -> bool {
    matches!(character, '\'' | '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' | '\u{201e}')
}

/// The next piece of a text that is not empty; never empty itself.
fn piece(input: &str) -> IResult<&str, Piece> {
    match input.as_bytes().first() {
        Some(b' ' | b'\t' | b'\r' | b'\n' | b'\x0b' | b'\x0c') => {
            value(Piece::Space, take_while1(is_space)).parse(input)
        }
        Some(b'A'..=b'Z' | b'a'..=b'z' | b'_') => name(input),
        Some(b'0'..=b'9') => number(input),
        Some(b'"') => string(input),
        Some(b'/') => alt((comment, unknown)).parse(input),
        Some(_) | None => alt((punctuation, name, misquoted, unknown)).parse(input),
    }
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n' | '\x0b' | '\x0c')
}

fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn name(input: &str) -> IResult<&str, Piece> {
    let wide = |character: char| is_name(character) || character.is_alphanumeric();
    let (remaining, found) =
        verify(take_while1(wide), |found: &str| !found.starts_with(char::is_numeric)).parse(input)?;
    Ok((remaining, if found.is_ascii() { Piece::Token(Kind::Ident) } else { Piece::ForeignName }))
}

fn comment(input: &str) -> IResult<&str, Piece> {
    alt((line_comment, block_comment, value(Piece::UnterminatedComment, preceded(tag("/*"), rest)))).parse(input)
}

fn line_comment(input: &str) -> IResult<&str, Piece> {
    let (mut remaining, found) = recognize(preceded(tag("//"), take_till(|c| c == '\n'))).parse(input)?;
    if let Some(line) = found.strip_suffix('\r') {
        remaining = input.get(line.len()..).unwrap_or(remaining);
    }
    let doc = found.starts_with("///") && !found.starts_with("////");
    Ok((remaining, Piece::Comment(if doc { CommentKind::Doc } else { CommentKind::Line })))
}

fn block_comment(input: &str) -> IResult<&str, Piece> {
    value(Piece::Comment(CommentKind::Block), (tag("/*"), take_until("*/"), tag("*/"))).parse(input)
}

fn number(input: &str) -> IResult<&str, Piece> {
    let hex = (tag("0x"), take_while1(|c: char| c.is_ascii_hexdigit() || c == '_'));
    let decimal = (digits, opt(alt((recognize((tag("."), digits, opt(exponent))), exponent))));
    let kind_of = |(_, fraction): (_, Option<&str>)| if fraction.is_some() { Kind::Float } else { Kind::Int };
    let (remaining, kind) = alt((value(Kind::Int, hex), decimal.map(kind_of))).parse(input)?;
    // What clings to it spoils it: `12abc`, `1.`, `1.2.3`.
    let (after, tail) = take_while(|c: char| c == '.' || c == '_' || c.is_alphanumeric()).parse(remaining)?;
    let written = input.get(..input.len() - after.len()).unwrap_or_default();
    let digits_only_of_underscores = written.strip_prefix("0x").is_some_and(|hex| hex.trim_matches('_').is_empty());
    let sound = tail.is_empty() && !digits_only_of_underscores;
    Ok((after, if sound { Piece::Token(kind) } else { Piece::MalformedNumber }))
}

fn digits(input: &str) -> IResult<&str, &str> {
    recognize(pair(take_while1(|c: char| c.is_ascii_digit()), take_while(|c: char| c.is_ascii_digit() || c == '_')))
        .parse(input)
}

fn exponent(input: &str) -> IResult<&str, &str> {
    recognize((one_of("eE"), opt(one_of("+-")), digits)).parse(input)
}

fn string(input: &str) -> IResult<&str, Piece> {
    let mut escaped = false;
    for (at, byte) in input.bytes().enumerate().skip(1) {
        match byte {
            b'\n' => return Ok((unterminated(input, at), Piece::UnterminatedString)),
            b'"' if !escaped => return Ok((input.get(at + 1..).unwrap_or_default(), Piece::Token(Kind::String))),
            other => escaped = other == b'\\' && !escaped,
        }
    }
    Ok((unterminated(input, input.len()), Piece::UnterminatedString))
}

/// What is left after a string that ends with its line: the quote was most likely forgotten before the punctuation.
fn unterminated(input: &str, end: usize) -> &str {
    let line = input.get(1..end).unwrap_or_default();
    let text = line.trim_end_matches(|c| is_space(c) || matches!(c, ';' | ',' | ')'));
    input.get(1 + text.len()..).unwrap_or_default()
}

/// One escape sequence at the start of the input, and the character that it stands for.
pub(super) fn escape_sequence(input: &str) -> IResult<&str, char> {
    let hex = verify(take_while1(|c: char| c.is_ascii_hexdigit()), |hex: &str| hex.len() <= 6);
    let unicode =
        map_opt(delimited(tag("u{"), hex, tag("}")), |hex| char::from_u32(u32::from_str_radix(hex, 16).ok()?));
    let plain = alt((
        value('\n', tag("n")),
        value('\t', tag("t")),
        value('\r', tag("r")),
        value('\0', tag("0")),
        value('\\', tag("\\")),
        value('"', tag("\"")),
    ));
    preceded(tag("\\"), alt((plain, unicode))).parse(input)
}

fn punctuation(input: &str) -> IResult<&str, Piece> {
    let (after, first) = anychar(input)?;
    let kind = match first {
        '{' => Kind::OpenBrace,
        '}' => Kind::CloseBrace,
        '(' => Kind::OpenParen,
        ')' => Kind::CloseParen,
        '[' => Kind::OpenBracket,
        ']' => Kind::CloseBracket,
        '<' => Kind::Less,
        '>' => Kind::Greater,
        ';' => Kind::Semicolon,
        ',' => Kind::Comma,
        '?' => Kind::Question,
        '@' => Kind::At,
        '.' => Kind::Dot,
        '-' => Kind::Minus,
        '=' => {
            let (after, arrow) = opt(tag(">")).parse(after)?;
            return Ok((after, Piece::Token(if arrow.is_some() { Kind::Arrow } else { Kind::Equals })));
        }
        _ => return Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::OneOf))),
    };
    Ok((after, Piece::Token(kind)))
}

/// A run of one unknown character: `###` is one complaint, not three.
fn unknown(input: &str) -> IResult<&str, Piece> {
    let (_, first) = anychar(input)?;
    let (after, found) = take_while1(|c| c == first).parse(input)?;
    let kind = lookalike(found).and_then(|(_, right)| match punctuation(right) {
        Ok((_, Piece::Token(kind))) => Some(kind),
        Ok(_) | Err(_) => None,
    });
    Ok((after, kind.map_or(Piece::Unknown, Piece::Lookalike)))
}

/// A string between quotation marks that are none of the language's.
fn misquoted(input: &str) -> IResult<&str, Piece> {
    let mark = |input| verify(anychar, |c: &char| is_quote(*c)).parse(input);
    let text = |input| take_till(|c| is_quote(c) || c == '\n').parse(input);
    value(Piece::MisquotedString, recognize((mark, text, mark))).parse(input)
}
