//! A table of numbers, split into inputs and targets.

use std::io::Read;

use faer::Mat;

use super::DiagnoseError;

/// n rows of d_x inputs and d_y targets, as they stand in the file.
#[derive(Clone, Debug)]
pub struct Table {
    /// n × d_x.
    pub inputs: Mat<f64>,
    /// n × d_y.
    pub targets: Mat<f64>,
    /// Of the inputs' columns.
    pub input_names: Vec<String>,
    /// Of the targets' columns, in the order asked for.
    pub target_names: Vec<String>,
}

impl Table {
    /// The table in CSV with a header; `targets` are columns, and all others are inputs.
    ///
    /// # Errors
    /// When it is no CSV, a target is no column, or an entry is no finite number.
    pub fn from_csv(text: impl Read, targets: &[String]) -> Result<Self, DiagnoseError> {
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(text);
        let names: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
        let mut rows: Vec<Vec<f64>> = Vec::new();
        for (i, record) in reader.records().enumerate() {
            let record = record?;
            let row = record.iter().zip(&names).map(|(entry, column)| {
                let value = entry.parse::<f64>().ok().filter(|value| value.is_finite());
                value.ok_or_else(|| DiagnoseError::NotANumber {
                    row: i + 2,
                    column: column.clone(),
                    found: entry.to_owned(),
                })
            });
            rows.push(row.collect::<Result<_, _>>()?);
        }
        Self::split(&names, &rows, targets)
    }

    /// The columns `names` of `rows`, of which `targets` are to be predicted.
    ///
    /// # Errors
    /// When a target is no column, or no input is left.
    fn split(
        names: &[String],
        rows: &[Vec<f64>],
        targets: &[String],
    ) -> Result<Self, DiagnoseError> {
        let place = |name: &String| {
            let found = names.iter().position(|column| column == name);
            found.ok_or_else(|| DiagnoseError::NoColumn {
                name: name.clone(),
                columns: names.join(", "),
            })
        };
        let outputs = targets.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        let inputs: Vec<usize> = (0..names.len()).filter(|i| !outputs.contains(i)).collect();
        if inputs.is_empty() {
            return Err(DiagnoseError::NoInputs);
        }
        let part =
            |columns: &[usize]| Mat::from_fn(rows.len(), columns.len(), |i, j| rows[i][columns[j]]);
        Ok(Self {
            inputs: part(&inputs),
            targets: part(&outputs),
            input_names: inputs.iter().map(|&i| names[i].clone()).collect(),
            target_names: targets.to_vec(),
        })
    }

    /// n.
    pub fn rows(&self) -> usize {
        self.inputs.nrows()
    }
}
