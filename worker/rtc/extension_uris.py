"""What the RTP header extensions (RFC 8285) that the worker knows are called in RTP parameters.

https://www.iana.org/assignments/rtp-parameters/rtp-parameters.xhtml lists the registered ones.
"""

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID_URI = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
ABS_SEND_TIME_URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_WIDE_CC_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
FRAME_MARKING_07_URI = "http://tools.ietf.org/html/draft-ietf-avtext-framemarking-07"
FRAME_MARKING_URI = "urn:ietf:params:rtp-hdrext:framemarking"
AUDIO_LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
VIDEO_ORIENTATION_URI = "urn:3gpp:video-orientation"
TOFFSET_URI = "urn:ietf:params:rtp-hdrext:toffset"
ABS_CAPTURE_TIME_URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
