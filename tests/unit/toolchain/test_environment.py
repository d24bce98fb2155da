"""The environment of a checkout, and what the user's own choices change in it."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from toolchain import artifacts
from toolchain.artifacts import IMAGES, Artifacts, ArtifactsMissing, Istio, SidecarPackage
from toolchain.environment import environment
from toolchain.places import Checkout, cache_root, pulumi_home

READY = Artifacts(
    path=("/checkout/.state/bin", "/venv/bin"),
    istio=Istio(version="1.31.0", hub="localhost/hub", tag="1.31.0-k", proxy="envoy"),
    charts=".state/charts",
    sidecar_package=SidecarPackage(path=".state/istio-sidecar.deb", sha256="00"),
    images={name: f"image-of-{name}" for name in IMAGES},
    load_images=True,
    kind_config={},
)
USERS = {"PATH": "/usr/bin:/venv/bin:/bin"}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VM_MESH_CACHE", str(tmp_path / "cache"))
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    artifacts.save(checkout, READY)
    return checkout


def test_artifacts_come_back_as_they_were_written(root: Path) -> None:
    assert artifacts.load(root) == READY


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"path": []}'])
def test_artifacts_of_another_version_are_said(text: str, root: Path) -> None:
    Checkout(root).artifacts.write_text(text)
    with pytest.raises(ArtifactsMissing) as error:
        artifacts.load(root)
    assert "make tools" in error.value.advice


def test_images_to_load_are_named_once() -> None:
    same = dict(READY.images) | {"reviews-v1": "reviews", "reviews-v2": "reviews", "reviews-v3": "reviews"}
    loaded = replace(READY, images=same).local_images
    assert loaded.count("reviews") == 1
    assert "localhost/hub/pilot:1.31.0-k" in loaded
    assert "image-of-node" not in loaded
    assert replace(READY, load_images=False).local_images == ()


def test_nothing_is_set_before_the_tools_are_there(tmp_path: Path) -> None:
    with pytest.raises(ArtifactsMissing):
        environment(tmp_path, USERS)


def test_the_environment_of_a_new_checkout(root: Path) -> None:
    assert environment(root, USERS) == {
        "PATH": f"{root}/bin:/checkout/.state/bin:/venv/bin:/usr/bin:/bin",
        "PULUMI_HOME": str(pulumi_home()),
        "PULUMI_CREDENTIALS_PATH": f"{root}/.state/logins",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_BACKEND_URL": f"file://{root}/.state/pulumi",
        "PULUMI_CONFIG_PASSPHRASE_FILE": f"{root}/.state/passphrase",
    }
    assert (root / ".state" / "pulumi").is_dir()


def test_the_passphrase_is_made_once_and_private(root: Path) -> None:
    old = os.umask(0)
    try:
        environment(root, USERS)
    finally:
        os.umask(old)
    file = Checkout(root).passphrase
    first = file.read_text()
    assert len(first) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    environment(root, USERS)
    assert file.read_text() == first
    assert [other.name for other in file.parent.glob("tmp*")] == []


@pytest.mark.parametrize("name", ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"])
def test_the_users_own_passphrase_stays(name: str, root: Path) -> None:
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in environment(root, USERS | {name: "/mine"})
    assert not Checkout(root).passphrase.exists()


def test_the_users_own_backend_stays(root: Path) -> None:
    assert "PULUMI_BACKEND_URL" not in environment(root, USERS | {"PULUMI_BACKEND_URL": "s3://bucket"})


def log_in(logins: Path, url: str) -> None:
    logins.mkdir(parents=True, exist_ok=True)
    (logins / "credentials.json").write_text(json.dumps({"current": url}))


def test_a_login_is_the_backend_of_a_shell_that_had_another_one(root: Path) -> None:
    shell = USERS | environment(root, USERS)
    log_in(Path(shell["PULUMI_CREDENTIALS_PATH"]), "s3://bucket")
    shell |= environment(root, shell)
    # Pulumi takes an empty one for none, and asks the login.
    assert shell["PULUMI_BACKEND_URL"] == ""
    log_in(Path(shell["PULUMI_CREDENTIALS_PATH"]), "")
    assert environment(root, shell)["PULUMI_BACKEND_URL"] == f"file://{root}/.state/pulumi"


def test_a_login_is_the_checkouts_own(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    artifacts.save(other, READY)
    log_in(Checkout(other).logins, "s3://bucket")
    log_in(pulumi_home(), "s3://of-all")
    found = environment(root, USERS | environment(other, USERS))
    assert found["PULUMI_CREDENTIALS_PATH"] == f"{root}/.state/logins"
    assert found["PULUMI_BACKEND_URL"] == f"file://{root}/.state/pulumi"


def test_the_users_own_place_for_logins_stays(root: Path, tmp_path: Path) -> None:
    log_in(tmp_path / "mine", "s3://bucket")
    found = environment(root, USERS | {"PULUMI_CREDENTIALS_PATH": str(tmp_path / "mine")})
    assert "PULUMI_CREDENTIALS_PATH" not in found
    assert found["PULUMI_BACKEND_URL"] == ""


def test_a_shell_of_another_checkout_does_not_pass_its_state_on(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    artifacts.save(other, READY)
    there = environment(other, USERS)
    assert environment(root, USERS | there)["PULUMI_BACKEND_URL"] == f"file://{root}/.state/pulumi"
    assert environment(root, USERS | there)["PULUMI_CONFIG_PASSPHRASE_FILE"] == f"{root}/.state/passphrase"


def test_the_cache_is_where_the_user_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value, expected in (
        ("VM_MESH_CACHE", "/a", "/a"),
        ("XDG_CACHE_HOME", "/b", "/b/vm-mesh"),
        ("HOME", "/c", "/c/.cache/vm-mesh"),
    ):
        for other in ("VM_MESH_CACHE", "XDG_CACHE_HOME"):
            monkeypatch.delenv(other, raising=False)
        monkeypatch.setenv(name, value)
        assert cache_root() == Path(expected)
