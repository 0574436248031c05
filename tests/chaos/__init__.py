"""Real pools under random faults, and a checker that accounts for every job.

``python -m tests.chaos --jobs 2000 --seed 7 --database postgresql`` starts pools by the real command, kills and stops
their processes, cuts their connections, takes the server away, and then holds what the jobs have written and what the
table went through against the rules of ``invariants.py``.
"""
