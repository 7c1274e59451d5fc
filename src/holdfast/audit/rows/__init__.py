"""Kernels over rows: hashes, copies and neighbours; arrays in, arrays out."""
