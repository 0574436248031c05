"""What the doctor says of a SQLite file: its modes, its library, its soundness, its place on the disk."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobqueue.conf import Settings
from jobqueue.doctor import Finding, Level, Site, disk, examine, sqlite, table
from jobqueue.doctor.sqlite import Modes
from jobqueue.stores import get_store
from tests.doctor.conftest import one, problems, sqlite_at
from tests.stores.shelf import new
from tests.unit.test_checks import GOOD_SQLITE, database


class TestModes:
    def test_good_ones_are_told(self, sqlite_site: Site) -> None:
        finding = next(sqlite.sqlite(sqlite_site))
        assert finding.message == "journal_mode wal, synchronous FULL, timeout 20 s, transactions IMMEDIATE"

    @pytest.mark.parametrize(
        ("options", "remedy"),
        [
            ({"transaction_mode": None}, '"transaction_mode": "IMMEDIATE"'),
            ({"timeout": 1}, '"timeout": 20'),
            (
                {"init_command": "PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL"},
                '"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"',
            ),
            (
                {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"},
                '"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"',
            ),
        ],
    )
    def test_what_is_wrong_on_the_file_is_told_with_the_option(
        self, tmp_path: Path, django_db_blocker: Any, options: dict[str, Any], remedy: str
    ) -> None:
        with django_db_blocker.unblock(), sqlite_at(tmp_path / "jobs.sqlite3", **options) as site:
            finding = one(examine(site), "sqlite.modes")
        assert finding.level is Level.WARNING
        assert finding.remedy == f'In DATABASES["jobs"]["OPTIONS"]: {remedy}'

    def test_the_file_counts_and_not_the_setting(self, tmp_path: Path, django_db_blocker: Any) -> None:
        path = tmp_path / "jobs.sqlite3"
        with sqlite3.connect(path) as own:
            own.execute("PRAGMA journal_mode=WAL")
        with django_db_blocker.unblock(), sqlite_at(path, init_command="PRAGMA synchronous=FULL") as site:
            assert "sqlite.modes" not in problems(examine(site))

    def test_a_database_in_memory_is_no_place_for_workers(self, django_db_blocker: Any) -> None:
        entry = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:", "OPTIONS": {}}
        with django_db_blocker.unblock(), database(**entry):
            assert problems(examine(Site(Settings(database="jobs")))) == ["sqlite.memory", "migrations.missing"]

    def test_each_fault_is_named(self) -> None:
        [finding] = sqlite.of_modes("default", Modes("delete", 0, 0, "DEFERRED"))
        assert finding.message.startswith(
            "journal_mode delete, synchronous OFF, timeout 0 s, transactions DEFERRED"
        )
        assert finding.remedy == (
            'In DATABASES["default"]["OPTIONS"]: "transaction_mode": "IMMEDIATE", "timeout": 20, '
            '"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"'
        )


class TestLibrary:
    @pytest.mark.parametrize(
        ("version", "may_spoil"),
        [
            ((3, 6, 23), False),
            ((3, 7, 0), True),
            ((3, 40, 1), True),
            ((3, 44, 5), True),
            ((3, 44, 6), False),
            ((3, 45, 0), True),
            ((3, 50, 6), True),
            ((3, 50, 7), False),
            ((3, 51, 2), True),
            ((3, 51, 3), False),
            ((3, 53, 0), False),
        ],
    )
    def test_the_fault_of_the_write_ahead_log(self, version: tuple[int, ...], may_spoil: bool) -> None:
        assert sqlite.may_spoil(version) is may_spoil
        assert problems(each._replace(id="x") for each in sqlite.of_library(version, "wal")) == ["x"] * may_spoil

    def test_without_a_write_ahead_log_there_is_no_fault(self) -> None:
        assert list(sqlite.of_library((3, 40, 1), "delete")) == []


class TestIntegrity:
    def test_a_sound_file(self, sqlite_site: Site) -> None:
        finding = one(examine(sqlite_site), "integrity")
        assert finding.message.startswith("the file is sound (")

    def test_a_damaged_file(self, sqlite_site: Site) -> None:
        for _ in range(300):
            get_store("jobs").insert(new(handler="x" * 500))
        assert sqlite_site.row("PRAGMA wal_checkpoint(TRUNCATE)")[0] == 0
        sqlite_site.connection.close()
        path = sqlite_site.file
        assert path is not None
        content = bytearray(path.read_bytes())
        middle = len(content) // 2 // 4096 * 4096
        content[middle : middle + 4096] = b"\xff" * 4096
        path.write_bytes(content)
        finding = one(examine(Site(Settings(database="jobs"))), "integrity.spoilt")
        assert finding.level is Level.ERROR

    def test_no_database_at_all(self, tmp_path: Path, django_db_blocker: Any) -> None:
        (tmp_path / "jobs.sqlite3").write_bytes(b"hello, world" * 1000)
        with django_db_blocker.unblock(), sqlite_at(tmp_path / "jobs.sqlite3") as site:
            finding = one(examine(site), "database.unreachable")
        assert "file is not a database" in finding.message

    def test_a_large_file_is_left_for_a_thorough_look(
        self, sqlite_site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite, "SMALL_BYTES", 1)
        finding = one(sqlite.integrity(sqlite_site), "integrity.unchecked")
        assert finding.remedy == "Check it: python manage.py jobs doctor --thorough"
        [finding] = sqlite.integrity(Site(Settings(database="jobs"), thorough=True))
        assert finding.id == "integrity"

    def test_so_is_one_that_takes_too_long(self, sqlite_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        get_store("jobs").insert_many([new(handler="x" * 100)] * 20_000)
        monkeypatch.setattr(sqlite, "CHECK_SECONDS", 0.0)
        assert problems(sqlite.integrity(sqlite_site)) == ["integrity.unchecked"]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody on this host reaches."""
    folder = Path(tempfile.mkdtemp(prefix="jobqueue-"))
    folder.chmod(0o755)
    if not all(each.stat().st_mode & 0o001 for each in folder.parents):
        pytest.skip(f"others do not reach {folder}")
    yield folder
    shutil.rmtree(folder)


