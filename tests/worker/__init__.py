"""One worker performing jobs, in this process."""
