/** Getting into the room and staying there: the signaling connection, its retries, and what to tell when it ends. */

import { Peer, WebSocketTransport } from "protoo-client";

import { Chat } from "./chat";
import { savePreferences } from "../media/devices";
import { LocalMedia } from "../media/local-media";
import { collectReports, type StreamReport } from "../media/stats";
import { type Params, randomId, writeNameToUrl } from "../params";
import { LiveStreams } from "./live-streams";
import { findObstacle, type Obstacle, SILENT } from "./obstacle";
import { type Notifications, type Request, signalingUrl } from "./protocol";
import { Servers } from "./servers";
import { Session } from "./session";
import { type AppStore, type Layers, type Problem, toast } from "../state";

/** A restarted server is back within seconds, and nobody likes to wait for it; about a minute in all. */
const RETRY = { retries: 24, factor: 1.5, minTimeout: 500, maxTimeout: 3000 };
/** A server that has not let us in for so long is passed over, if there is another: a machine that is gone refuses nothing. */
const ANSWER_MS = 8000;
/** Joins that fail one after another before the page gives up and asks. */
const MAX_FAILED_JOINS = 8;

const ENDED_BY_SERVER: Problem = {
  title: "The server ended this session",
  detail: "You joined this room again from another place, or the room was closed. Join again to come back here.",
};
const NO_MEDIA_PATH: Problem = {
  title: "Sound and picture cannot get through",
  detail: "The server answers, but its media ports do not: a firewall or a VPN may block them, over UDP and TCP.",
};

export class RoomClient {
  readonly media: LocalMedia;
  readonly chat: Chat;
  readonly live: LiveStreams;
  readonly #store: AppStore;
  readonly #params: Params;
  /** Only who knows it can take our place in the room by our id. */
  readonly #peerSecret = randomId() + randomId() + randomId();
  readonly #servers = new Servers();
  #peer: Peer | null = null;
  #session: Session | null = null;
  #failedJoins = 0;
  #retryTimer = 0;
  #answerTimer = 0;
  /** What was in our way at the last attempt to connect. */
  #obstacle: Obstacle = SILENT;

