/** One stay in the room, as long as one signaling connection lives: device, transports, and what goes over them. */

import { Device, type types } from "mediasoup-client";
import type { ProtooNotification, ProtooRequest } from "protoo-client";

import type { Chat } from "./chat";
import type { LocalMedia } from "../media/local-media";
import type { Params } from "../params";
import {
  describeBrowser,
  type JoinAnswer,
  type NewConsumer,
  type NewDataConsumer,
  type NotificationHandlers,
  type ProduceAnswer,
  type Request,
  type TransportInfo,
} from "./protocol";
import { Receiving } from "./receiving";
import { type AppStore, type PeerInfo, toast, updateLocal } from "../state";

/** A connection that is 'disconnected' often heals by itself within this time. */
const HEAL_MS = 2000;
/** After this many ICE restarts without success everything is rebuilt. */
const MAX_ICE_RESTARTS = 2;
/** How long one ICE restart may take. */
const RESTART_MS = 6000;

/** For so long after joining nobody is told who else joins or leaves. */
const QUIET_MS = 3000;

type Direction = "send" | "recv";

/** Who hears of a session's end. */
export interface SessionOwner {
  /** ICE restarts did not help. */
  readonly onMediaLost: () => void;
  readonly onClosed: () => void;
  /** We are in, and have been told which other servers there are now. */
  readonly onServers: (servers: readonly string[]) => void;
}

export class Session {
  readonly #store: AppStore;
  readonly #params: Params;
  readonly #request: Request;
  readonly #media: LocalMedia;
  readonly #chat: Chat;
  readonly #owner: SessionOwner;
  readonly #transports = new Map<Direction, types.Transport>();
  readonly #timers = new Map<Direction, number>();
  readonly #restarts = new Map<Direction, number>();
  #closed = false;
  #enteredAtMs = Number.POSITIVE_INFINITY;

  readonly receiving: Receiving;

