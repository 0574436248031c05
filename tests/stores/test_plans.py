"""What each statement touches, with a large backlog and statistics as stale as they can be.

A busy table's statistics are always behind. Here they are taken while the table is empty, or after a quiet night in
which every job was done; then 200,000 jobs come at once. Each step of a worker must still read about as many rows as
it takes, by the index made for it, and never sort or scan the backlog.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection, transaction
from django.db.models import F

from jobqueue.conf import Settings, get_settings
from jobqueue.doctor import JOBS, Site, jobs
from jobqueue.insight.plans import Chosen
from jobqueue.insight.scene import Scene
from jobqueue.models import ClassPause, Job, Pool
from jobqueue.outcomes import RELEASE, Decision
from jobqueue.rows import ClaimRequest, Finish, Texts
from jobqueue.states import State
from jobqueue.stores import get_store, postgresql, postgresqlwords, sqlite
from jobqueue.stores.acts import Act
from jobqueue.stores.base import Store
from jobqueue.stores.control import PLANNER
from jobqueue.stores.lanes import read_lanes
from jobqueue.stores.pools import PoolRegistry
from jobqueue.stores.prepared import GENERIC, prepared

BACKLOG = 100_000
QUEUES = ("mail", "default", "reports")
LIMIT = 10
#: Rows that one node of a plan may read when LIMIT jobs are taken: some for each queue, and dead ones.
FEW = 10 * LIMIT
#: Jobs of a class that rests, in front of the others.
RESTING = 2000
#: Failed jobs, which are kept for ever.
FAILED = 5000
#: Queues times priorities.
LANES = 12

#: Three queues, four priorities from -1 to 2.
COLUMNS = "handler, name, queue, priority, attempts, crashes, run_at, created_at, updated_at, state"
FILL = {
    "postgresql": f"""
        INSERT INTO jobqueue_job ({COLUMNS})
        SELECT '{{}}', 'nothing', (ARRAY['mail', 'default', 'reports'])[1 + n %% 3], n %% 4 - 1, 0, 0,
               now() + %s * n * interval '1 second', now(), now(), %s
        FROM generate_series(1, %s) AS n""",
    "sqlite": f"""
        WITH RECURSIVE given(sign, state, count) AS (SELECT %s, %s, %s),
        numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < (SELECT count FROM given))
        INSERT INTO jobqueue_job ({COLUMNS})
        SELECT '{{}}', 'nothing', json_extract('["mail", "default", "reports"]', '$[' || (n %% 3) || ']'),
               n %% 4 - 1, 0, 0, strftime('%%Y-%%m-%%d %%H:%%M:%%S', 'now', (sign * n) || ' seconds'),
               datetime('now'), datetime('now'), state
        FROM numbers, given""",
}

PREPARE = {
    "postgresql": ["TRUNCATE jobqueue_job", "ALTER TABLE jobqueue_job SET (autovacuum_enabled = off)"],
    "sqlite": ["DELETE FROM jobqueue_job"],
}
TIDY_UP = {
    "postgresql": ["TRUNCATE jobqueue_job", "ALTER TABLE jobqueue_job RESET (autovacuum_enabled)"],
    "sqlite": ["DELETE FROM jobqueue_job", "DELETE FROM sqlite_stat1", "ANALYZE sqlite_schema"],
}

CLAIMS: dict[str, dict[str, Any]] = {
    "all queues": {},
    "one queue": {"queues": ("mail",)},
    "given queues": {"queues": ("mail", "reports", "empty")},
    "a least priority": {"min_priority": 1},
    "a largest priority": {"max_priority": 0},
    "both and queues": {"queues": QUEUES, "min_priority": 0, "max_priority": 1},
}


#: Tabs of the dashboard's list, and what is done to all of one.
MANY = {"waiting": Act.CANCEL, "failed": Act.RETRY}
CLAIM = UUID(int=7)
Step = Callable[[Store, int], Any]
SWEEPS: dict[str, Step] = {
    "held": lambda store, pool_id: store.held(pool_id, "host:here pid:1"),
    "strays": lambda store, pool_id: store.strays(pool_id, ["host:here pid:2"]),
    "look": lambda store, pool_id: PoolRegistry(store).look(pool_id),
    "rescue of none": lambda store, pool_id: store.rescue(lambda job: RELEASE),
    "rescue of some": lambda store, pool_id: rescue_from(store, pool_id),
    "adopt": lambda store, pool_id: store.adopt(request(pool_id)),
}


def fill(state: State, sign: int, count: int) -> None:
    """Insert rows, each a second earlier (or later) than the one before."""
    with connection.cursor() as cursor:
        cursor.execute(FILL[connection.vendor], (sign, state.value, count))


def run_sql(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def finish_all() -> None:
    """Let statistics be of a table where all is done."""
    fill(State.SUCCEEDED, 0, 5000)


def throw_away() -> None:
    """Let them be of one queue's jobs, all of which are gone: what they say of columns outlives the rows."""
    fill(State.READY, -1, 20_000)
    run_sql("UPDATE jobqueue_job SET queue = 'default'", "ANALYZE jobqueue_job", PREPARE[connection.vendor][0])


