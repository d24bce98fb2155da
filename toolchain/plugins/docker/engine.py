"""The Docker engine that the resources live in."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from typing import Any, TypeAlias

from toolchain.plugins.resource import OperationError

# The ``docker`` package is imported where it is used: most runs change no container, and the import takes
# a third of the plugin's start.

Client: TypeAlias = Any
"""A ``docker.APIClient``, whose type stubs leave most of it open."""

_TIMEOUT = 20 * 60
"""Seconds for one request, as the official plugin has it: a pull is one."""


class MissingError(OperationError):
    """What the engine was asked about is not there."""


class Engine:
    """Where the engine is: by default at DOCKER_HOST, or at Docker's own default."""

    def __init__(self) -> None:
        self._host: str | None = None
        self._context: str | None = None

    def choose(self, *, host: str | None, context: str | None) -> None:
        """Takes what the provider is configured with. A context overrides a host."""
        self._host = host or os.environ.get("DOCKER_HOST")
        self._context = context or os.environ.get("DOCKER_CONTEXT")

    @contextlib.contextmanager
    def client(self) -> Generator[Client]:
        """A connection. Raises OperationError if the engine cannot be reached, or refuses."""
        from docker import APIClient
        from docker.utils import kwargs_from_env

        host = self._address()
        environment = {**os.environ, **({"DOCKER_HOST": host} if host else {})}
        with doing(f"Error pinging Docker server, please make sure that {host or 'it'} is reachable"):
            client = APIClient(
                **kwargs_from_env(environment),
                version="auto",
                timeout=_TIMEOUT,
                use_ssh_client=bool(host and host.startswith("ssh://")),
            )
        with contextlib.closing(client), doing():
            yield client

    def _address(self) -> str | None:
        if not self._context or self._context == "default":
            return self._host
        from docker.context import ContextAPI
        from docker.errors import ContextNotFound

        try:
            return ContextAPI.get_context(self._context).Host
        except (ContextNotFound, AttributeError) as error:
            raise OperationError(
                f"Error loading Docker context '{self._context}': there is none of this name"
            ) from error


@contextlib.contextmanager
def doing(what: str = "") -> Generator[None]:
    """Turns an error of the engine into a OperationError that says ``what`` failed, or MissingError."""
    from docker.errors import APIError, DockerException, NotFound
    from requests import RequestException

    prefix = f"{what}: " if what else ""
    try:
        yield
    except APIError as error:
        kind = MissingError if isinstance(error, NotFound) else OperationError
        raise kind(f"{prefix}Error response from daemon: {error.explanation or error}") from error
    except (DockerException, RequestException) as error:
        raise OperationError(f"{prefix}{error}") from error
