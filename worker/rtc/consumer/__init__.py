"""What receivers get: which streams and layers, in the terms negotiated with each.

::

    consumer             the commands
    stream               what is sent with one SSRC: the receiver's RTCP, score, statistics
    plane                its half in the data plane, made of what was negotiated
    layers               which of these a type of consumer has:
      whole_streams        nothing to choose
      chosen_layers        some of what layer_sources offer, as layer_choice decides
      layer_control        what a consumer and its layers ask of each other
"""
