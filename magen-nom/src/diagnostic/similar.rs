//! Did you mean …? The nearest of the names that would have been right.
//!
//! Nearness is the number of letters inserted, removed, replaced or swapped with their neighbour (optimal string
//! alignment), letters compared without case. A third of the letters may be wrong.

/// The candidate most like `name`, if one is like it at all. Ties go to the earlier candidate.
pub fn most_similar<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = name.chars().count().max(3) / 3;
    let mut best: Option<(usize, &'a str)> = None;
    for candidate in candidates {
        let bound = best.map_or(limit, |(distance, _)| distance.saturating_sub(1));
        if candidate == name || (best.is_some_and(|(distance, _)| distance == 0)) {
            continue;
        }
        if let Some(distance) = distance_within(name, candidate, bound) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The longest names that are compared; longer ones are nobody's typing mistake.
const LONGEST: usize = 64;

fn distance_within(from: &str, to: &str, limit: usize) -> Option<usize> {
    if from.len() > LONGEST || to.len() > LONGEST || from.len().abs_diff(to.len()) > limit.saturating_mul(4) {
        return None;
    }
    let from: Vec<char> = from.chars().flat_map(char::to_lowercase).collect();
    let to: Vec<char> = to.chars().flat_map(char::to_lowercase).collect();
    let width = to.len() + 1;
    let mut before: Vec<usize> = vec![0; width];
    let mut above: Vec<usize> = (0..width).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut current = vec![row + 1; width];
        for (column, other) in to.iter().enumerate() {
            let replaced = above[column] + usize::from(letter != other);
            let mut cost = replaced.min(above[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *letter == to[column - 1] && from[row - 1] == *other {
                cost = cost.min(before[column - 1] + 1);
            }
            current[column + 1] = cost;
        }
        before = std::mem::replace(&mut above, current);
    }
    Some(above[width - 1]).filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_within_a_third_of_the_letters_wins() {
        let words = ["string", "struct", "stream", "int", "long"];
        assert_eq!(most_similar("strng", words), Some("string"));
        assert_eq!(most_similar("sturct", words), Some("struct"));
        assert_eq!(most_similar("String", words), Some("string"));
        assert_eq!(most_similar("itn", words), Some("int"));
        assert_eq!(most_similar("banana", words), None);
        assert_eq!(most_similar("x", words), None);
        assert_eq!(most_similar("int", ["int"]), None);
    }
}
