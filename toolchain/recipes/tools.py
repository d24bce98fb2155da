"""The command line tools: pulumi, kind, kubectl, istioctl."""

from __future__ import annotations

import shutil
from pathlib import Path

from toolchain import golang, versions
from toolchain.recipe import Choice, Entry, Work
from toolchain.recipes import istio, kubernetes, releases

KIND = versions.of("kind")
KIND_MODULES = golang.modules(KIND, (KIND.module,))


def _pulumi() -> Entry:
    cli = versions.of("pulumi")
    package = f"{cli.module}/cmd/pulumi"
    modules = golang.modules(cli, (package,))
    language_host = _language_host()

    def add_language_host(work: Work, folder: Path) -> None:
        for file in (work.path(language_host) / "bin").iterdir():
            shutil.copy2(file, folder / "bin")

    return golang.programs(
        "pulumi",
        cli,
        modules,
        {"pulumi": package},
        variables={"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": cli.module_version},
        extra=add_language_host,
        needs=(language_host,),
    )


def _language_host() -> Entry:
    host = versions.of("pulumi-language-python")
    package = f"{host.module}/python/cmd/pulumi-language-python"

    def add_script(work: Work, folder: Path) -> None:
        module = golang.module_folder(work, host)
        script = shutil.copy(module / "python" / "cmd" / "pulumi-language-python-exec", folder / "bin")
        Path(script).chmod(0o755)  # a module keeps no modes

    modules = golang.modules(host, (package,))
    return golang.programs(host.name, host, modules, {host.name: package}, extra=add_script)


PULUMI = Choice(name="pulumi", ways=(releases.official(versions.of("pulumi"), releases.archive(depth=1)), _pulumi()))
KIND_TOOL = Choice(
    name="kind",
    ways=(
        releases.official(KIND, releases.program("kind")),
        golang.programs("kind", KIND, KIND_MODULES, {"kind": KIND.module}),
    ),
)
KUBECTL = Choice(
    name="kubectl",
    ways=(releases.official(versions.of("kubectl"), releases.program("kubectl")), kubernetes.KUBECTL),
)
ISTIOCTL = Choice(
    name="istioctl",
    ways=(releases.official(versions.of("istioctl"), releases.archive()), istio.ISTIOCTL),
)
ALL = (PULUMI, KIND_TOOL, KUBECTL, ISTIOCTL)
