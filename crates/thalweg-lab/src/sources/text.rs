//! Windows of a text: the one that is built in, or a file.

use std::fs;
use std::path::{Path, PathBuf};

use thalweg::data::{Source, TokenWindows};
use thalweg::model::{Network, Read};

use super::{DataSource, Kind, NetworkSource, Sources, Student};
use crate::network::NetworkError;
use crate::spec::{Ends, Fault, Field, Node, kind};
use crate::store::Fingerprint;
use crate::texts::{ALICE, ALICE_KINDS, Alphabet, shipped};

/// A text, each of whose characters is to be predicted from those before it. Its first nine tenths are trained on, the last tenth
/// is evaluated on.
#[derive(Clone, Debug, PartialEq)]
pub struct TextSource {
    /// The file, in UTF-8; the text that is built in where `None`.
    pub path: Option<PathBuf>,
}

pub(super) const BUILT_IN: Kind = Kind {
    word: ALICE,
    fields: &[],
    ends: Some(Ends {
        inputs: ALICE_KINDS,
        outputs: ALICE_KINDS,
    }),
    read: |field, network| read(field, network, None),
};

pub(super) const FILE: Kind = Kind {
    word: "text",
    fields: &["path"],
    ends: None,
    read: |field, network| {
        let path = field.required("path", "the file of the text")?;
        read(field, network, Some(PathBuf::from(path.text()?)))
    },
};

fn read(
    field: &Field<'_>,
    network: &Network,
    path: Option<PathBuf>,
) -> Result<NetworkSource, Fault> {
    let sees_the_past = match network {
        Network::LanguageModel(_) => true,
        Network::Rnn(rnn) => rnn.read == Read::Every,
        Network::Transformer(transformer) => transformer.causal,
        Network::Mlp(_) => false,
    };
    if !sees_the_past || network.inputs() != network.outputs() {
        return Err(field.not(
            "a source for this network (a text is for a \"language-model\", or for a causal transformer or a recurrent network read at \"every\" position, with as many outputs as inputs)",
        ));
    }
    Ok(NetworkSource::Text(TextSource { path }))
}

impl TextSource {
    fn text(&self) -> Result<String, NetworkError> {
        match &self.path {
            None => Ok(shipped(ALICE).unwrap_or_default().to_owned()),
            Some(path) => fs::read_to_string(path).map_err(|source| NetworkError::Text {
                path: path.clone(),
                source,
            }),
        }
    }

    /// The characters that a network of `tokens` tokens knows of the text.
    ///
    /// # Errors
    /// When the text cannot be read, or has fewer kinds of character.
    pub fn alphabet(&self, tokens: usize) -> Result<Alphabet, NetworkError> {
        alphabet_of(&self.text()?, tokens)
    }
}

impl DataSource for TextSource {
    fn to_node(&self) -> Node {
        match &self.path {
            None => kind((BUILT_IN.word, BUILT_IN.fields), []),
            Some(path) => {
                let path = path.to_string_lossy().as_ref().into();
                kind((FILE.word, FILE.fields), [("path", path)])
            }
        }
    }

    fn words(&self) -> String {
        match &self.path {
            None => "the built-in text, Alice's Adventures in Wonderland".to_owned(),
            Some(path) => format!("the text {}", path.display()),
        }
    }

    fn has_classes(&self) -> bool {
        true
    }

    fn folder(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    fn fingerprint(&self) -> Result<Option<Fingerprint>, NetworkError> {
        let Some(path) = &self.path else {
            return Ok(None);
        };
        Ok(Some(fingerprint(path, &self.text()?)))
    }

    fn make(&self, student: &Student<'_>) -> Result<Sources, NetworkError> {
        let (tokens, positions) = (student.network.inputs(), student.network.positions()[0]);
        let text = self.text()?;
        let numbers = alphabet_of(&text, tokens)?.tokens(&text);
        let (train, test) = numbers.split_at(numbers.len() / 10 * 9);
        let windows = |part: &[usize]| -> Result<Source, NetworkError> {
            let noise = student.noise.clone();
            Ok(TokenWindows::new(part.to_vec(), tokens, positions, noise)?.into())
        };
        Ok(Sources {
            train: windows(train)?,
            test: windows(test)?,
            data: self.path.as_ref().map(|path| fingerprint(path, &text)),
            memory: (text.len() + 2 * size_of_val(&numbers[..])) as u64,
        })
    }
}

/// See [`TextSource::alphabet`].
fn alphabet_of(text: &str, tokens: usize) -> Result<Alphabet, NetworkError> {
    let alphabet = Alphabet::new(text, tokens);
    if alphabet.len() < tokens {
        return Err(NetworkError::Tokens {
            tokens,
            kinds: alphabet.len(),
        });
    }
    Ok(alphabet)
}

fn fingerprint(path: &Path, text: &str) -> Fingerprint {
    Fingerprint::new(path.to_owned(), [text.as_bytes()])
}
