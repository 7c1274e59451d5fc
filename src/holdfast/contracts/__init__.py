"""Contracts: what a table or row must look like, learned, reviewed, checked and compiled."""
