"""Learning a contract from a table: one file for each kind of column and of cross-field rule."""
