"""A diagnosis of a table's label noise in NumPy and PyTorch, on one thread: covariance by degrees of freedom, intervals of its condition number
by resampled rows, and both tests."""

import functools
import json
import pathlib
import sys

import numpy as np
import torch

from serving import Work, serve

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

FOLDS, GROUPS, SAMPLE, DRAWS = 10, 1000, 4096, 999
#: Resampled data sets of the tests that are held at once.
CHUNK = 37
#: By how much a condition number may differ from ours, relatively: both are sums in another order.
ROUNDING = 1e-8
#: By how much the logarithmic widths of two bootstraps' intervals may differ; 400 resamples leave 6 %.
WIDTHS = 0.25


class Table:
    """Rows (1, x, y), less the first one's, as the harness wrote them."""

    def __init__(self, directory, description):
        self.name, self.inputs, self.found = description["name"], description["inputs"], description["found"]
        self.resamples = description["resamples"]
        rows = np.fromfile(directory / description["file"]).reshape(description["rows"], -1)
        rows = torch.from_numpy(rows - rows[0])
        self.rows = torch.cat([torch.ones(len(rows), 1), rows], 1)


class Fits:
    """Least squares with an intercept, batched: `sums` is … × p × p, sums of (1, x, y) with itself."""

    def __init__(self, sums, inputs):
        self.count, self.x, self.y = sums[..., 0, 0], slice(0, inputs), slice(inputs, None)
        self.mean = sums[..., 0, 1:] / self.count[..., None]
        own = self.about(sums) / self.count[..., None, None]
        self.inverse = torch.linalg.inv(own[..., self.x, self.x])
        self.teacher = self.inverse @ own[..., self.x, self.y]

    def about(self, sums):
        count, first, mean = sums[..., 0, 0], sums[..., 0, 1:], self.mean
        crossed = first[..., :, None] * mean[..., None, :]
        return sums[..., 1:, 1:] - crossed - crossed.mT + count[..., None, None] * mean[..., :, None] * mean[..., None, :]

    def leverages(self, sums):
        return (sums[..., 0, 0] + (self.about(sums)[..., self.x, self.x] * self.inverse).sum((-1, -2))) / self.count


def covariance(sums, squared, inputs):
    """What least squares leaves over its degrees of freedom; `sums` has rows by their weights, `squared` by the squares of them."""
    fits = Fits(sums, inputs)
    about, x, y = fits.about(sums), fits.x, fits.y
    explained = fits.teacher.mT @ about[..., x, y]
    squares = about[..., y, y] - explained - explained.mT + fits.teacher.mT @ about[..., x, x] @ fits.teacher
    return squares / (fits.count - fits.leverages(squared))[..., None, None]


def condition_numbers(covariances):
    values = torch.linalg.eigvalsh(covariances)
    return values[..., -1] / values[..., 0]


def interval(value, again):
    low, high = torch.quantile(again.log(), torch.tensor([0.025, 0.975]))
    return (2 * np.log(value) - torch.stack([high, low])).exp().tolist()


class Diagnosis(Work):
    def __init__(self, table):
        self.table = table

    def repeat(self, calls):
        for _ in range(calls):
            self.found = self.diagnose()
        return calls

    def diagnose(self):
        folds, parts, once, again = self.sums()
        value = condition_numbers(covariance(*once, self.table.inputs)).item()
        chosen = torch.randperm(len(self.table.rows))[:SAMPLE]
        rows = self.table.rows[chosen]
        x, y = rows[:, : 1 + self.table.inputs], rows[:, 1 + self.table.inputs :]
        residuals = self.residuals(Fits(parts.sum(0) - parts, self.table.inputs), folds[chosen], rows)
        return {
            "value": value,
            "interval": interval(value, condition_numbers(again)),
            "isotropy": isotropy(x, y),
            "heteroscedasticity": heteroscedasticity(x[:, 1:], residuals),
        }

    def residuals(self, fits, folds, rows):
        """Each row's by the fit that has not seen it, over √(1 + leverage)."""
        entries = rows[:, 1:] - fits.mean[folds]
        x, y = entries[:, fits.x], entries[:, fits.y]
        spread = torch.einsum("ni,nij,nj->n", x, fits.inverse[folds], x)
        leverage = (1 + spread) / fits.count[folds]
        return (y - torch.einsum("ni,nij->nj", x, fits.teacher[folds])) / (1 + leverage).sqrt()[:, None]

    def values(self):
        """How far ours is from this one, and that the intervals are about as wide."""
        found, ours = self.diagnose(), self.table.found
        widths = [np.log(of["interval"][1] / of["interval"][0]) for of in (found, ours)]
        if abs(np.log(widths[0] / widths[1])) > WIDTHS:
            raise SystemExit(f"{self.table.name}: intervals {found['interval']} and, in ours, {ours['interval']}")
        error = abs(ours["value"] / found["value"] - 1)
        return {"effort": self.table.resamples, "error": error, "limit": ROUNDING}


