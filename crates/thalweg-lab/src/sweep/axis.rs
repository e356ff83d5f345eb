//! What a sweep varies: values at a path of the base, or at several that move together.

use std::collections::HashSet;

use crate::spec::{Fault, Field, Node, Spacing, Word as _, steps};

/// One axis of a sweep: columns that move together, mostly one.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Each with as many values as the others.
    pub columns: Vec<Column>,
}

/// The values at one path.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// In the base, as `problem.depth`.
    pub path: String,
    /// At the head of its column in tables; the path unless another name is given.
    pub name: String,
    /// What is put there, one after another.
    pub values: Vec<Node>,
    /// Where it stands in the sweep file.
    pub(super) place: String,
    /// Whether the values stand there one by one.
    listed: bool,
}

/// One column at one cell.
#[derive(Clone, Copy, Debug)]
pub struct Value<'s> {
    /// Which.
    pub column: &'s Column,
    /// The number of the value, from 0.
    pub number: usize,
}

/// The names that tables have for themselves.
pub(super) const RESERVED: [&str; 15] = [
    "cell",
    "outcome",
    "reason",
    "seed",
    "diverged_at",
    "diverged_seeds",
    "quantity",
    "step",
    "slow_time",
    "value",
    "start",
    "end",
    "last_fifth",
    "limit",
    "flattest",
];

/// The most values of an axis.
const MOST_VALUES: usize = 1 << 20;

impl Axis {
    /// How many values it has.
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, |column| column.values.len())
    }

    /// Whether it has none: no axis of a sweep is so.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What says the value `number` of the column `first` in words that no other has. Where the column has a value more than once,
    /// those columns that move together with it and are needed for this stand after it: `0.01, steps = 20000`. Of columns that would
    /// do, the first in the file are taken.
    pub fn wording(&self, first: usize) -> impl Fn(usize) -> String {
        let mut needed: Vec<usize> = (0..self.columns.len()).filter(|c| *c != first).collect();
        for column in needed.clone().into_iter().rev() {
            let others = needed.iter().copied().filter(|c| *c != column);
            let others: Vec<usize> = others.collect();
            if self.repeated(&[&[first], &others[..]].concat()).is_none() {
                needed = others;
            }
        }
        move |number| {
            let value = |column: usize| Value {
                column: &self.columns[column],
                number,
            };
            let others = needed.iter().map(|&column| value(column));
            let others = others.map(|other| format!(", {} = {}", other.column.name, other.words()));
            value(first).words() + &others.collect::<String>()
        }
    }

    /// The first point that is the same as an earlier one in each of `columns`.
    fn repeated(&self, columns: &[usize]) -> Option<usize> {
        let mut seen = HashSet::new();
        let identity = |number: usize| -> Vec<String> {
            let values = columns.iter().map(|&column| Value {
                column: &self.columns[column],
                number,
            });
            values.map(|value| value.identity()).collect()
        };
        (0..self.len()).find(|&number| !seen.insert(identity(number)))
    }

    /// The axis in `field`.
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Fault> {
        let Some(together) = field.optional("together") else {
            let axis = Self {
                columns: vec![column(field)?],
            };
            return axis.distinct();
        };
        field.only(&["together"])?;
        let items = together.list("a list of axes that move together")?;
        let columns = items.iter().map(column).collect::<Result<Vec<_>, _>>()?;
        let Some(first) = columns.first().filter(|_| columns.len() > 1) else {
            return Err(together.wrong("give a list of two axes or more, as { path, values }"));
        };
        let wrong = columns
            .iter()
            .find(|c| c.values.len() != first.values.len());
        if let Some(wrong) = wrong {
            return Err(Fault::Advised {
                field: format!("{}.values", wrong.place),
                found: format!("a list of length {}", wrong.values.len()),
                advice: format!(
                    "give {} values, as many as `{}` has, since the two move together",
                    first.values.len(),
                    first.path
                ),
            });
        }
        Self { columns }.distinct()
    }

    /// Itself, if no two of its points are the same in every column.
    fn distinct(self) -> Result<Self, Fault> {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let Some(number) = self.repeated(&all) else {
            return Ok(self);
        };
        let advice = match all.len() {
            1 => "it is in the list already; give each value once",
            _ => {
                "an earlier point has the same value in each of the axes that move together; give each point once"
            }
        };
        let column = &self.columns[0];
        let first = Value { column, number };
        Err(Field::at(&first.place(), first.node()).wrong(advice))
    }

    /// The axis as a sweep file says it, with every value.
    pub(super) fn to_node(&self) -> Node {
        match &self.columns[..] {
            [one] => one.to_node(),
            several => {
                let together = several.iter().map(Column::to_node).collect();
                [("together", together)].into()
            }
        }
    }
}

impl Column {
    fn to_node(&self) -> Node {
        let values = self.values.iter().cloned().collect();
        let mut node = Node::from([("path", Node::from(&*self.path))]);
        if self.name != self.path {
            node.put("name", Node::from(&*self.name));
        }
        node.put("values", values);
        node
    }
}

