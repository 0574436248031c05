"""One worker: its main thread performs, its clerk claims ahead and writes finishes."""
