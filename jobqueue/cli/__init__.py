"""The command line of the worker: arguments, actions, texts. The commands themselves only hand over to it."""