  constructor(store: AppStore, params: Params) {
    this.#store = store;
    this.#params = params;
    this.media = new LocalMedia(store, params);
    this.chat = new Chat(store);
    this.live = new LiveStreams(store, async <T>(method: string, data?: unknown) => (await this.request(method, data)) as T);
    // Back from a tunnel or from sleep: do not wait for the next scheduled attempt.
    window.addEventListener("online", () => {
      if (store.state.phase === "reconnecting" && !this.#peer?.connected) this.#connect();
    });
    // Our own page's policy does not know servers that came to the cluster later.
    document.addEventListener("securitypolicyviolation", ({ blockedURI }) => {
      if (this.#servers.forbid(blockedURI) && store.state.phase !== "lobby") this.#connect();
    });
    // Leaving is told at once instead of after the server's timeout.
    window.addEventListener("pagehide", () => this.#disconnect());
    window.addEventListener("pageshow", (event) => {
      if (event.persisted && store.state.phase === "joined") this.rejoin();
    });
  }

  /** The server that we are connected to, or try to be. */
  get server(): string {
    return this.#servers.current;
  }

  join(roomId: string, displayName: string): void {
    this.#failedJoins = 0;
    this.#store.update({ roomId, displayName, phase: "connecting", problem: null });
    this.#connect();
  }

  /** Goes back to the lobby. */
  leave(): void {
    this.#disconnect();
    this.chat.clear();
    this.#store.update({ phase: "lobby", problem: null, panel: "none", live: null });
  }

  /** Builds everything anew in the same room. */
  rejoin(): void {
    this.#failedJoins = 0;
    this.#store.update({ phase: "reconnecting", problem: null });
    this.#connect();
  }

  /** Takes another name, for everybody and for the next visit. Tells the person when the server refuses. */
  async rename(displayName: string): Promise<void> {
    const change = async (): Promise<void> => {
      await this.request("changeDisplayName", { displayName });
      this.#store.update({ displayName });
      savePreferences({ displayName });
      writeNameToUrl(displayName);
    };
    await this.#tellRefusal(change());
  }

  /** Restarts ICE on every transport. Rejects when not in a room, or when the server refuses. */
  async restartIce(): Promise<void> {
    if (!this.#session) throw new Error("not in a room");
    await this.#session.restartIce();
  }

  /** Chooses the best version of a stream we want. Tells the person when the server refuses. */
  async setPreferredLayers(consumerId: string, layers: Layers): Promise<void> {
    await this.#tellRefusal(this.#session?.receiving.setPreferredLayers(consumerId, layers));
  }

  /** Says how much a stream matters, 1 to 255. Tells the person when the server refuses. */
  async setPriority(consumerId: string, priority: number): Promise<void> {
    await this.#tellRefusal(this.#session?.receiving.setPriority(consumerId, priority));
  }

  /** Asks the sender of a stream for a whole picture. Tells the person when the server refuses. */
  async requestKeyFrame(consumerId: string): Promise<void> {
    await this.#tellRefusal(this.#session?.receiving.requestKeyFrame(consumerId));
  }

  /** Asks the room server anything of its protocol, such as `getConsumerStats`: for consoles and tests. */
  async request(method: string, data?: unknown): Promise<unknown> {
    if (!this.#peer) throw new Error("not in a room");
    return this.#peer.request(method, data);
  }

  /** The state of every stream now, as the browser counts it. */
  async stats(): Promise<StreamReport[]> {
    return collectReports(this.#store.state, this.media.producers, this.#session?.receiving.consumers ?? new Map());
  }

  #connect(): void {
    this.#disconnect();
    const { roomId, peerId } = this.#store.state;
    const { consumerReplicas } = this.#params;
    const identity = { roomId, peerId, peerSecret: this.#peerSecret, consumerReplicas };
    const url = signalingUrl(this.#servers.current, identity, this.#servers.passedHosts);
    const peer = new Peer(new WebSocketTransport(url, { retry: RETRY }));
    this.#peer = peer;
    this.#expectAnswer();
    let open = false;
    peer.on("open", () => {
      open = true;
      clearTimeout(this.#answerTimer);
      this.#obstacle = SILENT;
      void this.#enter(peer);
    });
    peer.on("failed", (attempt) => {
      void this.#tellObstacle(this.#servers.current, attempt);
      if (this.#peer === peer && navigator.onLine && this.#servers.failed()) this.#connect();
    });
    peer.on("disconnected", () => {
      open = false;
      this.#closeSession();
      this.#expectAnswer();
      const problem = { title: "The connection was lost", detail: "You are being brought back into the room…" };
      this.#store.update({ phase: "reconnecting", problem });
    });
    // protoo-client does not retry after code 4000, the only way from open to closed that is not our own.
    peer.on("close", () => {
      if (this.#peer === peer) this.#onClosed(open);
    });
    peer.on("request", (request, accept, reject) => void this.#session?.handleRequest(request, accept, reject));
    peer.on("notification", (notification) => {
      if (this.#peer !== peer) return;
      if (notification.method === "moved") this.#onMoved(notification.data as Notifications["moved"]);
      else if (notification.method === "mediaLost") this.#onMediaLost();
      else this.#session?.handleNotification(notification);
    });
  }

  #expectAnswer(): void {
    clearTimeout(this.#answerTimer);
    this.#answerTimer = window.setTimeout(() => {
      if (navigator.onLine && this.#servers.skip()) this.#connect();
    }, ANSWER_MS);
  }

  async #tellObstacle(server: string, attempt: number): Promise<void> {
    const obstacle = await findObstacle(server);
    if (!this.#peer || this.#peer.connected) return;
    this.#obstacle = obstacle;
    const { title, detail } = obstacle;
    this.#store.update({ problem: { title, detail: `${detail} Trying again (attempt ${attempt + 1})…` } });
  }

  async #enter(peer: Peer): Promise<void> {
    const connection = new AbortController();
    const request = requestsUntil(peer, connection.signal);
    const session = new Session(this.#store, this.#params, request, this.media, this.chat, {
      onMediaLost: () => this.#onMediaLost(),
      onClosed: () => connection.abort(),
      onServers: (servers) => this.#servers.learn(servers),
    });
    const returning = this.#store.state.phase === "reconnecting";
    this.#session = session;
    try {
      await session.enter();
    } catch (error) {
      if (this.#session === session && !session.closed) this.#onJoinFailed(error);
      return;
    }
    if (session.closed) return;
    this.#failedJoins = 0;
    void this.live.look();
    if (returning) toast(this.#store, "good", "You are back in the room.");
  }

  async #tellRefusal(asked: Promise<void> | undefined): Promise<void> {
    try {
      await asked;
    } catch (error) {
      if (this.#store.state.phase !== "joined") return;
      toast(this.#store, "bad", `The server refused: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #onJoinFailed(error: unknown): void {
    this.#disconnect();
    const reason = error instanceof Error ? error.message : String(error);
    if (error instanceof Error && error.name === "UnsupportedError") {
      const detail = `It lacks the WebRTC parts that the room needs (${reason}). Use a current Chrome, Edge, Firefox or Safari.`;
      return this.#end({ title: "This browser cannot take part", detail });
    }
    this.#failedJoins += 1;
    if (this.#failedJoins >= MAX_FAILED_JOINS) return this.#end({ title: "The room could not be joined", detail: reason });
    this.#store.update({ problem: { title: "Joining failed, trying again", detail: reason } });
    this.#reconnectLater();
  }

  /** The server drains, or is full: the next one has us at once. Where we may not go, we look for another one. */
  #onMoved({ url, passedHosts }: Notifications["moved"]): void {
    const problem = { title: "Going to another server", detail: "You are being brought back into the room…" };
    this.#store.update(({ phase }) => ({ phase: phase === "joined" ? "reconnecting" : phase, problem }));
    if (this.#servers.move(url, passedHosts)) return this.#connect();
    this.#servers.skip();
    this.#disconnect();
    this.#failedJoins += 1;
    this.#reconnectLater();
  }

  /** ICE restarts did not help, or the server has heard nothing from us, and ends: build everything anew, a few times. */
  #onMediaLost(): void {
    this.#disconnect();
    this.#failedJoins += 1;
    if (this.#failedJoins >= MAX_FAILED_JOINS) return this.#end(NO_MEDIA_PATH);
    const problem = { title: "Sound and picture were lost", detail: "The connection is being built anew…" };
    this.#store.update({ phase: "reconnecting", problem });
    this.#reconnectLater();
  }

  #onClosed(wasOpen: boolean): void {
    if (!wasOpen) return this.#obstacle.passes ? this.#connect() : this.#end(this.#obstacle);
    this.#end(ENDED_BY_SERVER);
  }

  #end(problem: Problem): void {
    this.#disconnect();
    this.#store.update({ phase: "ended", problem });
  }

  #reconnectLater(): void {
    const delayMs = Math.min(500 * 2 ** this.#failedJoins, 8000);
    this.#retryTimer = window.setTimeout(() => this.#connect(), delayMs);
  }

  #disconnect(): void {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#answerTimer);
    this.#closeSession();
    const peer = this.#peer;
    this.#peer = null;
    peer?.close();
  }

  #closeSession(): void {
    this.#session?.close();
    this.#session = null;
  }
}

/** Requests that end with their connection: protoo-client would let them wait for their timeout, and us with them. */
function requestsUntil(peer: Peer, gone: AbortSignal): Request {
  return <T>(method: string, data?: unknown) =>
    new Promise<T>((resolve, reject) => {
      const stop = (): void => reject(new Error("the connection was lost"));
      if (gone.aborted) return stop();
      gone.addEventListener("abort", stop, { once: true });
      peer
        .request(method, data)
        .then((answer) => resolve(answer as T), reject)
        .finally(() => gone.removeEventListener("abort", stop));
    });
}
