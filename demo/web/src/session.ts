/** One stay in the room, as long as one signaling connection lives: device, transports, consumers. */

import { Device, type types } from "mediasoup-client";
import type { ProtooNotification, ProtooRequest } from "protoo-client";

import type { LocalMedia } from "./media/local-media";
import type { Params } from "./params";
import {
  describeBrowser,
  type JoinAnswer,
  type NewConsumer,
  type NotificationHandlers,
  type ProduceAnswer,
  type Request,
  type TransportInfo,
} from "./protocol";
import type { AppStore, PeerInfo, RemoteStream } from "./state";

/** A connection that is 'disconnected' often heals by itself within this time. */
const HEAL_MS = 2000;
/** After this many ICE restarts without success everything is rebuilt. */
const MAX_ICE_RESTARTS = 2;
/** How long one ICE restart may take. */
const RESTART_MS = 6000;

type Direction = "send" | "recv";

/** Who hears of a session's end. */
export interface SessionOwner {
  /** ICE restarts did not help. */
  readonly onMediaLost: () => void;
  readonly onClosed: () => void;
}

export class Session {
  readonly #store: AppStore;
  readonly #params: Params;
  readonly #request: Request;
  readonly #media: LocalMedia;
  readonly #owner: SessionOwner;
  readonly #transports = new Map<Direction, types.Transport>();
  readonly #consumers = new Map<string, types.Consumer>();
  readonly #timers = new Map<Direction, number>();
  readonly #restarts = new Map<Direction, number>();
  #closed = false;

  constructor(store: AppStore, params: Params, request: Request, media: LocalMedia, owner: SessionOwner) {
    this.#store = store;
    this.#params = params;
    this.#request = request;
    this.#media = media;
    this.#owner = owner;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get consumers(): ReadonlyMap<string, types.Consumer> {
    return this.#consumers;
  }

  /** Whether media flowed or could have: false once ICE has given up. */
  get mediaAlive(): boolean {
    return [...this.#transports.values()].every(({ connectionState }) =>
      ["new", "connecting", "connected"].includes(connectionState),
    );
  }

