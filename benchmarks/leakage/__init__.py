"""Leaks of real tables, leaks planted into clean ones, and clean tables that must stay quiet."""
