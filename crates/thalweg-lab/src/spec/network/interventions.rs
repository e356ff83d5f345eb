//! What is added to SGD in a network's training, as files describe it and as a reader is told it.

use thalweg::loss::Loss;
use thalweg::model::{Dropout, Network};
use thalweg::optimizer::{AdamW, Optimizer, RateSchedule, Sgd};
use thalweg::train::{
    Ascent, Change, Flips, InputDropout, InputNoise, Interventions, Mixup, Shifts, Smoothing,
    Switch,
};

use super::NetworkData;
use crate::spec::error::Fault;
use crate::spec::field::{Field, Tagged};
use crate::spec::node::Node;
use crate::spec::resolved::kind;

/// The fields of it, which stand at the top of a file; momentum and weight decay are beside them.
pub(super) const FIELDS: &[&str] = &[
    "label_smoothing",
    "input_noise",
    "shifts",
    "flips",
    "input_dropout",
    "hidden_dropout",
    "attention_dropout",
    "mixup",
    "sam",
    "clipping",
    "optimizer",
];

const SGD: Tagged<'_> = ("sgd", &[]);
const ADAMW: Tagged<'_> = ("adamw", &["beta1", "beta2", "epsilon"]);

/// What the rest of a file says that decides what makes sense.
pub(super) struct Context<'a> {
    pub data: &'a NetworkData,
    pub loss: Loss,
    pub switch: Option<Switch>,
}

/// The additions in the fields of `root`. Whether their numbers are in range is seen where they are used.
pub(super) fn interventions(
    root: &Field<'_>,
    learning_rate: RateSchedule,
    context: &Context<'_>,
) -> Result<Interventions, Fault> {
    let mut changes = Vec::new();
    changes.extend(shifts(root, context)?.map(Change::Shifts));
    changes.extend(flips(root, context)?.map(Change::Flips));
    if let Some(deviation) = above_zero(root, "input_noise")? {
        changes.push(Change::InputNoise(InputNoise(deviation)));
    }
    if let Some(chance) = above_zero(root, "input_dropout")? {
        changes.push(Change::InputDropout(InputDropout(chance)));
    }
    if let Some(alpha) = above_zero(root, "mixup")? {
        changes.push(Change::Mixup(Mixup(alpha)));
    }
    changes.extend(smoothing(root, context)?.map(Change::Smoothing));
    Ok(Interventions {
        changes,
        sam: root
            .optional("sam")
            .map(|field| sam(&field, context))
            .transpose()?,
        clipping: root
            .optional("clipping")
            .map(|field| field.number())
            .transpose()?,
        update: optimizer(root, learning_rate)?,
    })
}

/// The chances with which `network` drops units.
pub(super) fn dropout(root: &Field<'_>, network: &Network) -> Result<Dropout, Fault> {
    let attention = above_zero(root, "attention_dropout")?;
    if attention.is_some()
        && !matches!(network, Network::Transformer(_) | Network::LanguageModel(_))
    {
        return Err(root.required("attention_dropout", "")?.not(
            "left out (a transformer alone has attention; `hidden_dropout` is of hidden units)",
        ));
    }
    Ok(Dropout {
        hidden: above_zero(root, "hidden_dropout")?.unwrap_or(0.0),
        attention: attention.unwrap_or(0.0),
    })
}

/// The number in a field; nothing where it is 0.
fn above_zero(root: &Field<'_>, key: &str) -> Result<Option<f64>, Fault> {
    let value = root.optional(key).map(|field| field.number()).transpose()?;
    Ok(value.filter(|value| *value != 0.0))
}

/// Pixels of the images from top to bottom and from left to right, for a change that only images can have.
fn size(field: &Field<'_>, context: &Context<'_>) -> Result<[usize; 2], Fault> {
    context
        .data
        .source
        .about()
        .image_size()
        .ok_or_else(|| field.not("left out (these data are no images)"))
}

fn shifts(root: &Field<'_>, context: &Context<'_>) -> Result<Option<Shifts>, Fault> {
    let Some(field) = root.optional("shifts") else {
        return Ok(None);
    };
    let most = field.size()?;
    if most == 0 {
        return Ok(None);
    }
    let [height, width] = size(&field, context)?;
    let least = height.min(width);
    if most >= least {
        return Err(field.not(format!("a number of pixels from 0 to {}", least - 1)));
    }
    Ok(Some(Shifts {
        most,
        width,
        height,
    }))
}

fn flips(root: &Field<'_>, context: &Context<'_>) -> Result<Option<Flips>, Fault> {
    match root.optional("flips") {
        Some(field) if field.flag()? => Ok(Some(Flips {
            width: size(&field, context)?[1],
        })),
        _ => Ok(None),
    }
}

/// Labels of classes alone can be smoothed: those of labelled data, and a teacher's probabilities.
fn smoothing(root: &Field<'_>, context: &Context<'_>) -> Result<Option<Smoothing>, Fault> {
    let Some(alpha) = above_zero(root, "label_smoothing")? else {
        return Ok(None);
    };
    if !context.data.source.about().has_classes() && !context.loss.is_cross_entropy() {
        return Err(root.required("label_smoothing", "")?.not(
            "left out (with squared error a teacher's outputs are no classes; use cross-entropy, or labelled data)",
        ));
    }
    Ok(Some(Smoothing(alpha)))
}

