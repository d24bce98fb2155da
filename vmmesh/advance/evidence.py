"""Evidence that grows with each call, and that may be looked at after each call.

A test made once has its rate of false alarms once; one that is made every second, until it fails, has many times that.
What is here are **e-processes**: under the hypothesis they exceed 1/a at any time at all with a probability of at most
a (Ville's inequality). Ramdas, Grünwald, Vovk, Shafer: "Game-theoretic statistics and safe anytime-valid inference",
Statistical Science 38 (2023). All evidence is given as its natural logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

# What the alternative may be, in multiples of the odds that are allowed.
_ALTERNATIVES = (2.0, 5.0, 25.0)


def above(bad: int, total: int, allowed: float) -> float:
    """Evidence that calls are bad more often than ``allowed`` (a probability below 1).

    The likelihood ratio against all greater probabilities, each as likely as the other.
    """
    from scipy import special  # takes longer to load than all the rest

    if allowed == 0:
        return math.inf if bad else 0.0
    good = total - bad
    tail = float(special.betaincc(bad + 1, good + 1, allowed))
    if tail == 0:
        return -math.inf
    mixture = float(special.betaln(bad + 1, good + 1)) + math.log(tail) - math.log1p(-allowed)
    return mixture - bad * math.log(allowed) - good * math.log1p(-allowed)


class WorseThanOthers:
    """Evidence that the odds of a bad call are more than ``times`` those at the other destinations.

    Of the bad calls of a moment, how many are this destination's is hypergeometric if all are alike, whatever the rate
    is at that moment: trouble that all share is no evidence. Fisher's noncentral distribution has the other odds.
    """

    def __init__(self, times: float) -> None:
        self._times = math.log(times)
        self._against = [self._times + math.log(factor) for factor in _ALTERNATIVES]
        self._ratios = [0.0] * len(self._against)

    def add(self, bad: int, total: int, bad_others: int, total_others: int) -> None:
        """Takes the calls of a moment: of this destination, and of all others."""
        all_bad = bad + bad_others
        if not all_bad or not total or not total_others:
            return
        least, most = max(0, all_bad - total_others), min(all_bad, total)
        ways = [_choose(total, count) + _choose(total_others, all_bad - count) for count in range(least, most + 1)]
        allowed = _sum([way + count * self._times for count, way in enumerate(ways, least)])
        for index, against in enumerate(self._against):
            other = _sum([way + count * against for count, way in enumerate(ways, least)])
            self._ratios[index] += bad * (against - self._times) - other + allowed

    @property
    def evidence(self) -> float:
        """The evidence so far."""
        return _sum(self._ratios) - math.log(len(self._ratios))


def _choose(total: int, count: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)


def _sum(logarithms: Sequence[float]) -> float:
    """Logarithm of the sum of what has these logarithms."""
    greatest = max(logarithms)
    return greatest + math.log(sum(math.exp(part - greatest) for part in logarithms))
