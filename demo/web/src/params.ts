/** The page's URL parameters: the reference demo's names, plus `codec`. */

export type VideoCodecName = "vp8" | "vp9" | "h264";

export interface Params {
  /** Null when the URL names no room: the lobby proposes one. */
  readonly roomId: string | null;
  /** Null when the URL names nobody: the lobby asks. */
  readonly displayName: string | null;
  /** Whether a link that says who and where joins without a click; null: if the person has joined here before. */
  readonly autojoin: boolean | null;
  readonly codec: VideoCodecName;
  readonly forceTcp: boolean;
  readonly produce: boolean;
  readonly consume: boolean;
  /** Whether to chat. */
  readonly datachannel: boolean;
  readonly layers: LayerParams;
  /** Copies of each stream that whoever makes the room asks for, to load its clients; empty: none. */
  readonly consumerReplicas: string;
}

/** In how many versions of different size and rate video is sent. */
export interface LayerParams {
  readonly webcam: boolean;
  readonly sharing: boolean;
  /** Overrides the mode that suits the codec, such as "L1T3" or "L3T3_KEY"; empty: do not. */
  readonly webcamMode: string;
  readonly sharingMode: string;
  /** 1 to 3, of VP8 and H264. */
  readonly simulcastStreams: number;
}

const FORCED_CODECS: readonly [string, VideoCodecName][] = [
  ["forceVP8", "vp8"],
  ["forceVP9", "vp9"],
  ["forceH264", "h264"],
];

export function readParams(search: string): Params {
  const query = new URLSearchParams(search);
  return {
    roomId: nonEmpty(query.get("roomId")),
    displayName: nonEmpty(query.get("displayName")),
    autojoin: query.has("autojoin") ? query.get("autojoin") === "true" : null,
    codec: readCodec(query),
    forceTcp: query.get("forceTcp") === "true",
    produce: query.get("produce") !== "false",
    consume: query.get("consume") !== "false",
    datachannel: query.get("datachannel") !== "false",
    layers: {
      webcam: query.get("enableWebcamLayers") !== "false",
      sharing: query.get("enableSharingLayers") !== "false",
      webcamMode: query.get("webcamScalabilityMode") ?? "",
      sharingMode: query.get("sharingScalabilityMode") ?? "",
      simulcastStreams: Math.min(3, Math.max(1, Number(query.get("numSimulcastStreams") ?? 3) || 3)),
    },
    consumerReplicas: query.get("consumerReplicas") ?? "",
  };
}

/** Whether one of our own pages led here: only the server's own pages are told where a visit came from. */
export function reachedFromOurselves(): boolean {
  return document.referrer !== "" && new URL(document.referrer).origin === location.origin;
}

/** The address that brings somebody else into the room: without the name, which is ours. */
export function inviteLink(roomId: string): string {
  const url = new URL(location.href);
  url.search = new URLSearchParams({ roomId }).toString();
  url.hash = "";
  return url.href;
}

/** Writes the room into the address bar, and keeps every other parameter. */
export function writeRoomToUrl(roomId: string): void {
  const url = new URL(location.href);
  if (url.searchParams.get("roomId") === roomId) return;
  url.searchParams.set("roomId", roomId);
  history.replaceState(null, "", url);
}

/** A link that names us goes on to do so after we took another name; a link that does not stays as it is. */
export function writeNameToUrl(displayName: string): void {
  const url = new URL(location.href);
  if (!url.searchParams.has("displayName")) return;
  url.searchParams.set("displayName", displayName);
  history.replaceState(null, "", url);
}

/** Eight characters of an alphabet without look-alikes, from the browser's secure generator. */
export function randomId(): string {
  const alphabet = "abcdefghijkmnpqrstuvwxyz23456789";
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => alphabet[byte % alphabet.length]).join("");
}

function readCodec(query: URLSearchParams): VideoCodecName {
  const named = query.get("codec")?.toLowerCase();
  if (named === "vp8" || named === "vp9" || named === "h264") return named;
  return FORCED_CODECS.find(([name]) => query.get(name) === "true")?.[1] ?? "vp8";
}

function nonEmpty(value: string | null): string | null {
  const trimmed = value?.trim();
  return trimmed ? trimmed : null;
}
