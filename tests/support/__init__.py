"""Stand-ins that the tests use instead of torch's children."""
