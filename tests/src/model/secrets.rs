//! S16: looking for the authentication code of the tests in what is shown.

use crate::solo::AUTH;
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// The code as text, as hexadecimal digits, and as a list of decimal and of hexadecimal numbers.
static SHOWN: LazyLock<[Finder<'static>; 4]> = LazyLock::new(|| {
    let list = |text: String| text.trim_matches(['[', ']']).as_bytes().to_vec();
    let digits = crate::hex(AUTH.iter().copied()).into_bytes();
    [AUTH.to_vec(), digits, list(format!("{AUTH:?}")), list(format!("{AUTH:02x?}"))]
        .map(|shown| Finder::new(&shown).into_owned())
});

/// Where a text has the authentication code of the tests in it: as text, as hexadecimal digits, or as a list of numbers.
pub fn find_secret(text: &str) -> Option<usize> {
    SHOWN.iter().find_map(|needle| needle.find(text.as_bytes()))
}

/// Whether bytes have it in them.
pub(super) fn has_secret(bytes: &[u8]) -> bool {
    let [plain, ..] = &*SHOWN;
    plain.find(bytes).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_found_in_every_way_to_show_it_and_wherever_it_is() {
        let plain = std::str::from_utf8(AUTH).unwrap();
        let (hex, list) = (crate::hex(AUTH.iter().copied()), format!("{AUTH:?}"));
        for shown in [plain, &hex, &list, &format!("{AUTH:02x?}")] {
            for at in 0..70 {
                for behind in ["", ", 99, 52", "c4", "63346e"] {
                    let text = format!("{}{shown}{behind}", &"c4n4ry-auth-c0d,".repeat(5)[..at]);
                    let found = find_secret(&text).expect("it is there");
                    assert!((at..at + 2).contains(&found), "{text}: {found}");
                }
            }
        }
        assert!(has_secret(&[&[7; 9], AUTH, &[7; 3]].concat()));
    }

    #[test]
    fn what_is_not_the_whole_code_is_not_found() {
        let plain = std::str::from_utf8(AUTH).unwrap();
        for text in ["", &plain[1..], &plain[..15], &plain.replace('-', "_"), "[99, 52, 110]"] {
            assert_eq!(find_secret(text), None, "{text}");
            assert!(!has_secret(text.as_bytes()));
        }
    }
}
