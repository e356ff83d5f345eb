//! Which columns of a table are inputs and which are targets, and what of its rows is used.

use std::collections::{HashMap, VecDeque};

use super::{Row, Rows, one_hot};
use crate::diagnose::DiagnoseError;

/// The most classes that a target may have.
const MOST_CLASSES: usize = 100;

/// So many entries are read ahead at most, to learn what columns hold that begin with gaps.
const AHEAD: usize = 1 << 20;

/// What stands in one place of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing, or a word that says so.
    Gap,
    /// A number.
    Number(f64),
    /// True or false: 1 or 0 where it is a number, `true` or `false` where it names a class.
    Truth(bool),
    /// Anything else.
    Words(String),
}

/// A table's records, one after another.
pub trait Records {
    /// What the columns are called.
    fn names(&self) -> &[String];

    /// Puts the next record into `cells`, one for each column; false at the end.
    ///
    /// # Errors
    /// When what stands there is no record.
    fn next(&mut self, cells: &mut Vec<Cell>) -> Result<bool, DiagnoseError>;

    /// Where the record that was read last stands, counted from 1: its line, or its row.
    fn place(&self) -> String;
}

/// What is asked of a table's columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// The columns to be predicted. All others are inputs.
    pub targets: Vec<String>,
    /// Columns that are not looked at.
    pub without: Vec<String>,
    /// Whether the target's numbers name classes. (Words always do.)
    pub classes: bool,
}

/// What a column was found to hold: the first entry that is no gap says it, and all others must agree.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Unknown,
    Numbers,
    Words,
}

/// The rows of a table.
#[derive(Debug)]
pub struct TableRows<R> {
    records: R,
    inputs: Vec<usize>,
    targets: Vec<usize>,
    kinds: Vec<Kind>,
    /// The first entry of each column of words, and where it stands.
    first_words: HashMap<usize, (String, String)>,
    asked_classes: bool,
    /// Classes in the order in which they were first seen, and the place of each there.
    class_names: Vec<String>,
    class_places: HashMap<String, usize>,
    cells: Vec<Cell>,
    /// Records that were read and are not used yet, each with its place.
    ahead: Option<VecDeque<(Vec<Cell>, String)>>,
    /// Where `cells` stand, if they were read ahead.
    place: Option<String>,
    gaps: Gaps,
}

/// Rows that were left out because something is missing in them.
#[derive(Debug, Default)]
struct Gaps {
    rows: u64,
    first: Option<(String, String)>,
    /// How many, by column.
    columns: HashMap<usize, u64>,
}

impl<R: Records> TableRows<R> {
    /// The rows of `records`, with the columns that `asked` says.
    ///
    /// # Errors
    /// When there is no target, two columns have one name, a column that is asked for is not there, or no input is left.
    pub fn new(records: R, asked: &Columns) -> Result<Self, DiagnoseError> {
        if asked.targets.is_empty() {
            return Err(DiagnoseError::NoTargets);
        }
        let names = records.names();
        for (second, name) in names.iter().enumerate() {
            if let Some(first) = names[..second].iter().position(|other| other == name) {
                return Err(DiagnoseError::NameTwice {
                    name: name.clone(),
                    first: first + 1,
                    second: second + 1,
                });
            }
        }
        let place = |name: &String| {
            let found = names.iter().position(|column| column == name);
            found.ok_or_else(|| DiagnoseError::NoColumn {
                name: name.clone(),
                columns: names.join(", "),
            })
        };
        let targets = asked
            .targets
            .iter()
            .map(place)
            .collect::<Result<Vec<_>, _>>()?;
        let without = asked
            .without
            .iter()
            .map(place)
            .collect::<Result<Vec<_>, _>>()?;
        for (at, target) in targets.iter().enumerate() {
            let name = &names[*target];
            if targets[..at].contains(target) {
                return Err(DiagnoseError::TargetTwice { name: name.clone() });
            }
            if without.contains(target) {
                return Err(DiagnoseError::TargetLeftOut { name: name.clone() });
            }
        }
        let inputs: Vec<usize> = (0..names.len())
            .filter(|column| !targets.contains(column) && !without.contains(column))
            .collect();
        if inputs.is_empty() {
            return Err(DiagnoseError::NoInputs);
        }
        if asked.classes && targets.len() != 1 {
            return Err(DiagnoseError::ManyClassTargets {
                targets: asked.targets.join(", "),
            });
        }
        Ok(Self {
            kinds: vec![Kind::Unknown; names.len()],
            first_words: HashMap::new(),
            records,
            inputs,
            targets,
            asked_classes: asked.classes,
            class_names: Vec::new(),
            class_places: HashMap::new(),
            cells: Vec::new(),
            ahead: None,
            place: None,
            gaps: Gaps::default(),
        })
    }

