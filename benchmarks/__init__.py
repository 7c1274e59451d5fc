"""Benchmarks: one file a topic, each with `run(quick) -> rows`; `python -m benchmarks` runs all."""
