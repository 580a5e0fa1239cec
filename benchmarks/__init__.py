"""Benchmarks: ratios and counts within one run, against a named peer or a floor."""
