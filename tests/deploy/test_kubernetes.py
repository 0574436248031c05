"""The manifests: held against the schemas of Kubernetes; commands and queries run for real."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from django.db import connection
from django.utils import timezone

from jobqueue.conf import Settings
from jobqueue.models import ClassPause, Pause
from jobqueue.stores import lanes
from tests.app import jobs
from tests.deploy.shop import DEPLOY, Shop
from tests.deploy.test_docker import DOCKERFILE, RUN, SERVICES, in_folder, running
from tests.processes.harness import wait_until

FOLDER = DEPLOY / "kubernetes"
#: Today's releases, as far as the schemas at hand go back and forth.
VERSIONS = ["1.31", kubernetes_validate.latest_version()]


def manifests(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


[DEPLOYMENT] = manifests("worker.yaml")
[BUDGET] = manifests("disruption.yaml")
AUTHENTICATION, SCALED = manifests("autoscaling.yaml")
POD: dict[str, Any] = DEPLOYMENT["spec"]["template"]["spec"]
[WORKER] = POD["containers"]
LABELS = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", [DEPLOYMENT, BUDGET], ids=lambda each: each["kind"])
def test_it_has_the_shape_that_kubernetes_asks_for(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_every_file_is_tried_here() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {"autoscaling.yaml", "disruption.yaml", "worker.yaml"}


def test_they_mean_the_same_pods() -> None:
    for selector in (DEPLOYMENT["spec"]["selector"], BUDGET["spec"]["selector"]):
        assert selector["matchLabels"].items() <= LABELS.items()
    assert SCALED["spec"]["scaleTargetRef"] == {"name": DEPLOYMENT["metadata"]["name"]}
    [trigger] = SCALED["spec"]["triggers"]
    assert trigger["authenticationRef"] == {"name": AUTHENTICATION["metadata"]["name"]}
    assert all(isinstance(value, str) for value in trigger["metadata"].values()), "KEDA takes nothing else"


def test_a_pod_has_more_time_to_stop_than_its_pool_takes() -> None:
    assert POD["terminationGracePeriodSeconds"] > Settings().shutdown_seconds + Settings().kill_seconds


def test_it_is_restricted_as_the_pod_security_standards_ask() -> None:
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert WORKER["securityContext"]["allowPrivilegeEscalation"] is False
    assert WORKER["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert WORKER["securityContext"]["readOnlyRootFilesystem"] is True
    user, group = POD["securityContext"]["runAsUser"], POD["securityContext"]["runAsGroup"]
    assert f"USER {user}:{group}\n" in DOCKERFILE.read_text()


def test_what_it_writes_has_a_place() -> None:
    mounted = {each["name"]: each["mountPath"] for each in WORKER["volumeMounts"]}
    assert mounted.keys() == {each["name"] for each in POD["volumes"]}
    words = [*WORKER["command"], *WORKER["args"]]
    pid_file = Path(words[words.index("--pid") + 1])
    assert pid_file.parent == Path(RUN), (
        "in an empty volume, where everybody may write, a PID file would be refused"
    )


def test_probes_ask_nobody_but_the_pool_itself(shop: Shop, tmp_path: Path) -> None:
    probes = [WORKER[name] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
    commands = [probe["exec"]["command"] for probe in probes]
    assert all(command == SERVICES["worker"]["healthcheck"]["test"][1:] for command in commands)
    output = tmp_path / "output"
    shop.run(*in_folder(commands[0], shop), ok=(3,))
    with running([*WORKER["command"], *WORKER["args"]], shop, output) as process:
        shop.run(*in_folder(commands[0], shop))
        wait_until(shop.store("by-kubernetes").exists, about=output.read_text)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(30) == 0, output.read_text()
    assert '"event": "job.done"' in output.read_text()


def test_the_settings_are_those_of_the_image() -> None:
    [settings] = [each["value"] for each in WORKER["env"] if each["name"] == "DJANGO_SETTINGS_MODULE"]
    assert f"DJANGO_SETTINGS_MODULE={settings}" in DOCKERFILE.read_text()


QUERY = SCALED["spec"]["triggers"][0]["metadata"]["query"]


def age() -> float:
    with connection.cursor() as cursor:
        cursor.execute(QUERY)
        [(seconds,)] = cursor.fetchall()
    return float(seconds)


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="KEDA asks PostgreSQL")
class TestTheQueryOfTheAutoscaler:
    def test_without_waiting_jobs_it_is_zero(self) -> None:
        jobs.add.using(run_at=timezone.now() + timedelta(hours=1)).enqueue(1)
        assert age() == 0

    def test_it_is_the_age_of_the_oldest_of_all_queues_and_priorities(self) -> None:
        now = timezone.now()
        for queue, priority, minutes in [("a", 9, 1), ("a", 0, 2), ("b", 5, 7), ("b", 5, 3), ("c", -1, 4)]:
            jobs.add.using(queue=queue, priority=priority, run_at=now - timedelta(minutes=minutes)).enqueue(1)
        assert age() == pytest.approx(7 * 60, abs=30)

    def test_a_paused_queue_needs_no_pods(self) -> None:
        now = timezone.now()
        jobs.add.using(queue="mail", run_at=now - timedelta(hours=2)).enqueue(1)
        jobs.add.using(queue="other", run_at=now - timedelta(minutes=1)).enqueue(1)
        Pause.objects.create(queue="mail")
        assert age() == pytest.approx(60, abs=30)

    def test_neither_does_a_class_that_rests(self) -> None:
        now = timezone.now()
        jobs.add.using(run_at=now - timedelta(hours=2)).enqueue(1)
        jobs.VideoWorker.using(run_at=now - timedelta(minutes=1)).enqueue(1)
        ClassPause.objects.create(name="tests.app.jobs.add")
        assert age() == pytest.approx(60, abs=30)

    def test_it_walks_through_the_queues_as_our_own_does(self) -> None:
        def walk(statement: str) -> list[str]:
            return statement.partition("SELECT job.id")[0].partition("SELECT coalesce(extract")[0].split()

        assert walk(QUERY) == walk(lanes.LANES.format(awake=lanes.AWAKE).replace("%s", "1000"))


def test_the_schemas_at_hand_find_a_mistake() -> None:
    spoilt = {**BUDGET, "spec": {**BUDGET["spec"], "maxUnavailabel": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(spoilt, VERSIONS[-1], strict=True)


def test_yaml_is_read_as_kubectl_reads_it() -> None:
    """Each document is one object with kind and name."""
    for path in FOLDER.iterdir():
        for document in yaml.safe_load_all(path.read_text()):
            assert {"apiVersion", "kind", "metadata", "spec"} == document.keys()