    fn name(&self, column: usize) -> String {
        self.records.names()[column].clone()
    }

    /// Where the record in `cells` stands.
    fn place(&self) -> String {
        self.place.clone().unwrap_or_else(|| self.records.place())
    }

    /// Puts the next record into `cells`; false at the end.
    fn next(&mut self) -> Result<bool, DiagnoseError> {
        if self.ahead.is_none() {
            self.ahead = Some(self.look_ahead()?);
        }
        let waiting = self.ahead.as_mut().and_then(VecDeque::pop_front);
        if let Some((cells, place)) = waiting {
            (self.cells, self.place) = (cells, Some(place));
            return Ok(true);
        }
        self.place = None;
        self.read_record()
    }

    /// The first records, until each column that is used has been seen to hold something: where that is words in an input, gaps in the column do not
    /// count, those before its first words neither.
    fn look_ahead(&mut self) -> Result<VecDeque<(Vec<Cell>, String)>, DiagnoseError> {
        let mut ahead = VecDeque::new();
        let used = [&self.inputs[..], &self.targets].concat();
        while used
            .iter()
            .any(|&column| self.kinds[column] == Kind::Unknown)
            && ahead.len() * self.kinds.len() < AHEAD
            && self.read_record()?
        {
            for &column in &used {
                let kind = &mut self.kinds[column];
                match &self.cells[column] {
                    Cell::Number(_) if *kind == Kind::Unknown => *kind = Kind::Numbers,
                    Cell::Words(_) if *kind == Kind::Unknown => *kind = Kind::Words,
                    _ => {}
                }
            }
            ahead.push_back((std::mem::take(&mut self.cells), self.records.place()));
        }
        Ok(ahead)
    }

    /// Reads a record into `cells`, with what is true or false as a number or as words; false at the end.
    fn read_record(&mut self) -> Result<bool, DiagnoseError> {
        let there = self.records.next(&mut self.cells)?;
        for (column, cell) in self.cells.iter_mut().enumerate() {
            if let Cell::Truth(value) = *cell {
                *cell = match self.targets == [column] {
                    true => Cell::Words(value.to_string()),
                    false => Cell::Number(f64::from(u8::from(value))),
                };
            }
        }
        Ok(there)
    }

    /// Learns the columns' kinds, and says whether the row of `cells` is whole.
    fn whole(&mut self) -> Result<bool, DiagnoseError> {
        let mut gap = None;
        for &column in self.inputs.iter().chain(&self.targets) {
            let kind = self.kinds[column];
            match &self.cells[column] {
                Cell::Gap if kind != Kind::Words || self.targets.contains(&column) => {
                    gap.get_or_insert(column);
                }
                Cell::Number(value) if kind != Kind::Words => {
                    if !value.is_finite() {
                        return Err(self.no_number(column, value.to_string()));
                    }
                    self.kinds[column] = Kind::Numbers;
                }
                Cell::Number(value) if !self.is_class(column) => {
                    return Err(self.mixed(column, *value));
                }
                Cell::Words(words) if has_decimal_comma(words) && !self.is_class(column) => {
                    return Err(DiagnoseError::DecimalComma {
                        place: self.place(),
                        column: self.name(column),
                        found: words.clone(),
                    });
                }
                Cell::Words(words) if kind == Kind::Numbers && !self.is_class(column) => {
                    return Err(self.no_number(column, words.clone()));
                }
                Cell::Words(words) => {
                    let place = self.place();
                    let first = self.first_words.entry(column);
                    first.or_insert_with(|| (place, words.clone()));
                    self.kinds[column] = Kind::Words;
                }
                _ => {}
            }
        }
        if let Some(column) = gap {
            self.gaps.rows += 1;
            *self.gaps.columns.entry(column).or_default() += 1;
            if self.gaps.first.is_none() {
                self.gaps.first = Some((self.place(), self.name(column)));
            }
        }
        Ok(gap.is_none())
    }

    fn is_class(&self, column: usize) -> bool {
        self.asked_classes && self.targets.contains(&column)
    }

    fn no_number(&self, column: usize, found: String) -> DiagnoseError {
        DiagnoseError::NotANumber {
            place: self.place(),
            column: self.name(column),
            found,
        }
    }

    fn mixed(&self, column: usize, number: f64) -> DiagnoseError {
        let (place, found) = self.first_words.get(&column).cloned().unwrap_or_default();
        DiagnoseError::Mixed {
            place,
            column: self.name(column),
            found,
            number,
            number_place: self.place(),
        }
    }

