//! Networks that other programs wrote: which tensor is which parameter.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::SafeTensors;
use thalweg::tensor::{Parameter, Tape};

use super::{SavedError, shape, values};
use crate::spec::{Draft, Fault, Field, NetworkExperiment, Node, SpecError};

/// The table of a specification that says which tensor is which parameter.
const TENSORS: &str = "tensors";
/// What wrappers put before the names of a network's tensors.
const PREFIXES: [&str; 3] = ["module.", "model.", "_orig_mod."];

/// What must be known to read a network that another program wrote: a specification, and which tensors its parameters are, where
/// their names do not say so.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreign {
    /// The network, and what it is measured on.
    pub experiment: NetworkExperiment,
    /// By the parameter's name.
    tensors: BTreeMap<String, Named>,
}

/// A parameter's tensor, as the specification names it.
#[derive(Clone, Debug, PartialEq)]
struct Named {
    /// One, or several that are added up, as the two biases of PyTorch's recurrent layers.
    names: Vec<String>,
    /// Whether it is stored as (in, out); where that is not said, its shape decides.
    transposed: Option<bool>,
}

/// The parameters of a network from elsewhere.
pub(super) struct Found {
    /// In the tape's order.
    pub(super) parameters: Vec<f64>,
    /// What was made of the file, in sentences.
    pub(super) notes: Vec<String>,
}

impl From<NetworkExperiment> for Foreign {
    /// All tensors are known by their names.
    fn from(experiment: NetworkExperiment) -> Self {
        Self {
            experiment,
            tensors: BTreeMap::new(),
        }
    }
}

impl Foreign {
    /// The specification `path`: that of an experiment, where a table `tensors` may say by which name the file has a parameter:
    /// `"layers.1.weight" = "encoder.weight"`, or `{ name = "encoder.weight", transposed = true }`; a list of names is added up.
    ///
    /// # Errors
    /// As those of [`read_experiment`](crate::spec::read_experiment), and where the table is none of names.
    pub fn read(path: &Path) -> Result<Self, SpecError> {
        Self::of(Draft::read(path)?)
    }

    /// The same from a specification that is no file.
    ///
    /// # Errors
    /// As [`Foreign::read`].
    pub fn of(mut draft: Draft) -> Result<Self, SpecError> {
        let table = draft.tree().get(TENSORS).cloned();
        let tensors = match &table {
            None => BTreeMap::new(),
            Some(node) => named(&Field::at(TENSORS, node)).map_err(|fault| draft.error(fault))?,
        };
        draft.remove(TENSORS);
        let experiment: NetworkExperiment = draft.experiment()?;
        let foreign = Self {
            experiment,
            tensors,
        };
        foreign.known().map_err(|fault| draft.error(fault))?;
        Ok(foreign)
    }

    /// Refuses a name that no parameter has.
    fn known(&self) -> Result<(), Fault> {
        let Ok(tape) = self.experiment.network.tape() else {
            // Said, with its reason, where the network is built.
            return Ok(());
        };
        let own = |name: &String| tape.parameters().iter().any(|own| own.name == *name);
        match self.tensors.keys().find(|name| !own(name)) {
            None => Ok(()),
            Some(name) => Err(Fault::Value {
                field: TENSORS.to_owned(),
                found: name.clone(),
                needed: format!("a table by the network's parameters ({})", expected(&tape)),
            }),
        }
    }

    /// The parameters of `tape` from the tensors of `path`.
    pub(super) fn parameters(
        &self,
        path: &Path,
        tape: &Tape,
        file: &SafeTensors<'_>,
    ) -> Result<Found, SavedError> {
        let places = self.places(path, tape, file)?;
        let orientation = Orientation::of(tape, file, &places);
        let mut parameters = Vec::with_capacity(tape.parameter_count());
        let mut turned = Vec::new();
        for (parameter, place) in tape.parameters().iter().zip(&places) {
            let transposed = match (place.transposed, orientation.each.get(&parameter.name)) {
                (Some(transposed), _) => transposed,
                (None, Some(&transposed)) => transposed,
                (None, None) if shape(parameter).len() == 2 => {
                    orientation.square(path, parameter)?
                }
                (None, None) => false,
            };
            if transposed {
                turned.push(parameter.name.as_str());
            }
            let mut sum = vec![0.0; parameter.rows * parameter.columns];
            for name in &place.names {
                let one = numbers(path, file, name, parameter, transposed)?;
                sum.iter_mut().zip(one).for_each(|(sum, x)| *sum += x);
            }
            parameters.extend(sum);
        }
        let mut notes = Vec::new();
        if !turned.is_empty() {
            notes.push(format!(
                "Stored as (in, out) and turned: {}.",
                turned.join(", ")
            ));
        }
        let used = |name: &&str| {
            places
                .iter()
                .any(|place| place.names.iter().any(|own| own == name))
        };
        let mut left: Vec<_> = file
            .names()
            .into_iter()
            .filter(|name| !used(name))
            .collect();
        left.sort_unstable();
        if !left.is_empty() {
            notes.push(format!(
                "Tensors of the file that the network has no place for, left out: {}.",
                left.join(", ")
            ));
        }
        Ok(Found { parameters, notes })
    }