impl Value<'_> {
    /// What is put at the path.
    pub fn node(&self) -> &Node {
        &self.column.values[self.number]
    }

    /// The value as a number, where it is one.
    pub fn number(&self) -> Option<f64> {
        number(self.node())
    }

    /// The value in a few words: a text as it is, a list as JSON.
    pub fn words(&self) -> String {
        words(self.node())
    }

    /// Equal for values that are the same, as 1 and 1.0 are; "1" is another.
    fn identity(&self) -> String {
        self.number()
            .map_or_else(|| self.words(), |value| format!("#{value:?}"))
    }

    /// Where it stands in the sweep file.
    pub(super) fn place(&self) -> String {
        let place = &self.column.place;
        if self.column.listed {
            return format!("{place}.values[{}]", self.number);
        }
        // What lies between the ends is due to their count.
        let key = match self.number {
            0 => "from",
            number if number + 1 == self.column.values.len() => "to",
            _ => "count",
        };
        format!("{place}.{key}")
    }
}

fn number(node: &Node) -> Option<f64> {
    match node {
        Node::Integer(value) => Some(*value as f64),
        Node::Float(value) => Some(*value),
        _ => None,
    }
}

fn words(node: &Node) -> String {
    match node {
        Node::Text(text) => text.clone(),
        Node::List(_) | Node::Table(_) => {
            serde_json::to_string(node).unwrap_or_else(|_| node.to_string())
        }
        _ => node.to_string(),
    }
}

fn column(field: &Field<'_>) -> Result<Column, Fault> {
    field.only(&["path", "name", "values", "from", "to", "count", "spacing"])?;
    let path = field.required("path", "a path into the base, as \"problem.depth\",")?;
    let text = path.text()?;
    if steps(text).is_none() {
        return Err(path.wrong("give a path such as \"problem.depth\" or \"network.hidden[0]\""));
    }
    if text == "name" {
        return Err(path.wrong("give a field that changes a number"));
    }
    let name = match field.optional("name") {
        None => text,
        Some(name) => match name.text()? {
            "" => return Err(name.wrong("give a name of at least one character")),
            text => text,
        },
    };
    if RESERVED.contains(&name) {
        let place = if field.optional("name").is_some() {
            "name"
        } else {
            "path"
        };
        return Err(
            Field::at(&format!("{}.{place}", field.path()), &Node::from(name)).wrong(format!(
                "give another name, as `name = \"…\"`; tables have a column `{name}` of their own"
            )),
        );
    }
    let listed = field.optional("values");
    let values = match &listed {
        Some(values) => {
            if let Some(from) = ["from", "to", "count", "spacing"]
                .iter()
                .find_map(|key| field.optional(key))
            {
                return Err(Fault::Conflict {
                    first: values.path().to_owned(),
                    second: from.path().to_owned(),
                });
            }
            list(values)?
        }
        None => range(field)?,
    };
    Ok(Column {
        path: text.to_owned(),
        name: name.to_owned(),
        values,
        place: field.path().to_owned(),
        listed: listed.is_some(),
    })
}

fn list(field: &Field<'_>) -> Result<Vec<Node>, Fault> {
    let items = field.list("a list of values")?;
    if !(1..=MOST_VALUES).contains(&items.len()) {
        return Err(field.wrong(format!("give 1 to {MOST_VALUES} values")));
    }
    for item in &items {
        storable(item)?;
    }
    Ok(items.iter().map(|item| item.node().clone()).collect())
}

/// Refuses what has no form in a TOML file.
pub(super) fn storable(field: &Field<'_>) -> Result<(), Fault> {
    for (path, leaf) in field.node().leaves() {
        let fine = match leaf {
            Node::Null => false,
            Node::Integer(value) => i64::try_from(*value).is_ok(),
            Node::Float(value) => value.is_finite(),
            _ => true,
        };
        if !fine {
            let separator = if path.is_empty() || path.starts_with('[') {
                ""
            } else {
                "."
            };
            let place = format!("{}{separator}{path}", field.path());
            return Err(
                Field::at(&place, leaf).wrong("give a text, true, false, or a finite number")
            );
        }
    }
    Ok(())
}

