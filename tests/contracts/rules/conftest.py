"""Property tests on a shared machine: no deadlines, slow first draws are fine."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "patient",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    max_examples=150,
    database=None,
)
settings.load_profile("patient")
