"""How much work a curvature tool must do until its result is as good as wanted, by the known truth."""

import math
import statistics

# Random starts over which an eigenvalue's error is judged, probes over which a trace's is.
STARTS = range(5)
SEEDS = range(16)
# Single probes that an average's error is predicted from.
PROBES = range(400)
# Efforts that are passed over at first.
STRIDE = 4


class Unreached(Exception):
    """No effort was enough."""


def eigenvalue_effort(solve, efforts, truth, limit):
    """The first of `efforts` whose median relative error is below `limit`, and that error."""
    error = lambda effort: statistics.median(abs(solve(effort, seed) / truth - 1) for seed in STARTS)
    return least(efforts, error, limit)


def trace_effort(solve, efforts, truth, limit):
    """The first of `efforts` whose root mean square relative error is below `limit`, and that error."""
    return least(efforts, lambda effort: scatter(solve, effort, truth, SEEDS), limit)


def least(efforts, error, limit):
    """The first of the ascending `efforts` with an error below `limit`, and that error: by strides,
    then by halves."""
    low, errors = -1, {}
    for high in range(STRIDE - 1, len(efforts), STRIDE):
        errors[high] = error(efforts[high])
        if errors[high] <= limit:
            break
        low = high
    else:
        raise Unreached(f"relative error {errors[low]:.2g}")
    while high - low > 1:
        middle = (low + high) // 2
        errors[middle] = error(efforts[middle])
        if errors[middle] <= limit:
            high = middle
        else:
            low = middle
    return efforts[high], errors[high]


def least_near(efforts, error, limit, guess):
    """As `least`, for who has seen before which of `efforts` it was: two errors are computed if it still is, one more
    for each effort that it is away."""
    place = efforts.index(guess)
    found = error(efforts[place])
    if found > limit:
        while found > limit:
            place += 1
            if place == len(efforts):
                raise Unreached(f"relative error {found:.2g}")
            found = error(efforts[place])
        return efforts[place], found
    while place > 0:
        less = error(efforts[place - 1])
        if less > limit:
            break
        place, found = place - 1, less
    return efforts[place], found


def average_effort(solve, truth, limit, seeds=PROBES, least=1):
    """The probes that an average of independent ones needs, from the error of averages of the `least` that are taken."""
    deviations = [solve(least, seed) / truth - 1 for seed in seeds]
    error = math.sqrt(statistics.fmean(d * d for d in deviations))
    # The probes are unbiased: were the truth another, their mean would show it. (By chance once in 10^6.)
    if abs(statistics.fmean(deviations)) > 5 * error / math.sqrt(len(seeds)):
        raise SystemExit(f"the trace is not {truth}: probes deviate by {statistics.fmean(deviations):.2g}")
    probes = math.ceil(least * (error / limit) ** 2)
    return probes, error * math.sqrt(least / probes)


def scatter(solve, effort, truth, seeds):
    return math.sqrt(statistics.fmean((solve(effort, seed) / truth - 1) ** 2 for seed in seeds))


def geometric(first, last, ratio, multiple=1):
    """Whole multiples from `first` to `last`, each about `ratio` times the one before."""
    efforts, effort = [], float(first)
    while effort <= last:
        whole = multiple * math.ceil(effort / multiple)
        if not efforts or whole > efforts[-1]:
            efforts.append(whole)
        effort *= ratio
    return efforts
