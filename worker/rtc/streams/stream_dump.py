"""What ``producer.dump`` and ``consumer.dump`` show of one RTP stream."""

from __future__ import annotations

from miso.worker.channel.bodies.rtp import RtpStreamDump, RtpStreamParams, RtxStreamDump, RtxStreamParams
from miso.worker.rtc.rtp_parameters import RtpEncoding


def stream_dump(
    encoding: RtpEncoding,
    *,
    encoding_index: int,
    ssrc: int,
    rtx_ssrc: int,
    rid: str,
    cname: str,
    score: int,
    layers: tuple[int, int] = (1, 1),
) -> RtpStreamDump:
    """``rtx_ssrc`` is 0 without retransmissions; ``layers`` are the numbers of spatial and temporal layers."""
    codec = encoding.codec
    rtx_codec = encoding.rtx_codec if rtx_ssrc else None
    params = RtpStreamParams(
        encoding_idx=encoding_index,
        ssrc=ssrc,
        payload_type=codec.payload_type,
        mime_type=codec.mime_type,
        clock_rate=codec.clock_rate,
        cname=cname,
        use_nack=codec.use_nack,
        use_pli=codec.use_pli,
        use_fir=codec.use_fir,
        use_in_band_fec=codec.use_inband_fec,
        use_dtx=encoding.use_dtx,
        spatial_layers=layers[0],
        temporal_layers=layers[1],
        rid=rid or None,
        rtx_ssrc=rtx_ssrc or None,
        rtx_payload_type=rtx_codec.payload_type if rtx_codec is not None else None,
    )
    if rtx_codec is None:
        return RtpStreamDump(params=params, score=score)
    rtx = RtxStreamParams(
        ssrc=rtx_ssrc,
        payload_type=rtx_codec.payload_type,
        mime_type=f"{codec.kind}/rtx",
        clock_rate=codec.clock_rate,
        cname=cname,
        rrid=rid or None,
    )
    return RtpStreamDump(params=params, score=score, rtx_stream=RtxStreamDump(params=rtx))
