"""Statistics on arrays and counts: pure functions, no clock, no files, no hidden randomness."""
