"""What is deployed by is what there is: files, variables, commands. No container engine is asked."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from connector.settings import PREFIX, Settings, variable

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
KNOWN = {variable(name) for name in Settings.model_fields}


@pytest.mark.parametrize("path", sorted(DEPLOY.iterdir()), ids=lambda path: path.name)
def test_each_variable_that_a_file_sets_is_one_of_ours(path: Path):
    named = set(re.findall(rf"\b({PREFIX}[A-Z_]+)\b", path.read_text("utf-8")))
    assert named <= KNOWN


def test_the_compose_file_migrates_once_before_two_replicas_start():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    assert services["connector"]["deploy"]["replicas"] == 2
    assert services["connector"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert services["migrate"]["command"] == ["migrate"]
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["proxy"]["ports"] == ["127.0.0.1:8080:8080"]
    assert "ports" not in services["postgres"]


def test_the_image_copies_what_is_there_and_runs_as_nobody_special():
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        *sources, _ = line.split()
        assert [source for source in sources if not (ROOT / source).exists()] == []
    assert "\nUSER connector\n" in text


def test_the_images_packages_are_those_that_are_tested():
    def pinned(path: Path) -> dict[str, str]:
        return dict(re.findall(r"^([a-z0-9-]+)==([^ \\;]+)", path.read_text("utf-8"), re.MULTILINE))

    tested, deployed = pinned(ROOT / "constraints.txt"), pinned(DEPLOY / "constraints.txt")
    assert {name: tested.get(name) for name in deployed} == deployed
    assert not {"pytest", "playwright", "hypothesis"} & set(deployed)


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not on this machine")
    unit = tmp_path / "connector.service"
    here = (DEPLOY / "connector.service").read_text("utf-8").replace("/opt/connector/bin/connector", "/bin/true")
    unit.write_text(here, "utf-8")
    found = subprocess.run([analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    about_us = [line for line in found.stderr.splitlines() if "connector.service" in line]
    assert about_us == []


def test_the_ci_script_makes_the_browser_tests_count():
    text = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "CONNECTOR_REQUIRE_BROWSER=1" in text
    assert "chromium" in text
