"""The workflows of those who fork: valid, every action pinned, no permission more than its job needs."""

import re
import subprocess

import pytest
from expand import ROOT
from test_template import tool

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_the_workflows_are_what_github_reads():
    done = subprocess.run([tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", *WORKFLOWS],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_nothing():
    done = subprocess.run([tool("zizmor"), "--offline", "--quiet", *WORKFLOWS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_speaks_of_steps_and_environments_that_there_are(path):
    text = path.read_text()
    for script in re.findall(r"run: (\.\S+)", text):
        assert (ROOT / script).is_file(), script
    for environment in re.findall(r"^            (\w+)\) own=", text, re.M):
        assert f"[{environment}.deploy.parameters]" in (ROOT / "samconfig.toml").read_text()
