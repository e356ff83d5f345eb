"""What both baselines share: the problem, the check of the result, and the report as JSON."""

import json
import os
import platform
import statistics
import time

DEPTH, BATCH, LEARNING_RATE = 3, 10, 1e-3


def noise_deviations(dim):
    return (1.0,) + (0.1,) * (dim - 1)


def expected_product_error(dim):
    """E|W_3 W_2 W_1 - V|^2 of the stationary fluctuation around W_k = I, V = I, unit inputs.

    There the product's error P decays at the rate eta K with K = D, and each step adds the product's
    share of the minibatch noise, so E|P|^2 = (eta / 2B) D d_x tr(noise covariance) to first order.
    """
    noise = sum(s * s for s in noise_deviations(dim))
    return LEARNING_RATE / (2 * BATCH) * DEPTH * dim * noise


def check(products, dim):
    """Stop when the trained networks are not around the teacher V = I; return their mean error.

    `products` holds d x d products from different seeds or rounds. A factor of 20 either way: with
    five independent products (10 degrees of freedom that matter) chance fails it once in 10^5, while
    a wrong scale of step, batch or noise is seen in the mean error that is reported.
    """
    errors = [
        sum((p[i][j] - (i == j)) ** 2 for i in range(dim) for j in range(dim)) for p in products
    ]
    mean, expected = statistics.fmean(errors), expected_product_error(dim)
    if not expected / 20 < mean < expected * 20:
        raise SystemExit(f"product error {mean:.3g} where about {expected:.3g} is expected")
    return mean


def cpu_model():
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def report(library, version, results, dim):
    """Print one JSON object: where it ran, and microseconds per variant."""
    print(
        json.dumps(
            {
                "library": library,
                "version": version,
                "python": platform.python_version(),
                "cpu": cpu_model(),
                "cores": sorted(os.sched_getaffinity(0)),
                "problem": {
                    "depth": DEPTH,
                    "dim": dim,
                    "batch": BATCH,
                    "learning_rate": LEARNING_RATE,
                    "noise_deviations": noise_deviations(dim),
                    "dtype": "f64",
                },
                "results": results,
            }
        )
    )


def clocks():
    """Seconds now, by the wall and by the processor (all threads of this process)."""
    return time.perf_counter(), time.process_time()


def since(start):
    return tuple(now - then for now, then in zip(clocks(), start))


def summarise(name, seeds, steps, rounds, product_error, dim):
    """The medians of one variant: `rounds` holds `since(start)` of each round of `steps`."""
    step, cpu = (statistics.median(clock) / steps * 1e6 for clock in zip(*rounds))
    return {
        "name": name,
        "seeds": seeds,
        "steps_per_round": steps,
        "rounds": len(rounds),
        "us_per_step": step,
        "us_per_seed_step": step / seeds,
        "cpu_us_per_seed_step": cpu / seeds,
        "product_error": product_error,
        "expected_product_error": expected_product_error(dim),
    }
