//! Texts as tokens: each character its place in an alphabet, which is ordered by how frequent its characters are.
//!
//! ```
//! use thalweg_lab::texts::{Alphabet, shipped};
//!
//! let alphabet = Alphabet::new("banana", 8);
//! assert_eq!(alphabet.names(), ["a", "n", "b"]);
//! assert_eq!(alphabet.tokens("ban"), [2, 0, 1]);
//! assert!(shipped("alice").is_some_and(|text| text.contains("Down the Rabbit-Hole")));
//! ```

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// The text that comes with the program, by its name (`data/texts` of this crate has its source).
pub const ALICE: &str = "alice";
/// How many kinds of character it has.
pub const ALICE_KINDS: usize = 70;

const SHIPPED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/texts/alice.txt"));

/// The text of this name that comes with the program, if there is one.
pub fn shipped(name: &str) -> Option<&'static str> {
    (name == ALICE).then_some(SHIPPED)
}

/// The characters of a text, the most frequent first; where there are too many, the rare ones are one token, the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alphabet {
    /// With how often each occurs.
    characters: Vec<(char, u64)>,
    places: HashMap<char, usize>,
    /// Characters that are taken for one, and how often they occur together.
    rare: Option<(usize, u64)>,
}

impl Alphabet {
    /// That of `text`, of at most `most` tokens; characters as frequent as one another come in the order of Unicode. A text without
    /// characters has none.
    pub fn new(text: &str, most: usize) -> Self {
        let mut counts = BTreeMap::<char, u64>::new();
        for character in text.chars() {
            *counts.entry(character).or_default() += 1;
        }
        let mut characters: Vec<(char, u64)> = counts.into_iter().collect();
        characters.sort_by_key(|&(character, count)| (Reverse(count), character));
        let mut rare = None;
        if characters.len() > most {
            let others = characters.split_off(most.saturating_sub(1));
            rare = Some((others.len(), others.iter().map(|(_, count)| count).sum()));
        }
        let places = characters.iter().enumerate();
        Self {
            places: places.map(|(at, &(c, _))| (c, at)).collect(),
            characters,
            rare,
        }
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.characters.len() + usize::from(self.rare.is_some())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many characters are taken for one, and at how many places of the text, if any are.
    pub fn rare(&self) -> Option<(usize, u64)> {
        self.rare
    }

    /// The token of each character of `text`; characters that the alphabet's own text has not are its last token.
    pub fn tokens(&self, text: &str) -> Vec<usize> {
        let last = self.len().saturating_sub(1);
        let place = |character| self.places.get(&character).map_or(last, |place| *place);
        text.chars().map(place).collect()
    }

    /// What the tokens are called, as a reader can see them.
    pub fn names(&self) -> Vec<String> {
        let own = self
            .characters
            .iter()
            .map(|&(character, _)| shown(character));
        let others = self.rare.map(|_| "all others".to_owned());
        own.chain(others).collect()
    }
}

/// `character` as a reader can see it.
fn shown(character: char) -> String {
    match character {
        ' ' => "space".to_owned(),
        other => other.escape_debug().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counted by another program.
    #[test]
    fn the_text_that_ships_is_whole() {
        let Some(text) = shipped(ALICE) else {
            unreachable!("it ships")
        };
        let alphabet = Alphabet::new(text, 1000);
        assert_eq!(
            (text.chars().count(), alphabet.len()),
            (148_331, ALICE_KINDS)
        );
        assert_eq!(alphabet.names()[..4], ["space", "e", "t", "a"]);
        assert_eq!(alphabet.rare(), None);
        assert!(shipped("penguins").is_none());
    }

    #[test]
    fn rare_characters_are_one_token() {
        let alphabet = Alphabet::new("aaaabbbccd\n", 3);
        assert_eq!(alphabet.names(), ["a", "b", "all others"]);
        assert_eq!(alphabet.rare(), Some((3, 4)));
        assert_eq!(alphabet.tokens("abcd\nz"), [0, 1, 2, 2, 2, 2]);
        let exact = Alphabet::new("aaaabbbccd\n", 5);
        assert_eq!((exact.rare(), exact.len()), (None, 5));
        assert_eq!(exact.names()[3..], ["\\n", "d"]);
        assert!(Alphabet::new("", 5).is_empty());
    }
}