    /// For each parameter the names of its tensors.
    fn places(
        &self,
        path: &Path,
        tape: &Tape,
        file: &SafeTensors<'_>,
    ) -> Result<Vec<Named>, SavedError> {
        let names: Vec<&str> = file.names().into_iter().collect();
        // Whatever is named by hand, another network would be measured without them.
        let has_biases = tape
            .parameters()
            .iter()
            .any(|own| own.name.ends_with("bias"));
        let bias = names.iter().find(|name| name.ends_with("bias"));
        if let (false, Some(name)) = (has_biases, bias) {
            return Err(SavedError::Biases {
                path: path.to_owned(),
                name: (*name).to_owned(),
            });
        }
        let own = by_name(&names);
        let numbered = Numbered::all(&names);
        let missing = |parameter: &Parameter| SavedError::Missing {
            path: path.to_owned(),
            name: parameter.name.clone(),
            shape: shape(parameter),
            found: listed(&names),
        };
        let every = tape.parameters().iter().all(|parameter| {
            self.tensors.contains_key(&parameter.name) || own.contains_key(parameter.name.as_str())
        });
        // Layers that are numbered from 0 have names of ours, each the one of the layer before.
        let sequence = if every && !numbered.iter().any(Numbered::begins_before_ours) {
            None
        } else {
            numbered.iter().find_map(|series| series.layers(tape))
        };
        let mut places = Vec::new();
        for parameter in tape.parameters() {
            let name = parameter.name.as_str();
            let found = match (self.tensors.get(name), &sequence) {
                (Some(named), _) => Some(named.clone()),
                (None, Some(sequence)) => sequence.get(name).map(|&name| Named::plain(name)),
                (None, None) => own.get(name).map(|&name| Named::plain(name)),
            };
            places.push(found.ok_or_else(|| missing(parameter))?);
        }
        // One more layer of the same kind means another network, not a tensor to leave out.
        let used: Vec<&str> = places
            .iter()
            .flat_map(|place| &place.names)
            .map(String::as_str)
            .collect();
        let kinds: Vec<String> = used.iter().map(|name| without_numbers(name)).collect();
        let more = |name: &&&str| !used.contains(*name) && kinds.contains(&without_numbers(name));
        let mapped = tape
            .parameters()
            .iter()
            .all(|own| self.tensors.contains_key(&own.name));
        if let Some(name) = names.iter().find(more).filter(|_| !mapped) {
            return Err(SavedError::Unknown {
                path: path.to_owned(),
                name: (*name).to_owned(),
            });
        }
        Ok(places)
    }
}

impl Named {
    fn plain(name: &str) -> Self {
        Self {
            names: vec![name.to_owned()],
            transposed: None,
        }
    }
}

/// What the table `tensors` says.
fn named(table: &Field<'_>) -> Result<BTreeMap<String, Named>, Fault> {
    let Node::Table(entries) = table.node() else {
        return Err(table
            .not("a table: the network's parameters with the names that the file has for them"));
    };
    let mut all = BTreeMap::new();
    for (parameter, node) in entries {
        let field = Field::at(&format!("{TENSORS}.\"{parameter}\""), node);
        let (name, transposed) = match node {
            Node::Table(_) => {
                field.only(&["name", "transposed"])?;
                let transposed = field.optional("transposed").map(|flag| flag.flag());
                (
                    field.required("name", "the tensor's name")?,
                    transposed.transpose()?,
                )
            }
            _ => (field, None),
        };
        let names = match name.node() {
            Node::List(_) => {
                let list = name.list("a list of names")?;
                list.iter()
                    .map(|name| Ok(name.text()?.to_owned()))
                    .collect::<Result<Vec<_>, Fault>>()?
            }
            _ => vec![name.text()?.to_owned()],
        };
        if names.is_empty() {
            return Err(name.not("at least one name"));
        }
        all.insert(parameter.clone(), Named { names, transposed });
    }
    Ok(all)
}

/// `name` without what wrappers put before it.
fn bare(mut name: &str) -> &str {
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        name = rest;
    }
    name
}

/// The names of a file by what they are without their prefixes; the exact name comes first.
fn by_name<'n>(names: &[&'n str]) -> BTreeMap<&'n str, &'n str> {
    let mut all: BTreeMap<_, _> = names.iter().map(|&name| (bare(name), name)).collect();
    all.extend(names.iter().map(|&name| (name, name)));
    all
}

/// Tensors `prefix.k.kind` of one prefix, as `nn.Sequential` and `nn.ModuleList` name them.
struct Numbered<'n> {
    prefix: &'n str,
    /// k, the kind (`weight`, `bias`, …) and the whole name, in the order of k.
    tensors: Vec<(usize, &'n str, &'n str)>,
}