STALE: dict[str, Callable[[], object]] = {
    "none": list,
    "of a table where all is done": finish_all,
    "of jobs that are gone": throw_away,
}


@pytest.fixture(scope="module", params=STALE)
def backlog(request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any) -> Iterator[int]:
    """A large table with stale statistics. Filled once; each test rolls back what it does. Yields a pool's id."""
    with django_db_blocker.unblock():
        run_sql(*PREPARE[connection.vendor])
        STALE[request.param]()
        run_sql("ANALYZE jobqueue_job")
        fill(State.READY, -1, BACKLOG)
        fill(State.SCHEDULED, +60, BACKLOG)
        yield Pool.objects.create(host="here", pid=1).pk
        run_sql(*TIDY_UP[connection.vendor])
        Pool.objects.all().delete()


@pytest.fixture
def store(db: None) -> Store:
    return get_store()


def request(pool_id: int, **asked: Any) -> ClaimRequest:
    return ClaimRequest(uuid4(), pool_id, "host:here pid:1", LIMIT, **asked)


def asked_for(wanted: ClaimRequest) -> tuple[bool, bool, bool]:
    return bool(wanted.queues), wanted.min_priority is not None, wanted.max_priority is not None


def end_some(store: Store, pool_id: int) -> int:
    """Let a few jobs have succeeded an hour ago."""
    claimed = [job.id for job in store.claim(request(pool_id))]
    ended = {"state": State.SUCCEEDED, "finished_at": store.ago(3600), "pool": None}
    return Job.objects.filter(pk__in=claimed).update(**ended)


def fail_many() -> None:
    """Let many jobs have failed for good, one after another, a long time before all others ended."""
    oldest = Job.objects.ready().order_by("run_at").values_list("pk", flat=True)[:FAILED]
    failed = {"state": State.FAILED, "finished_at": F("run_at")}
    assert Job.objects.filter(pk__in=list(oldest)).update(**failed) == FAILED


def count_for(act: Act, tab: str) -> None:
    """Count the jobs of a tab of the dashboard's list for an act on all of them, to the limit."""
    scene = Scene(get_settings())
    plan = Chosen.now(scene, tab=tab).plan(scene, act, LIMIT)
    assert (len(plan.ids), plan.is_cut) == (LIMIT, True)


def rescue_from(store: Store, pool_id: int) -> None:
    """Take a few jobs from a pool that is dead."""
    Pool.objects.filter(pk=pool_id).update(alive=False)
    assert len(store.rescue(lambda job: RELEASE)) == LIMIT


def hold_many(pool_id: int) -> list[int]:
    """Let other workers hold 5,000 jobs; return the ids of a few of them."""
    ready = Job.objects.filter(state=State.READY).order_by("pk").values_list("pk", flat=True)[:5000]
    held = {"state": State.RUNNING, "claim_id": CLAIM, "pool": pool_id, "locked_by": "host:here pid:2"}
    assert Job.objects.filter(pk__in=list(ready)).update(**held) == 5000
    return list(Job.objects.running().order_by("pk").values_list("pk", flat=True)[:LIMIT])


def rest_in_front() -> None:
    """Let the jobs that come first be of a class that rests."""
    first = Job.objects.ready().order_by("run_at").values_list("pk", flat=True)[:RESTING]
    assert Job.objects.filter(pk__in=list(first)).update(name="shop.jobs.rests", priority=9) == RESTING
    ClassPause.objects.create(name="shop.jobs.rests")


