"""Real pools on a PostgreSQL server of their own: it is stopped, replaced, filled up, set back, its clock put wrong.

Run once, in the suite's pass on PostgreSQL, whose own database they leave alone. What takes minutes is run with
``JOBQUEUE_LONG_TESTS=1``.
"""
