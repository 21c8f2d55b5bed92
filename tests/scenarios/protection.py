"""SRTP at an endpoint: libsrtp through pylibsrtp's own sessions."""

from __future__ import annotations

from pylibsrtp import Error, Policy, Session

PROFILES = {
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}


class NoProtection:
    """Plain RTP and RTCP."""

    def protect(self, data: bytes, *, is_rtcp: bool) -> bytes:
        """The packet as it goes out."""
        return data

    def unprotect(self, data: bytes, *, is_rtcp: bool) -> bytes | None:
        """The packet as it was sent; None when it does not authenticate or was seen before."""
        return data


class SrtpProtection(NoProtection):
    """SRTP and SRTCP.

    Attributes:
        rejected: packets that did not authenticate or were replays.
    """

    def __init__(self, suite: str, local_key: bytes, remote_key: bytes) -> None:
        """Keys are master key and master salt."""
        self.rejected = 0
        self._outbound = Session(Policy(local_key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[suite]))
        self._inbound = Session(Policy(remote_key, Policy.SSRC_ANY_INBOUND, srtp_profile=PROFILES[suite]))

    def protect(self, data: bytes, *, is_rtcp: bool) -> bytes:
        """As ``NoProtection.protect``."""
        return self._outbound.protect_rtcp(data) if is_rtcp else self._outbound.protect(data)

    def unprotect(self, data: bytes, *, is_rtcp: bool) -> bytes | None:
        """As ``NoProtection.unprotect``."""
        try:
            return self._inbound.unprotect_rtcp(data) if is_rtcp else self._inbound.unprotect(data)
        except Error:
            self.rejected += 1
            return None