  constructor(store: AppStore, params: Params, request: Request, media: LocalMedia, chat: Chat, owner: SessionOwner) {
    this.#store = store;
    this.#params = params;
    this.#request = request;
    this.#media = media;
    this.#chat = chat;
    this.#owner = owner;
    this.receiving = new Receiving(store, request);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Walks in: capabilities, transports, join, then our own media and the chat.
   *
   * @throws what mediasoup-client says of an unsupported browser, and the server's refusals.
   */
  async enter(): Promise<void> {
    const routerRtpCapabilities = await this.#request<types.RtpCapabilities>("getRouterRtpCapabilities");
    const device = new Device();
    await device.load({ routerRtpCapabilities });
    const { produce, consume, datachannel } = this.#params;
    await Promise.all([
      produce || datachannel ? this.#createTransport(device, "send") : null,
      consume ? this.#createTransport(device, "recv") : null,
    ]);
    const { peers, servers } = await this.#request<JoinAnswer>("join", {
      displayName: this.#store.state.displayName,
      device: describeBrowser(navigator.userAgent),
      ...(consume && { rtpCapabilities: device.rtpCapabilities }),
      ...(consume && datachannel && { sctpCapabilities: device.sctpCapabilities }),
    });
    if (this.#closed) return;
    this.#owner.onServers(servers ?? []);
    this.#enteredAtMs = performance.now();
    // A peer that came between the answer and this line is already in the list.
    const known = this.#store.state.peers.filter(({ id }) => !peers.some((peer) => peer.id === id));
    this.#store.update({ phase: "joined", problem: null, peers: [...peers, ...known] });
    const transport = this.#transports.get("send");
    if (transport && datachannel) void this.#openChat(transport);
    if (transport && produce) await this.#media.attach({ device, transport, request: this.#request });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#owner.onClosed();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#media.detach();
    for (const transport of this.#transports.values()) transport.close();
    this.#chat.detach();
    this.receiving.clear();
    const connections = { send: null, recv: null };
    this.#store.update({ peers: [], streams: [], activeSpeakerId: null, connections, downlink: null });
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
    const { method, data } = request;
    if (method !== "newConsumer" && method !== "newDataConsumer") return reject(404, `unknown request "${method}"`);
    const transport = this.#transports.get("recv");
    if (!transport) return reject(403, "this page does not consume");
    if (method === "newDataConsumer" && !this.#params.datachannel) return reject(403, "this page does not chat");
    try {
      if (method === "newConsumer") await this.receiving.consume(transport, data as NewConsumer);
      else await this.#chat.receive(transport, data as NewDataConsumer);
      accept();
    } catch (error) {
      reject(500, error instanceof Error ? error.message : String(error));
    }
  }

  handleNotification({ method, data }: ProtooNotification): void {
    const handlers = { ...this.#handlers, ...this.receiving.handlers } as Readonly<Record<string, ((data: never) => void) | undefined>>;
    handlers[method]?.(data as never);
  }

  readonly #handlers: Omit<NotificationHandlers, keyof Receiving["handlers"] | "moved" | "mediaLost"> = {
    "mediasoup-version": ({ version }) => this.#store.update({ serverVersion: version }),
    serversChanged: ({ servers }) => this.#owner.onServers(servers),
    newPeer: (peer) => {
      this.#announce(peer, "joined");
      this.#store.update(({ peers }) => ({ peers: [...without(peers, peer.id), peer] }));
    },
    peerClosed: ({ peerId }) => {
      this.#announce(this.#store.state.peers.find(({ id }) => id === peerId), "left");
      this.#store.update(({ peers, streams, activeSpeakerId }) => ({
        peers: without(peers, peerId),
        streams: streams.filter((stream) => stream.peerId !== peerId),
        activeSpeakerId: activeSpeakerId === peerId ? null : activeSpeakerId,
      }));
    },
    peerDisplayNameChanged: ({ peerId, displayName }) =>
      this.#store.update(({ peers }) => ({
        peers: peers.map((peer) => (peer.id === peerId ? { ...peer, displayName } : peer)),
      })),
    dataConsumerClosed: ({ dataConsumerId }) => this.#chat.closeIncoming(dataConsumerId),
    producerScore: ({ producerId, score }) => {
      const source = [...this.#media.producers].find(([, { id }]) => id === producerId)?.[0];
      // Of several versions the best one counts: those that are not sent have no score.
      if (source) updateLocal(this.#store, source, { score: Math.max(0, ...score.map((stream) => stream.score)) });
    },
    downlinkBwe: ({ availableBitrate: availableBps, desiredBitrate: desiredBps }) =>
      this.#store.update({ downlink: { availableBps, desiredBps } }),
    activeSpeaker: ({ peerId }) => this.#store.update({ activeSpeakerId: peerId ?? null }),
  };

  /** Not while a room fills or comes back as a whole. */
  #announce(peer: PeerInfo | undefined, what: "joined" | "left"): void {
    if (!peer || performance.now() - this.#enteredAtMs < QUIET_MS) return;
    toast(this.#store, "people", `${peer.displayName || "Guest"} ${what}.`);
  }

  async #createTransport(device: types.Device, direction: Direction): Promise<void> {
    const info = await this.#request<TransportInfo>("createWebRtcTransport", {
      forceTcp: this.#params.forceTcp,
      producing: direction === "send",
      consuming: direction === "recv",
      ...(this.#params.datachannel && { sctpCapabilities: device.sctpCapabilities }),
    });
    if (this.#closed) throw new Error("left while joining");
    const { id, iceParameters, iceCandidates, dtlsParameters, sctpParameters } = info;
    const options = { id, iceParameters, iceCandidates, dtlsParameters, sctpParameters, iceServers: [] };
    const transport = direction === "send" ? device.createSendTransport(options) : device.createRecvTransport(options);
    this.#transports.set(direction, transport);
    transport.on("connect", ({ dtlsParameters: ours }, done, fail) => {
      this.#request("connectWebRtcTransport", { transportId: id, dtlsParameters: ours }).then(() => done(), fail);
    });
    transport.on("produce", ({ kind, rtpParameters, appData }, done, fail) => {
      this.#request<ProduceAnswer>("produce", { transportId: id, kind, rtpParameters, appData }).then(done, fail);
    });
    transport.on("producedata", ({ sctpStreamParameters, label, protocol, appData }, done, fail) => {
      const data = { transportId: id, sctpStreamParameters, label, protocol, appData };
      this.#request<ProduceAnswer>("produceData", data).then(done, fail);
    });
    transport.on("connectionstatechange", (state) => this.#onConnectionState(direction, transport, state));
  }

  /** A room without chat is still a room: the panel says that there is none. */
  async #openChat(transport: types.Transport): Promise<void> {
    try {
      await this.#chat.open(transport);
    } catch (error) {
      if (this.#closed) return;
      this.#chat.detach();
      console.warn("no chat:", error);
    }
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
