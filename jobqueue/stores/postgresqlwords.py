"""What is said to PostgreSQL about jobs, and why it is said so.

States stand as literals: a parameter would keep the planner from the partial indexes.
"""

from __future__ import annotations

INSERT = """
INSERT INTO jobqueue_job (handler, name, queue, priority, attempts, crashes, created_at, updated_at, {columns})
VALUES (%s, %s, %s, %s, 0, 0, statement_timestamp(), statement_timestamp(), {values})
{conflict}RETURNING id, created_at
"""

# Ids beforehand, since COPY returns none.
IDS = """
SELECT statement_timestamp(), ARRAY(SELECT nextval(sequence) FROM generate_series(1, %s))
FROM (SELECT pg_get_serial_sequence('jobqueue_job', 'id')::regclass AS sequence) AS own
"""

COPY = """
COPY jobqueue_job (id, handler, name, queue, priority, max_attempts, max_run_time, run_at, state,
                   attempts, crashes, created_at, updated_at) FROM STDIN
"""

# The queues that have ready jobs, by one index probe each (a loose index scan).
ALL_QUEUES = """
names(name) AS (
  (SELECT queue FROM jobqueue_job WHERE state = 1 ORDER BY queue LIMIT 1)
  UNION ALL
  SELECT (SELECT queue FROM jobqueue_job WHERE state = 1 AND queue > names.name ORDER BY queue LIMIT 1)
  FROM names WHERE names.name IS NOT NULL)"""

GIVEN_QUEUES = "names(name) AS (SELECT unnest(%(queues)s::text[]))"

# "state + 0" in the outer WHERE here and below: rows are then found by the primary key, in the order given. Written
# plainly it matches a partial index, and on stale statistics the planner reads that whole index once for each row.
# MATERIALIZED: without it a plan on stale statistics may run the subselect again for each row and take
# many more rows than LIMIT says. SKIP LOCKED: peers pass each other instead of queueing up. least(), here and below: a
# counter that somebody has set to the end of its type must not keep the other rows from being written. NOT IN, not
# NOT EXISTS: the classes that rest are hashed once for the statement, which reads past their jobs three times as fast.
CLAIM = """
WITH RECURSIVE {queues}, pick AS MATERIALIZED (
  SELECT ready.id FROM names CROSS JOIN LATERAL (
    SELECT id, priority, run_at FROM jobqueue_job
    WHERE state = 1 AND queue = names.name AND run_at <= statement_timestamp() {priorities}
      AND name NOT IN (SELECT name FROM jobqueue_classpause)
    ORDER BY priority * -1, run_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED) AS ready
  WHERE NOT EXISTS (SELECT 1 FROM jobqueue_pause WHERE queue = names.name)
  ORDER BY ready.priority * -1, ready.run_at, ready.id LIMIT %(limit)s)
UPDATE jobqueue_job AS job
SET state = 2, claim_id = %(claim_id)s, pool_id = %(pool_id)s, locked_by = %(locked_by)s,
    locked_at = clock_timestamp(), updated_at = clock_timestamp(),
    attempts = least(job.attempts, 2147483646) + 1
WHERE job.id = ANY (ARRAY(SELECT id FROM pick)) AND job.state + 0 = 1
  AND EXISTS (SELECT 1 FROM jobqueue_pool WHERE id = %(pool_id)s AND alive)
RETURNING job.id, job.queue, job.name, job.priority, job.attempts, job.handler, job.run_at, job.created_at,
          job.crashes, job.max_attempts, job.max_run_time, job.blocked_at, job.claim_id
"""

FINISH_SUCCEEDED = """
UPDATE jobqueue_job AS job
SET state = 3, result = d.result, started_at = clock_timestamp() - d.since_start * interval '1 second',
    finished_at = clock_timestamp() - d.since_end * interval '1 second',
    locked_at = NULL, pool_id = NULL, blocked_at = NULL, updated_at = clock_timestamp()
FROM unnest(%s::bigint[], %s::uuid[], %s::text[], %s::float8[], %s::float8[])
     AS d(id, claim_id, result, since_start, since_end)
WHERE job.id = d.id AND job.claim_id = d.claim_id AND job.state + 0 = 2
RETURNING job.id
"""

DELETE = """
WITH gone AS (
  DELETE FROM jobqueue_job AS job
  USING unnest(%s::bigint[], %s::uuid[]) AS d(id, claim_id)
  WHERE job.id = d.id AND job.claim_id = d.claim_id AND job.state + 0 = 2
  RETURNING job.id),
attempts AS (DELETE FROM jobqueue_attempt USING gone WHERE job_id = gone.id),
reports AS (DELETE FROM jobqueue_report USING gone WHERE job_id = gone.id),
cancellations AS (DELETE FROM jobqueue_cancellation USING gone WHERE job_id = gone.id)
SELECT id FROM gone
"""

