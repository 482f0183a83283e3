//! The tokens as nom sees them, and the small parsers of which the grammar is made.
//!
//! nom's two kinds of failure carry their usual meaning: `Error` says that this is not the thing at all and something
//! else may be tried, `Failure` that it is the thing, and wrong. What is wrong is said once, by whoever recovers.

use std::cell::{Cell, RefCell};
use std::iter::{Copied, Enumerate};
use std::slice::Iter;

use nom::error::{ErrorKind, ParseError};
use nom::{IResult, Input, Needed};

use super::token::{Comment, Kind, Lexed, Token};
use crate::ast::Ident;
use crate::diagnostic::{Code, Diagnostic, Place, Report};
use crate::source::Source;
use crate::span::{FileId, Span};

/// What all rules of one file share. The tree borrows from it.
#[derive(Debug)]
pub struct Context<'a> {
    pub(super) source: &'a Source,
    pub(super) file: FileId,
    pub(super) lexed: &'a Lexed,
    pub(super) report: &'a RefCell<Report>,
    pub(super) broken: RefCell<Vec<Ident<'a>>>,
    pub(super) broken_import: Cell<bool>,
}

impl<'a> Context<'a> {
    /// A file that was cut into tokens, about to be parsed.
    pub fn new(source: &'a Source, file: FileId, lexed: &'a Lexed, report: &'a RefCell<Report>) -> Self {
        Self { source, file, lexed, report, broken: RefCell::default(), broken_import: Cell::new(false) }
    }

    /// Whether an import could not be parsed: any name may be one of its.
    pub fn has_broken_import(&self) -> bool {
        self.broken_import.get()
    }

    /// Names of declarations that could not be parsed: nobody is to hear that they do not exist.
    pub fn broken(&self) -> Vec<&'a str> {
        self.broken.borrow().iter().map(|name| name.text).collect()
    }
}

/// The tokens that are left. The last one is `End`, which no rule takes.
#[derive(Clone, Copy)]
pub(super) struct Tokens<'a> {
    pub(super) context: &'a Context<'a>,
    left: &'a [Token],
    /// How many types this one stands in.
    depth: u8,
}

/// How a rule fails.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SyntaxError {
    /// The place in the file's tokens at which it went wrong.
    pub(super) at: usize,
    pub(super) kind: SyntaxErrorKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum SyntaxErrorKind {
    /// One of these was to come.
    Expected(Vec<&'static str>),
    /// A whole diagnostic, made where more is known.
    Said(Box<Diagnostic>),
}

/// The result of a rule.
pub(super) type Parsed<'a, T> = IResult<Tokens<'a>, T, SyntaxError>;

impl<'a> Tokens<'a> {
    /// All tokens of a file.
    pub(super) fn all(context: &'a Context<'a>) -> Self {
        Self { context, left: &context.lexed.tokens, depth: 0 }
    }

    /// The next token; `End` when all are taken.
    pub(super) fn first(&self) -> Token {
        self.nth(0)
    }

    /// The token after `n` others.
    pub(super) fn nth(&self, n: usize) -> Token {
        let end = Token { kind: Kind::End, span: Span::default(), first_on_line: true };
        self.left.get(n).or(self.left.last()).copied().unwrap_or(end)
    }

    /// What kind the next token is.
    pub(super) fn kind(&self) -> Kind {
        self.first().kind
    }

    /// The next token's place in the file's tokens.
    pub(super) fn index(&self) -> usize {
        self.context.lexed.tokens.len() - self.left.len()
    }

    /// The tokens from a place on; a place behind this one stays this one.
    pub(super) fn from(&self, index: usize) -> Self {
        let skip = index.saturating_sub(self.index()).min(self.left.len().saturating_sub(1));
        Self { left: self.left.get(skip..).unwrap_or_default(), ..*self }
    }

    /// Without the next token, unless it is the end.
    pub(super) fn skip_one(&self) -> Self {
        self.from(self.index() + 1)
    }

    /// The characters of a token.
    pub(super) fn text(&self, token: Token) -> &'a str {
        self.context.source.slice(token.span)
    }

    /// The token before the next one.
    pub(super) fn previous(&self) -> Option<Token> {
        self.context.lexed.tokens.get(self.index().checked_sub(1)?).copied()
    }

    /// The comments between the token before and the next one.
    pub(super) fn comments_before(&self) -> &'a [Comment] {
        let comments = &self.context.lexed.comments;
        let start = self.previous().map_or(0, |token| token.span.end);
        let from = comments.partition_point(|comment| comment.span.start < start);
        let until = comments.partition_point(|comment| comment.span.start < self.first().span.start);
        comments.get(from..until).unwrap_or_default()
    }

    /// The place of a span in this file.
    pub(super) fn place(&self, span: Span) -> Place {
        Place { file: self.context.file, span }
    }

    /// An error of this file.
    pub(super) fn error(&self, code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, self.place(span), message)
    }

    /// Says something and goes on.
    pub(super) fn say(&self, diagnostic: Diagnostic) {
        self.context.report.borrow_mut().push(diagnostic);
    }

    /// Runs a rule one level deeper; `None` when that is too deep.
    pub(super) fn deeper<T>(self, limit: u8, rule: impl FnOnce(Self) -> Parsed<'a, T>) -> Option<Parsed<'a, T>> {
        let inside = Self { depth: self.depth + 1, ..self };
        (inside.depth <= limit).then(|| rule(inside).map(|(rest, value)| (Self { depth: self.depth, ..rest }, value)))
    }

    /// This is not the thing: something else may be tried.
    pub(super) fn expected<T>(self, what: &'static str) -> Parsed<'a, T> {
        Err(nom::Err::Error(SyntaxError { at: self.index(), kind: SyntaxErrorKind::Expected(vec![what]) }))
    }

    /// This is the thing, and it is wrong at the next token.
    pub(super) fn fail<T>(self, diagnostic: Diagnostic) -> Parsed<'a, T> {
        Err(nom::Err::Failure(SyntaxError { at: self.index(), kind: SyntaxErrorKind::Said(Box::new(diagnostic)) }))
    }

    fn with(self, left: &'a [Token]) -> Self {
        Self { left, ..self }
    }
}

