"""What the roles of docs/how-to/least_privilege.md may do, each logged in as itself; the tables belong to another."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import ProgrammingError, connection, connections, transaction
from django.db.migrations.recorder import MigrationRecorder

from jobqueue import controlling, enqueue, enqueue_many
from jobqueue.conf import get_settings
from jobqueue.doctor import Site, examine
from jobqueue.models import Job, Pool
from jobqueue.models.rollup import minute_of, writer_in
from jobqueue.outcomes import RELEASE, Decision
from jobqueue.pool import preflight
from jobqueue.rows import Finish, Told
from jobqueue.states import State
from jobqueue.stores import get_store
from jobqueue.stores.beside import Beside, Sealed
from jobqueue.stores.pools import PoolRegistry
from jobqueue.stores.privileges import NEEDED
from jobqueue.stores.reports import Reports
from jobqueue.stores.rollups import Ledger
from jobqueue.stores.wishes import Wishes
from jobqueue.testing import work_off
from tests.app import scripted
from tests.app.models import Video
from tests.setups import current
from tests.setups.roles import DASHBOARD, WEB, WORKER, LeastPrivilege, acting_as, grant, roles, ungrant
from tests.stores.shelf import claim, new, succeeded
from tests.stores.test_plans import only_on

pytestmark = [pytest.mark.django_db(transaction=True), only_on("postgresql"), pytest.mark.usefixtures("granted")]

OWNED = [
    "DROP TABLE jobqueue_job",
    "TRUNCATE jobqueue_job",
    "ALTER TABLE jobqueue_job DROP COLUMN claim_id",
    "CREATE TRIGGER mine BEFORE UPDATE ON jobqueue_job EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "DROP TABLE jobqueue_pool",
]
WRITTEN = [
    "UPDATE jobqueue_job SET priority = 9",
    "DELETE FROM jobqueue_job",
    "SELECT 1 FROM jobqueue_job FOR UPDATE",
    "INSERT INTO jobqueue_pool (host, pid) VALUES ('here', 1)",
    "UPDATE jobqueue_pool SET alive = false",
]


@pytest.fixture(scope="module")
def granted(unpooled: None, django_db_blocker: Any) -> Iterator[None]:
    with roles(os.environ["DATABASE_URL"]), django_db_blocker.unblock():
        grant(connection)
        yield
        if not isinstance(current(), LeastPrivilege):
            ungrant(connection)


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_tables_belong_to_somebody_else() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableowner FROM pg_tables WHERE tablename LIKE 'jobqueue_%%'")
        owners = {owner for (owner,) in cursor.fetchall()}
    assert owners == {connection.settings_dict["USER"]}
    assert owners.isdisjoint({WEB, WORKER, DASHBOARD})


class TestTheWeb:
    @pytest.fixture(autouse=True)
    def _web(self, granted: None, transactional_db: None) -> Iterator[None]:
        with acting_as(WEB):
            yield

    def test_it_stores_jobs_in_every_way(self) -> None:
        store_in_every_way()
        assert Job.objects.count() == 5

    def test_it_sends_methods_of_what_it_may_read(self) -> None:
        Video.from_db("default", ["id"], [7]).send_later("encode")
        assert Job.objects.get().name.endswith("Video.encode")

    @pytest.mark.parametrize("statement", OWNED + WRITTEN)
    def test_it_changes_nothing(self, statement: str) -> None:
        scripted.tell.enqueue("one")
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
            run(statement)


class TestTheWorker:
    @pytest.fixture(autouse=True)
    def _worker(self, granted: None, transactional_db: None) -> Iterator[None]:
        enqueue_many(scripted.tell.bind(key) for key in range(3))
        scripted.fail.enqueue()
        scripted.enqueue_another.enqueue("from a job")
        with acting_as(WORKER):
            yield

    def test_it_performs_all_and_their_jobs_store_jobs(self) -> None:
        preflight.check("default", forks=False, waits=False)
        assert work_off().performed == 6
        assert not Pool.objects.exists()

    @pytest.mark.parametrize("statement", OWNED)
    def test_it_drops_and_alters_nothing(self, statement: str) -> None:
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
            run(statement)


class TestTheDashboard:
    def test_it_reads(self) -> None:
        enqueue(scripted.tell.bind("one"))
        with acting_as(DASHBOARD):
            assert (Job.objects.count(), Pool.objects.count()) == (1, 0)

    @pytest.mark.parametrize("statement", [*OWNED, *WRITTEN])
    def test_it_writes_nothing(self, statement: str) -> None:
        with acting_as(DASHBOARD), pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
            run(statement)


@pytest.mark.parametrize("role", [WORKER, DASHBOARD])
def test_the_doctor_can_examine_all(role: str) -> None:
    with acting_as(role):
        found = examine(Site(get_settings()))
        assert [each for each in found if each.id.endswith(".unknown")] == []


class TestNothingCanBeLeftOut:
    """Whatever a pool and a site do, each privilege is needed for something; and what is missing is said."""

    @pytest.fixture
    def revoke(self) -> Iterator[Callable[[str], None]]:
        yield run
        grant(connection)

    @pytest.mark.parametrize(("table", "privilege"), [(table, each) for table in NEEDED for each in NEEDED[table]])
    def test_of_a_pool(self, revoke: Callable[[str], None], table: str, privilege: str) -> None:
        get_store().insert_many([new() for _ in range(6)])
        revoke(f"REVOKE {privilege} ON {table} FROM {WORKER}, {WEB}")
        lacking = (
            f'Role {WORKER} lacks {privilege} on {table} in database "default". '
            f"Let the owner type: GRANT {privilege} ON {table} TO {WORKER};"
        )
        with acting_as(WORKER):
            with pytest.raises(ProgrammingError, match="permission denied") as caught:
                do_all_that_a_pool_does()
            assert get_store().refusal(caught.value) == lacking
            with pytest.raises(preflight.NotReady, match=re.escape(lacking)):
                preflight.check("default", forks=False, waits=False)

    def test_of_the_schema(self, revoke: Callable[[str], None]) -> None:
        revoke(f"REVOKE USAGE ON SCHEMA public FROM PUBLIC, {WORKER}, {WEB}")
        try:
            with acting_as(WORKER), pytest.raises(preflight.NotReady, match="GRANT USAGE ON SCHEMA public TO"):
                preflight.check("default", forks=False, waits=False)
        finally:
            run("GRANT USAGE ON SCHEMA public TO PUBLIC")

    @pytest.mark.parametrize(
        "privilege", ["INSERT ON jobqueue_job", "SELECT ON jobqueue_job", "USAGE ON SEQUENCE jobqueue_job_id_seq"]
    )
    def test_of_the_web(self, revoke: Callable[[str], None], privilege: str) -> None:
        revoke(f"REVOKE {privilege} FROM {WEB}")
        with acting_as(WEB), pytest.raises(ProgrammingError, match="permission denied"):
            store_in_every_way()

    def test_of_who_quiets_and_stops_workers(self, revoke: Callable[[str], None]) -> None:
        row = Pool.objects.create(host="here", pid=1)
        with acting_as(WEB), pytest.raises(ProgrammingError, match="permission denied"):
            controlling.stop(row.pk)
        revoke(f"GRANT SELECT, UPDATE (wish) ON jobqueue_pool TO {WEB}")
        try:
            with acting_as(WEB):
                controlling.stop(row.pk)
                with pytest.raises(ProgrammingError, match="permission denied"):
                    Pool.objects.update(alive=False)
        finally:
            revoke(f"REVOKE SELECT, UPDATE (wish) ON jobqueue_pool FROM {WEB}")
        row.refresh_from_db()
        assert row.wish == "stop"

    def test_but_two_columns_are_enough_to_read_for_a_web_without_keys(
        self, revoke: Callable[[str], None]
    ) -> None:
        revoke(f"REVOKE SELECT ON jobqueue_job FROM {WEB}")
        revoke(f"GRANT SELECT (id, created_at) ON jobqueue_job TO {WEB}")
        with acting_as(WEB):
            scripted.tell.enqueue(1)
            enqueue_many([scripted.tell.bind(1)])
            with pytest.raises(ProgrammingError, match="permission denied"):
                Job.objects.first()
        revoke(f"REVOKE SELECT (id, created_at) ON jobqueue_job FROM {WEB}")


def store_in_every_way() -> None:
    scripted.tell.enqueue("one")
    enqueue_many(scripted.tell.bind(key) for key in range(3))
    first = scripted.tell.using(key="k").enqueue("once")
    assert scripted.tell.using(key="k").enqueue("once").pk == first.pk


def do_all_that_a_pool_does() -> None:
    """As a pool of two does in its life, with some of its jobs."""
    MigrationRecorder(connections["default"]).applied_migrations()
    store, pools = get_store(), PoolRegistry(get_store())
    pool, doomed = pools.register(host="here", pid=1), pools.register(host="here", pid=2)
    assert pools.beat(pool)
    store.promote()
    done, gone, back, parked = claim(store, pool, 4)
    [renewed] = store.restamp([back], uuid4())
    store.finish([succeeded(done), Finish(gone, Decision(State.SUCCEEDED, delete=True)), Finish(renewed, RELEASE)])
    store.finish_around_locks([Finish(parked, Decision(State.FAILED, error="boom"))])
    with transaction.atomic():
        store.hold(claim(store, doomed, 1)[0], 60)
    [held] = store.held(doomed, "host:here pid:1")
    assert Reports(store).tell([Told(held.id, held.claim_id, 1.0, 2.0, "half", "")]) == {held.id}
    for sealed in (Sealed("Attempt", 0, 0, {"stored_error": ""}), *Beside(store).of([held.id])):
        Beside(store).rewrite(sealed, sealed.texts)
    Wishes(store).sweep()
    now = minute_of(store.now())
    assert Ledger(store).write(writer_in(now), [{"minute": now - 9, "queue": "a", "name": "b"}]).in_time
    assert Ledger(store).add_up(9) == Ledger(store).coarsen(9) == 0
    assert Ledger(store).forget(60, 9) == 1
    store.strays(doomed, [])
    [peer] = pools.look(pool).peers
    assert pools.declare_dead(peer, -1)
    assert len(store.rescue(lambda job: RELEASE)) == 1
    assert store.prune(-60) == 1
    pools.forget(-60)
    pools.retire(pool)


def test_in_this_set_up_each_is_what_it_should_be() -> None:
    """With --setup roles, the tests enqueue as the web."""
    if not isinstance(current(), LeastPrivilege):
        pytest.skip("for --setup roles")
    run(f"REVOKE INSERT ON jobqueue_job FROM {WEB}")
    try:
        with pytest.raises(ProgrammingError, match="permission denied for table jobqueue_job"):
            scripted.tell.enqueue(1)
    finally:
        grant(connections["default"])
