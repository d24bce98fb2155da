"""The program as a whole: up, up again, what is served, and previews without any cluster."""

from __future__ import annotations

import subprocess

import httpx
import pytest

from tests.e2e.environment import Environment

pytestmark = pytest.mark.e2e


def test_up_again_changes_nothing_and_says_what_runs_and_what_to_do_next(running: Environment) -> None:
    printed = running.make("up")
    assert "nothing changed" in printed
    assert f"{running.outputs['urls']['cluster1']}/productpage" in printed
    assert "make stage" in printed


def test_another_preview_shows_no_change(running: Environment) -> None:
    assert running.changes() == []


@pytest.mark.parametrize("cluster", ["cluster1", "cluster2"])
def test_productpage_is_served(running: Environment, cluster: str) -> None:
    page = httpx.get(f"{running.outputs['urls'][cluster]}/productpage", timeout=20)
    assert page.status_code == 200
    assert "The Comedy of Errors" in page.text
    assert "William Shakespeare" in page.text, "details"
    assert "Reviewer1" in page.text, "reviews"


@pytest.mark.parametrize("stage", ["vm-only", "canary"])
def test_preview_needs_no_cluster(running: Environment, stage: str) -> None:
    """With every network cut off, as in a check of a pull request."""
    running.set_stage(stage)
    cut_off = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    command = ["pulumi", "preview", "--stack", running.stack, "--non-interactive"]
    try:
        done = subprocess.run(
            [*cut_off, *command],
            cwd=running.root,
            env=running.variables,
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        running.set_stage("vm-only")
    assert ("2 to update" in done.stdout) == (stage == "canary"), done.stdout
    for unwanted in ("to replace", "to delete", "to create"):
        assert unwanted not in done.stdout