def some_texts() -> list[Texts]:
    """What a few rows hold."""
    rows = Job.objects.ready().order_by("pk").values_list(*Texts._fields)[:LIMIT]
    return [Texts(*row)._replace(handler="changed") for row in rows]


def only_on(vendor: str) -> Any:
    return pytest.mark.skipif(connection.vendor != vendor, reason=f"only on {vendor}")


# PostgreSQL: EXPLAIN ANALYZE runs the statement and counts.


class Plan:
    """What EXPLAIN ANALYZE tells."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.nodes = list(self._walk(root))

    def _walk(self, node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield node
        for child in node.get("Plans", []):
            yield from self._walk(child)

    @property
    def indexes(self) -> set[str]:
        """The indexes of the jobs that were read."""
        names = {node["Index Name"] for node in self.nodes if "Index Name" in node}
        return {name for name in names if name.startswith("jobqueue_job")}

    @property
    def scans(self) -> set[str]:
        """Ways of reading the table of jobs that do not follow an index."""
        kinds = {node["Node Type"] for node in self.nodes if node.get("Relation Name") == "jobqueue_job"}
        return kinds - {"Index Scan", "Index Only Scan", "ModifyTable"}

    @property
    def most_rows(self) -> int:
        """The rows that the greediest node has read, those that it threw away included."""
        return max(
            int((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
            for node in self.nodes
        )

    @property
    def updated(self) -> int:
        """The rows of jobs that were changed."""
        changes = [
            node
            for node in self.nodes
            if node["Node Type"] == "ModifyTable" and node["Relation Name"] == "jobqueue_job"
        ]
        changed = (
            next(each for each in node["Plans"] if each["Parent Relationship"] == "Outer") for node in changes
        )
        return sum(round(each["Actual Rows"]) for each in changed)


def explain(statement: str, parameters: Any, control: str = "") -> Plan:
    """Run a statement as the store does, inside a transaction that the test rolls back."""
    connection.ensure_connection()
    with psycopg.ClientCursor(connection.connection) as cursor:
        cursor.execute(f"{control}EXPLAIN (ANALYZE, FORMAT JSON) {statement}".encode(), parameters)
        while cursor.nextset():
            pass
        [(answer,)] = cursor.fetchall()
    [root] = answer if isinstance(answer, list) else json.loads(answer)
    return Plan(root["Plan"])


Explain = Callable[[str, Any], Plan]


@pytest.fixture(params=["sent whole", "kept planned"])
def control(request: pytest.FixtureRequest) -> Explain:
    """Explain a control statement as it is run behind a pooler, and as it is on a direct connection."""

    def whole(statement: str, parameters: Any) -> Plan:
        return explain(statement, parameters, PLANNER)

    def kept(statement: str, parameters: Any) -> Plan:
        connection.ensure_connection()
        sent = prepared(connection.connection, statement)
        assert sent.startswith(GENERIC)
        return explain(sent.removeprefix(GENERIC), parameters, PLANNER + GENERIC)

    if request.param == "sent whole":
        return whole
    request.getfixturevalue("unpooled")
    return kept


def plans_of(step: Callable[[], Any], control: str = "") -> list[Plan]:
    """The plans of what a step of the store asks of the table of jobs through Django."""
    asked = []

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if "jobqueue_job" in sql:
            asked.append((sql, parameters))
        return execute(sql, parameters, many, context)

    with transaction.atomic(), connection.execute_wrapper(note):
        step()
        transaction.set_rollback(True)
    return [explain(sql, parameters, control) for sql, parameters in asked]


FINISHES = (postgresqlwords.FINISH_SUCCEEDED, postgresqlwords.DELETE, postgresqlwords.SETTLE)


@only_on("postgresql")
class TestPlansOfPostgreSQL:
    @pytest.mark.parametrize("asked", CLAIMS.values(), ids=CLAIMS)
    def test_a_claim_reads_a_few_rows_by_the_index_of_ready_jobs(
        self, backlog: int, store: Store, control: Explain, asked: dict[str, Any]
    ) -> None:
        wanted = request(backlog, **asked)
        parameters = wanted._asdict() | {"queues": list(wanted.queues)}
        plan = control(postgresql.claim_statement(*asked_for(wanted)), parameters)
        assert plan.scans == set()
        assert plan.indexes == {"jobqueue_job_ready", "jobqueue_job_pkey"}
        assert plan.updated == LIMIT
        assert plan.most_rows <= FEW

    @pytest.mark.parametrize("asked", CLAIMS.values(), ids=CLAIMS)
    def test_a_claim_beside_a_resting_class_hashes_what_rests_and_reads_a_few_rows(
        self, backlog: int, store: Store, control: Explain, asked: dict[str, Any]
    ) -> None:
        ClassPause.objects.bulk_create(ClassPause(name=f"shop.jobs.number_{number}") for number in range(20))
        wanted = request(backlog, **asked)
        parameters = wanted._asdict() | {"queues": list(wanted.queues)}
        plan = control(postgresql.claim_statement(*asked_for(wanted)), parameters)
        assert plan.scans == set()
        assert plan.updated == LIMIT
        assert plan.most_rows <= FEW
        assert any("hashed" in node.get("Filter", "") for node in plan.nodes)

    def test_a_claim_behind_a_resting_class_reads_past_it_and_sorts_nothing(
        self, backlog: int, store: Store, control: Explain
    ) -> None:
        rest_in_front()
        wanted = request(backlog)
        plan = control(postgresql.claim_statement(False, False, False), wanted._asdict() | {"queues": []})
        assert plan.scans == set()
        assert plan.indexes == {"jobqueue_job_ready", "jobqueue_job_pkey"}
        assert plan.updated == LIMIT
        assert plan.most_rows <= RESTING + FEW

    def test_a_claim_takes_as_many_as_its_limit_says(self, backlog: int, store: Store) -> None:
        assert len(store.claim(request(backlog))) == LIMIT
        assert Job.objects.running().count() == LIMIT

    def test_a_claim_of_an_empty_queue_reads_nothing(self, backlog: int, store: Store, control: Explain) -> None:
        wanted = request(backlog, queues=("empty",))
        plan = control(postgresql.claim_statement(True, False, False), wanted._asdict() | {"queues": ["empty"]})
        assert plan.scans == set()
        assert (plan.updated, plan.most_rows) == (0, 1)

    def test_promotion_with_nothing_due_reads_one_row_of_each_queue_and_of_the_schedule(
        self, backlog: int, store: Store, control: Explain
    ) -> None:
        plan = control(postgresqlwords.PROMOTE, (1000,))
        assert plan.scans == set()
        assert plan.indexes <= {"jobqueue_job_due", "jobqueue_job_pkey", "jobqueue_job_ready"}
        assert plan.updated == 0
        assert plan.most_rows <= len(QUEUES) + 1

    def test_promotion_of_a_batch_reads_that_batch(self, backlog: int, store: Store, control: Explain) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE jobqueue_job SET run_at = now() WHERE state = 0 AND id % 20 = 0")
        plan = control(postgresqlwords.PROMOTE, (LIMIT,))
        assert plan.scans == set()
        assert plan.indexes == {"jobqueue_job_due", "jobqueue_job_pkey", "jobqueue_job_ready"}
        assert plan.updated == LIMIT

    @pytest.mark.parametrize("statement", FINISHES, ids=["succeeded", "deleted", "settled"])
    def test_a_finish_reads_the_rows_that_it_writes(
        self, backlog: int, store: Store, control: Explain, statement: str
    ) -> None:
        ids = hold_many(backlog)
        given: dict[str, list[Any]] = {
            postgresqlwords.FINISH_SUCCEEDED: [None, 0.0, 0.0],
            postgresqlwords.DELETE: [],
            postgresqlwords.SETTLE: [1, None, 0.0, 0, 0, False, "no", None, 0.0, 0.0, "failed", "", ""],
        }
        columns = [ids, [CLAIM] * LIMIT, *([each] * LIMIT for each in given[statement])]
        plan = control(statement, columns)
        assert plan.scans == set()
        assert plan.updated == LIMIT
        assert plan.most_rows <= FEW

    @pytest.mark.parametrize("step", SWEEPS.values(), ids=SWEEPS)
    def test_a_sweep_reads_running_jobs_only(self, backlog: int, store: Store, step: Step) -> None:
        store.claim(request(backlog))
        plans = plans_of(lambda: step(store, backlog))
        assert plans
        for plan in plans:
            assert "Seq Scan" not in plan.scans
            assert plan.indexes <= {"jobqueue_job_held", "jobqueue_job_pkey"}
            assert plan.most_rows <= FEW

    def test_pruning_reads_what_it_deletes_and_passes_no_failed_job(self, backlog: int, store: Store) -> None:
        fail_many()
        assert end_some(store, backlog) == LIMIT
        plans = plans_of(lambda: store.prune(60, LIMIT))
        assert plans
        for plan in plans:
            assert "Seq Scan" not in plan.scans
            assert plan.indexes <= {"jobqueue_job_done", "jobqueue_job_pkey"}
            assert plan.most_rows <= FEW

    @pytest.mark.parametrize(("tab", "act"), MANY.items())
    def test_a_count_for_an_act_on_many_ends_at_the_limit(
        self, backlog: int, store: Store, tab: str, act: Act
    ) -> None:
        fail_many()
        plans = plans_of(lambda: count_for(act, tab), PLANNER)
        assert plans
        for plan in plans:
            assert plan.scans == set()
            assert plan.most_rows <= FEW

    def test_counting_what_waits_ends_at_the_limit(self, backlog: int, store: Store) -> None:
        [plan] = plans_of(lambda: store.waiting("mail", LIMIT))
        assert plan.indexes == {"jobqueue_job_ready"}
        assert plan.most_rows <= LIMIT

    def test_a_look_at_what_waits_reads_one_row_of_each_queue_and_priority(
        self, backlog: int, store: Store
    ) -> None:
        [plan] = plans_of(lambda: read_lanes(store.alias, 1000), PLANNER)
        assert plan.scans == set()
        assert plan.indexes <= {"jobqueue_job_ready", "jobqueue_job_pkey"}
        assert plan.most_rows <= LANES + 1

    @pytest.mark.parametrize("queues", [[], ["mail"], ["other"]])
    def test_the_doctor_reads_a_bounded_part(self, backlog: int, store: Store, queues: list[str]) -> None:
        Pool.objects.update(queues=queues)
        plans = plans_of(lambda: look_as_doctor(store), PLANNER)
        assert len(plans) > 5
        for plan in plans:
            assert plan.scans == set()
            assert plan.most_rows <= jobs.MANY

    def test_a_rewriting_reads_the_rows_that_it_writes(self, backlog: int, store: Store, control: Explain) -> None:
        plan = control(postgresqlwords.REWRITE, [list(column) for column in zip(*some_texts(), strict=True)])
        assert plan.scans == set()
        assert plan.indexes == {"jobqueue_job_pkey"}
        assert plan.updated == LIMIT
        assert plan.most_rows <= FEW


# SQLite: EXPLAIN QUERY PLAN names the indexes, the virtual machine counts its steps.


def query_plan(statement: str, parameters: Any) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [str(detail) for *_, detail in cursor.fetchall()]


def steps_of(step: Callable[[], Any]) -> int:
    """About how many instructions of SQLite's virtual machine a step takes; reading a row takes ten or so."""
    ticks = []
    connection.ensure_connection()
    connection.connection.set_progress_handler(lambda: ticks.append(1), 100)
    try:
        step()
    finally:
        connection.connection.set_progress_handler(None, 0)
    return 100 * len(ticks)


