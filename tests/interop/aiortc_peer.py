"""aiortc's ICE, DTLS and SCTP transports at the other end of a WebRtcTransport."""

from __future__ import annotations

from aiortc import (
    RTCCertificate,
    RTCDataChannel,
    RTCDataChannelParameters,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceCandidate,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceTransport,
    RTCSctpCapabilities,
    RTCSctpTransport,
)

from miso.controller import WebRtcTransport


class AiortcPeer:
    """aiortc's side of one transport."""

    def __init__(self, transport: WebRtcTransport) -> None:
        self.transport = transport
        self.gatherer = RTCIceGatherer(iceServers=[])
        self.ice = RTCIceTransport(self.gatherer)
        self.dtls = RTCDtlsTransport(self.ice, [RTCCertificate.generateCertificate()])
        self.sctp = RTCSctpTransport(self.dtls)

    async def connect(self, role: str) -> None:
        """``role``: aiortc's DTLS role."""
        self.dtls._set_role(role)
        self.ice._connection.ice_controlling = True
        await self.gatherer.gather()
        for candidate in self.transport.ice_candidates:
            if candidate.protocol == "udp":
                await self.ice.addRemoteCandidate(
                    RTCIceCandidate(
                        component=1,
                        foundation=candidate.foundation,
                        ip=candidate.ip,
                        port=candidate.port,
                        priority=candidate.priority,
                        protocol="udp",
                        type="host",
                    )
                )
        await self.ice.addRemoteCandidate(None)
        local = self.dtls.getLocalParameters().fingerprints[0]
        await self.transport.connect(
            dtls_parameters={"role": role, "fingerprints": [{"algorithm": local.algorithm, "value": local.value}]}
        )
        ours = self.transport.ice_parameters
        await self.ice.start(
            RTCIceParameters(usernameFragment=ours.username_fragment, password=ours.password, iceLite=True)
        )
        fingerprints = [
            RTCDtlsFingerprint(algorithm=one.algorithm, value=one.value)
            for one in self.transport.dtls_parameters.fingerprints
        ]
        await self.dtls.start(RTCDtlsParameters(fingerprints=fingerprints))

    async def start_sctp(self) -> None:
        """Begins the association; ``channel`` can be called before and after."""
        parameters = self.transport.sctp_parameters
        assert parameters is not None
        await self.sctp.start(RTCSctpCapabilities(maxMessageSize=parameters.max_message_size), parameters.port)

    def channel(self, stream_id: int, *, ordered: bool = True, max_retransmits: int | None = None) -> RTCDataChannel:
        """A channel on a stream that signaling has agreed on."""
        parameters = RTCDataChannelParameters(
            label="", id=stream_id, negotiated=True, ordered=ordered, maxRetransmits=max_retransmits
        )
        return RTCDataChannel(self.sctp, parameters)

    async def close(self) -> None:
        await self.sctp.stop()
        await self.dtls.stop()
        await self.ice.stop()
