"""The living manual: a small Django site that shows every feature of jobqueue at work."""
