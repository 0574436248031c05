"""Real pools, started by the command, with real signals and kills."""
