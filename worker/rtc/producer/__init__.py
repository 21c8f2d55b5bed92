"""What senders send, and what is asked of them: key frames, repairs.

::

    producer             the commands, the streams of one track
    audience             who is told what becomes of it: consumers and observers
    encodings            which encoding a packet of a new SSRC belongs to
    header_extensions    which ones go through the router; audio_levels: one of them, read by observers
    producer_stream      what comes with one SSRC: RTCP to its sender, score, statistics
    key_frame_requests   when a key frame is asked for
    activity             a stream or layer stops, and comes back
"""
