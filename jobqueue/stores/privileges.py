"""Which privileges a pool's role lacks on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import connections

#: What a pool does to its own tables; ``django_migrations`` is looked at when it starts.
NEEDED = {
    "jobqueue_job": ("SELECT", "UPDATE", "DELETE"),
    "jobqueue_pool": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "jobqueue_attempt": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "jobqueue_report": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "jobqueue_rollup": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "jobqueue_cancellation": ("SELECT", "DELETE"),
    "jobqueue_pause": ("SELECT",),
    "jobqueue_classpause": ("SELECT",),
    "django_migrations": ("SELECT",),
}

# Who may not use a schema does not see the tables in it: they look missing.
MISSING = """
SELECT DISTINCT CASE WHEN usable THEN needed.name ELSE 'SCHEMA ' || quote_ident(schema) END,
       CASE WHEN usable THEN needed.privilege ELSE 'USAGE' END,
       quote_ident(current_user)
FROM unnest(%s::text[], %s::text[]) AS needed(name, privilege)
JOIN (SELECT pg_class.oid, relname, nspname AS schema, has_schema_privilege(relnamespace, 'USAGE') AS usable
      FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
      WHERE relkind IN ('r', 'p')) AS found ON found.relname = needed.name
WHERE CASE WHEN NOT usable THEN to_regclass(needed.name) IS NULL
           WHEN NOT pg_table_is_visible(oid) THEN false
           WHEN needed.privilege = 'DELETE' THEN NOT has_table_privilege(oid, 'DELETE')
           ELSE NOT has_any_column_privilege(oid, needed.privilege) END
ORDER BY 1, 2
"""


def missing_privileges(alias: str) -> str | None:
    """Ask the server what the present role lacks of what a pool needs, and say it; None if it lacks nothing."""
    wanted = [(table, privilege) for table, privileges in NEEDED.items() for privilege in privileges]
    with connections[alias].cursor() as cursor:
        cursor.execute(MISSING, [list(column) for column in zip(*wanted, strict=True)])
        rows = cursor.fetchall()
    lacking: dict[str, list[str]] = {}
    for on_what, privilege, _role in rows:
        lacking.setdefault(on_what, []).append(privilege)
    return says_lacking(rows[0][-1], lacking, alias) if lacking else None


def says_lacking(role: str, lacking: Mapping[str, Sequence[str]], alias: str) -> str:
    """Say which privileges a role lacks, and what to type."""
    each = [f"{', '.join(privileges)} on {on_what}" for on_what, privileges in lacking.items()]
    grants = [f"GRANT {', '.join(privileges)} ON {on_what} TO {role};" for on_what, privileges in lacking.items()]
    return f'Role {role} lacks {" and ".join(each)} in database "{alias}". Let the owner type: {" ".join(grants)}'
