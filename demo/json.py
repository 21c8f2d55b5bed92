"""What JSON objects are in the code."""

Json = dict[str, object]
