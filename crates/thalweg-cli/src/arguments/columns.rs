//! Names of a table's columns on the command line.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// Names between commas, as a line of CSV has them: one that holds a comma stands in double quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnNames(pub Vec<String>);

impl FromStr for ColumnNames {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(text.as_bytes());
        // One line of text has no fault that CSV knows; nothing is the name of nothing.
        let record = reader.records().next().and_then(Result::ok);
        let names = record.map(|record| record.iter().map(str::to_owned).collect());
        Ok(Self(names.unwrap_or_default()))
    }
}

impl fmt::Display for ColumnNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let special = |name: &String| name.contains([',', '"', '\n', '\r']);
        for (i, name) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            if special(name) {
                write!(f, "\"{}\"", name.replace('"', "\"\""))?;
            } else {
                f.write_str(name)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_a_line_of_csv_and_written_so() {
        for (text, names) in [
            ("y", &["y"][..]),
            ("y,z", &["y", "z"]),
            ("\"size, m²\",y", &["size, m²", "y"]),
            ("\"a \"\"b\"\"\"", &["a \"b\""]),
        ] {
            let found: ColumnNames = text.parse().unwrap();
            assert_eq!(found.0, names);
            assert_eq!(found.to_string(), text);
        }
    }
}
