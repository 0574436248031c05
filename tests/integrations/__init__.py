"""Other libraries, in earnest: each test uses the real one."""