# What would be tried again is cancelled instead, if somebody wishes that. A failed attempt is kept in the history in
# the same breath. "old" is the row before: who held it, and how often it had been tried.
SETTLE = """
WITH settled AS (
  UPDATE jobqueue_job AS job
  SET state = CASE WHEN d.target > 2 THEN d.target WHEN d.next_run_at > now.at THEN 0 ELSE 1 END,
      run_at = coalesce(d.next_run_at, job.run_at),
      attempts = greatest(job.attempts - d.refund, 0), crashes = least(job.crashes + d.crash, 32767),
      last_error = coalesce(d.error, CASE WHEN d.target = 5 THEN d.wish END, job.last_error), result = d.result,
      blocked_at = CASE WHEN d.blocked THEN coalesce(job.blocked_at, now.at) END,
      failed_at = CASE WHEN d.target = 4 THEN now.at END, finished_at = CASE WHEN d.target > 2 THEN now.at END,
      started_at = coalesce(now.at - d.since_start * interval '1 second', job.started_at),
      locked_at = NULL, locked_by = NULL, pool_id = NULL, updated_at = now.at
  FROM (SELECT statement_timestamp() AS at) now,
       LATERAL (SELECT given.*, coalesce(given.run_at, now.at + given.wait * interval '1 second') AS next_run_at,
                       CASE WHEN given.state <= 2 AND wish.job_id IS NOT NULL THEN 5 ELSE given.state END AS target,
                       CASE wish.requested_by WHEN '' THEN 'cancelled while it was running'
                            ELSE 'cancelled by ' || wish.requested_by END AS wish
                FROM unnest(%s::bigint[], %s::uuid[], %s::smallint[], %s::timestamptz[], %s::float8[], %s::int[],
                            %s::int[], %s::bool[], %s::text[], %s::text[], %s::float8[], %s::float8[], %s::text[],
                            %s::text[], %s::text[])
                     AS given(id, claim_id, state, run_at, wait, refund, crash, blocked, error, result, since_start,
                              since_end, failure, exception, fingerprint)
                     LEFT JOIN jobqueue_cancellation AS wish ON wish.job_id = given.id
               ) AS d
       JOIN jobqueue_job AS old ON old.id = d.id
  WHERE job.id = d.id AND job.claim_id = d.claim_id AND job.state + 0 = 2
  RETURNING job.id, old.attempts, old.locked_by, d.failure, d.exception, d.fingerprint, d.error,
            now.at - d.since_start * interval '1 second' AS started_at,
            now.at - coalesce(d.since_end, 0) * interval '1 second' AS ended_at),
noted AS (
  INSERT INTO jobqueue_attempt (job_id, number, worker, outcome, exception, fingerprint, started_at, ended_at,
                                error)
  SELECT id, attempts, coalesce(locked_by, ''), failure, exception, fingerprint, started_at, ended_at,
         coalesce(error, '')
  FROM settled WHERE failure IS NOT NULL)
SELECT id FROM settled
"""

PROMOTE = f"""
WITH RECURSIVE {ALL_QUEUES}, due AS MATERIALIZED (
  SELECT id FROM jobqueue_job WHERE state = 0 AND run_at <= statement_timestamp()
  ORDER BY run_at LIMIT %s FOR UPDATE SKIP LOCKED),
moved AS (
  UPDATE jobqueue_job AS job SET state = 1, updated_at = clock_timestamp()
  WHERE job.id = ANY (ARRAY(SELECT id FROM due)) AND job.state + 0 = 0 RETURNING job.queue)
SELECT (SELECT count(*) FROM moved), ARRAY(SELECT DISTINCT queue FROM moved),
       ARRAY(SELECT name FROM names WHERE name NOT IN (SELECT queue FROM jobqueue_pause)
             AND (SELECT true FROM jobqueue_job AS ready WHERE ready.state = 1 AND ready.queue = names.name
                  AND ready.name NOT IN (SELECT name FROM jobqueue_classpause) LIMIT 1)),
       (SELECT extract(epoch FROM run_at - clock_timestamp())::float8 FROM jobqueue_job
        WHERE state = 0 AND run_at > statement_timestamp() ORDER BY run_at LIMIT 1),
       EXISTS (SELECT 1 FROM jobqueue_cancellation)
"""  # noqa: S608 (constants)

# Without waiting for rows that others have locked.
REWRITE = """
WITH free AS MATERIALIZED (
  SELECT d.* FROM unnest(%s::bigint[], %s::smallint[], %s::uuid[], %s::text[], %s::text[], %s::text[])
                  AS d(id, state, claim_id, handler, result, last_error)
  JOIN jobqueue_job AS job ON job.id = d.id FOR NO KEY UPDATE OF job SKIP LOCKED)
UPDATE jobqueue_job AS job SET handler = free.handler, result = free.result, last_error = free.last_error
FROM free
WHERE job.id = free.id AND job.state + 0 = free.state AND job.claim_id IS NOT DISTINCT FROM free.claim_id
RETURNING job.id
"""

NOTIFY = "SELECT pg_notify(%s, name) FROM unnest(%s::text[]) AS name"