class TestFile:
    @pytest.mark.parametrize(
        ("folder", "file", "log", "expected"),
        [
            (0o755, 0o640, 0o640, []),
            (0o755, 0o644, 0o640, ["file.readable"]),
            (0o755, 0o640, 0o644, ["file.readable"]),
            (0o755, 0o646, 0o640, ["file.writable"]),
            (0o777, 0o640, 0o640, ["file.folder"]),
            (0o1777, 0o644, 0o640, ["file.readable", "file.folder"]),
            (0o750, 0o666, 0o666, []),
        ],
    )
    def test_what_others_may_do(
        self, open_folder: Path, folder: int, file: int, log: int, expected: list[str]
    ) -> None:
        path = open_folder / "jobs.sqlite3"
        for each, mode in ((path, file), (path.with_name("jobs.sqlite3-wal"), log)):
            each.touch()
            each.chmod(mode)
        open_folder.chmod(folder)
        assert [each.id for each in disk.exposure(path)] == expected

    def test_a_sticky_folder_is_less_bad_than_an_open_one(self, open_folder: Path) -> None:
        path = open_folder / "jobs.sqlite3"
        path.touch(0o600)
        for mode, level in ((0o777, Level.ERROR), (0o1777, Level.WARNING)):
            open_folder.chmod(mode)
            [finding] = disk.exposure(path)
            assert finding.level is level

    def test_the_remedy_helps(self, open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import subprocess

        path = open_folder / "jobs.sqlite3"
        path.touch()
        path.chmod(0o666)
        path.with_name("jobs.sqlite3-wal").touch(0o666)
        monkeypatch.chdir(open_folder)
        [finding] = disk.exposure(path)
        assert finding.remedy == "Type: chmod o-rw jobs.sqlite3*"
        subprocess.run(["sh", "-c", finding.remedy.removeprefix("Type: ")], check=True)
        assert list(disk.exposure(path)) == []

    def test_a_file_of_this_host(self, sqlite_site: Site) -> None:
        finding = one(examine(sqlite_site), "file")
        assert finding.message.endswith("is on a disk of this host, and nobody else's to read or write")

    MOUNTS = r"""
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
40 22 0:35 / /srv/share\040of\040all rw shared:1 - nfs4 files:/all rw,vers=4.2
41 22 0:36 / /srv/auto rw - autofs systemd-1 rw
42 41 0:37 / /srv/auto rw - cifs //files/all rw
43 40 0:38 / /srv/share\040of\040all/local rw - xfs /dev/sdb rw
""".strip()

    @pytest.mark.parametrize(
        ("path", "kind"),
        [
            ("/home/ana/jobs.sqlite3", "ext4"),
            ("/srv/share of all/jobs.sqlite3", "nfs4"),
            ("/srv/share of all/local/jobs.sqlite3", "xfs"),
            ("/srv/auto/shop/jobs.sqlite3", "cifs"),
        ],
    )
    def test_the_kind_of_its_file_system(self, path: str, kind: str) -> None:
        assert disk.filesystem(Path(path), self.MOUNTS) == kind
        assert bool(list(disk.network(Path(path), self.MOUNTS))) is (kind in {"nfs4", "cifs"})

    def test_where_no_mounts_are_told_nothing_is_said(self) -> None:
        assert list(disk.network(Path("/srv/jobs.sqlite3"), "")) == []

    @pytest.mark.skipif(not disk.MOUNTS.exists(), reason="this system does not tell its mounts")
    def test_this_system_tells_its_mounts(self, tmp_path: Path) -> None:
        assert disk.filesystem(tmp_path, disk.MOUNTS.read_text()) is not None


class TestIds:
    def test_what_was_given_out_is_told(self, sqlite_site: Site) -> None:
        for _ in range(3):
            get_store("jobs").insert(new())
        [finding] = table.sqlite_ids(sqlite_site)
        assert finding.message.startswith("3 given out")

    def test_few_are_left(self, sqlite_site: Site) -> None:
        get_store("jobs").insert(new())
        with sqlite_site.connection.cursor() as cursor:
            cursor.execute("UPDATE sqlite_sequence SET seq = %s WHERE name = 'jobqueue_job'", [2**62 + 2**60])
        assert problems(table.sqlite_ids(sqlite_site)) == ["ids.few"]


def test_the_settings_are_not_told_twice(tmp_path: Path, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock(), sqlite_at(tmp_path / "jobs.sqlite3", timeout=1) as site:
        findings: list[Finding] = examine(site)
    assert "jobqueue.W010" not in {each.id for each in findings}
    assert GOOD_SQLITE["timeout"] == 20
