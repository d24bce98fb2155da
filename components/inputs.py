"""What the program is given: the stack's config, the files that it names, and what the toolchain has got."""

from __future__ import annotations

from pathlib import Path

import pulumi
from pulumi.runtime.config import CONFIG, is_config_secret

from components.module_files import ModuleFile, module_files
from settings import Settings, SettingsError, from_pulumi
from toolchain import artifacts
from toolchain.artifacts import Artifacts
from toolchain.problem import Problem


def inputs() -> tuple[Settings, Artifacts, dict[str, ModuleFile]]:
    """Config, artifacts, and the modules of extensions that are files.

    Raises RunError, which Pulumi shows without a traceback, with all that is wrong.
    """
    try:
        config = CONFIG.get()
        settings = from_pulumi(config, [key for key in config if is_config_secret(key)])
        tools = artifacts.load(Path.cwd())
        tools.require(settings.management.images())
        return settings, tools, module_files(settings.extensions)
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None
    except Problem as problem:
        raise pulumi.RunError(f"{problem}; {problem.advice}") from None
