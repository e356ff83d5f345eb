"""A diagnosis of a table's label noise in NumPy and PyTorch, on one thread: covariance by cross-fitting, intervals of its condition number
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
#: Splits into parts by whose scatter a condition number is judged.
SPLITS = 20
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
    """Least squares on nine parts each, batched over resamples: `parts` is FOLDS × resamples × p × p, sums of (1, x, y) with itself."""

    def __init__(self, parts, inputs):
        self.parts, x, y = parts, slice(0, inputs), slice(inputs, None)
        others = parts.sum(0) - parts
        self.count = others[..., 0, 0]
        self.mean = others[..., 0, 1:] / self.count[..., None]
        own = others[..., 1:, 1:] / self.count[..., None, None]
        own = own - self.mean[..., :, None] * self.mean[..., None, :]
        self.inverse = torch.linalg.inv(own[..., x, x])
        self.teacher = self.inverse @ own[..., x, y]
        self.x, self.y = x, y

    def covariance(self):
        """What the parts that were not seen leave, over their number and leverages."""
        x, y, mean = self.x, self.y, self.mean
        count, sums = self.parts[..., 0, 0], self.parts[..., 0, 1:]
        crossed = sums[..., :, None] * mean[..., None, :]
        about = self.parts[..., 1:, 1:] - crossed - crossed.mT
        about = about + count[..., None, None] * mean[..., :, None] * mean[..., None, :]
        explained = self.teacher.mT @ about[..., x, y]
        squares = about[..., y, y] - explained - explained.mT + self.teacher.mT @ about[..., x, x] @ self.teacher
        spread = (about[..., x, x] * self.inverse).sum((-1, -2))
        weight = count + (count + spread) / self.count
        return squares.sum(0) / weight.sum(0)[..., None, None]


def condition_numbers(covariances):
    values = torch.linalg.eigvalsh(covariances)
    return values[..., -1] / values[..., 0]


def parts_of(groups, folds, times):
    """Sums over each part: `groups` are G × p × p, taken as often as `times`, resamples × G."""
    p = groups.shape[-1]
    flat = groups.flatten(1)
    return torch.stack([times[:, folds == k] @ flat[folds == k] for k in range(FOLDS)]).unflatten(-1, (p, p))


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
        folds, once, again = self.fits()
        value = condition_numbers(once.covariance())[0].item()
        chosen = torch.randperm(len(self.table.rows))[:SAMPLE]
        rows = self.table.rows[chosen]
        residuals = self.residuals(once, folds[chosen], rows)
        return {
            "value": value,
            "interval": interval(value, condition_numbers(again)),
            "isotropy": isotropy(residuals),
            "heteroscedasticity": heteroscedasticity(rows[:, 1 : 1 + self.table.inputs], residuals),
        }

    def residuals(self, fits, folds, rows):
        """Each row's by the fit that has not seen it, over √(1 + leverage)."""
        entries = rows[:, 1:] - fits.mean[folds, 0]
        x, y = entries[:, fits.x], entries[:, fits.y]
        spread = torch.einsum("ni,nij,nj->n", x, fits.inverse[folds, 0], x)
        leverage = (1 + spread) / fits.count[folds, 0]
        return (y - torch.einsum("ni,nij->nj", x, fits.teacher[folds, 0])) / (1 + leverage).sqrt()[:, None]

    def values(self):
        """How far ours is from the mean over other splits of the rows, against their scatter."""
        found, ours = self.diagnose(), self.table.found
        splits = [condition_numbers(self.fits()[1].covariance())[0].item() for _ in range(SPLITS)]
        widths = [np.log(of["interval"][1] / of["interval"][0]) for of in (found, ours)]
        if abs(np.log(widths[0] / widths[1])) > WIDTHS:
            raise SystemExit(f"{self.table.name}: intervals {found['interval']} and, in ours, {ours['interval']}")
        error = abs(ours["value"] - np.mean(splits)) / np.mean(splits)
        limit = 4 * np.std(splits, ddof=1) / np.mean(splits)
        return {"effort": self.table.resamples, "error": error, "limit": limit}


class ByGroups(Diagnosis):
    """Sums over at most 1000 groups of rows, which are resampled: the work of a resample does not grow with the rows."""

    def fits(self):
        rows = self.table.rows
        n, p = rows.shape
        of = torch.arange(n) if n <= GROUPS else torch.randint(GROUPS, (n,))
        count = min(n, GROUPS)
        groups = torch.zeros(count, p * p)
        for part, own in zip(rows.split(10_000), of.split(10_000)):
            groups.index_add_(0, own, (part[:, :, None] * part[:, None, :]).flatten(1))
        groups = groups.unflatten(1, (p, p))
        folds = torch.randperm(count) % FOLDS
        drawn = torch.randint(count, (self.table.resamples, count))
        times = torch.zeros(self.table.resamples, count).scatter_add_(1, drawn, torch.ones_like(drawn, dtype=rows.dtype))
        once = Fits(parts_of(groups, folds, torch.ones(1, count)), self.table.inputs)
        again = Fits(parts_of(groups, folds, times), self.table.inputs)
        return folds[of], once, again.covariance()


class ByRows(Diagnosis):
    """Rows themselves are resampled, one table after the other."""

    def fits(self):
        rows, inputs = self.table.rows, self.table.inputs
        order = torch.randperm(len(rows))
        parts = rows[order].tensor_split(FOLDS)
        folds = torch.empty(len(rows), dtype=torch.long)
        folds[order] = torch.repeat_interleave(torch.arange(FOLDS), torch.tensor([len(part) for part in parts]))

        def fits(times):
            sums = [part.mT @ (own[:, None] * part) for part, own in zip(parts, times.tensor_split(FOLDS))]
            return Fits(torch.stack(sums)[:, None], inputs)

        once = fits(torch.ones(len(rows)))
        again = []
        for _ in range(self.table.resamples):
            times = torch.bincount(torch.randint(len(rows), (len(rows),)), minlength=len(rows))
            again.append(fits(times.to(rows.dtype)).covariance())
        return folds, once, torch.cat(again)


def unequal(moments):
    """Mauchly's statistic with its sign turned."""
    values = torch.linalg.eigvalsh(moments)
    return (values.mean(-1, keepdim=True) / values).log().sum(-1)


def isotropy(residuals):
    n = len(residuals)
    moment = residuals.mT @ residuals / n
    values, vectors = torch.linalg.eigh(moment)
    white = residuals @ vectors / values.sqrt()
    beyond, observed = 0, unequal(moment)
    for _ in range(DRAWS // CHUNK):
        drawn = white[torch.randint(n, (CHUNK, n))]
        beyond += (unequal(drawn.mT @ drawn / n) >= observed).sum().item()
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
