"""What somebody wishes of this pool is done."""

from __future__ import annotations

import logging

from jobqueue import logs
from jobqueue.pool.duties.base import Post

ASKED = "somebody asks this pool to"


def heed(post: Post, wish: str) -> None:
    """Do it, and say so in the pool's row. The board carries it to the workers and the supervisor."""
    header = post.board.header
    match wish:
        case "quiet":
            header.quiet = 1
            logs.say(logging.INFO, "quiet", f"{ASKED} take no new jobs")
        case "go on":
            header.quiet = 0
            logs.say(logging.INFO, "quiet", f"{ASKED} take jobs again")
        case "stop":
            header.stop = 1
            logs.say(logging.INFO, "stop", f"{ASKED} stop")
        case _:
            logs.say(logging.WARNING, "warn", f"{ASKED} {wish}, which it does not understand")
    for bell in post.bells:
        bell.ring()
    post.pools.heed(post.pool_id, wish, quiet=bool(header.quiet))