impl<'n> Numbered<'n> {
    fn all(names: &[&'n str]) -> Vec<Self> {
        let mut series: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for &name in names {
            let own = bare(name);
            let Some((layer, kind)) = own.rsplit_once('.') else {
                continue;
            };
            let (prefix, number) = layer.rsplit_once('.').unwrap_or(("", layer));
            if let Ok(number) = number.parse() {
                series.entry(prefix).or_default().push((number, kind, name));
            }
        }
        let all = series.into_iter().map(|(prefix, mut tensors)| {
            tensors.sort_unstable();
            Self { prefix, tensors }
        });
        all.collect()
    }

    /// Whether it is named as ours and counts from 0, where ours count from 1.
    fn begins_before_ours(&self) -> bool {
        self.prefix == "layers" && self.tensors.first().is_some_and(|first| first.0 == 0)
    }

    /// As the layers of a multilayer perceptron, by our names, if there are as many.
    fn layers(&self, tape: &Tape) -> Option<BTreeMap<String, &'n str>> {
        let mut numbers: Vec<usize> = self.tensors.iter().map(|tensor| tensor.0).collect();
        numbers.dedup();
        let own = |(k, kind): (usize, &str)| format!("layers.{}.{kind}", k + 1);
        let mut all = BTreeMap::new();
        for &(number, kind, name) in &self.tensors {
            let k = numbers.iter().position(|&other| other == number)?;
            all.insert(own((k, kind)), name);
        }
        let parameters = tape.parameters();
        let fits = all.len() == parameters.len()
            && parameters.iter().all(|own| all.contains_key(&own.name));
        fits.then_some(all)
    }
}

/// Which matrices are stored as (in, out), as far as their shapes say.
struct Orientation {
    /// Those that are not square, by the parameter's name.
    each: BTreeMap<String, bool>,
}

impl Orientation {
    fn of(tape: &Tape, file: &SafeTensors<'_>, places: &[Named]) -> Self {
        let mut each = BTreeMap::new();
        for (parameter, place) in tape.parameters().iter().zip(places) {
            let own = shape(parameter);
            let reversed: Vec<_> = own.iter().rev().copied().collect();
            let tensor = place.names.first().and_then(|name| file.tensor(name).ok());
            if let Some(tensor) = tensor
                && own != reversed
                && own.len() == 2
            {
                each.insert(parameter.name.clone(), tensor.shape() == reversed);
            }
        }
        Self { each }
    }

    /// Of a square one: as the others are, and as PyTorch's (out, in) where there are none.
    fn square(&self, path: &Path, parameter: &Parameter) -> Result<bool, SavedError> {
        let mut all = self.each.values();
        let first = all.next().copied().unwrap_or(false);
        if all.all(|&other| other == first) {
            return Ok(first);
        }
        Err(SavedError::Orientation {
            path: path.to_owned(),
            name: parameter.name.clone(),
        })
    }
}

/// `name` with one sign in place of each number.
fn without_numbers(name: &str) -> String {
    let parts = bare(name).split('.');
    let sign = |part: &str| match part.parse::<usize>() {
        Ok(_) => "#".to_owned(),
        Err(_) => part.to_owned(),
    };
    parts.map(sign).collect::<Vec<_>>().join(".")
}

/// The numbers of the tensor `name`, as `parameter` has them.
fn numbers(
    path: &Path,
    file: &SafeTensors<'_>,
    name: &str,
    parameter: &Parameter,
    transposed: bool,
) -> Result<Vec<f64>, SavedError> {
    let Ok(tensor) = file.tensor(name) else {
        let names: Vec<&str> = file.names().into_iter().collect();
        return Err(SavedError::Missing {
            path: path.to_owned(),
            name: name.to_owned(),
            shape: shape(parameter),
            found: listed(&names),
        });
    };
    let mut expected = shape(parameter);
    if transposed {
        expected.reverse();
    }
    if tensor.shape() != expected {
        return Err(SavedError::Shape {
            path: path.to_owned(),
            name: name.to_owned(),
            found: tensor.shape().to_vec(),
            expected,
        });
    }
    let values = values(path, name, &tensor)?;
    if !transposed {
        return Ok(values);
    }
    let (rows, columns) = (parameter.rows, parameter.columns);
    let entry = |i: usize| values[i % columns * rows + i / columns];
    Ok((0..rows * columns).map(entry).collect())
}

/// The parameters of a network, as errors list them.
fn expected(tape: &Tape) -> String {
    let names: Vec<_> = tape
        .parameters()
        .iter()
        .map(|own| own.name.as_str())
        .collect();
    listed(&names)
}

/// The first of `names`.
pub(super) fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 12;
    let mut names = names.to_vec();
    names.sort_unstable();
    match names.len() {
        0 => "none".to_owned(),
        count if count <= SHOWN => names.join(", "),
        count => format!("{}, … ({} more)", names[..SHOWN].join(", "), count - SHOWN),
    }
}

#[cfg(test)]
#[path = "foreign_tests.rs"]
mod tests;
