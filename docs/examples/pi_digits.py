"""Count how often each digit, and each pair of digits, stands in π.

The digits are computed here, cut into parts, counted on the engines, and the counts are
added up. Prints the digits' frequencies and the rarest and most frequent pair. Checked
against a count of the whole here, and the digits' counts against the published ones.
"""

import itertools
from argparse import SUPPRESS, ArgumentParser
from collections import Counter
from decimal import Decimal, localcontext

import parallel as ipp

DIGITS = 10_000
PART = 625
PUBLISHED = [968, 1026, 1021, 974, 1012, 1046, 1021, 970, 948, 1014]


def pi_digits(n):
    """Return n decimals of π, by the arithmetic-geometric mean (Gauss, Legendre)."""
    with localcontext() as context:
        context.prec = n + 10
        a, b, t, p = Decimal(1), 1 / Decimal(2).sqrt(), Decimal("0.25"), 1
        for _ in range(n.bit_length()):  # each turn doubles the digits that are right
            a, b, before = (a + b) / 2, (a * b).sqrt(), a
            t -= p * (before - a) ** 2
            p *= 2
        return str((a + b) ** 2 / (4 * t))[2 : n + 2]


def count(part):
    """Count the digits of a part, and its pairs; the last digit is the next part's."""
    return Counter(part[:-1]) + Counter(map("".join, itertools.pairwise(part)))


def main(rc):
    """Count in parallel, and compare."""
    digits = pi_digits(DIGITS)
    # Each part has one digit of the next, for the pair that stands across the cut
    parts = [digits[i : i + PART + 1] for i in range(0, DIGITS, PART)]
    parts[-1] += "."

    lview = rc.load_balanced_view()
    found = Counter()
    for counted in lview.map_async(count, parts, ordered=False):
        found.update(counted)
    del found[digits[-1] + "."]

    for digit in "0123456789":
        print(f"{digit} {found[digit]:6} {'*' * (found[digit] * 400 // DIGITS)}")
    pairs = Counter({key: times for key, times in found.items() if len(key) == 2})
    (most, often), *_, (least, seldom) = pairs.most_common()
    print(f"pairs: {most} {often} times, {least} {seldom} times")

    assert digits.startswith("14159265358979323846")
    assert digits.index("999999") == 761  # where Feynman wanted to stop
    assert [found[digit] for digit in "0123456789"] == PUBLISHED
    assert found == Counter(digits) + Counter(map("".join, itertools.pairwise(digits)))
    assert pairs.total() == DIGITS - 1
    print(f"{DIGITS} digits and {pairs.total()} pairs: as counted serially")


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, argument_default=SUPPRESS)
    parser.add_argument("--profile", help="of a cluster that is running")
    parser.add_argument("--cluster-id", help="of one in this profile")
    asked = vars(parser.parse_args())
    with ipp.Client(**asked) if asked else ipp.Cluster(n=4) as rc:
        main(rc)
