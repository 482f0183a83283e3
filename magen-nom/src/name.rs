//! From names of the language to names of Rust.
//!
//! Words end at an underscore, before a capital that follows a small letter or a digit, and before the last capital of
//! a run that a small letter follows, so that acronyms stay whole: `NavigateToURL` is navigate, to, URL;
//! `HTTPServer` is HTTP, Server. One small letter after a run of capitals belongs to the run when nothing small
//! follows (`URLs`, `IPv4`).

/// The words of a name, as they are spelt.
fn words(name: &str) -> Vec<&str> {
    let bytes = name.as_bytes();
    let mut words = Vec::new();
    let mut start = 0;
    for at in 1..=bytes.len() {
        if at < bytes.len() && !is_boundary(bytes, at) {
            continue;
        }
        let word = name.get(start..at).unwrap_or_default().trim_matches('_');
        if !word.is_empty() {
            words.push(word);
        }
        start = at;
    }
    words
}

/// Whether a word ends between `at - 1` and `at`. Names are ASCII, and `at` is inside.
fn is_boundary(bytes: &[u8], at: usize) -> bool {
    let (before, here) = (bytes[at - 1], bytes[at]);
    if before == b'_' || here == b'_' {
        return true;
    }
    if !here.is_ascii_uppercase() {
        return false;
    }
    let lower = |offset: usize| bytes.get(at + offset).is_some_and(u8::is_ascii_lowercase);
    let after_capital = before.is_ascii_uppercase();
    // `URLs`: the s is no word's beginning. `UserIDs`, `IPv4`.
    let one_small_letter = lower(1) && !lower(2);
    if after_capital { lower(1) && !one_small_letter } else { true }
}

/// `NavigateToURL` becomes `navigate_to_url`.
pub fn snake(name: &str) -> String {
    join(name, "_", str::to_ascii_lowercase)
}

/// `kMaxLength` and `MaxLength` become `MAX_LENGTH`.
pub fn upper_snake(name: &str) -> String {
    join(without_k(name), "_", str::to_ascii_uppercase)
}

/// `my_interface` becomes `MyInterface`, `HTTPServer` stays, and `DIVISION_BY_ZERO` becomes `DivisionByZero`.
pub fn upper_camel(name: &str) -> String {
    let shouted = name.trim_matches('_').contains('_') && !name.bytes().any(|byte| byte.is_ascii_lowercase());
    join(name, "", |word| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        let rest = letters.as_str();
        first.into_iter().chain(rest.chars().map(|c| if shouted { c.to_ascii_lowercase() } else { c })).collect()
    })
}

/// An enumerator: like a type, without the `k` of `kRed`.
pub fn enumerator(name: &str) -> String {
    upper_camel(without_k(name))
}

/// `kRed` is how Google's C++ style spells the constant Red.
fn without_k(name: &str) -> &str {
    match name.strip_prefix('k') {
        Some(rest) if rest.starts_with(|first: char| first.is_ascii_uppercase()) => rest,
        Some(_) | None => name,
    }
}

fn join(name: &str, separator: &str, word: impl Fn(&str) -> String) -> String {
    let joined = words(name).into_iter().map(word).collect::<Vec<_>>().join(separator);
    match joined.as_bytes().first() {
        // `_` and `__` have no words, and `_1` would begin with a digit.
        None => format!("{joined}_unnamed"),
        Some(first) if first.is_ascii_digit() => format!("_{joined}"),
        Some(_) => joined,
    }
}

/// Reserved in some edition of Rust, with a raw form.
const RAW: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
    "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move",
    "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Reserved without a raw form.
const NEVER_RAW: &[&str] = &["crate", "self", "super", "Self", "_"];

/// Methods that every remote or handler has from a well-known trait, and that a generated one would hide or be hidden by.
const WELL_KNOWN: &[&str] = &[
    "as_any",
    "borrow",
    "borrow_mut",
    "clone",
    "clone_from",
    "clone_into",
    "clone_to_uninit",
    "deref",
    "deref_mut",
    "drop",
    "fmt",
    "from",
    "into",
    "to_owned",
    "try_from",
    "try_into",
    "type_id",
];

/// A name that Rust accepts: keywords become raw identifiers, or get a trailing underscore.
pub fn escape(name: String) -> String {
    if RAW.contains(&name.as_str()) {
        format!("r#{name}")
    } else if NEVER_RAW.contains(&name.as_str()) {
        format!("{name}_")
    } else {
        name
    }
}

/// The name of a method that the user chose for Rust: clear of keywords and of the methods of well-known traits.
pub fn method_as_is(name: &str) -> String {
    if WELL_KNOWN.contains(&name) { format!("{name}_") } else { escape(name.to_owned()) }
}

/// The name of a method: snake case, clear of keywords and of the methods of well-known traits.
pub fn method(name: &str) -> String {
    method_as_is(&snake(name))
}

/// A name for something that is generated among what the user named: `wanted`, or `wanted_`, `wanted__`, … if taken.
pub fn fresh<'a>(wanted: &str, taken: impl Iterator<Item = &'a str> + Clone) -> String {
    let mut name = wanted.to_owned();
    while taken.clone().any(|other| other == name) {
        name.push('_');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acronyms_stay_whole_in_snake_case() {
        for (name, snaked) in [
            ("NavigateToURL", "navigate_to_url"),
            ("FetchURL", "fetch_url"),
            ("HTTPServer", "http_server"),
            ("GetURLs", "get_urls"),
            ("URLsOfUser", "urls_of_user"),
            ("IPv4Address", "ipv4_address"),
            ("UserIDs", "user_ids"),
            ("already_snake", "already_snake"),
            ("Method1", "method1"),
            ("Sha256Sum", "sha256_sum"),
            ("SHA256Sum", "sha256_sum"),
            ("x", "x"),
            ("X", "x"),
            ("aB", "a_b"),
            ("ABTest", "ab_test"),
            ("_private", "private"),
            ("trailing_", "trailing"),
            ("__Two__Words__", "two_words"),
            ("SCREAMING_CASE", "screaming_case"),
            ("_1", "_1"),
        ] {
            assert_eq!(snake(name), snaked, "{name}");
        }
    }

    #[test]
    fn types_and_enumerators_are_camel_case_and_constants_shout() {
        for (name, camel) in [
            ("my_interface", "MyInterface"),
            ("HTTPServer", "HTTPServer"),
            ("DIVISION_BY_ZERO", "DivisionByZero"),
            ("RED", "RED"),
            ("Foo_Bar", "FooBar"),
            ("demo", "Demo"),
        ] {
            assert_eq!(upper_camel(name), camel, "{name}");
        }
        assert_eq!(enumerator("kRed"), "Red");
        assert_eq!(enumerator("kind"), "Kind");
        assert_eq!(upper_snake("kMaxLength"), "MAX_LENGTH");
        assert_eq!(upper_snake("MaxURLLength"), "MAX_URL_LENGTH");
    }

    #[test]
    fn reserved_words_are_escaped_and_trait_methods_stay_reachable() {
        assert_eq!(method("Type"), "r#type");
        assert_eq!(method("Self"), "self_");
        assert_eq!(method("Clone"), "clone_");
        assert_eq!(method("Ready"), "ready");
        assert_eq!(escape("Self".to_owned()), "Self_");
        assert_eq!(escape("gen".to_owned()), "r#gen");
    }
}
