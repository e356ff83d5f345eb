//! Networks and losses as their formulas read, sample by sample, entry by entry.

use thalweg::loss::{Convention, Loss};
use thalweg::model::{LanguageModel, Mlp, Read, Rnn, Transformer};
use thalweg::tensor::Activation;

use super::number::{Number, sum};

/// Entry (row, position).
pub type Table<N> = Vec<Vec<N>>;

/// Hands out parameters in the tape's order.
struct Reader<'a, N>(&'a [N]);

impl<N: Number> Reader<'_, N> {
    fn take(&mut self, count: usize) -> Vec<N> {
        let (head, tail) = self.0.split_at(count);
        self.0 = tail;
        head.to_vec()
    }

    fn affine(&mut self, rows: usize, columns: usize, biases: bool) -> Affine<N> {
        Affine {
            weight: self.take(rows * columns),
            bias: if biases {
                self.take(rows)
            } else {
                vec![N::of(0.0); rows]
            },
        }
    }
}

struct Affine<N> {
    weight: Vec<N>,
    bias: Vec<N>,
}

impl<N: Number> Affine<N> {
    fn at(&self, x: &[N]) -> Vec<N> {
        (0..self.bias.len())
            .map(|i| self.bias[i] + sum((0..x.len()).map(|j| self.weight[i * x.len() + j] * x[j])))
            .collect()
    }

    fn everywhere(&self, x: &Table<N>) -> Table<N> {
        by_position(x, |column| self.at(column))
    }
}

fn by_position<N: Number>(x: &Table<N>, f: impl Fn(&[N]) -> Vec<N>) -> Table<N> {
    let columns: Vec<Vec<N>> = (0..x[0].len())
        .map(|p| f(&x.iter().map(|row| row[p]).collect::<Vec<_>>()))
        .collect();
    (0..columns[0].len())
        .map(|r| columns.iter().map(|column| column[r]).collect())
        .collect()
}

fn apply<N: Number>(activation: Activation, x: N) -> N {
    match activation {
        Activation::Identity => x,
        Activation::Relu if x.value() > 0.0 => x,
        Activation::Relu => N::of(0.0),
        Activation::Tanh => x.tanh(),
        Activation::Gelu => x * x.normal(),
        Activation::GeluTanh => {
            let inner = x + N::of(0.044715) * x * x * x;
            let t = (N::of((2.0 / std::f64::consts::PI).sqrt()) * inner).tanh();
            N::of(0.5) * x * (N::of(1.0) + t)
        }
    }
}

fn softmax<N: Number>(x: &[N]) -> Vec<N> {
    let total = sum(x.iter().map(|x| x.exp()));
    x.iter().map(|x| x.exp() / total).collect()
}

pub trait Network {
    /// Whether it has all derivatives.
    fn smooth(&self) -> bool;
    fn outputs<N: Number>(&self, parameters: &[N], x: &Table<N>) -> Table<N>;
}

impl Network for Mlp {
    fn smooth(&self) -> bool {
        self.activation != Activation::Relu
    }

    fn outputs<N: Number>(&self, parameters: &[N], x: &Table<N>) -> Table<N> {
        let mut reader = Reader(parameters);
        let mut x = x.clone();
        let depth = self.widths.len() - 1;
        for k in 0..depth {
            let layer = reader.affine(self.widths[k + 1], self.widths[k], self.biases);
            x = layer.everywhere(&x);
            if k + 1 < depth {
                x = by_position(&x, |column| {
                    column.iter().map(|&x| apply(self.activation, x)).collect()
                });
            }
        }
        x
    }
}

impl Network for Rnn {
    fn smooth(&self) -> bool {
        self.activation != Activation::Relu
    }

    fn outputs<N: Number>(&self, parameters: &[N], x: &Table<N>) -> Table<N> {
        let mut reader = Reader(parameters);
        let input = reader.affine(self.hidden, self.inputs, self.biases);
        let carry = (self.steps > 1).then(|| reader.affine(self.hidden, self.hidden, false));
        let output = reader.affine(self.outputs, self.hidden, self.biases);
        let mut state = vec![N::of(0.0); self.hidden];
        let mut columns = Vec::new();
        for t in 0..self.steps {
            let driven = input.at(&x.iter().map(|row| row[t]).collect::<Vec<_>>());
            let carried = match &carry {
                Some(carry) => carry.at(&state),
                None => state.clone(),
            };
            state = (0..self.hidden)
                .map(|r| apply(self.activation, driven[r] + carried[r]))
                .collect();
            columns.push(output.at(&state));
        }
        if self.read == Read::Last {
            columns.drain(..self.steps - 1);
        }
        (0..self.outputs)
            .map(|r| columns.iter().map(|column| column[r]).collect())
            .collect()
    }
}

impl Network for Transformer {
    fn smooth(&self) -> bool {
        self.activation != Activation::Relu
    }

    fn outputs<N: Number>(&self, parameters: &[N], x: &Table<N>) -> Table<N> {
        blocks(self, &mut Reader(parameters), x)
    }
}