def look_as_doctor(store: Store) -> None:
    """Let the doctor look at pools, queues and jobs."""
    site = Site(Settings(database=store.alias))
    for topic in JOBS:
        list(topic(site))


GONE = Decision(State.SUCCEEDED, delete=True)


@only_on("sqlite")
class TestPlansOfSQLite:
    @pytest.mark.parametrize("asked", CLAIMS.values(), ids=CLAIMS)
    def test_a_claim_searches_the_index_of_ready_jobs(
        self, backlog: int, store: Store, asked: dict[str, Any]
    ) -> None:
        wanted = request(backlog, **asked)
        parameters = wanted._asdict() | {"claim_id": "0", "queues": "[]", "now": "2026"}
        lines = query_plan(sqlite.claim_statement(*asked_for(wanted)), parameters)
        assert any("jobqueue_job USING INDEX jobqueue_job_ready (queue=?" in line for line in lines)
        assert [line for line in lines if line.startswith("SCAN") and "job" in line and "USING" not in line] == []

    @pytest.mark.parametrize("asked", CLAIMS.values(), ids=CLAIMS)
    def test_a_claim_reads_a_few_rows(self, backlog: int, store: Store, asked: dict[str, Any]) -> None:
        taken: list[Any] = []
        steps = steps_of(lambda: taken.extend(store.claim(request(backlog, **asked))))
        assert len(taken) == LIMIT
        assert steps < 100 * FEW

    def test_a_claim_behind_a_resting_class_reads_past_it(self, backlog: int, store: Store) -> None:
        rest_in_front()
        taken: list[Any] = []
        steps = steps_of(lambda: taken.extend(store.claim(request(backlog))))
        assert len(taken) == LIMIT
        assert steps < 20 * RESTING + 100 * FEW

    def test_promotion_with_nothing_due_reads_one_row(self, backlog: int, store: Store) -> None:
        assert steps_of(store.promote) < 1000

    def test_promotion_of_a_batch_reads_that_batch(self, backlog: int, store: Store) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE jobqueue_job SET run_at = created_at WHERE state = 0 AND id % 20 = 0")
        moved = []
        steps = steps_of(lambda: moved.append(store.promote(LIMIT).moved))
        assert moved == [LIMIT]
        assert steps < 100 * FEW

    @pytest.mark.parametrize("decision", [Decision(State.SUCCEEDED), RELEASE, GONE], ids=["done", "back", "gone"])
    def test_a_finish_reads_the_rows_that_it_writes(self, backlog: int, store: Store, decision: Decision) -> None:
        hold_many(backlog)
        jobs = store.claim(request(backlog))
        steps = steps_of(lambda: store.finish([Finish(job, decision) for job in jobs]))
        assert steps < 100 * FEW
        assert Job.objects.running().filter(locked_by="host:here pid:1").count() == 0

    def test_a_rewriting_reads_the_rows_that_it_writes(self, backlog: int, store: Store) -> None:
        texts, written = some_texts(), set[int]()
        steps = steps_of(lambda: written.update(store.rewrite(texts)))
        assert written == {each.id for each in texts}
        assert steps < 100 * FEW

    @pytest.mark.parametrize("step", SWEEPS.values(), ids=SWEEPS)
    def test_a_sweep_reads_running_jobs_only(self, backlog: int, store: Store, step: Step) -> None:
        store.claim(request(backlog))
        assert steps_of(lambda: step(store, backlog)) < 100 * FEW

    def test_pruning_reads_what_it_deletes_and_passes_no_failed_job(self, backlog: int, store: Store) -> None:
        fail_many()
        assert end_some(store, backlog) == LIMIT
        deleted = []
        steps = steps_of(lambda: deleted.append(store.prune(60, LIMIT)))
        assert deleted == [LIMIT]
        assert steps < 100 * FEW

    @pytest.mark.parametrize(("tab", "act"), MANY.items())
    def test_a_count_for_an_act_on_many_ends_at_the_limit(
        self, backlog: int, store: Store, tab: str, act: Act
    ) -> None:
        fail_many()
        assert steps_of(lambda: count_for(act, tab)) < 100 * FEW

    def test_counting_what_waits_ends_at_the_limit(self, backlog: int, store: Store) -> None:
        assert steps_of(lambda: store.waiting("mail", LIMIT)) < 1000

    def test_a_look_at_what_waits_reads_one_row_of_each_queue_and_priority(
        self, backlog: int, store: Store
    ) -> None:
        lanes: list[Any] = []
        steps = steps_of(lambda: lanes.extend(read_lanes(store.alias, 1000)))
        assert len(lanes) == LANES
        assert steps < 1000 + 100 * LANES

    @pytest.mark.parametrize("queues", [[], ["mail"], ["other"]])
    def test_the_doctor_reads_a_bounded_part(self, backlog: int, store: Store, queues: list[str]) -> None:
        Pool.objects.update(queues=queues)
        assert steps_of(lambda: look_as_doctor(store)) < 100 * jobs.MANY
