//! The command line.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use crate::fetch;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Usage: demo [--adapter threads|tokio|smol] [URL ..]

Starts a network process, which fetches the URLs (file: and http:) and reports on each.
Without URLs it fetches this repository's README.md and Cargo.toml.";

/// Which way of running code both processes use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AdapterName {
    Threads,
    Tokio,
    Smol,
}

impl AdapterName {
    const ALL: [Self; 3] = [Self::Threads, Self::Tokio, Self::Smol];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Threads => "threads",
            Self::Tokio => "tokio",
            Self::Smol => "smol",
        }
    }
}

impl fmt::Display for AdapterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) adapter: AdapterName,
    pub(crate) urls: Vec<String>,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Run(Options),
    Help,
}

/// What is wrong with a command line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OptionsError {
    #[error("there is no adapter {0:?}")]
    NoSuchAdapter(String),
    #[error("--adapter needs a name")]
    AdapterMissing,
    #[error("there is no option {0:?}")]
    NoSuchOption(String),
    #[error("{0:?} is not text")]
    NotText(OsString),
}

impl Options {
    /// Reads the arguments, without the program's name.
    pub(crate) fn from_args(args: impl Iterator<Item = OsString>) -> Result<Asked, OptionsError> {
        let mut args = args.map(|arg| arg.into_string().map_err(OptionsError::NotText));
        let mut options = Self { adapter: AdapterName::Threads, urls: Vec::new() };
        while let Some(arg) = args.next().transpose()? {
            match arg.as_str() {
                "-h" | "--help" => return Ok(Asked::Help),
                "--adapter" => options.adapter = adapter(&args.next().ok_or(OptionsError::AdapterMissing)??)?,
                _ => match arg.strip_prefix("--adapter=") {
                    Some(name) => options.adapter = adapter(name)?,
                    None if arg.starts_with('-') => return Err(OptionsError::NoSuchOption(arg)),
                    None => options.urls.push(arg),
                },
            }
        }
        if options.urls.is_empty() {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("");
            options.urls = ["README.md", "Cargo.toml"].map(|file| fetch::file_url(&root.join(file))).into();
        }
        Ok(Asked::Run(options))
    }
}

fn adapter(name: &str) -> Result<AdapterName, OptionsError> {
    let found = AdapterName::ALL.into_iter().find(|adapter| adapter.as_str() == name);
    found.ok_or_else(|| OptionsError::NoSuchAdapter(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(args: &[&str]) -> Result<Asked, OptionsError> {
        Options::from_args(args.iter().map(OsString::from))
    }

    #[test]
    fn options_and_urls_may_be_mixed() {
        let expected = Options { adapter: AdapterName::Smol, urls: vec!["file:a".to_owned(), "http://b".to_owned()] };
        assert_eq!(options(&["file:a", "--adapter", "smol", "http://b"]), Ok(Asked::Run(expected)));
    }

    #[test]
    fn without_urls_two_files_of_the_repository_are_fetched() {
        let Ok(Asked::Run(options)) = options(&["--adapter=tokio"]) else { panic!("a valid command line") };
        assert_eq!(options.adapter, AdapterName::Tokio);
        assert!(options.urls[0].ends_with("/README.md") && options.urls[1].ends_with("/Cargo.toml"));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert_eq!(options(&["--adapter", "async-std"]), Err(OptionsError::NoSuchAdapter("async-std".to_owned())));
        assert_eq!(options(&["--adapter"]), Err(OptionsError::AdapterMissing));
        assert_eq!(options(&["--verbose"]), Err(OptionsError::NoSuchOption("--verbose".to_owned())));
        assert_eq!(options(&["file:a", "--help"]), Ok(Asked::Help));
    }
}