    /// y of the row of `cells`.
    fn target(&mut self, targets: &mut Vec<f64>) -> Result<(), DiagnoseError> {
        if !self.classes() {
            targets.clear();
            for &column in &self.targets {
                if let Cell::Number(value) = self.cells[column] {
                    targets.push(value);
                }
            }
            return Ok(());
        }
        let column = self.targets[0];
        if self.targets.len() > 1 {
            let words = |column: &&usize| self.kinds[**column] == Kind::Words;
            let found = self.targets.iter().find(words).map_or(column, |at| *at);
            return Err(DiagnoseError::WordsAmongTargets {
                column: self.name(found),
            });
        }
        let class = match &self.cells[column] {
            Cell::Words(words) => words.clone(),
            Cell::Number(value) => value.to_string(),
            Cell::Truth(value) => value.to_string(),
            Cell::Gap => return Ok(()),
        };
        let next = self.class_names.len();
        let at = *self.class_places.entry(class).or_insert_with_key(|class| {
            self.class_names.push(class.clone());
            next
        });
        if self.class_names.len() > MOST_CLASSES {
            return Err(DiagnoseError::TooManyClasses {
                column: self.name(column),
                most: MOST_CLASSES,
            });
        }
        one_hot(targets, at, self.class_names.len());
        Ok(())
    }
}

/// What a column without a name is called.
pub(super) fn unnamed(column: usize) -> String {
    format!("column {}", column + 1)
}

/// Whether `name` is what pandas calls an index without a name, in CSV and in Parquet, or what it is called here.
fn is_index(name: &str, column: usize) -> bool {
    name == unnamed(column) || name.starts_with("Unnamed: ") || name.starts_with("__index_level_")
}

/// Whether `words` are a number but for a comma in place of the decimal point.
fn has_decimal_comma(words: &str) -> bool {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = words.strip_prefix(['-', '+']).unwrap_or(words);
    let parts = unsigned.split_once(',');
    parts.is_some_and(|(whole, fraction)| is_digits(whole) && is_digits(fraction))
}

impl<R: Records> Rows for TableRows<R> {
    fn read(&mut self, row: &mut Row) -> Result<bool, DiagnoseError> {
        loop {
            if !self.next()? {
                return match self.gaps.columns.iter().max_by_key(|(_, count)| **count) {
                    Some((column, _)) if row.inputs.is_empty() && row.targets.is_empty() => {
                        Err(DiagnoseError::OnlyGaps {
                            column: self.name(*column),
                        })
                    }
                    _ => Ok(false),
                };
            }
            if !self.whole()? {
                continue;
            }
            row.inputs.clear();
            for &column in &self.inputs {
                if let (Cell::Number(value), Kind::Numbers) =
                    (&self.cells[column], self.kinds[column])
                {
                    row.inputs.push(*value);
                }
            }
            if row.inputs.is_empty() {
                // Columns of numbers that begin with a word look like columns of words, until the next row.
                if self.next()? {
                    self.whole()?;
                }
                return Err(DiagnoseError::NoInputs);
            }
            self.target(&mut row.targets)?;
            return Ok(true);
        }
    }

    fn input_names(&self) -> Vec<String> {
        let numbers = |column: &&usize| self.kinds[**column] != Kind::Words;
        let inputs = self.inputs.iter().filter(numbers);
        inputs.map(|&column| self.name(column)).collect()
    }

    fn target_names(&self) -> Vec<String> {
        if self.classes() {
            return self.class_names.clone();
        }
        self.targets.iter().map(|&at| self.name(at)).collect()
    }

    fn classes(&self) -> bool {
        let words = |column: &usize| self.kinds[*column] == Kind::Words;
        self.asked_classes || self.targets.iter().any(words)
    }

    fn left_out(&self) -> Vec<String> {
        let mut said = Vec::new();
        if let Some((place, column)) = &self.gaps.first {
            let (rows, were) = match self.gaps.rows {
                1 => ("1 row with a gap".to_owned(), "was"),
                many => (format!("{many} rows with gaps"), "were"),
            };
            said.push(format!(
                "{rows} {were} left out (the first: {place}, column `{column}`)."
            ));
        }
        for &column in &self.inputs {
            if self.kinds[column] != Kind::Words && is_index(&self.name(column), column) {
                said.push(format!(
                    "`{0}` is a column without a name, and is taken for an input: leave it out if it is an index that pandas wrote (--without \"{0}\", or \
                     `index=False` as the table is written).",
                    self.name(column)
                ));
            }
            if self.kinds[column] == Kind::Words {
                said.push(format!(
                    "The column `{}` holds words, dates or lists and was left out: turn categories into columns of 0 and 1, and dates into numbers, to use it.",
                    self.name(column)
                ));
            }
        }
        said
    }
}
