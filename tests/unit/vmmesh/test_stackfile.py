"""The config file is read with its secrets unread, and an edit changes nothing but what it is for."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import yaml

from settings import SettingsError
from tests.unit.vmmesh.support import CONFIG
from toolchain.problem import Problem
from vmmesh.stackfile import Misuse, StackFile, load, with_stage, without_salt

SALT = "encryptionsalt: v1:a/b=:v1:c:d==\n"


def changed_lines(before: str, after: str) -> list[str]:
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    return [new for old, new in pairs if old != new]


def test_a_stage_is_edited_and_all_else_stays_byte_for_byte() -> None:
    assert changed_lines(CONFIG, with_stage(CONFIG, "details", "vm-only")) == ["    details:   vm-only  # where it is"]


@pytest.mark.parametrize(
    ("line", "edited"),
    [
        ('{"details": "canary"}', '{"details": "vm-only"}'),
        ("{details: 'canary', reviews: canary}", '{details: "vm-only", reviews: canary}'),
        ("{details: canary}  # {details: canary}", "{details: vm-only}  # {details: canary}"),
    ],
)
def test_a_stage_is_edited_in_other_styles(line: str, edited: str) -> None:
    text = f"config:\n  vm-mesh:stages: {line}\n  other: canary"
    assert with_stage(text, "details", "vm-only") == text.replace(line, edited)


def test_a_stage_whose_name_is_no_text_in_yaml_is_quoted() -> None:
    assert yaml.safe_load(with_stage(CONFIG, "details", "on"))["config"]["vm-mesh:stages"] == {"details": "on"}


@pytest.mark.parametrize("text", ["", "config:\n", "config: {}\n"])
def test_a_file_without_a_config_lacks_what_every_config_has(text: str) -> None:
    with pytest.raises(SettingsError, match="vm-mesh:clusters: is missing"):
        load(text, "Pulumi.dev.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("config: [\n", r"Pulumi\.dev\.yaml is not YAML: "),
        ("config: [a]\n", r"Pulumi\.dev\.yaml: config must be an object"),
        ("config:\n  vm-mesh:networks: [2026-13-45]\n", r"is not YAML: 2026-13-45: month must be .* line 2, column 22"),
    ],
)
def test_what_is_no_config_is_told(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load(text, "Pulumi.dev.yaml")


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    file = StackFile(tmp_path, "dev")
    file.path.write_bytes("config: # größer\n".encode("latin-1"))
    with pytest.raises(Misuse, match=r"Pulumi\.dev\.yaml is not in UTF-8, at byte 12"):
        file.settings()


def test_line_ends_stay(tmp_path: Path) -> None:
    file = StackFile(tmp_path, "dev")
    file.path.write_bytes(CONFIG.replace("\n", "\r\n").encode())
    file.write(with_stage(file.text, "details", "vm-only"))
    assert file.path.read_bytes() == CONFIG.replace("canary  #", "vm-only  #").replace("\n", "\r\n").encode()


@pytest.mark.parametrize("stages", ['\'{"details": "canary"}\'', "{reviews: canary}", "&a {details: *b}"])
def test_a_stage_that_has_no_line_is_not_edited(stages: str) -> None:
    text = f"x: &b canary\nconfig:\n  vm-mesh:stages: {stages}\n"
    with pytest.raises(Problem, match=r"no line vm-mesh:stages\.details") as problem:
        with_stage(text, "details", "vm-only")
    assert "pulumi config set" in problem.value.advice


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Problem("no"), SystemExit(1)])
def test_what_ends_a_block_restores_the_file(tmp_path: Path, error: BaseException) -> None:
    file = StackFile(tmp_path, "dev")
    file.write(CONFIG)
    with contextlib.suppress(type(error)), file.restored_on(BaseException):
        file.write("else")
        raise error
    assert file.text == CONFIG


def test_the_salt_goes_and_nothing_else() -> None:
    assert without_salt(f"{CONFIG}{SALT}") == CONFIG
    assert without_salt(f"{SALT}{CONFIG}") == CONFIG
    assert without_salt(CONFIG) == CONFIG
    assert without_salt("") == ""
    assert without_salt(f"config: [\n{SALT}") == f"config: [\n{SALT}"


def test_the_salt_stays_while_a_secret_needs_it() -> None:
    for secret in ("  vm-mesh:caKey:\n    secure: v1:x\n", "  vm-mesh:networks: [{secure: v1:x}]\n"):
        assert without_salt(f"{CONFIG}{secret}{SALT}") == f"{CONFIG}{secret}{SALT}"


def test_pulumi_may_add_its_salt_but_not_its_layout(tmp_path: Path) -> None:
    file = StackFile(tmp_path, "dev")
    file.write(CONFIG.rstrip("\n"))
    with file.own_format():
        file.write(yaml.safe_dump(yaml.safe_load(CONFIG)) + SALT)
    assert file.text == CONFIG + SALT
    assert without_salt(file.text) == CONFIG


def test_what_pulumi_changes_beside_the_salt_stays_changed(tmp_path: Path) -> None:
    file = StackFile(tmp_path, "dev")
    file.write(CONFIG)
    with file.own_format():
        file.write(f"config: {{}}\n{SALT}")
    assert file.text == f"config: {{}}\n{SALT}"


def test_a_missing_file_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    for name in ("dev", "existing"):
        StackFile(tmp_path, name).write("")
    with pytest.raises(Misuse, match=r"no Pulumi.exsting.yaml; did you mean existing\? \(known: dev, existing\)"):
        StackFile(tmp_path, "exsting").settings()


def test_every_mistake_of_a_config_is_told() -> None:
    with pytest.raises(SettingsError) as error:
        load(CONFIG.replace("vm1: 75", "vm1: 80").replace("network1,", "Network 1,"), "Pulumi.dev.yaml")
    assert len(error.value.errors) == 2


@pytest.mark.parametrize("value", ["0o17", "017"])
def test_a_number_is_what_pulumi_takes_for_one(value: str) -> None:
    environment = f"  vm-mesh:application: {{details: {{versions: {{v1: {{env: {{MODE: {value}}}}}}}}}}}\n"
    with pytest.raises(SettingsError, match=r"env\.MODE: must be text, not 15"):
        load(CONFIG + environment, "Pulumi.dev.yaml")


def test_a_file_that_is_no_yaml_is_told() -> None:
    with pytest.raises(SettingsError, match=r"Pulumi\.dev\.yaml is not YAML"):
        load("config: [", "Pulumi.dev.yaml")


def test_a_config_with_secrets_is_read_without_them() -> None:
    secrets = "  vm-mesh:caCertificate: x\n  vm-mesh:caKey: {secure: v1:x}\n"
    assert load(CONFIG + secrets + SALT, "Pulumi.dev.yaml").ca is None


def test_a_ca_key_in_clear_text_is_refused() -> None:
    with pytest.raises(SettingsError, match="clear text"):
        load(f"{CONFIG}  vm-mesh:caKey: x\n", "Pulumi.dev.yaml")
