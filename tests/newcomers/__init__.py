"""The thirty mistakes of newcomers, each made for real. The name of a test has the number of its row."""
