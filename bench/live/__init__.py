"""Measures the live side: CPU of a server for each megabyte that its players get, beside a floor of the same run."""
