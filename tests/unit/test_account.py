"""Another user's rights: all of them, and nothing that root had."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from jobqueue.pool import account

ROOT = Path(__file__).resolve().parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
US = pwd.getpwuid(os.geteuid()).pw_name
OURS = grp.getgrgid(os.getegid()).gr_name


def said_by(code: str) -> list[str]:
    """What code prints that runs after ``account`` is imported, in a process of its own."""
    command = [sys.executable, "-c", f"import os; from jobqueue.pool import account\n{code}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@as_root
@pytest.mark.parametrize("group", [None, "daemon"])
def test_it_has_that_users_rights_and_groups_and_no_others(group: str | None) -> None:
    entry = pwd.getpwnam("nobody")
    gid = entry.pw_gid if group is None else grp.getgrnam(group).gr_gid
    uids, gids, groups = said_by(
        f"os.setgroups([0, 4, 27]); account.become('nobody', {group!r})\n"
        "print(*os.getresuid()); print(*os.getresgid()); print(*os.getgroups())"
    )
    assert uids.split() == [str(entry.pw_uid)] * 3
    assert gids.split() == [str(gid)] * 3
    assert set(map(int, groups.split())) == set(os.getgrouplist("nobody", gid))


@as_root
def test_a_group_alone_leaves_the_user(tmp_path: Path) -> None:
    gid = grp.getgrnam("daemon").gr_gid
    printed = said_by("account.become(None, 'daemon'); print(os.geteuid(), os.getegid(), *os.getgroups())")
    assert printed == [f"0 {gid} {gid}"]


@as_root
def test_there_is_no_way_back() -> None:
    code = (
        "account.become('nobody', None)\n"
        "for back in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0])):\n"
        "    try: back(); print('back')\n"
        "    except PermissionError: print('no')"
    )
    assert said_by(code) == ["no"] * 3


@as_root
def test_programs_that_are_started_know_whose_home_it_is() -> None:
    entry = pwd.getpwnam("nobody")
    code = "account.become('nobody', None); print(os.environ['HOME'], os.environ['USER'], os.environ['LOGNAME'])"
    assert said_by(code) == [f"{entry.pw_dir} nobody nobody"]


@as_root
def test_who_is_not_root_cannot_become_anybody_else() -> None:
    code = (
        "account.become('nobody', None)\n"
        "account.become('nobody', None)\n"
        "try: account.become('root', None)\n"
        "except account.CannotBecome as error: print(error)"
    )
    assert said_by(code) == ["Only root can become root. Leave out --user and --group."]


def test_without_names_nothing_changes() -> None:
    before = os.getresuid(), os.getresgid(), os.getgroups()
    account.become(None, None)
    assert before == (os.getresuid(), os.getresgid(), os.getgroups())


@pytest.mark.skipif(os.geteuid() == 0, reason="root would lose its other groups; the test above covers it")
def test_who_is_that_user_already_may_say_so() -> None:
    account.become(US, OURS)
    with pytest.raises(account.CannotBecome, match="Only root can become root"):
        account.become("root", None)


@pytest.mark.parametrize(
    ("user", "group", "names"),
    [
        ("no-such-user", None, "no-such-user"),
        (None, "no-such-group", "no-such-group"),
        (US, "no-such", f"{US} no-such"),
    ],
)
def test_an_unknown_name_is_said(user: str | None, group: str | None, names: str) -> None:
    with pytest.raises(account.CannotBecome) as caught:
        account.become(user, group)
    assert str(caught.value) == f"There is no such user or group: {names}"
