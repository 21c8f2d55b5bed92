"""The plugin "rtmp": takes publishers and players in on ports for RTMP and, with a certificate, RTMPS."""
