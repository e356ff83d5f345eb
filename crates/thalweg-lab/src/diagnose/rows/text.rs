//! A text as rows: each character is to be predicted from the one before it.
//!
//! Inputs and targets are characters as 0 and 1, so that the linear fit is the table of how often each follows each, and what it
//! leaves is the text's own uncertainty: a bigram model's.

use super::{Row, Rows, one_hot};
use crate::diagnose::DiagnoseError;

/// The most characters that are told apart; rarer ones are one.
const MOST: usize = 60;

/// The rows of a text.
#[derive(Clone, Debug)]
pub struct TextRows {
    /// Each character's place among `names`.
    characters: Vec<u8>,
    names: Vec<String>,
    left_out: Vec<String>,
    next: usize,
}

impl TextRows {
    /// Those of `text`.
    ///
    /// # Errors
    /// When it is empty.
    pub fn new(text: &str) -> Result<Self, DiagnoseError> {
        let mut counts = std::collections::BTreeMap::<char, u64>::new();
        for character in text.chars() {
            *counts.entry(character).or_default() += 1;
        }
        if counts.is_empty() {
            return Err(DiagnoseError::Empty);
        }
        let mut frequent: Vec<(char, u64)> = counts.into_iter().collect();
        frequent.sort_by_key(|&(character, count)| (std::cmp::Reverse(count), character));
        let rare: u64 = frequent.iter().skip(MOST).map(|(_, count)| count).sum();
        let mut left_out = Vec::new();
        if rare > 0 {
            left_out.push(format!(
                "{} characters beyond the {MOST} most frequent are taken for one ({rare} places in all).",
                frequent.len() - MOST
            ));
        }
        frequent.truncate(MOST);
        let mut names: Vec<String> = frequent.iter().map(|(c, _)| shown(*c)).collect();
        if rare > 0 {
            names.push("all others".to_owned());
        }
        let places: std::collections::HashMap<char, usize> = frequent
            .iter()
            .enumerate()
            .map(|(at, (character, _))| (*character, at))
            .collect();
        let place = |c: char| places.get(&c).map_or(MOST, |at| *at) as u8;
        Ok(Self {
            characters: text.chars().map(place).collect(),
            names,
            left_out,
            next: 1,
        })
    }
}

/// `character` as a reader can see it.
fn shown(character: char) -> String {
    match character {
        ' ' => "space".to_owned(),
        other => other.escape_default().to_string(),
    }
}

impl Rows for TextRows {
    fn read(&mut self, row: &mut Row) -> Result<bool, DiagnoseError> {
        let Some(&now) = self.characters.get(self.next) else {
            return Ok(false);
        };
        let before = self.characters[self.next - 1];
        one_hot(&mut row.inputs, before.into(), self.names.len());
        one_hot(&mut row.targets, now.into(), self.names.len());
        self.next += 1;
        Ok(true)
    }

    fn input_names(&self) -> Vec<String> {
        let after = |name: &String| format!("after {name}");
        self.names.iter().map(after).collect()
    }

    fn target_names(&self) -> Vec<String> {
        self.names.clone()
    }

    fn classes(&self) -> bool {
        true
    }

    fn left_out(&self) -> Vec<String> {
        self.left_out.clone()
    }
}
