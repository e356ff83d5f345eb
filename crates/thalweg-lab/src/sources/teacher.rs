//! Fresh samples of a teacher.

use faer::Mat;
use thalweg::data::{Source, TeacherStream};
use thalweg::model::{Init, Mlp, Network};
use thalweg::tensor::Activation;

use super::{DataSource, Kind, NetworkSource, Sources, Student};
use crate::network::NetworkError;
use crate::spec::{
    Fault, Field, IDENTITY, MLP, Node, SeedRule, covariance, family, hidden, init, init_to_node,
    kind, matrix_to_node, with_hidden,
};

/// Fresh inputs at each step, and what a teacher makes of them.
#[derive(Clone, Debug, PartialEq)]
pub struct TeacherSource {
    /// The teacher: the student but for its hidden widths, or a perceptron at each position.
    pub network: Network,
    /// Of its weights: one teacher for all runs, or one for each.
    pub seed: SeedRule,
    /// Their law.
    pub init: Init,
    /// Σx at each position; the identity where `None`.
    pub input_covariance: Option<Mat<f64>>,
}

pub(super) const KIND: Kind = Kind {
    word: "teacher",
    fields: &["teacher", "input_covariance"],
    ends: None,
    read,
};

fn read(field: &Field<'_>, student: &Network) -> Result<NetworkSource, Fault> {
    let teacher = field.required("teacher", "a table with the teacher's `hidden` widths")?;
    teacher.only(&["kind", "hidden", "seed", "init"])?;
    let widths = teacher.required("hidden", "the teacher's hidden widths")?;
    let pattern = match teacher.optional("kind") {
        None => student.clone(),
        Some(kind) => pattern(&kind, student)?,
    };
    let input_covariance = match field.optional("input_covariance") {
        None => None,
        Some(input) => {
            let found = covariance(&input)?;
            let inputs = student.inputs();
            if (found.nrows(), found.ncols()) != (inputs, inputs) {
                return Err(input.not(format!("a {inputs} × {inputs} matrix")));
            }
            (found != Mat::<f64>::identity(inputs, inputs)).then_some(found)
        }
    };
    Ok(NetworkSource::Teacher(TeacherSource {
        network: with_hidden(&pattern, &widths)?,
        seed: SeedRule::read(teacher.optional("seed"))?,
        init: teacher
            .optional("init")
            .map_or(Ok(Init::Kaiming { gain: 1.0 }), |f| init(&f))?,
        input_covariance,
    }))
}

/// The teacher's family: the student's own, or a perceptron at each position.
fn pattern(kind: &Field<'_>, student: &Network) -> Result<Network, Fault> {
    let own = family(student).0;
    match kind.text()? {
        found if found == own => Ok(student.clone()),
        found if found == MLP.0 => Ok(Network::Mlp(Mlp {
            widths: vec![student.inputs(), student.outputs()],
            activation: Activation::Relu,
            biases: false,
        })),
        _ => Err(kind.not(format!("\"{own}\", as the student, or \"{}\"", MLP.0))),
    }
}

impl DataSource for TeacherSource {
    fn to_node(&self) -> Node {
        let input = match &self.input_covariance {
            None => kind(IDENTITY, [("dimension", self.network.inputs().into())]),
            Some(covariance) => matrix_to_node(covariance.as_ref()),
        };
        let teacher = [
            ("kind", family(&self.network).0.into()),
            ("hidden", hidden(&self.network)),
            ("seed", self.seed.to_node()),
            ("init", init_to_node(self.init)),
        ];
        let teacher = ("teacher", teacher.into());
        kind(
            (KIND.word, KIND.fields),
            [teacher, ("input_covariance", input)],
        )
    }

    fn words(&self) -> String {
        format!("fresh samples of a teacher ({})", self.seed)
    }

    fn input_covariance(&self) -> Option<&Mat<f64>> {
        self.input_covariance.as_ref()
    }

    fn differs_by_run(&self) -> bool {
        self.seed == SeedRule::PerRun
    }

    fn make(&self, student: &Student<'_>) -> Result<Sources, NetworkError> {
        // A perceptron teaches a sequence at each of its positions.
        let teacher = self.network.tape_at(student.network.positions()[0])?;
        let weights = self
            .init
            .teacher_weights(&teacher, self.seed.of(student.run));
        let inputs = student.tape.input().rows();
        let covariance = self
            .input_covariance
            .clone()
            .unwrap_or_else(|| Mat::identity(inputs, inputs));
        let stream = TeacherStream::new(teacher, weights, covariance, student.noise.clone())?;
        let stream = Source::from(stream);
        Ok(Sources {
            train: stream.clone(),
            test: stream,
            data: None,
            memory: 0,
        })
    }
}