impl<'a> Input for Tokens<'a> {
    type Item = Token;
    type Iter = Copied<Iter<'a, Token>>;
    type IterIndices = Enumerate<Self::Iter>;

    fn input_len(&self) -> usize {
        self.left.len()
    }

    fn take(&self, index: usize) -> Self {
        self.with(&self.left[..index])
    }

    fn take_from(&self, index: usize) -> Self {
        self.with(&self.left[index..])
    }

    fn take_split(&self, index: usize) -> (Self, Self) {
        (self.take_from(index), self.take(index))
    }

    fn position<P: Fn(Token) -> bool>(&self, predicate: P) -> Option<usize> {
        self.left.iter().position(|token| predicate(*token))
    }

    fn iter_elements(&self) -> Self::Iter {
        self.left.iter().copied()
    }

    fn iter_indices(&self) -> Self::IterIndices {
        self.iter_elements().enumerate()
    }

    fn slice_index(&self, count: usize) -> Result<usize, Needed> {
        if count <= self.left.len() { Ok(count) } else { Err(Needed::new(count - self.left.len())) }
    }
}

impl<'a> ParseError<Tokens<'a>> for SyntaxError {
    fn from_error_kind(input: Tokens<'a>, _kind: ErrorKind) -> Self {
        Self { at: input.index(), kind: SyntaxErrorKind::Expected(Vec::new()) }
    }

    fn append(_input: Tokens<'a>, _kind: ErrorKind, other: Self) -> Self {
        other
    }

    /// Of two alternatives the one that came further knows better; at the same place both may be right.
    fn or(mut self, mut other: Self) -> Self {
        if self.at != other.at {
            return if self.at > other.at { self } else { other };
        }
        if let (SyntaxErrorKind::Expected(mine), SyntaxErrorKind::Expected(theirs)) = (&mut self.kind, &mut other.kind)
        {
            mine.append(theirs);
        }
        self
    }
}

/// One token of a kind.
pub(super) fn token<'a>(kind: Kind) -> impl Fn(Tokens<'a>) -> Parsed<'a, Token> + Copy {
    move |input| match input.first() {
        found if found.kind == kind => Ok((input.skip_one(), found)),
        _ => input.expected(kind.describe()),
    }
}

/// A name, called by what it names when it is missing.
pub(super) fn name<'a>(what: &'static str) -> impl Fn(Tokens<'a>) -> Parsed<'a, Ident<'a>> + Copy {
    move |input| match input.first() {
        found if found.kind == Kind::Ident => {
            Ok((input.skip_one(), Ident { text: input.text(found), span: found.span }))
        }
        _ => input.expected(what),
    }
}

/// A word of the language. Words are not reserved: this is for places where nothing else may stand.
pub(super) fn word<'a>(word: &'static str, described: &'static str) -> impl Fn(Tokens<'a>) -> Parsed<'a, Token> + Copy {
    move |input| match input.first() {
        found if found.kind == Kind::Ident && input.text(found) == word => Ok((input.skip_one(), found)),
        _ => input.expected(described),
    }
}
