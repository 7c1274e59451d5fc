"""Numbers behind the rules of diagnosis: arrays in, likelihood gains out."""
