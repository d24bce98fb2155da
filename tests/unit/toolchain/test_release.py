"""Nothing is used that its publisher's checksum does not vouch for, and no dead host is asked twice."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from tests.unit.toolchain.support import Server
from toolchain.commands import Commands
from toolchain.mirror import Mirror, load
from toolchain.problem import Problem
from toolchain.release import ChecksumMismatch, Release, Releases, expected_digest

CONTENT = b"the program"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
TIMEOUT = httpx.Timeout(2)


def releases(mirror: Mirror | None = None) -> Releases:
    return Releases(mirror or Mirror(), Commands(), TIMEOUT)


def release(url: str) -> Release:
    return Release(f"{url}/v1/tool-linux", f"{url}/v1/checksums.txt")


@pytest.fixture
def published(server: Server) -> Server:
    server.files["/v1/tool-linux"] = CONTENT
    server.files["/v1/checksums.txt"] = f"{SHA256}  tool-linux\n{'0' * 64}  tool-darwin\n".encode()
    return server


@pytest.fixture
def dead() -> Generator[str]:
    """A URL that refuses connections."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def test_a_release_is_fetched(published: Server, tmp_path: Path) -> None:
    found = releases()
    assert found.offers(release(published.url))
    assert found.fetch(release(published.url), tmp_path).read_bytes() == CONTENT


def test_a_release_with_another_checksum_is_refused(published: Server, tmp_path: Path) -> None:
    published.files["/v1/tool-linux"] = b"something else"
    with pytest.raises(ChecksumMismatch, match=rf"tool-linux is not .*{SHA256}"):
        releases().fetch(release(published.url), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_release_without_a_checksum_is_refused(published: Server, tmp_path: Path) -> None:
    published.files["/v1/checksums.txt"] = f"{SHA256}  another-tool\n".encode()
    with pytest.raises(ChecksumMismatch, match="no checksum of tool-linux"):
        releases().fetch(release(published.url), tmp_path)
    assert "/v1/tool-linux" not in published.asked


def test_what_is_not_there_is_not_offered(server: Server) -> None:
    assert not releases().offers(release(server.url))


def test_a_dead_host_is_asked_once(dead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = releases()
    assert not found.offers(release(dead))

    def get(*_: object) -> None:
        pytest.fail("asked again")

    monkeypatch.setattr(httpx.Client, "get", get)
    assert not found.offers(release(f"{dead}/other"))
    assert found.unreachable == [dead.removeprefix("http://")]
    assert not found.answers(dead.removeprefix("http://"))


def test_downloads_come_from_the_mirror(published: Server, tmp_path: Path) -> None:
    mirror = Mirror(downloads=f"{published.url}/mirror/")
    published.files = {f"/mirror/tools.example{path}": body for path, body in published.files.items()}
    file = releases(mirror).fetch(release("https://tools.example"), tmp_path)
    assert file.read_bytes() == CONTENT
    assert published.asked == [
        "/mirror/tools.example/v1/checksums.txt",
        "/mirror/tools.example/v1/tool-linux",
    ]


@pytest.mark.parametrize(
    ("url", "mirror"),
    [
        ("base-1.2.3.tgz", Mirror()),
        ("https://charts.example/base-1.2.3.tgz", Mirror(downloads="SERVER/mirror")),
        ("base-1.2.3.tgz", Mirror(charts="SERVER/charts")),
    ],
    ids=["relative", "downloads", "charts"],
)
def test_charts_are_fetched(url: str, mirror: Mirror, server: Server, tmp_path: Path) -> None:
    mirror = Mirror(**{key: value.replace("SERVER", server.url) for key, value in vars(mirror).items()})
    repository = "https://charts.example" if mirror != Mirror() else server.url
    base = mirror.charts_of(repository).removeprefix(server.url)
    index = f"entries: {{base: [{{version: 1.2.3, digest: {SHA256}, urls: ['{url}']}}]}}"
    server.files[f"{base}/index.yaml"] = index.encode()
    server.files[f"{base}/base-1.2.3.tgz"] = CONTENT
    found = releases(mirror)
    assert found.offers_chart(repository, "base", "1.2.3")
    assert not found.offers_chart(repository, "base", "1.2.4")
    assert found.fetch_chart(repository, "base", "1.2.3", tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(("path", "there"), [("/v2/", True), ("/", False)])
def test_a_registry_is_known_by_its_greeting(path: str, there: bool, server: Server) -> None:
    server.files[path] = b"{}"
    assert releases().answers(f"{server.url.removeprefix('http://')}/istio/pilot:1") is there


@pytest.mark.parametrize(
    "text",
    [
        SHA256,
        f"{SHA256}\n",
        f"{SHA256}  tool\n{'0' * 64}  tool.sbom\n",
        f"{SHA256} *tool",
        f"{SHA256}  ./tool",
        f"{SHA256}  out/linux/tool",
    ],
)
def test_checksum_files_have_several_forms(text: str) -> None:
    assert expected_digest(text, "tool", "url") == SHA256


@pytest.mark.parametrize("text", ["", "<html>", f"{SHA256}\n{SHA256}", "abc  tool", f"{SHA256}  mytool"])
def test_what_is_no_checksum_vouches_for_nothing(text: str) -> None:
    with pytest.raises(ChecksumMismatch):
        expected_digest(text, "tool", "url")


def test_images_are_named_by_the_mirror() -> None:
    official = "docker.io/istio/pilot:1.31.0"
    assert Mirror().image(official) == official
    assert Mirror(images="registry.example:5000/hub/").image(official) == "registry.example:5000/hub/istio/pilot:1.31.0"


def test_the_mirror_is_read_from_the_stacks_config(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.plain.yaml").write_text("config: {}\n")
    (tmp_path / "Pulumi.mirrored.yaml").write_text("config: {'vm-mesh:mirror': {images: registry.example}}\n")
    assert load(tmp_path, None) == load(tmp_path, "plain") == Mirror()
    assert load(tmp_path, "mirrored") == Mirror(images="registry.example")


@pytest.mark.parametrize("text", ["config: {'vm-mesh:mirror': {image: x}}", "config: {'vm-mesh:mirror': x}", "a: ["])
def test_what_is_no_mirror_is_said(text: str, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(text)
    with pytest.raises(Problem, match=r"Pulumi\.dev\.yaml"):
        load(tmp_path, "dev")


def test_a_stack_without_a_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no stack dev"):
        load(tmp_path, "dev")
