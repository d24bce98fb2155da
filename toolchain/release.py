"""Official releases: fetched from their publisher or a mirror, checked against the publisher's checksum."""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import certifi
import httpx
import yaml

from toolchain.commands import Commands, Stopped
from toolchain.mirror import Mirror
from toolchain.problem import Problem

# Most networks that let a host through connect in well under a second; one that drops packets must not cost
# much.
TIMEOUT = httpx.Timeout(30, connect=4)
# By their length in hexadecimal, which is how a checksum file tells them apart. SHA-1 is all that the
# publisher of Pulumi's docker plugin serves; over TLS it still shows a damaged download.
ALGORITHMS = {40: "sha1", 64: "sha256", 128: "sha512"}


class Unreachable(Exception):
    """The file cannot be had from where it is: there is no connection to the host, or it refuses."""


class ChecksumMismatch(Problem):
    """A download that is not what its publisher says it is."""


@dataclass(frozen=True)
class Release:
    """A file and the file of its checksum, at their official URLs."""

    url: str
    checksums: str

    @property
    def file_name(self) -> str:
        return PurePosixPath(urlsplit(self.url).path).name


class Releases:
    """Fetches releases. A host that could not be reached once is not asked again."""

    def __init__(self, mirror: Mirror, commands: Commands, timeout: httpx.Timeout = TIMEOUT) -> None:
        self._mirror = mirror
        self._commands = commands
        trusted = ssl.create_default_context()  # the system's certificates, a company's own among them
        trusted.load_verify_locations(certifi.where())
        self._client = httpx.Client(timeout=timeout, follow_redirects=True, verify=trusted)
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._unreachable: dict[str, str] = {}
        self._texts: dict[str, str] = {}

    @property
    def unreachable(self) -> list[str]:
        """The hosts that were asked and could not be reached."""
        return sorted(self._unreachable)

    def offers(self, release: Release) -> bool:
        """Whether the publisher, or the mirror, serves the release's checksum, and so the release."""
        return self._has(self._mirror.download(release.checksums))

    def fetch(self, release: Release, folder: Path) -> Path:
        """Downloads the release into ``folder``.

        Raises ChecksumMismatch if it is not what its publisher's checksum says, Problem if it cannot be had.
        """
        url = self._mirror.download(release.url)
        checksums = self._mirror.download(release.checksums)
        file = folder / release.file_name
        try:
            self._download(url, file, expected_digest(self._text(checksums), release.file_name, checksums))
        except Unreachable as error:
            raise Problem(str(error), "run again, or check the network or the mirror") from None
        return file

    def offers_chart(self, repository: str, chart: str, version: str) -> bool:
        """Whether the Helm repository, or the mirror in its place, has the version of the chart."""
        index = f"{self._mirror.charts_of(repository)}/index.yaml"
        return self._has(index) and _chart_entry(self._text(index), chart, version) is not None

    def fetch_chart(self, repository: str, chart: str, version: str, folder: Path) -> Path:
        """Downloads a chart, checked against the digest in the repository's index. Raises as fetch does."""
        base = self._mirror.charts_of(repository)
        entry = _chart_entry(self._text(f"{base}/index.yaml"), chart, version)
        if entry is None:
            raise Problem(f"{base} has no chart {chart} {version}")
        url, digest = entry
        file = folder / f"{chart}-{version}.tgz"
        try:
            self._download(self._mirror.chart(repository, url), file, digest)
        except Unreachable as error:
            raise Problem(str(error), "run again, or check the network or the mirror") from None
        return file

    def image(self, official: str) -> str:
        """The name by which to ask for an official image, which is given with its registry."""
        return self._mirror.image(official)

    def answers(self, image: str) -> bool:
        """Whether the registry in an image's name greets or asks for a login."""
        registry = image.partition("/")[0]
        host = "registry-1.docker.io" if registry == "docker.io" else registry
        # A container engine, too, speaks plain HTTP to its own machine only.
        scheme = "http" if urlsplit(f"//{host}").hostname in ("localhost", "127.0.0.1", "::1") else "https"
        url = f"{scheme}://{host}/v2/"
        try:
            with self._asking(url):
                return self._client.get(url).status_code in (200, 401)
        except Unreachable:
            return False

    def _has(self, url: str) -> bool:
        try:
            self._text(url)
        except Unreachable:
            return False
        return True

    def _text(self, url: str) -> str:
        with self._asking(url):
            if url not in self._texts:
                answer = self._client.get(url)
                if answer.status_code != 200:
                    raise Unreachable(f"{url} answers {answer.status_code} {answer.reason_phrase}")
                self._texts[url] = answer.text
            return self._texts[url]

    def _download(self, url: str, file: Path, expected: str) -> None:
        digest = hashlib.new(ALGORITHMS[len(expected)])
        try:
            with self._client.stream("GET", url) as answer, file.open("wb") as stream:
                if answer.status_code != 200:
                    raise Unreachable(f"{url} answers {answer.status_code} {answer.reason_phrase}")
                for chunk in answer.iter_bytes():
                    if self._commands.stopped:
                        raise Stopped
                    digest.update(chunk)
                    stream.write(chunk)
        except httpx.TransportError as error:
            raise Unreachable(f"{url}: {error}") from None
        if digest.hexdigest() != expected:
            file.unlink()
            raise ChecksumMismatch(
                f"{url} is not what its publisher says: {digest.name} {digest.hexdigest()}, not {expected}",
                "it was damaged or changed on the way and is not used; run again, or check the mirror",
            )

    @contextmanager
    def _asking(self, url: str) -> Generator[None]:
        """One question to a host at a time, so that all steps learn from the first one's failure."""
        host = urlsplit(url).netloc
        with self._locks[host]:
            if host in self._unreachable:
                raise Unreachable(self._unreachable[host])
            try:
                yield
            except httpx.TransportError as error:
                self._unreachable[host] = f"{url}: {error}"
                raise Unreachable(self._unreachable[host]) from None


def expected_digest(text: str, file_name: str, source: str) -> str:
    """The digest of ``file_name`` by a checksum file: a digest alone, or lines of digest and file name.

    Raises ChecksumMismatch if there is none, because then nothing vouches for the file.
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    digests = [
        words[0].lower()
        for words in lines
        if (len(words) == 1 and len(lines) == 1)
        or (len(words) == 2 and PurePosixPath(words[1].lstrip("*")).name == file_name)
    ]
    if len(digests) != 1 or len(digests[0]) not in ALGORITHMS:
        raise ChecksumMismatch(f"{source} has no checksum of {file_name}", "nothing vouches for it, so it is not used")
    return digests[0]


def _chart_entry(index: str, chart: str, version: str) -> tuple[str, str] | None:
    """URL and digest of a chart by the index of a Helm repository."""
    for entry in yaml.safe_load(index).get("entries", {}).get(chart, []):
        if entry["version"] == version:
            return entry["urls"][0], entry["digest"].removeprefix("sha256:")
    return None
