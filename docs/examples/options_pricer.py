"""Price European options by Monte Carlo, for many strikes and volatilities at once.

Each task simulates one volatility with a stream of random numbers of its own, so that
the prices are the same whichever engine takes it, on however many engines. Prints the
calls' prices beside the exact ones. Checked against Black and Scholes' formula within
the standard error, and against a run of one task here, to the last bit. Needs numpy.
"""

import math
from argparse import SUPPRESS, ArgumentParser

import numpy as np

import parallel as ipp

SPOT, RATE, YEARS = 100.0, 0.03, 1.0
STRIKES = np.linspace(80, 120, 5)
SIGMAS = [0.1, 0.15, 0.2, 0.25, 0.3, 0.4]
PATHS = 200_000


def simulate(sigma, seed):
    """Return the prices of calls and puts, and their standard errors, by strike."""
    z = np.random.default_rng(seed).standard_normal(PATHS)
    end = SPOT * np.exp((RATE - sigma**2 / 2) * YEARS + sigma * math.sqrt(YEARS) * z)
    gain = (end[:, None] - STRIKES) * math.exp(-RATE * YEARS)
    paid = np.stack([np.maximum(gain, 0), np.maximum(-gain, 0)])
    return paid.mean(axis=1), paid.std(axis=1) / math.sqrt(PATHS)


def black_scholes(sigma):
    """Return the exact prices of calls and puts by strike."""
    spread = sigma * math.sqrt(YEARS)
    d1 = np.log(SPOT / STRIKES) + (RATE + sigma**2 / 2) * YEARS
    d1 /= spread
    now = STRIKES * math.exp(-RATE * YEARS)
    calls = SPOT * normal(d1) - now * normal(d1 - spread)
    return np.stack([calls, calls - SPOT + now])


def normal(x):
    """Return the standard normal distribution function of each element."""
    return np.array([math.erfc(-each / math.sqrt(2)) / 2 for each in x])


def main(rc):
    """Price all options, print the calls, and compare."""
    seeds = np.random.SeedSequence(2024).spawn(len(SIGMAS))
    lview = rc.load_balanced_view()
    priced = lview.map_sync(simulate, SIGMAS, seeds, chunksize=1)

    print("volatility", *(f"{f'strike {strike:.0f}':>16}" for strike in STRIKES))
    worst = 0.0
    for sigma, (prices, errors) in zip(SIGMAS, priced, strict=True):
        exact = black_scholes(sigma)
        cells = zip(prices[0], exact[0], strict=True)
        print(f"{sigma:10.0%}", *(f"{mc:7.3f} ({bs:6.3f})" for mc, bs in cells))
        worst = max(worst, float((np.abs(prices - exact) / errors).max()))

    assert worst < 4, worst
    here = simulate(SIGMAS[2], seeds[2])
    assert np.array_equal(here, priced[2])
    options = 2 * len(SIGMAS) * len(STRIKES)
    print(
        f"{options} options, at most {worst:.1f} standard errors from the exact price"
    )


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, argument_default=SUPPRESS)
    parser.add_argument("--profile", help="of a cluster that is running")
    parser.add_argument("--cluster-id", help="of one in this profile")
    asked = vars(parser.parse_args())
    with ipp.Client(**asked) if asked else ipp.Cluster(n=4) as rc:
        main(rc)
