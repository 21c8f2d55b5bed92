"""The objects that commands act on: routers, transports, producers, consumers, observers.

::

    router, router_tables               what there is in a router, and who finds whom
    transport                           what the four kinds share:
      web_rtc_transport, web_rtc_server   ICE and DTLS, over ice_sockets
      plain_transport, pipe_transport     UDP, over udp_port, with srtp_keys
      direct_transport                    no network
      rtcp_in, rtcp_out, echo_clock       RTCP that comes, RTCP that is sent
      incoming_bandwidth                  what the sender may send
      outgoing_bandwidth                  what consumers may get, by layer_choice
      rtp_listener                        whose a packet is
    producer                            its streams: producer_stream; as layers: producer_layers, activity
      key_frame_requests, score           towards the sender
    consumer                            its streams: consumer_stream; its layers: consumer_layers
      consumer_output                     its half in the data plane
    data_producer, data_consumer        messages, over sctp_association
    rtp_observer                        audio_level_observer; active_speaker_observer by dominant_speaker
    context, deliver                    what all are given; where the plane's events go
    rtp_parameters                      what senders and receivers agreed on
    stream_bodies, transport_shapes, trace  what is shown of them
"""
