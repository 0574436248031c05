"""A module that only a row in the table names: nothing may import it."""

raise AssertionError("somebody has imported what a row names")