/// ρ alone, or a table.
fn sam(field: &Field<'_>, context: &Context<'_>) -> Result<Ascent, Fault> {
    if let Ok(radius) = field.number() {
        return Ok(Ascent {
            radius,
            normalised: false,
            independent: false,
            parts: 1,
        });
    }
    field.only(&["radius", "normalised", "independent", "parts"])?;
    let flag = |key| field.optional(key).map_or(Ok(false), |f| f.flag());
    let found = Ascent {
        radius: field
            .required("radius", "ρ > 0, how far the ascent goes,")?
            .number()?,
        normalised: flag("normalised")?,
        independent: flag("independent")?,
        parts: field.optional("parts").map_or(Ok(1), |f| f.size())?,
    };
    if found.independent && context.switch.is_some() {
        return Err(field.required("independent", "")?.not(
            "false beside a `switch` (gradient descent on one batch has no other to ascend on)",
        ));
    }
    Ok(found)
}

fn optimizer(root: &Field<'_>, learning_rate: RateSchedule) -> Result<Optimizer, Fault> {
    let number = |key| root.optional(key).map_or(Ok(0.0), |f| f.number());
    let (momentum, weight_decay) = (number("momentum")?, number("weight_decay")?);
    let field = root.optional("optimizer");
    let adam = match &field {
        Some(field) if field.kind(&[SGD, ADAMW])? == ADAMW => field,
        _ => {
            return Ok(Optimizer::Sgd(Sgd {
                learning_rate,
                momentum,
                weight_decay,
            }));
        }
    };
    if momentum != 0.0 {
        return Err(root
            .required("momentum", "")?
            .not("0 or left out with AdamW, whose own is `optimizer.beta1`"));
    }
    let plain = AdamW::new(learning_rate);
    let number = |key, default| adam.optional(key).map_or(Ok(default), |f| f.number());
    Ok(Optimizer::AdamW(AdamW {
        beta1: number("beta1", plain.beta1)?,
        beta2: number("beta2", plain.beta2)?,
        epsilon: number("epsilon", plain.epsilon)?,
        weight_decay,
        ..plain
    }))
}

/// The fields that read back as `found`: momentum and weight decay always, of the others those that add anything.
pub(super) fn entries(found: &Interventions, dropout: Dropout) -> Vec<(&'static str, Node)> {
    let [momentum, weight_decay] = match found.update {
        Optimizer::Sgd(sgd) => [sgd.momentum, sgd.weight_decay],
        Optimizer::AdamW(adam) => [0.0, adam.weight_decay],
    };
    let mut entries = vec![
        ("momentum", momentum.into()),
        ("weight_decay", weight_decay.into()),
    ];
    if let Optimizer::AdamW(adam) = found.update {
        let numbers = [
            ("beta1", adam.beta1.into()),
            ("beta2", adam.beta2.into()),
            ("epsilon", adam.epsilon.into()),
        ];
        entries.push(("optimizer", kind(ADAMW, numbers)));
    }
    entries.extend(found.changes.iter().map(|change| match change {
        Change::Shifts(shifts) => ("shifts", shifts.most.into()),
        Change::Flips(_) => ("flips", true.into()),
        Change::InputNoise(noise) => ("input_noise", noise.0.into()),
        Change::InputDropout(dropout) => ("input_dropout", dropout.0.into()),
        Change::Mixup(mixup) => ("mixup", mixup.0.into()),
        Change::Smoothing(smoothing) => ("label_smoothing", smoothing.0.into()),
    }));
    for (key, chance) in [
        ("hidden_dropout", dropout.hidden),
        ("attention_dropout", dropout.attention),
    ] {
        if chance != 0.0 {
            entries.push((key, chance.into()));
        }
    }
    if let Some(sam) = found.sam {
        let fields = [
            ("radius", sam.radius.into()),
            ("normalised", sam.normalised.into()),
            ("independent", sam.independent.into()),
            ("parts", sam.parts.into()),
        ];
        entries.push(("sam", fields.into()));
    }
    if let Some(limit) = found.clipping {
        entries.push(("clipping", limit.into()));
    }
    entries
}

/// What is added, for a reader; nothing where nothing is.
pub(super) fn words(found: &Interventions, dropout: Dropout) -> Option<String> {
    let mut words: Vec<String> = found
        .changes
        .iter()
        .map(|change| match change {
            Change::Shifts(shifts) => format!("shifts by up to {} pixels", shifts.most),
            Change::Flips(_) => "flips".to_owned(),
            Change::InputNoise(noise) => format!("input noise σ = {}", noise.0),
            Change::InputDropout(dropout) => format!("dropout of inputs p = {}", dropout.0),
            Change::Mixup(mixup) => format!("mixup α = {}", mixup.0),
            Change::Smoothing(smoothing) => format!("label smoothing α = {}", smoothing.0),
        })
        .collect();
    for (what, chance) in [
        ("hidden units", dropout.hidden),
        ("attention", dropout.attention),
    ] {
        words.extend((chance != 0.0).then(|| format!("dropout of {what} p = {chance}")));
    }
    if let Some(sam) = found.sam {
        let kind = if sam.normalised {
            "normalised SAM"
        } else {
            "SAM"
        };
        let place = match (sam.independent, sam.parts) {
            (true, _) => " on a batch of its own".to_owned(),
            (false, 1) => String::new(),
            (false, parts) => format!(" on each of {parts} parts of the batch"),
        };
        words.push(format!("{kind} ρ = {}{place}", sam.radius));
    }
    if let Some(limit) = found.clipping {
        words.push(format!("gradients clipped at {limit}"));
    }
    match found.update {
        Optimizer::Sgd(sgd) => {
            words.extend((sgd.momentum != 0.0).then(|| format!("momentum {}", sgd.momentum)));
            let decay = sgd.weight_decay;
            words.extend((decay != 0.0).then(|| format!("weight decay {decay}")));
        }
        Optimizer::AdamW(adam) => words.push(format!(
            "AdamW with β = ({}, {}), ε = {:e} and weight decay {}",
            adam.beta1, adam.beta2, adam.epsilon, adam.weight_decay
        )),
    }
    (!words.is_empty()).then(|| words.join(", "))
}
