"""DTLS-SRTP (RFC 6347, RFC 5764, RFC 8122): certificates, their fingerprints, and the association of a transport."""
