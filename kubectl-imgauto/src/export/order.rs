//! The order of mapping keys: numbers inside names count as numbers, letters come last.

use std::cmp::Ordering;

/// Sorts `keys` the way go-yaml does.
///
/// The comparison is not a total order (leading zeros make it run in circles), for which the
/// sorts of the standard library may panic. Go uses an insertion sort for up to twelve keys.
pub(super) fn sort(keys: &mut [&str]) {
    for end in 1..keys.len() {
        let mut at = end;
        while at > 0 && compare(keys[at], keys[at - 1]) == Ordering::Less {
            keys.swap(at, at - 1);
            at -= 1;
        }
    }
}

fn compare(left: &str, right: &str) -> Ordering {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let Some(at) = left.iter().zip(&right).position(|(l, r)| l != r) else {
        return left.len().cmp(&right.len());
    };
    let (l, r) = (left[at], right[at]);
    match (l.is_alphabetic(), r.is_alphabetic()) {
        (true, true) => return l.cmp(&r),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // A zero that follows a digit is part of a number that began before this place.
    let inside_number = (l == '0' || r == '0')
        && left[..at]
            .iter()
            .rev()
            .take_while(|c| is_digit(**c))
            .any(|c| *c != '0');
    let start = i64::from(inside_number);
    let (left_number, left_end) = number(&left, at, start);
    let (right_number, right_end) = number(&right, at, start);
    left_number
        .cmp(&right_number)
        .then(left_end.cmp(&right_end))
        .then(l.cmp(&r))
}

/// Returns the number whose digits begin at `at`, and where they end; it wraps like Go's `int64`.
fn number(text: &[char], at: usize, start: i64) -> (i64, usize) {
    let digits = text[at..].iter().take_while(|c| is_digit(**c));
    digits.fold((start, at), |(value, end), digit| {
        let digit = i64::from(u32::from(*digit)) - i64::from(u32::from('0'));
        (value.wrapping_mul(10).wrapping_add(digit), end + 1)
    })
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}
