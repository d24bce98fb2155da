"""An image with a program of the tests, for the place of images that cannot be had where the tests run."""

from __future__ import annotations

import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.environment import Environment
from tests.e2e.go import built

SOURCE = Path(__file__).parent / "page"
TAG = "test"


@contextmanager
def loaded(environment: Environment, cluster: str, folder: Path) -> Generator[str]:
    """The image is on the node of a cluster, for the time of the block. Yields its name, which has its digest."""
    kind = f"vm-mesh-{environment.stack}-{cluster}"
    name = f"vm-mesh-{environment.stack}/page:{TAG}"

    def ctr(*arguments: str) -> str:
        node = f"{kind}-control-plane"
        return environment.run("docker", "exec", node, "ctr", "--namespace", "k8s.io", "images", *arguments)

    def digests() -> dict[str, str]:
        """By names, which are whole ones here."""
        return {words[0]: words[2] for words in map(str.split, ctr("ls").splitlines()[1:])}

    archive = _archive(environment, name, folder)
    environment.run("kind", "load", "image-archive", "--quiet", "--name", kind, str(archive))
    (whole,) = [known for known in digests() if known.endswith(f"/{name}")]
    digest = digests()[whole]
    pinned = f"{whole.removesuffix(f':{TAG}')}@{digest}"
    try:
        # An image that was loaded has its tag alone, and one that is pulled its digest as well.
        ctr("tag", "--force", whole, pinned)
        ctr("label", pinned, "io.cri-containerd.image=managed")
        yield pinned
    finally:
        ctr("rm", *(known for known, its in digests().items() if its == digest))


def _archive(environment: Environment, name: str, folder: Path) -> Path:
    root, archive = folder / "root.tar", folder / "image.tar"
    with tarfile.open(root, "w") as tar:
        tar.add(_built(folder), "page")
    environment.run("docker", "import", "--change", 'ENTRYPOINT ["/page"]', str(root), name)
    try:
        environment.run("docker", "save", "--output", str(archive), name)
    finally:
        environment.run("docker", "rmi", name)
    return archive


def _built(folder: Path) -> Path:
    program = folder / "page"
    built(SOURCE, program, CGO_ENABLED="0", GOOS="linux")
    # It is run by users that are not its owner.
    program.chmod(0o755)
    return program
