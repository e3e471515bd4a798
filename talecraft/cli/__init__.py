"""The command line: the same use cases for scripts and pipes. stdout is data, stderr narration."""
