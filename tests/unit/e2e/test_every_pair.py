"""The way through all stages takes each step once."""

from __future__ import annotations

import itertools

from tests.e2e.test_faults_many import STAGES, every_pair


def test_every_ordered_pair_is_taken_once() -> None:
    way = every_pair(STAGES)
    assert sorted(itertools.pairwise(way)) == sorted(itertools.permutations(STAGES, 2))
    assert (len(way), way[0], way[-1]) == (13, "vm-only", "vm-only")
