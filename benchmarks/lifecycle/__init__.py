"""Proofs of the lifecycle at sizes that no test has time for."""
