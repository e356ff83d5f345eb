//! Which fields of specifications differ, with what each says.

use serde::Serialize;

use crate::spec::{Node, fields, shown};

/// Characters of a value that are shown in full, in a column of a table.
const SHOWN: usize = 48;

/// A field that is not the same in all specifications.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldDifference {
    /// Its path, `problem.noise_covariance` for example.
    pub field: String,
    /// What each specification says, shortened for reading; none where it does not have the field.
    pub values: Vec<Option<String>>,
}

/// The fields that `specifications` do not agree in, in the order of the first that has them. A list is one value; the
/// name of a run changes nothing and is left out.
pub(super) fn differences(specifications: &[&Node]) -> Vec<FieldDifference> {
    let all: Vec<Vec<(String, &Node)>> = specifications.iter().map(|node| fields(node)).collect();
    let mut found: Vec<FieldDifference> = Vec::new();
    for (field, _) in all.iter().flatten() {
        if field == "name" || found.iter().any(|difference| difference.field == *field) {
            continue;
        }
        let of_each = all.iter().map(|fields| {
            let here = fields.iter().find(|(name, _)| name == field);
            here.map(|(_, node)| *node)
        });
        let of_each: Vec<Option<&Node>> = of_each.collect();
        if of_each.windows(2).any(|pair| pair[0] != pair[1]) {
            found.push(FieldDifference {
                field: field.clone(),
                values: of_each
                    .into_iter()
                    .map(|node| node.map(|node| shown(node, SHOWN)))
                    .collect(),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table<const N: usize>(entries: [(&str, Node); N]) -> Node {
        entries.into()
    }

    #[test]
    fn fields_that_differ_or_are_missing_are_named_with_their_values() {
        let noise = |weak: f64| Node::from(vec![vec![1.0, 0.0], vec![0.0, weak]]);
        let one = table([
            ("name", "one".into()),
            ("batch", 10u64.into()),
            ("seeds", (1..=16u64).collect()),
            (
                "problem",
                table([("noise", noise(1.0)), ("depth", 3u64.into())]),
            ),
        ]);
        let other = table([
            ("batch", 10u64.into()),
            ("seeds", (1..=4u64).collect()),
            (
                "problem",
                table([("noise", noise(0.25)), ("depth", 3u64.into())]),
            ),
            ("momentum", 0.9.into()),
        ]);
        let found = differences(&[&one, &other]);
        let said: Vec<_> = found
            .iter()
            .map(|d| (&*d.field, d.values[0].as_deref(), d.values[1].as_deref()))
            .collect();
        assert_eq!(
            said,
            [
                ("seeds", Some("1 to 16"), Some("1 to 4")),
                (
                    "problem.noise",
                    Some("[[1, 0], [0, 1]]"),
                    Some("[[1, 0], [0, 0.25]]")
                ),
                ("momentum", None, Some("0.9")),
            ]
        );
        assert!(differences(&[&one, &one]).is_empty());
    }
}
