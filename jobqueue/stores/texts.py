"""The texts of ended attempts as the table holds them: sealed, where that is asked for, and failures told apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from jobqueue import sealing
from jobqueue.outcomes import Decision
from jobqueue.policy.failures import failure_in, fingerprint
from jobqueue.rows import Finish


def sealed(finishes: Sequence[Finish]) -> Sequence[Finish]:
    """Return them with error and result as the table holds them."""
    return [each._replace(decision=_seal(each.decision)) for each in finishes] if sealing.is_on() else finishes


def told_apart(finishes: Sequence[Finish]) -> Sequence[Finish]:
    """Return them with the kind of failure noted on those that failed; before they are sealed."""
    if not any(each.decision.failure for each in finishes):
        return finishes
    return list(_told_apart(finishes))


def _told_apart(finishes: Sequence[Finish]) -> Iterator[Finish]:
    # What is sealed must not be guessed from a digest.
    with_message = not sealing.is_on()
    for each in finishes:
        if each.decision.failure is None:
            yield each
            continue
        failure = failure_in(each.decision.error or "")
        if not failure.exception and each.decision.cause is not None:
            failure = failure._replace(exception=type(each.decision.cause).__name__)
        digest = fingerprint(each.job.name, failure, with_message=with_message)
        yield each._replace(decision=replace(each.decision, exception=failure.exception, fingerprint=digest))


def _seal(decision: Decision) -> Decision:
    error, result = decision.error, decision.result
    if error is None and result is None:
        return decision
    return replace(decision, error=error and sealing.seal(error), result=result and sealing.seal(result))