impl Network for LanguageModel {
    fn smooth(&self) -> bool {
        self.activation != Activation::Relu
    }

    fn outputs<N: Number>(&self, parameters: &[N], x: &Table<N>) -> Table<N> {
        let mut reader = Reader(parameters);
        let embedded = reader.affine(self.width, self.tokens, false).everywhere(x);
        let own = reader.take(self.width * self.positions);
        let entry = |r: usize, p: usize| embedded[r][p] + own[r * self.positions + p];
        let x: Table<N> = (0..self.width)
            .map(|r| (0..self.positions).map(|p| entry(r, p)).collect())
            .collect();
        let transformer = Transformer {
            width: self.width,
            positions: self.positions,
            heads: self.heads,
            hidden: self.hidden,
            blocks: self.blocks,
            causal: true,
            layer_norm: self.layer_norm,
            activation: self.activation,
            biases: self.biases,
        };
        let x = blocks(&transformer, &mut reader, &x);
        let x = match self.layer_norm {
            true => normalised(&mut reader, &x),
            false => x,
        };
        let readout = reader.affine(self.tokens, self.width, self.biases);
        readout.everywhere(&x)
    }
}

/// LayerNorm over the rows at each position, with its gain and bias.
fn normalised<N: Number>(reader: &mut Reader<'_, N>, x: &Table<N>) -> Table<N> {
    let d = x.len();
    let (gain, bias) = (reader.take(d), reader.take(d));
    let share = N::of(1.0 / d as f64);
    by_position(x, |x| {
        let mean = share * sum(x.iter().copied());
        let variance = share * sum(x.iter().map(|&x| (x - mean) * (x - mean)));
        let deviation = (variance + N::of(1e-5)).sqrt();
        (0..d)
            .map(|r| gain[r] * (x[r] - mean) / deviation + bias[r])
            .collect()
    })
}

/// The blocks of a transformer.
fn blocks<N: Number>(net: &Transformer, reader: &mut Reader<'_, N>, x: &Table<N>) -> Table<N> {
    let (d, size) = (net.width, net.width / net.heads);
    let add = |a: &Table<N>, b: &Table<N>| -> Table<N> {
        let rows = a.iter().zip(b);
        rows.map(|(a, b)| a.iter().zip(b).map(|(&a, &b)| a + b).collect())
            .collect()
    };
    let norm = |reader: &mut Reader<'_, N>, x: &Table<N>| match net.layer_norm {
        true => normalised(reader, x),
        false => x.clone(),
    };
    let mut x = x.clone();
    for _ in 0..net.blocks {
        let normed = norm(reader, &x);
        let mut next = || reader.affine(d, d, net.biases).everywhere(&normed);
        let (q, k, v) = (next(), next(), next());
        let mut mixed = vec![vec![N::of(0.0); net.positions]; d];
        for head in 0..net.heads {
            let rows = head * size..(head + 1) * size;
            for i in 0..net.positions {
                let seen = if net.causal { i + 1 } else { net.positions };
                let scale = N::of(1.0 / (size as f64).sqrt());
                let scores: Vec<N> = (0..seen)
                    .map(|j| scale * sum(rows.clone().map(|r| q[r][i] * k[r][j])))
                    .collect();
                let shares = softmax(&scores);
                for r in rows.clone() {
                    mixed[r][i] = sum((0..seen).map(|j| shares[j] * v[r][j]));
                }
            }
        }
        x = add(&x, &reader.affine(d, d, net.biases).everywhere(&mixed));
        let normed = norm(reader, &x);
        let wide = reader.affine(net.hidden, d, net.biases).everywhere(&normed);
        let wide = by_position(&wide, |column| {
            column.iter().map(|&x| apply(net.activation, x)).collect()
        });
        x = add(
            &x,
            &reader.affine(d, net.hidden, net.biases).everywhere(&wide),
        );
    }
    x
}

/// ℓ of one sample.
pub fn loss<N: Number>(loss: Loss, f: &Table<N>, y: &Table<f64>) -> N {
    let (rows, positions) = (f.len(), f[0].len());
    match loss {
        Loss::SquaredError(convention) => {
            let factor = match convention {
                Convention::Half => 0.5,
                Convention::Mean => 1.0 / (rows * positions) as f64,
            };
            let errors = (0..rows).flat_map(|r| (0..positions).map(move |p| (r, p)));
            N::of(factor)
                * sum(errors.map(|(r, p)| {
                    let error = f[r][p] - N::of(y[r][p]);
                    error * error
                }))
        }
        Loss::CrossEntropy => sum((0..positions).map(|p| {
            let shares = softmax(&f.iter().map(|row| row[p]).collect::<Vec<_>>());
            sum((0..rows).map(|r| -N::of(y[r][p]) * shares[r].ln()))
        })),
        Loss::MeanCrossEntropy => self::loss(Loss::CrossEntropy, f, y) / N::of(positions as f64),
    }
}