/// `count` values from `from` to `to`: evenly, or by a constant factor, v_i = from·(to/from)^(i/(count − 1)).
fn range(field: &Field<'_>) -> Result<Vec<Node>, Fault> {
    let (Some(from), Some(to)) = (field.optional("from"), field.optional("to")) else {
        let place = ["from", "to", "count"]
            .iter()
            .find(|key| field.optional(key).is_none());
        let given = ["from", "to", "count"]
            .iter()
            .any(|key| field.optional(key).is_some());
        return Err(Fault::Advised {
            field: format!(
                "{}.{}",
                field.path(),
                place.filter(|_| given).unwrap_or(&"values")
            ),
            found: "missing".to_owned(),
            advice: "give `values`, a list, or `from`, `to` and `count`".to_owned(),
        });
    };
    let (first, last) = (from.number()?, to.number()?);
    let count = field.required("count", "the number of values, 2 or more,")?;
    let count = match count.size()? {
        found @ 2..=MOST_VALUES => found,
        _ => return Err(count.wrong(format!("give a number of values from 2 to {MOST_VALUES}"))),
    };
    if first == last {
        return Err(to.wrong("give another number than `from`"));
    }
    let spacing = field
        .optional("spacing")
        .map_or(Ok(Spacing::Linear), |spacing| Spacing::read(&spacing))?;
    if spacing == Spacing::Log {
        for end in [&from, &to] {
            if end.number()? <= 0.0 {
                return Err(end.wrong("give a number above 0, since the spacing is \"log\""));
            }
        }
    }
    let whole = matches!(
        (from.node(), to.node()),
        (Node::Integer(_), Node::Integer(_))
    );
    let at = |i: usize| match (i, spacing) {
        (0, _) => first,
        (i, _) if i == count - 1 => last,
        (i, Spacing::Log) => first * (last / first).powf(i as f64 / (count - 1) as f64),
        (i, Spacing::Linear) => first + (last - first) * i as f64 / (count - 1) as f64,
    };
    Ok((0..count).map(|i| snapped(at(i), whole)).collect())
}

/// The value between two whole ends is whole too where rounding alone keeps it from being so.
fn snapped(value: f64, whole: bool) -> Node {
    const ROUNDING: f64 = 1e-12;
    let nearest = value.round();
    if whole && (value - nearest).abs() <= ROUNDING * nearest.abs() {
        return Node::Integer(nearest as i128);
    }
    Node::Float(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Draft;

    fn values(text: &str) -> Vec<Node> {
        let draft = Draft::from_toml(&format!("path = \"a.b\"\n{text}")).unwrap();
        let axis = Axis::read(&Field::root(draft.tree())).unwrap();
        axis.columns[0].values.clone()
    }

    #[test]
    fn ranges_are_even_or_by_a_factor_and_end_where_they_say() {
        let even = values("from = 2\nto = 12\ncount = 11");
        let expected: Vec<Node> = (2..=12_u64).map(Node::from).collect();
        assert_eq!(even, expected);
        let powers = values("from = 1\nto = 1000\ncount = 4\nspacing = \"log\"");
        let expected: Vec<Node> = [1_u64, 10, 100, 1000].map(Node::from).to_vec();
        assert_eq!(powers, expected);
        let halves = values("from = 1\nto = 2\ncount = 3");
        assert_eq!(halves[1], Node::Float(1.5));
        let down = values("from = 0.1\nto = 1e-3\ncount = 3\nspacing = \"log\"");
        assert_eq!(
            (&down[0], &down[2]),
            (&Node::Float(0.1), &Node::Float(1e-3))
        );
        assert!((number(&down[1]).unwrap() - 0.01).abs() < 1e-17);
        // Ends with a point give values with one.
        assert_eq!(
            values("from = 1.0\nto = 3.0\ncount = 3")[1],
            Node::Float(2.0)
        );
    }

    /// The column itself where its values are all different; or else with as few of the others as are needed.
    #[test]
    fn points_are_told_apart_by_the_columns_that_are_needed() {
        let text = "together = [
            { path = 'rate', values = [0.01, 0.01, 0.005] },
            { path = 'batch', values = [10, 10, 10] },
            { path = 'steps', values = [100, 20000, 100] },
            { path = 'depth', values = [2, 3, 4] },
        ]";
        let draft = Draft::from_toml(text).unwrap();
        let axis = Axis::read(&Field::root(draft.tree())).unwrap();
        let words = |column: usize| (0..3).map(axis.wording(column)).collect::<Vec<_>>();
        let rates = [
            "0.01, steps = 100",
            "0.01, steps = 20000",
            "0.005, steps = 100",
        ];
        assert_eq!(words(0), rates);
        let batches = [
            "10, rate = 0.01, steps = 100",
            "10, rate = 0.01, steps = 20000",
            "10, rate = 0.005, steps = 100",
        ];
        assert_eq!(words(1), batches);
        assert_eq!(words(3), ["2", "3", "4"]);
    }

    #[test]
    fn values_have_their_words() {
        let column = |values: Vec<Node>| Column {
            path: "x".to_owned(),
            name: "x".to_owned(),
            values,
            place: "axes[0]".to_owned(),
            listed: true,
        };
        let list: Node = [1.0, 0.5].into_iter().collect();
        let column = column(vec!["relu".into(), 0.1.into(), 3_u64.into(), list]);
        let words: Vec<String> = (0..4)
            .map(|number| {
                Value {
                    column: &column,
                    number,
                }
                .words()
            })
            .collect();
        assert_eq!(words, ["relu", "0.1", "3", "[1.0,0.5]"]);
        assert_eq!(
            Value {
                column: &column,
                number: 2
            }
            .place(),
            "axes[0].values[2]"
        );
    }
}
