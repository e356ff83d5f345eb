"""The probe in Lightning, in Hugging Face's trainer, and with two processes: the runs stay the same, bit for bit."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

EVERY = {"fluctuation": 2, "gauss_newton_trace": 2, "lambda_max": 3, "sharpness": 3}


def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(11)
    return torch.randn(96, 6, generator=generator), torch.randint(0, 3, (96,), generator=generator)


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("own_loss", [False, True])
@pytest.mark.parametrize("accumulate", [1, 4])
def test_lightning(own_loss: bool, accumulate: int, tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning.pytorch")
    from thalweg.lightning import Probe

    class Module(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.net(x)
            return found

        def training_step(self, batch: Any, index: int) -> Tensor:
            x, y = batch
            found = functional.cross_entropy(self(x + 0.1 * torch.randn_like(x)), y)
            self.log("loss", found)
            return found

        def configure_optimizers(self) -> Any:
            return torch.optim.AdamW(self.parameters(), lr=0.01)

    def each(module: Any, batch: Any) -> Tensor:
        return functional.cross_entropy(module(batch[0]), batch[1], reduction="none")

    def run(callbacks: list[Any]) -> dict[str, Tensor]:
        torch.manual_seed(0)
        module = Module()
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*data()), batch_size=8, shuffle=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer = lightning.Trainer(
                max_epochs=2,
                accelerator="cpu",
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                accumulate_grad_batches=accumulate,
                callbacks=callbacks,
            )
            trainer.fit(module, loader)
        return {**module.state_dict(), "random": torch.get_rng_state()}

    probe = Probe(loss=None if own_loss else each, sharpness_set=data(), every=EVERY)
    assert same(run([]), run([probe]))
    found = {row.quantity for row in probe.rows}
    assert {"fluctuation", "gauss_newton_trace", "lambda_max", "sharpness"} <= found
    methods = {row.method for row in probe.rows if row.quantity == "fluctuation"}
    # BatchNorm couples samples.
    assert methods == ({"microbatches"} if accumulate > 1 else {"chunks"} if own_loss else {"signs (error on this batch)"}), probe.probe and probe.probe.notes


def test_lightning_by_hand(tmp_path: Path) -> None:
    """A training_step that steps the optimizer is not called to measure."""
    lightning = pytest.importorskip("lightning.pytorch")
    from thalweg.lightning import Probe

    class Module(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.net, self.calls = nn.Linear(6, 3), 0
            self.automatic_optimization = False

        def training_step(self, batch: Any, index: int) -> Tensor:
            self.calls += 1
            found = each(self, batch).mean()
            self.optimizers().zero_grad()
            self.manual_backward(found)
            self.optimizers().step()
            return found

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.01)

    def each(module: Any, batch: Any) -> Tensor:
        return functional.cross_entropy(module.net(batch[0]), batch[1], reduction="none")

    def run(callbacks: list[Any]) -> Any:
        torch.manual_seed(0)
        module = Module()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer = lightning.Trainer(
                max_epochs=1,
                accelerator="cpu",
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                callbacks=callbacks,
            )
            trainer.fit(module, torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*data()), batch_size=32))
        return module

    with pytest.raises(ValueError, match="`loss` is not given, and Module.training_step steps the optimizer itself"):
        run([Probe()])
    watch = Probe(loss=each)
    alone, watched = run([]), run([watch])
    assert same(alone.state_dict(), watched.state_dict()) and alone.calls == watched.calls == 3
    assert any(row.quantity == "fluctuation" for row in watch.rows)


def quiet_arguments(folder: Path, **settings: Any) -> Any:
    """What a Hugging Face trainer is given, on the processor, without logs or files."""
    import transformers

    return transformers.TrainingArguments(
        output_dir=str(folder), use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True, logging_strategy="no", **settings
    )


def small_gpt() -> tuple[Any, list[dict[str, Tensor]]]:
    """The configuration of a GPT with dropout, and sequences without padding."""
    import transformers

    configuration = transformers.GPT2Config(vocab_size=13, n_positions=6, n_embd=8, n_layer=1, n_head=2)
    generator = torch.Generator().manual_seed(3)
    return configuration, [{"input_ids": row, "labels": row} for row in torch.randint(0, 13, (48, 6), generator=generator)]


@pytest.mark.parametrize("own_loss", [False, True])
@pytest.mark.parametrize("accumulate", [1, 4])
def test_hugging_face(own_loss: bool, accumulate: int, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from thalweg.hf import Probe

    configuration, rows = small_gpt()

    def each(model: Any, batch: Any) -> Tensor:
        logits = model(input_ids=batch["input_ids"]).logits[:, :-1]
        found = functional.cross_entropy(logits.transpose(1, 2), batch["labels"][:, 1:], reduction="none")
        return found.mean(1)

    def run(callbacks: list[Any]) -> dict[str, Tensor]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            transformers.set_seed(0)
            model = transformers.GPT2LMHeadModel(configuration)
            arguments = quiet_arguments(
                tmp_path,
                num_train_epochs=2,
                per_device_train_batch_size=4,
                gradient_accumulation_steps=accumulate,
            )
            transformers.Trainer(model, arguments, train_dataset=rows, callbacks=callbacks).train()
        return {**model.state_dict(), "random": torch.get_rng_state()}

    fixed = {name: torch.stack([row[name] for row in rows[:8]]) for name in rows[0]}
    probe = Probe(loss=None if own_loss else each, sharpness_set=fixed, every={**EVERY, "fluctuation": 1})
    assert same(run([]), run([probe]))
    found = {row.quantity for row in probe.rows}
    assert {"fluctuation", "gauss_newton_trace", "lambda_max", "sharpness"} <= found
    methods = {row.method for row in probe.rows if row.quantity == "fluctuation"}
    assert methods == ({"microbatches"} if accumulate > 1 else {"chunks"} if own_loss else {"hooks"}), probe.probe and probe.probe.notes


def test_hugging_face_weights_by_tokens(tmp_path: Path) -> None:
    """Padding and accumulation: what is measured of a step follows from that step alone, and is that of sums over tokens."""
    transformers = pytest.importorskip("transformers")
    from thalweg.hf import Probe
    from thalweg.torch._fluctuation import group_parts

    def sample(length: int) -> dict[str, Tensor]:
        ids, shown = torch.randint(1, 20, (8,), generator=generator), (torch.arange(8) < length).long()
        return {"input_ids": ids, "attention_mask": shown, "labels": ids.masked_fill(shown == 0, -100)}

    generator = torch.Generator().manual_seed(0)
    later = [sample(int(torch.randint(3, 9, (1,), generator=generator))) for _ in range(16)]
    head = [sample(8) for _ in range(12)]
    configuration = transformers.GPT2Config(
        vocab_size=20, n_positions=8, n_embd=8, n_layer=1, n_head=2, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0
    )
    for first in (8, 3):
        rows = [*head, *(sample(first) for _ in range(4)), *later]

        class Ordered(transformers.Trainer):  # type: ignore[misc, name-defined]
            def _get_train_sampler(self, *_: Any, **__: Any) -> Any:
                return torch.utils.data.SequentialSampler(rows)

        transformers.set_seed(0)
        model = transformers.GPT2LMHeadModel(configuration)
        arguments = quiet_arguments(
            tmp_path,
            max_steps=2,
            per_device_train_batch_size=4,
            gradient_accumulation_steps=4,
            learning_rate=0.0,
        )
        watch = Probe(quantities=["fluctuation"], every={"fluctuation": 1})
        Ordered(model, arguments, train_dataset=rows, callbacks=[watch]).train()
        found = [row for row in watch.rows if (row.step, row.quantity) == (1, "fluctuation")]
        batches = [
            {name: torch.stack([row[name] for row in later[start : start + 4]]) for name in later[0]} for start in range(0, 16, 4)
        ]
        counts = [int(batch["labels"][:, 1:].ne(-100).sum()) for batch in batches]
        assert len(set(counts)) > 1
        groups = [
            [part * count * 4 / sum(counts) for part in torch.autograd.grad(model(**batch).loss, list(model.parameters()))]
            for batch, count in zip(batches, counts)
        ]
        expected = group_parts(groups, [4] * 4, lambda blocks: blocks.double().sum(0, keepdim=True)).values()[0]["fluctuation"]
        assert [(row.method, row.value) for row in found] == [("microbatches", pytest.approx(expected.value, rel=1e-4))]


@pytest.mark.parametrize("own_loss", [False, True])
@pytest.mark.parametrize("accumulate", [1, 4])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_hugging_face_takes_labels_out(smoothing: float, own_loss: bool, accumulate: int, tmp_path: Path) -> None:
    """With label smoothing, or a `compute_loss_func`, a model is called without labels, which `microbatch` has seen."""
    transformers = pytest.importorskip("transformers")
    from thalweg.hf import Probe

    configuration, rows = small_gpt()

    def each(model: Any, batch: Any) -> Tensor:
        logits = model(input_ids=batch["input_ids"]).logits[:, :-1]
        found = functional.cross_entropy(logits.transpose(1, 2), batch["labels"][:, 1:], reduction="none", label_smoothing=smoothing)
        return found.mean(1)

    def over_tokens(outputs: Any, labels: Tensor, num_items_in_batch: Any) -> Tensor:
        logits = outputs.logits[:, :-1].transpose(1, 2)
        return functional.cross_entropy(logits, labels[:, 1:], reduction="sum") / num_items_in_batch

    def run(watch: Probe | None, says: bool) -> dict[str, Tensor]:
        class Saying(transformers.Trainer):  # type: ignore[misc, name-defined]
            def compute_loss(self, model: Any, inputs: Any, *more: Any, **named: Any) -> Any:
                if watch is not None and says:
                    watch.microbatch(inputs)
                return super().compute_loss(model, inputs, *more, **named)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            transformers.set_seed(0)
            model = transformers.GPT2LMHeadModel(configuration)
            arguments = quiet_arguments(
                tmp_path,
                max_steps=3,
                per_device_train_batch_size=4,
                gradient_accumulation_steps=accumulate,
                label_smoothing_factor=smoothing,
            )
            own = None if smoothing else over_tokens
            Saying(model, arguments, train_dataset=rows, callbacks=[] if watch is None else [watch], compute_loss_func=own).train()
        return {**model.state_dict(), "random": torch.get_rng_state()}

    settings: dict[str, Any] = {"loss": None if own_loss else each, "every": {"fluctuation": 1}, "quantities": ["fluctuation"]}
    with pytest.raises(ValueError, match=r"batch of .*input_ids.*`watch.microbatch\(inputs\)`"):
        run(Probe(**settings), False)
    watch = Probe(**settings)
    assert same(run(None, True), run(watch, True))
    found = {row.method for row in watch.rows if row.quantity == "fluctuation"}
    assert found == ({"microbatches"} if accumulate > 1 else {"chunks"} if own_loss else {"hooks"}), watch.probe and watch.probe.notes


@pytest.mark.parametrize("module", ["lightning", "hf"])
def test_what_the_trainer_has_is_not_taken_twice(module: str) -> None:
    import importlib

    pytest.importorskip({"lightning": "lightning", "hf": "transformers"}[module])
    probe = importlib.import_module(f"thalweg.{module}").Probe
    with pytest.raises(ValueError, match="`optimizer` is given"):
        probe(optimizer=None)


WORKER = Path(__file__).with_name("two_processes.py")


def test_two_processes(tmp_path: Path) -> None:
    """Both processes' weights with a probe are those without; what is found is of both processes' samples."""
    environment = {**os.environ, "MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    environment["MASTER_PORT"] = str(20000 + os.getpid() % 20000)
    workers = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(tmp_path)],
            env={**environment, "RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    messages = [worker.communicate(timeout=240)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], messages
    weights = [torch.load(tmp_path / f"weights{rank}.pt") for rank in range(2)]
    for run in ("probe", "microbatches", "hooks", "weighted"):
        for alone, watched in zip(weights[0]["weighted alone" if run == "weighted" else "alone"], weights[0][run]):
            assert torch.equal(alone, watched)
        for one, other in zip(weights[0][run], weights[1][run]):
            assert torch.equal(one, other)
    for run in ("microbatches", "hooks", "weighted"):
        expected = weights[0]["expected"]
        for name, value in weights[0][f"{run} found"].items():
            assert value == pytest.approx(expected[run][name], rel=1e-9), (run, name)
    assert weights[0]["rows"] > 0 and weights[1]["rows"] == 0