class ByGroups(Diagnosis):
    """Sums over at most 1000 groups of rows, which are resampled: the work of a resample does not grow with the rows."""

    def sums(self):
        rows = self.table.rows
        n, p = rows.shape
        of = torch.arange(n) if n <= GROUPS else torch.randint(GROUPS, (n,))
        count = min(n, GROUPS)
        groups = torch.zeros(count, p * p)
        for part, own in zip(rows.split(10_000), of.split(10_000)):
            groups.index_add_(0, own, (part[:, :, None] * part[:, None, :]).flatten(1))
        folds = torch.randperm(count) % FOLDS
        parts = torch.stack([groups[folds == k].sum(0) for k in range(FOLDS)]).unflatten(-1, (p, p))
        drawn = torch.randint(count, (self.table.resamples, count))
        times = torch.zeros(self.table.resamples, count).scatter_add_(1, drawn, torch.ones_like(drawn, dtype=rows.dtype))
        again = [(times**power @ groups).unflatten(-1, (p, p)) for power in (1, 2)]
        return folds[of], parts, (parts.sum(0), parts.sum(0)), covariance(*again, self.table.inputs)


class ByRows(Diagnosis):
    """Rows themselves are resampled, one table after the other."""

    def sums(self):
        rows = self.table.rows
        folds = torch.randperm(len(rows)) % FOLDS
        parts = torch.stack([rows[folds == k].mT @ rows[folds == k] for k in range(FOLDS)])
        again = []
        for _ in range(self.table.resamples):
            times = torch.bincount(torch.randint(len(rows), (len(rows),)), minlength=len(rows)).to(rows.dtype)
            again.append(covariance(*(rows.mT @ (times[:, None] ** power * rows) for power in (1, 2)), self.table.inputs))
        return folds, parts, (parts.sum(0), parts.sum(0)), torch.stack(again)


def unequal(moments):
    """Mauchly's statistic with its sign turned."""
    values = torch.linalg.eigvalsh(moments)
    return (values.mean(-1, keepdim=True) / values).log().sum(-1)


def isotropy(x, y):
    """Of what least squares of `y` on `x`, whose first column is 1, leaves, against draws of which the same fit has taken its part."""
    followed = torch.linalg.qr(x).Q
    residuals = y - followed @ (followed.mT @ y)
    left = (1 - followed.square().sum(1)).sqrt()[:, None]
    even = residuals / left
    values, vectors = torch.linalg.eigh(even.mT @ even / len(even))
    white = even @ vectors / values.sqrt()
    beyond, observed = 0, unequal(residuals.mT @ residuals)
    for _ in range(DRAWS // CHUNK):
        drawn = white[torch.randint(len(even), (CHUNK, len(even)))]
        taken = followed.mT @ drawn
        beyond += (unequal(drawn.mT @ drawn - taken.mT @ taken) >= observed).sum().item()
    return (1 + beyond) / (1 + DRAWS)


def heteroscedasticity(inputs, residuals):
    def standard(columns):
        columns = columns - columns.mean(0)
        return columns / columns.norm(dim=0)

    x = standard(inputs)
    features = torch.cat([standard(x.square()), x], 1).mT.contiguous()
    first, second = torch.triu_indices(residuals.shape[1], residuals.shape[1])
    products = standard(residuals[:, first] * residuals[:, second])
    observed = (features @ products).square().sum()
    shuffled = (products[torch.randperm(len(products))] for _ in range(DRAWS))
    beyond = sum((features @ some).square().sum() >= observed for some in shuffled)
    return (1 + int(beyond)) / (1 + DRAWS)


def main():
    directory = pathlib.Path(sys.argv[1])
    tables = [Table(directory, of) for of in json.loads((directory / "tables.json").read_text())]
    works = {
        (table.name, words): functools.partial(made, table)
        for table in tables
        for words, made in (("rows summed in groups", ByGroups), ("rows drawn", ByRows))
    }
    serve("torch", torch.__version__, works)


main()
