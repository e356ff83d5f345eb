//! Names of a table's columns on the command line.

use std::fmt;
use std::str::FromStr;

/// Names between commas, as a line of CSV has them: one that holds a comma stands in double quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnNames(pub Vec<String>);

impl FromStr for ColumnNames {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(text.as_bytes());
        let mut records = reader.records();
        match (records.next(), records.next()) {
            (Some(Ok(names)), None) => Ok(Self(names.iter().map(str::to_owned).collect())),
            (None, _) => Err("no column is named"),
            _ => Err("names must stand in one line, between commas"),
        }
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
    fn nothing_and_two_lines_are_refused() {
        assert!("".parse::<ColumnNames>().is_err());
        assert!("y\nz".parse::<ColumnNames>().is_err());
    }

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
