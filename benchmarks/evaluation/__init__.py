"""Simulations of the evaluation: coverage of intervals, calibration findings, speed."""