  /**
   * Walks in: capabilities, transports, join, then our own media.
   *
   * @throws what mediasoup-client says of an unsupported browser, and the server's refusals.
   */
  async enter(): Promise<void> {
    const routerRtpCapabilities = await this.#request<types.RtpCapabilities>("getRouterRtpCapabilities");
    const device = new Device();
    await device.load({ routerRtpCapabilities });
    const { produce, consume } = this.#params;
    if (produce) await this.#createTransport(device, "send");
    if (consume) await this.#createTransport(device, "recv");
    const { peers } = await this.#request<JoinAnswer>("join", {
      displayName: this.#store.state.displayName,
      device: describeBrowser(navigator.userAgent),
      ...(consume && { rtpCapabilities: device.rtpCapabilities }),
    });
    if (this.#closed) return;
    // A peer that came between the answer and this line is already in the list.
    const known = this.#store.state.peers.filter(({ id }) => !peers.some((peer) => peer.id === id));
    this.#store.update({ phase: "joined", problem: null, peers: [...peers, ...known] });
    const transport = this.#transports.get("send");
    if (transport) await this.#media.attach({ device, transport, request: this.#request });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#owner.onClosed();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#media.detach();
    for (const transport of this.#transports.values()) transport.close();
    this.#consumers.clear();
    this.#store.update({ peers: [], streams: [], activeSpeakerId: null, connections: { send: null, recv: null } });
  }

  /** Restarts ICE on both transports. */
  async restartIce(): Promise<void> {
    await Promise.all([...this.#transports.values()].map((transport) => this.#restartIce(transport)));
  }

  /** Answers a request of the server. */
  async handleRequest(
    request: ProtooRequest,
    accept: () => void,
    reject: (code: number, reason: string) => void,
  ): Promise<void> {
    if (request.method !== "newConsumer") return reject(404, `unknown request "${request.method}"`);
    const transport = this.#transports.get("recv");
    if (!transport) return reject(403, "this page does not consume");
    try {
      await this.#consume(transport, request.data as NewConsumer);
      accept();
    } catch (error) {
      reject(500, error instanceof Error ? error.message : String(error));
    }
  }

  handleNotification({ method, data }: ProtooNotification): void {
    const handlers = this.#handlers as Readonly<Record<string, ((data: never) => void) | undefined>>;
    handlers[method]?.(data as never);
  }

  readonly #handlers: NotificationHandlers = {
    "mediasoup-version": ({ version }) => this.#store.update({ serverVersion: version }),
    newPeer: (peer) => this.#store.update(({ peers }) => ({ peers: [...without(peers, peer.id), peer] })),
    peerClosed: ({ peerId }) =>
      this.#store.update(({ peers, streams, activeSpeakerId }) => ({
        peers: without(peers, peerId),
        streams: streams.filter((stream) => stream.peerId !== peerId),
        activeSpeakerId: activeSpeakerId === peerId ? null : activeSpeakerId,
      })),
    peerDisplayNameChanged: ({ peerId, displayName }) =>
      this.#store.update(({ peers }) => ({
        peers: peers.map((peer) => (peer.id === peerId ? { ...peer, displayName } : peer)),
      })),
    consumerClosed: ({ consumerId }) => {
      this.#consumers.get(consumerId)?.close();
      this.#consumers.delete(consumerId);
      this.#store.update(({ streams }) => ({ streams: streams.filter(({ id }) => id !== consumerId) }));
    },
    consumerPaused: ({ consumerId }) => this.#updateStream(consumerId, { paused: true }),
    consumerResumed: ({ consumerId }) => this.#updateStream(consumerId, { paused: false }),
    consumerScore: ({ consumerId, score }) => this.#updateStream(consumerId, { score: score.score }),
    activeSpeaker: ({ peerId }) => this.#store.update({ activeSpeakerId: peerId ?? null }),
  };

  async #createTransport(device: types.Device, direction: Direction): Promise<void> {
    const info = await this.#request<TransportInfo>("createWebRtcTransport", {
      forceTcp: this.#params.forceTcp,
      producing: direction === "send",
      consuming: direction === "recv",
    });
    if (this.#closed) throw new Error("left while joining");
    const { id, iceParameters, iceCandidates, dtlsParameters } = info;
    const options = { id, iceParameters, iceCandidates, dtlsParameters, iceServers: [] };
    const transport = direction === "send" ? device.createSendTransport(options) : device.createRecvTransport(options);
    this.#transports.set(direction, transport);
    transport.on("connect", ({ dtlsParameters: ours }, done, fail) => {
      this.#request("connectWebRtcTransport", { transportId: id, dtlsParameters: ours }).then(() => done(), fail);
    });
    transport.on("produce", ({ kind, rtpParameters, appData }, done, fail) => {
      this.#request<ProduceAnswer>("produce", { transportId: id, kind, rtpParameters, appData }).then(done, fail);
    });
    transport.on("connectionstatechange", (state) => this.#onConnectionState(direction, transport, state));
  }

  async #consume(transport: types.Transport, offer: NewConsumer): Promise<void> {
    const { id, producerId, peerId, kind, rtpParameters, appData, producerPaused } = offer;
    const share = appData.share === true;
    // Microphone and camera of one peer are one stream to the browser, so that it keeps lips and voice together.
    const streamId = `${peerId}-${share ? "share" : "camera"}`;
    const consumer = await transport.consume({ id, producerId, kind, rtpParameters, streamId });
    this.#consumers.set(id, consumer);
    consumer.on("transportclose", () => this.#consumers.delete(id));
    const { track } = consumer;
    const stream: RemoteStream = { id, producerId, peerId, kind, share, track, paused: producerPaused, score: 10 };
    this.#store.update(({ streams }) => ({ streams: [...streams.filter((known) => known.id !== id), stream] }));
  }

  #updateStream(id: string, patch: Partial<RemoteStream>): void {
    this.#store.update(({ streams }) => ({
      streams: streams.map((stream) => (stream.id === id ? { ...stream, ...patch } : stream)),
    }));
  }

  #onConnectionState(direction: Direction, transport: types.Transport, state: types.ConnectionState): void {
    if (this.#closed) return;
    this.#store.update(({ connections }) => ({ connections: { ...connections, [direction]: state } }));
    clearTimeout(this.#timers.get(direction));
    if (state === "connected") this.#restarts.set(direction, 0);
    if (state === "disconnected") this.#healAfter(HEAL_MS, direction, transport);
    if (state === "failed") this.#heal(direction, transport);
  }

  #healAfter(delayMs: number, direction: Direction, transport: types.Transport): void {
    this.#timers.set(direction, window.setTimeout(() => this.#heal(direction, transport), delayMs));
  }

  #heal(direction: Direction, transport: types.Transport): void {
    if (this.#closed || transport.connectionState === "connected") return;
    const restarts = (this.#restarts.get(direction) ?? 0) + 1;
    this.#restarts.set(direction, restarts);
    if (restarts > MAX_ICE_RESTARTS) return this.#owner.onMediaLost();
    this.#restartIce(transport).catch(() => {
      // The next attempt, or the loss of the signaling connection, decides.
    });
    this.#healAfter(RESTART_MS, direction, transport);
  }

  async #restartIce(transport: types.Transport): Promise<void> {
    const iceParameters = await this.#request<types.IceParameters>("restartIce", { transportId: transport.id });
    if (!transport.closed) await transport.restartIce({ iceParameters });
  }
}

function without(peers: readonly PeerInfo[], id: string): PeerInfo[] {
  return peers.filter((peer) => peer.id !== id);
}
