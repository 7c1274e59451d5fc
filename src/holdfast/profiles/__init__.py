"""Summaries of what a column looked like, small enough to travel with a release."""
