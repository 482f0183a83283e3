//! The codes, and the page that explains each.
//!
//! A code means the same for ever: a retired one is not given away again, a new one goes to the end of its series.
//! `MG00…` are errors and warnings of a file, `MG01…` what `magen breaking` finds between two.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal,)*) => {
        /// What kind of complaint a diagnostic is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code, in the order of their numbers.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// `MG0001` and so on.
            pub fn number(self) -> &'static str {
                match self {
                    $(Code::$variant => $number,)*
                }
            }

            /// The page that explains it, in Markdown.
            pub fn page(self) -> &'static str {
                match self {
                    $(Code::$variant => include_str!(concat!("../../errors/", $number, ".md")),)*
                }
            }
        }
    };
}

codes! {
    /// Something else was expected here.
    UnexpectedToken = "MG0001",
    /// A character that means nothing.
    UnexpectedCharacter = "MG0002",
    /// A string without its closing quote.
    UnterminatedString = "MG0003",
    /// A `/*` without `*/`.
    UnterminatedComment = "MG0004",
    /// Digits that make no number.
    MalformedNumber = "MG0005",
    /// A backslash and a character that do not belong together.
    UnknownEscape = "MG0006",
    /// A declaration that does not end.
    MissingSemicolon = "MG0007",
    /// A brace that is never closed.
    UnclosedBrace = "MG0008",
    /// Bytes that are no text.
    NotUtf8 = "MG0009",
    /// Types inside types without end.
    NestedTooDeeply = "MG0010",
    /// A declaration that may not stand here.
    Misplaced = "MG0011",
    /// Two things of one name.
    Duplicate = "MG0012",
    /// Two names that Rust cannot tell apart.
    RustCollision = "MG0013",
    /// A type that nobody declares.
    UnknownType = "MG0014",
    /// A name that several imports declare.
    Ambiguous = "MG0015",
    /// A declaration with the name of a type of the language.
    ReservedType = "MG0016",
    /// A name of something else than what is needed.
    WrongKind = "MG0017",
    /// What stands in the angle brackets does not fit.
    TypeArguments = "MG0018",
    /// A length or bound out of its range.
    InvalidBound = "MG0019",
    /// An optional of an optional.
    DoubleOptional = "MG0020",
    /// A type that cannot be a key.
    MapKey = "MG0021",
    /// A type that contains itself.
    Recursive = "MG0022",
    /// The second type of a `result` is no error.
    NotAnError = "MG0023",
    /// `result` or `stream` where no reply stands.
    ReplyOnly = "MG0024",
    /// A value of another type.
    WrongValue = "MG0025",
    /// A number that its type cannot hold.
    OutOfRange = "MG0026",
    /// A value that nobody declares.
    UnknownValue = "MG0027",
    /// A type that no literal has.
    NoLiteral = "MG0028",
    /// Two enumerators of one number.
    DuplicateNumber = "MG0029",
    /// An enum or a union of nothing.
    Empty = "MG0030",
    /// A constant that is defined by itself.
    ConstantCycle = "MG0031",
    /// An attribute that does not exist.
    UnknownAttribute = "MG0032",
    /// An attribute that means nothing here.
    MisplacedAttribute = "MG0033",
    /// An attribute without its value, or with a wrong one.
    AttributeValue = "MG0034",
    /// An attribute twice.
    RepeatedAttribute = "MG0035",
    /// An older field after a newer one.
    VersionOrder = "MG0036",
    /// A newer field that older writers leave without a value.
    NoValueForOldWriters = "MG0037",
    /// Two methods of one id.
    IdCollision = "MG0038",
    /// An import that is not found.
    ImportNotFound = "MG0039",
    /// Files that import each other.
    ImportCycle = "MG0040",
    /// A file that cannot be read.
    Unreadable = "MG0041",
    /// Two files that would generate the same one.
    SameOutput = "MG0042",
    /// An import that nothing uses.
    UnusedImport = "MG0043",
    /// A declaration is gone.
    Removed = "MG0101",
    /// A method has another id.
    IdChanged = "MG0102",
    /// Parameters, fields or values changed place, type or number.
    LayoutChanged = "MG0103",
    /// A method answers differently.
    ReplyChanged = "MG0104",
    /// An enum's numbers changed, or it grew without being extensible.
    EnumChanged = "MG0105",
    /// A union's members changed.
    UnionChanged = "MG0106",
    /// A bound became narrower or a constant has another value.
    ValueChanged = "MG0107",
    /// A name in Rust changed, or a call needs more arguments.
    SourceChanged = "MG0108",
}

impl Code {
    /// The code of a number, in any case of letters.
    pub fn from_number(number: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.number().eq_ignore_ascii_case(number))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}
