"""The fault benchmark: Holdfast and its peers on the same broken streams.

`run_faultbench` runs one monitor, `peers` builds an environment for each peer and runs it,
`tables` writes the pages.
"""
