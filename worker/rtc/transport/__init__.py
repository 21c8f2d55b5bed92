"""What the kinds of transport share, and those without ICE: plain, pipe and direct.

::

    transport            the commands on any transport, and its parts:
      children             the producers, consumers, data producers and data consumers on it
      rtp_listener         whose a packet is; new_streams: one of a new SSRC finds its producer
      sent_streams         what is sent by which SSRC, for dumps
      rtcp_in, rtcp_out    what RTCP that comes tells control; reports that are sent, put together in report_compound
      incoming_bandwidth   what the sender may send
      outgoing_bandwidth   what the receiver may get, and which consumer gets how much of it
      stats                what ``getStats`` shows
    plain_transport, pipe_transport   UDP, over udp_port, with srtp_keys
    direct_transport     no network
"""
