/** What the room server and the page say to each other over protoo. */

import type { types } from "mediasoup-client";

import type { ConsumerType, PeerInfo } from "../state";

/** Answer to `createWebRtcTransport`. */
export type TransportInfo = Pick<
  types.TransportOptions,
  "id" | "iceParameters" | "iceCandidates" | "dtlsParameters" | "sctpParameters"
>;

/** Answer to `join`. */
export interface JoinAnswer {
  readonly peers: readonly PeerInfo[];
  /** Addresses of the cluster's other servers. */
  readonly servers?: readonly string[];
}

/** Answer to `produce`. */
export interface ProduceAnswer {
  readonly id: string;
}

/** The server's `newConsumer` request. */
export interface NewConsumer {
  readonly peerId: string;
  readonly producerId: string;
  readonly id: string;
  readonly kind: types.MediaKind;
  readonly type: ConsumerType;
  readonly rtpParameters: types.RtpParameters;
  readonly appData: { readonly share?: boolean };
  readonly producerPaused: boolean;
}

/** The server's `newDataConsumer` request. */
export interface NewDataConsumer {
  /** Null: the bot's. */
  readonly peerId: string | null;
  readonly dataProducerId: string;
  readonly id: string;
  readonly sctpStreamParameters: types.SctpStreamParameters;
  readonly label: string;
  readonly protocol: string;
}

/** The server's notifications that this page acts on. */
export interface Notifications {
  moved: { readonly url: string; readonly passedHosts: readonly string[] };
  serversChanged: { readonly servers: readonly string[] };
  mediaLost: { readonly transportId: string; readonly iceState: string; readonly dtlsState: string };
  "mediasoup-version": { readonly version: string };
  newPeer: PeerInfo;
  peerClosed: { readonly peerId: string };
  peerDisplayNameChanged: { readonly peerId: string; readonly displayName: string };
  consumerClosed: { readonly consumerId: string };
  consumerPaused: { readonly consumerId: string };
  consumerResumed: { readonly consumerId: string };
  consumerScore: {
    readonly consumerId: string;
    readonly score: { readonly score: number; readonly producerScore: number };
  };
  consumerLayersChanged: {
    readonly consumerId: string;
    readonly spatialLayer: number | null;
    readonly temporalLayer: number | null;
  };
  dataConsumerClosed: { readonly dataConsumerId: string };
  producerScore: { readonly producerId: string; readonly score: readonly { readonly score: number }[] };
  downlinkBwe: {
    readonly desiredBitrate: number;
    readonly effectiveDesiredBitrate: number;
    readonly availableBitrate: number;
  };
  activeSpeaker: { readonly peerId?: string | null };
}

export type NotificationHandlers = { readonly [M in keyof Notifications]: (data: Notifications[M]) => void };

/** Sends one request to the server and gives its answer's data. */
export type Request = <T = unknown>(method: string, data?: unknown) => Promise<T>;

/** Who we are to the server; with the secret nobody but us takes our place by our id. */
export interface Identity {
  readonly roomId: string;
  readonly peerId: string;
  readonly peerSecret: string;
  readonly consumerReplicas: string;
}

/**
 * Where to connect.
 *
 * @param server the page's own host, or another server of its cluster
 * @param passedHosts the names of the servers that have sent us on
 */
export function signalingUrl(server: string, identity: Identity, passedHosts: readonly string[]): string {
  const { consumerReplicas, ...who } = identity;
  const query = new URLSearchParams({
    ...who,
    ...(consumerReplicas && { consumerReplicas }),
    ...(passedHosts.length > 0 && { passedHosts: passedHosts.join(",") }),
  });
  const url = new URL(server);
  return `${url.protocol === "https:" ? "wss" : "ws"}://${url.host}/?${query.toString()}`;
}

/** How this browser presents itself in `join`. */
export function describeBrowser(userAgent: string): { flag: string; name: string; version: string } {
  const known: readonly [string, string, RegExp][] = [
    ["edge", "Edge", /Edg(?:e|A|iOS)?\/(\d+)/],
    ["opera", "Opera", /OPR\/(\d+)/],
    ["firefox", "Firefox", /(?:Firefox|FxiOS)\/(\d+)/],
    ["chrome", "Chrome", /(?:Chrome|CriOS)\/(\d+)/],
    ["safari", "Safari", /Version\/(\d+).*Safari/],
  ];
  for (const [flag, name, pattern] of known) {
    const version = pattern.exec(userAgent)?.[1];
    if (version !== undefined) return { flag, name, version };
  }
  return { flag: "unknown", name: "Browser", version: "" };
}
