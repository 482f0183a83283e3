//! Fetching one URL, by what its scheme says: `file:` from the file system, `http:` with minreq.

use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// How long a server may take, in seconds.
const PATIENCE: u64 = 30;

/// What was fetched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) bytes: u64,
    pub(crate) content_type: String,
}

/// Why a URL was not fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("not a file: or http: URL")]
    Scheme,
    #[error("not a URL of a file on this machine")]
    Host,
    #[error("cannot be read")]
    Read(#[from] io::Error),
    #[error("no answer")]
    Http(#[from] minreq::Error),
    #[error("the server says {0} {1}")]
    Status(u16, String),
    #[error("the connection ended after {bytes} of {announced} bytes")]
    CutShort { bytes: u64, announced: u64 },
}

/// Fetches `url`, blocking the thread.
pub(crate) fn fetch(url: &str) -> Result<Fetched, FetchError> {
    match url.split_once(':') {
        Some(("file", path)) => fetch_file(&file_path(path)?),
        Some(("http", _)) => fetch_http(url),
        Some(_) | None => Err(FetchError::Scheme),
    }
}

fn fetch_file(path: &Path) -> Result<Fetched, FetchError> {
    let bytes = io::copy(&mut File::open(path)?, &mut io::sink())?;
    let content_type = match path.extension().and_then(|extension| extension.to_str()) {
        Some("md") => "text/markdown",
        Some("toml") => "application/toml",
        Some("txt") => "text/plain",
        Some("html" | "htm") => "text/html",
        Some("json") => "application/json",
        Some(_) | None => "application/octet-stream",
    };
    Ok(Fetched { bytes, content_type: content_type.to_owned() })
}

fn fetch_http(url: &str) -> Result<Fetched, FetchError> {
    let mut response = minreq::get(url).with_timeout(PATIENCE).send_lazy()?;
    if !(200..300).contains(&response.status_code) {
        return Err(FetchError::Status(response.status_code, response.reason_phrase));
    }
    let header = |wanted| response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let content_type = header("content-type").map_or("application/octet-stream", |(_, value)| value).to_owned();
    let announced = header("content-length").and_then(|(_, value)| value.parse().ok());
    let bytes = io::copy(&mut response, &mut io::sink())?;
    match announced {
        Some(announced) if announced != bytes => Err(FetchError::CutShort { bytes, announced }),
        Some(_) | None => Ok(Fetched { bytes, content_type }),
    }
}

/// The path that what follows `file:` names: `//` and an empty or local host, or nothing, then the path itself.
fn file_path(rest: &str) -> Result<PathBuf, FetchError> {
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(with_host) => {
            let local = with_host.strip_prefix("localhost").unwrap_or(with_host);
            if !local.starts_with('/') {
                return Err(FetchError::Host);
            }
            local
        }
    };
    Ok(PathBuf::from(std::ffi::OsString::from_vec(percent_decoded(path))))
}

/// Undoes `%41` and the like; what only looks like it stays as it is.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = after.first_chunk().filter(|_| byte == b'%').and_then(|&[high, low]| hex(high, low));
        decoded.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    decoded
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |digit| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

/// The URL of the file at `path`.
pub(crate) fn file_url(path: &Path) -> String {
    let mut url = String::from("file://");
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => url.push(char::from(byte)),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_url_leads_back_to_its_path() {
        for path in ["/plain/a.md", "/with space/ä%41?#.toml", "/%"] {
            let url = file_url(Path::new(path));
            let rest = url.strip_prefix("file:").unwrap();
            assert_eq!(file_path(rest).unwrap(), Path::new(path), "{url}");
        }
    }

    #[test]
    fn a_file_url_may_have_no_host_or_this_one() {
        for rest in ["//localhost/a", "///a", "/a"] {
            assert_eq!(file_path(rest).unwrap(), Path::new("/a"));
        }
        assert_eq!(file_path("a").unwrap(), Path::new("a"));
        assert!(matches!(file_path("//elsewhere/a"), Err(FetchError::Host)));
    }

    #[test]
    fn what_only_looks_escaped_stays_as_it_is() {
        assert_eq!(percent_decoded("%4%zz%41%"), b"%4%zzA%");
    }

    #[test]
    fn other_schemes_are_refused() {
        for url in ["ftp://a/b", "README.md", "https://a"] {
            assert!(matches!(fetch(url), Err(FetchError::Scheme)), "{url}");
        }
    }
}
