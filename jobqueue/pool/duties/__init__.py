"""What maintenance does, one duty a module. Features add their own to the list."""

from jobqueue.pool.duties.base import DeclaredDead, Duty, Post
from jobqueue.pool.duties.cancelling import Cancelling
from jobqueue.pool.duties.freshness import Freshness
from jobqueue.pool.duties.heartbeat import Heartbeat
from jobqueue.pool.duties.promotion import Promotion
from jobqueue.pool.duties.pruning import Pruning
from jobqueue.pool.duties.rescue import Rescue
from jobqueue.pool.duties.settling import Settling
from jobqueue.pool.duties.stalled import Stalled
from jobqueue.pool.duties.statistics import Statistics
from jobqueue.pool.duties.strays import Strays

#: In the order in which they are done when several are due.
DUTIES: tuple[type[Duty], ...] = (
    Heartbeat,
    Settling,
    Promotion,
    Stalled,
    Cancelling,
    Rescue,
    Strays,
    Pruning,
    Statistics,
    Freshness,
)

__all__ = ["DUTIES", "DeclaredDead", "Duty", "Post"]
