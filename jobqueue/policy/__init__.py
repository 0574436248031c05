"""Policy: arithmetic on values. Time and chance are handed in; nothing here reads a clock or a database."""
