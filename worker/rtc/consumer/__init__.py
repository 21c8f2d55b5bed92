"""What receivers get: which streams and layers, in the terms negotiated with each.

::

    consumer             the commands
    consumer_stream      what is sent with one SSRC: sender reports, statistics, what its receiver says of it
    consumer_plane       makes its object in the data plane, of what was negotiated
    layers_by_type       which of these two a type of consumer has:
      simple_or_pipe       whole streams, nothing to choose
      simulcast_or_svc     some of the layers that layer_sources offer, as target_layers decides
    layer_interface      what a consumer and its layers ask of each other
"""
