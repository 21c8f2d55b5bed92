"""Types of ``h264_parameter_sets.pyx``: what an H264 decoder must know before it can begin."""

class H264ParameterSets:
    """The newest sequence and picture parameter sets of one stream, by kind and id."""
