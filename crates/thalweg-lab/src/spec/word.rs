//! Types whose values are words in a file: one table of each serves reading, writing and an error's list of choices.

use thalweg::data::Place;
use thalweg::loss::Convention;
use thalweg::model::Read;
use thalweg::simulate::Precision;
use thalweg::tensor::Activation;

use super::error::Fault;
use super::field::{Field, Tagged};
use super::{EvaluationLabels, Spacing};
use crate::images::{CifarLabels, Pixels};
use crate::network::On;
use crate::sources::{ImagePart, Incomplete, Scale, SoftUse};

/// A value that a file names by one word.
pub(crate) trait Word: Copy + 'static {
    /// Each value by its word, in the order in which errors name them.
    const WORDS: &'static [(&'static str, Self)];

    /// Its word.
    fn word(self) -> &'static str;

    /// The value whose word stands in `field`.
    fn read(field: &Field<'_>) -> Result<Self, Fault> {
        let kinds: Vec<Tagged<'_>> = Self::WORDS
            .iter()
            .map(|(word, _)| (*word, &[][..]))
            .collect();
        let place = field.kind_number(&kinds)?;
        Ok(Self::WORDS[place].1)
    }
}

/// A table of words. The match over it does not compile where a value has none.
macro_rules! words {
    ($type:ty { $($word:literal => $value:path,)+ }) => {
        impl Word for $type {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, $value)),+];

            fn word(self) -> &'static str {
                match self {
                    $($value => $word,)+
                }
            }
        }
    };
}

words!(Activation {
    "identity" => Activation::Identity,
    "relu" => Activation::Relu,
    "tanh" => Activation::Tanh,
    "gelu" => Activation::Gelu,
    "gelu-tanh" => Activation::GeluTanh,
});

words!(Convention {
    "half" => Convention::Half,
    "mean" => Convention::Mean,
});

words!(EvaluationLabels {
    "noisy" => EvaluationLabels::Noisy,
    "clean" => EvaluationLabels::Clean,
});

words!(On {
    "test" => On::Test,
    "train" => On::Train,
});

words!(Pixels {
    "standardised" => Pixels::Standardised,
    "unit" => Pixels::Unit,
});

words!(Place {
    "targets" => Place::Targets,
    "logits" => Place::Logits,
});

words!(Precision {
    "f64" => Precision::F64,
    "f32" => Precision::F32,
});

words!(Read {
    "last" => Read::Last,
    "every" => Read::Every,
});

words!(CifarLabels {
    "fine" => CifarLabels::Fine,
    "coarse" => CifarLabels::Coarse,
});

words!(ImagePart {
    "train" => ImagePart::Train,
    "test" => ImagePart::Test,
});

words!(Incomplete {
    "refuse" => Incomplete::Refuse,
    "leave-out" => Incomplete::LeaveOut,
});

words!(Scale {
    "standardised" => Scale::Standardised,
    "raw" => Scale::Raw,
});

words!(SoftUse {
    "drawn" => SoftUse::Drawn,
    "target" => SoftUse::Target,
});

words!(Spacing {
    "log" => Spacing::Log,
    "linear" => Spacing::Linear,
});

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;
    use crate::spec::Node;

    /// Every value is read from the word that is written for it, alone or as a `kind`; another word's error has them all.
    fn check<W: Word + Debug + PartialEq>(words: &[&str]) {
        let table: Vec<&str> = W::WORDS.iter().map(|(word, _)| *word).collect();
        assert_eq!(table, words);
        for (word, value) in W::WORDS {
            assert_eq!(value.word(), *word);
            let text = Node::from(*word);
            let table = Node::from([("kind", Node::from(*word))]);
            for node in [text, table] {
                assert_eq!(W::read(&Field::root(&node)).unwrap(), *value);
            }
        }
        let error = W::read(&Field::root(&Node::from("other"))).unwrap_err();
        let error = error.to_string();
        assert!(
            words
                .iter()
                .all(|word| error.contains(&format!("\"{word}\""))),
            "{error}"
        );
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        check::<Activation>(&["identity", "relu", "tanh", "gelu", "gelu-tanh"]);
        check::<CifarLabels>(&["fine", "coarse"]);
        check::<Convention>(&["half", "mean"]);
        check::<ImagePart>(&["train", "test"]);
        check::<Incomplete>(&["refuse", "leave-out"]);
        check::<Scale>(&["standardised", "raw"]);
        check::<SoftUse>(&["drawn", "target"]);
        check::<EvaluationLabels>(&["noisy", "clean"]);
        check::<On>(&["test", "train"]);
        check::<Pixels>(&["standardised", "unit"]);
        check::<Place>(&["targets", "logits"]);
        check::<Precision>(&["f64", "f32"]);
        check::<Read>(&["last", "every"]);
        check::<Spacing>(&["log", "linear"]);
    }
}
