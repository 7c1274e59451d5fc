"""Simulations of the evaluation: what it finds, and how often it is wrong."""
