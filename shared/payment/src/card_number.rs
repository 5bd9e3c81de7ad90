//! Recognises what looks like a card number, which may come in nowhere: this system handles tokens only.

/// Whether a text holds something like a card number: 13 to 19 digits that stand by themselves (single spaces or
/// hyphens between them allowed), begin as the card networks' numbers do (2 to 6) and pass the Luhn check.
///
/// Digits inside a longer word do not count: encrypted payment data and hexadecimal ids are full of them.
pub fn holds_card_number(text: &str) -> bool {
    let mut digits: Vec<u8> = Vec::new();
    let mut before = Before::Edge;
    let mut inside_word = false;
    for byte in text.bytes().chain([b'\n']) {
        match byte {
            b'0'..=b'9' if !inside_word => {
                digits.push(byte - b'0');
                before = Before::Digit;
            }
            b' ' | b'-' if before == Before::Digit => before = Before::Gap,
            _ if byte.is_ascii_alphanumeric() => {
                // A letter right behind the digits makes them part of a word.
                if before != Before::Digit && is_card_number(&digits) {
                    return true;
                }
                digits.clear();
                inside_word = true;
                before = Before::Edge;
            }
            _ => {
                if is_card_number(&digits) {
                    return true;
                }
                digits.clear();
                inside_word = false;
                before = Before::Edge;
            }
        }
    }
    false
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Edge,
    Digit,
    Gap,
}

fn is_card_number(digits: &[u8]) -> bool {
    (13..=19).contains(&digits.len()) && matches!(digits.first(), Some(2..=6)) && passes_luhn(digits)
}

fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_number_is_seen_however_it_is_written() {
        for text in [
            r#"{"number":"4111111111111111"}"#,
            "4111 1111 1111 1111",
            "card 4111-1111-1111-1111 please",
            r#"{"number":5555555555554444}"#,
            "378282246310005",
            "4111111111111111 x",
            "test_4111111111111111",
        ] {
            assert!(holds_card_number(text), "{text}");
        }
    }

    #[test]
    fn what_only_resembles_one_passes() {
        for text in [
            r#"{"orderId":696713353}"#,
            "4111111111111112",
            "1700000000000",
            "a4111111111111111",
            "4111111111111111a",
            "41111111111111114111111111111111",
            "c29tZSBiYXNlNjQ0MTExMTExMTExMTExMTEx",
        ] {
            assert!(!holds_card_number(text), "{text}");
        }
    }
}
