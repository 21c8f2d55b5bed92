/** In which versions our video is sent, so that each receiver can get the one that fits. */

import type { types } from "mediasoup-client";

import type { LayerParams, VideoCodecName } from "../params";

/** Bits per second of one camera stream, from the smallest to the full picture. */
const CAMERA_BPS = [150_000, 500_000, 1_800_000] as const;
/** Of a shared screen: text needs its bits also in the small version. */
const SCREEN_BPS = [400_000, 2_500_000] as const;
const CAMERA_SVC_BPS = 2_000_000;
const SCREEN_SVC_BPS = 2_500_000;
const SINGLE_BPS = 1_500_000;

/** Below these numbers of pixels browsers do not send a third or a second version. */
const PIXELS_FOR_THREE = 960 * 540;
const PIXELS_FOR_TWO = 480 * 270;

/**
 * The encodings for `produce()`: simulcast for VP8 and H264, and SVC for VP9.
 *
 * @param size of the captured picture; how many streams are worth sending depends on it.
 */
export function videoEncodings(
  source: "camera" | "share",
  codec: VideoCodecName,
  layers: LayerParams,
  size: { readonly width?: number; readonly height?: number },
): types.RtpEncodingParameters[] {
  const screen = source === "share";
  if (!(screen ? layers.sharing : layers.webcam)) return [{ maxBitrate: SINGLE_BPS }];
  const mode = screen ? layers.sharingMode : layers.webcamMode;
  // A screen that stands still may be sent as nothing at all.
  const rest = screen ? { dtx: true } : {};
  if (codec === "vp9") {
    // Key-frame-dependent layers cost a camera less; a screen, which has few key frames, wants all layers dependent.
    const maxBitrate = screen ? SCREEN_SVC_BPS : CAMERA_SVC_BPS;
    return [{ maxBitrate, scalabilityMode: mode || (screen ? "L3T3" : "L3T3_KEY"), ...rest }];
  }
  const bitrates: readonly number[] = screen ? SCREEN_BPS : CAMERA_BPS;
  const count = Math.min(bitrates.length, layers.simulcastStreams, streamsWorth(size));
  return bitrates.slice(-count).map((maxBitrate, index) => ({
    scaleResolutionDownBy: 2 ** (count - 1 - index),
    maxBitrate,
    // No browser marks which frames of H264 can be left out, so nobody could choose among its rates.
    scalabilityMode: mode || (codec === "h264" ? "L1T1" : "L1T3"),
    ...rest,
  }));
}

function streamsWorth({ width = 0, height = 0 }: { readonly width?: number; readonly height?: number }): number {
  const pixels = width * height;
  // A size that is not known yet is taken for the one that was asked for.
  if (pixels === 0 || pixels >= PIXELS_FOR_THREE) return 3;
  return pixels >= PIXELS_FOR_TWO ? 2 : 1;
}
