//! Why a pipe ended: the far application closed it and says why, or the route to it broke.

use alloc::string::String;
use core::fmt;

/// The longest text that travels with a close, in bytes.
pub const MAX_CLOSE_TEXT: usize = 256;

/// Why a pipe ended, as the end that remains sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a pipe ends in one of two ways, and an application answers for both")]
pub enum CloseReason {
    /// The far application closed its end. Everything that it sent before was delivered first.
    Closed {
        /// A code of the application's own; 0 when it gave none.
        code: u32,
        /// A text for people, at most [`MAX_CLOSE_TEXT`] bytes; empty when it gave none.
        text: String,
    },
    /// The route broke; what was under way may be lost, what was delivered is a prefix of what was sent.
    Lost(Loss),
}

/// What broke a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// A node that held an end, or passed messages on for it, is gone or was refused.
    Node,
    /// A limit was exceeded on the route.
    Limit,
    /// A node on the route broke the protocol.
    Violation,
    /// This process ran out of a resource (descriptors), so a message could not be received whole.
    Exhausted,
}

impl CloseReason {
    /// A close with `code` and `text`, the text cut at a character to [`MAX_CLOSE_TEXT`] bytes.
    #[must_use]
    pub fn closed(code: u32, text: &str) -> Self {
        let end = text.floor_char_boundary(MAX_CLOSE_TEXT);
        Self::Closed { code, text: text.get(..end).unwrap_or_default().into() }
    }

    /// The code of an orderly close; `None` when the route was lost.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        match self {
            Self::Closed { code, .. } => Some(*code),
            Self::Lost(_) => None,
        }
    }
}

impl Default for CloseReason {
    fn default() -> Self {
        Self::Closed { code: 0, text: String::new() }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { code: 0, text } if text.is_empty() => f.write_str("closed by the other side"),
            Self::Closed { code, text } if text.is_empty() => write!(f, "closed by the other side with code {code}"),
            Self::Closed { code, text } => write!(f, "closed by the other side with code {code}: {text}"),
            Self::Lost(loss) => write!(f, "lost: {loss}"),
        }
    }
}

impl core::error::Error for CloseReason {}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "a process on the route is gone",
            Self::Limit => "a limit was exceeded on the route",
            Self::Violation => "a process on the route broke the protocol",
            Self::Exhausted => "this process ran out of descriptors",
        })
    }
}
