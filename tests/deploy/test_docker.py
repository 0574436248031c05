"""Dockerfile and compose.yaml: linted, held against the schema, and their commands run for real."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobqueue.conf import Settings
from tests.deploy.shop import DEPLOY, Shop
from tests.processes.harness import AS_ROOT, wait_until

DOCKERFILE = DEPLOY / "docker" / "Dockerfile"
COMPOSE = DEPLOY / "docker" / "compose.yaml"
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
#: Of the environment that runs the tests.
PROGRAMS = Path(sys.executable).parent
#: Where the image has what a test has in its own folder.
RUN = "/dev/shm"


def instructions(name: str) -> list[str]:
    """The arguments of each such instruction of the Dockerfile."""
    return re.findall(rf"^{name} (.+)$", DOCKERFILE.read_text(), re.MULTILINE)


def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run(
        [str(PROGRAMS / "hadolint"), "--no-color", "--failure-threshold", "style", str(DOCKERFILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_has_the_shape_that_its_schema_asks_for() -> None:
    command = [str(PROGRAMS / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_image_is_made_of_is_in_the_project(shop: Shop) -> None:
    shutil.copy(DEPLOY / "docker" / ".dockerignore", shop.folder)
    sources = [line.split()[0] for line in instructions("COPY") if not line.startswith("--from")]
    assert sources == ["requirements.txt", "."]
    assert all((shop.folder / source).exists() for source in sources)
    assert set(re.findall(r"DJANGO_SETTINGS_MODULE=(\S+)", DOCKERFILE.read_text())) == {"mysite.settings"}


def test_the_image_runs_as_nobody_in_particular() -> None:
    [user] = instructions("USER")
    uid, gid = map(int, user.split(":"))
    assert min(uid, gid) > 1000, "a number, so that Kubernetes can see that it is not root"
    assert f"--uid {uid}" in DOCKERFILE.read_text()


def test_a_container_has_more_time_to_stop_than_its_pool_takes() -> None:
    [seconds] = re.findall(r"^(\d+)s$", SERVICES["worker"]["stop_grace_period"])
    assert int(seconds) > Settings().shutdown_seconds + Settings().kill_seconds
    assert instructions("STOPSIGNAL") == ["SIGTERM"]


def test_every_service_says_whether_it_is_well_or_ends() -> None:
    assert SERVICES.keys() == {"database", "migrate", "web", "worker"}
    assert {"database", "worker"} == {name for name, service in SERVICES.items() if "healthcheck" in service}
    for name in ("web", "worker"):
        assert SERVICES[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


def in_folder(words: list[str], shop: Shop) -> list[str]:
    """A command of the image, for a test's folder."""
    return [word.replace(RUN, str(shop.folder / "run")) for word in words]


@contextmanager
def running(words: list[str], shop: Shop, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    (shop.folder / "run").mkdir(exist_ok=True)
    with output.open("w") as stream:
        process = subprocess.Popen(
            [*in_folder(words, shop), *AS_ROOT],
            cwd=shop.folder,
            env=shop.environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )
    try:
        wait_until(lambda: "*** Starting job worker" in output.read_text(), about=output.read_text)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("where", ["Dockerfile", "compose.yaml"])
def test_the_command_of_the_worker_performs_jobs_and_the_probe_sees_it(
    shop: Shop, tmp_path: Path, where: str
) -> None:
    words = json.loads(instructions("CMD")[0]) if where == "Dockerfile" else SERVICES["worker"]["command"]
    _, *probe = SERVICES["worker"]["healthcheck"]["test"]
    output = tmp_path / "output"
    shop.run(*in_folder(probe, shop), ok=(3,))
    with running(words, shop, output) as process:
        shop.run(*in_folder(probe, shop))
        wait_until(shop.store(f"by-{where}").exists, about=output.read_text)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(30) == 0, output.read_text()
    shop.run(*in_folder(probe, shop), ok=(3,))


def test_the_commands_of_the_other_services_are_commands(shop: Shop) -> None:
    assert "No migrations to apply" in shop.run(*SERVICES["migrate"]["command"]).stdout
    web = SERVICES["web"]["command"]
    assert web[:2] == ["gunicorn", "mysite.wsgi"]
    shop.run(*web, "--check-config")


def test_all_secrets_come_from_outside() -> None:
    text = COMPOSE.read_text()
    for name in ("POSTGRES_PASSWORD", "SECRET_KEY"):
        used = re.findall(rf"{name}: (\S.*)$", text, re.MULTILINE)
        assert used
        assert set(used) == {f"${{{name}:?set it in .env}}"}
    assert ".env*" in shlex.split((DEPLOY / "docker" / ".dockerignore").read_text(), comments=True)
