"""The processes of one pool: a supervisor, its maintenance, its workers."""
