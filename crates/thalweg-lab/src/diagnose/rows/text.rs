//! A text as rows: each character is to be predicted from the one before it.
//!
//! Inputs and targets are characters as 0 and 1, so that the linear fit is the table of how often each follows each, and what it
//! leaves is the text's own uncertainty: a bigram model's.

use super::{Row, Rows, one_hot};
use crate::diagnose::DiagnoseError;
use crate::texts::Alphabet;

/// The most tokens that are told apart; the rarest characters are one.
const MOST: usize = 61;

/// The rows of a text.
#[derive(Clone, Debug)]
pub struct TextRows {
    /// Each character's place in the alphabet.
    characters: Vec<usize>,
    alphabet: Alphabet,
    next: usize,
}

impl TextRows {
    /// Those of `text`.
    ///
    /// # Errors
    /// When it is empty.
    pub fn new(text: &str) -> Result<Self, DiagnoseError> {
        let alphabet = Alphabet::new(text, MOST);
        if alphabet.is_empty() {
            return Err(DiagnoseError::Empty);
        }
        Ok(Self {
            characters: alphabet.tokens(text),
            alphabet,
            next: 1,
        })
    }
}

impl Rows for TextRows {
    fn read(&mut self, row: &mut Row) -> Result<bool, DiagnoseError> {
        let Some(&now) = self.characters.get(self.next) else {
            return Ok(false);
        };
        let before = self.characters[self.next - 1];
        one_hot(&mut row.inputs, before, self.alphabet.len());
        one_hot(&mut row.targets, now, self.alphabet.len());
        self.next += 1;
        Ok(true)
    }

    fn input_names(&self) -> Vec<String> {
        let names = self.alphabet.names().into_iter();
        names.map(|name| format!("after {name}")).collect()
    }

    fn target_names(&self) -> Vec<String> {
        self.alphabet.names()
    }

    fn classes(&self) -> bool {
        true
    }

    fn left_out(&self) -> Vec<String> {
        let sentence = |(kinds, places): (usize, u64)| {
            format!(
                "{kinds} characters beyond the {} most frequent are taken for one ({places} places in all).",
                self.alphabet.len() - 1
            )
        };
        self.alphabet.rare().map(sentence).into_iter().collect()
    }
}
