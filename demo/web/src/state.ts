/** What the page knows, and nothing about how it is shown. */

import type { types } from "mediasoup-client";

import type { DeviceLists } from "./media/devices";
import { Store } from "./store";

export type Phase =
  /** Choosing name, room and devices. */
  | "lobby"
  /** On the way in for the first time. */
  | "connecting"
  | "joined"
  /** Was in the room, lost the server or the worker, and is on the way back. */
  | "reconnecting"
  /** The server ended the session or could not be reached any more; `problem` says why. */
  | "ended";

export interface Problem {
  readonly title: string;
  readonly detail: string;
}

/** Of what a person calls themselves. */
export const MAX_NAME_LENGTH = 60;

export interface PeerInfo {
  readonly id: string;
  readonly displayName: string;
  /** Absent for a peer that is no browser. */
  readonly device?: { readonly flag?: string; readonly name?: string; readonly version?: string };
}

/** Whether it is a program that sends by HTTP and plain RTP, or a live stream, not somebody at a page. */
export function isBroadcaster({ device }: PeerInfo): boolean {
  return device?.flag === "broadcaster" || device?.flag === "live";
}

export type ConsumerType = "simple" | "simulcast" | "svc" | "pipe";

/** A version of a video stream: 0 is the smallest (spatial) and the slowest (temporal). */
export interface Layers {
  readonly spatial: number;
  readonly temporal: number;
}

/** One consumer: a track that arrives from another peer. */
export interface RemoteStream {
  readonly id: string;
  readonly producerId: string;
  readonly peerId: string;
  readonly kind: types.MediaKind;
  readonly share: boolean;
  readonly track: MediaStreamTrack;
  /** The sender paused it (muted). */
  readonly paused: boolean;
  /** 0 (dead) to 10 (perfect), as the server rates the way from the sender to us. */
  readonly score: number;
  readonly type: ConsumerType;
  /** How many versions there are to choose from. */
  readonly layerCount: Layers;
  /** The best version we want. */
  readonly preferred: Layers;
  /** The version that is sent; null: none at the moment; undefined: the server has not said yet. */
  readonly current: Layers | null | undefined;
  /** 1 to 255: who gets more when our downlink is short. */
  readonly priority: number;
}

export type Source = "mic" | "camera" | "share";

/** One of our own sources. */
export interface LocalSource {
  /** Null while the source is off. */
  readonly track: MediaStreamTrack | null;
  readonly muted: boolean;
  /** A change is under way: the button waits. */
  readonly busy: boolean;
  /** Why it is off although it was wanted; null while there is nothing to say. */
  readonly problem: string | null;
  /** 0 to 10, as the server rates what arrives of it; null while nothing is sent. */
  readonly score: number | null;
}

export interface Toast {
  readonly id: number;
  /** Somebody wrote, came or went, something went well, something went wrong. */
  readonly tone: "chat" | "people" | "good" | "bad";
  readonly text: string;
}

export interface ChatMessage {
  readonly id: number;
  readonly author: "own" | "peer" | "bot";
  readonly peerId: string;
  /** The author's name at that time. */
  readonly name: string;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
}

export interface ChatState {
  /** Whether we can write: not at all in this room, not yet, or yes. */
  readonly status: "off" | "connecting" | "open";
  readonly messages: readonly ChatMessage[];
  /** Messages of others since the panel was closed. */
  readonly unread: number;
}

/** What the server believes of its way to us, in bit/s. */
export interface Downlink {
  readonly availableBps: number;
  /** What all our streams would take at the layers we prefer. */
  readonly desiredBps: number;
}

/** A live stream that is in this room, or is about to be. */
export interface LiveInRoom {
  readonly stream: string;
  readonly displayName: string;
  readonly state: "waiting" | "running" | "refused" | "ended";
  /** Why it is not there; empty: nothing has gone wrong. */
  readonly reason: string;
  /** Whether people of the page brought it in, and so may take it out. */
  readonly mayTakeOut: boolean;
}

/** The answer to `getLiveStreams`. */
export interface LiveList {
  /** Whether people may see any of it. */
  readonly shown: boolean;
  readonly mayBringIn: boolean;
  /** Published streams by their paths, with the FourCCs of their codecs. */
  readonly streams: readonly { readonly stream: string; readonly codecs: readonly string[] }[];
  readonly inRoom: readonly LiveInRoom[];
  /** Why what people had brought in is not in the room any more. */
  readonly ended: readonly { readonly stream: string; readonly reason: string }[];
  /** Whether there are more streams than are told. */
  readonly more: boolean;
}

export type Panel = "none" | "stats" | "people" | "chat" | "live";

export interface State {
  readonly phase: Phase;
  readonly problem: Problem | null;
  readonly roomId: string;
  readonly peerId: string;
  readonly displayName: string;
  readonly peers: readonly PeerInfo[];
  readonly streams: readonly RemoteStream[];
  readonly local: Readonly<Record<Source, LocalSource>>;
  readonly activeSpeakerId: string | null;
  readonly connections: { readonly send: types.ConnectionState | null; readonly recv: types.ConnectionState | null };
  /** What the server called itself; empty before it did. */
  readonly serverVersion: string;
  /** The browser refuses to play sound before the first click. */
  readonly audioBlocked: boolean;
  readonly devices: DeviceLists;
  readonly panel: Panel;
  readonly chat: ChatState;
  /** Null until the server has an estimate. */
  readonly downlink: Downlink | null;
  /** Null: the server has no live side, or shows nothing of it in rooms. */
  readonly live: LiveList | null;
  readonly toasts: readonly Toast[];
}

export type AppStore = Store<State>;

const OFF: LocalSource = { track: null, muted: false, busy: false, problem: null, score: null };

export function createStore(roomId: string, peerId: string, displayName: string): AppStore {
  return new Store<State>({
    phase: "lobby",
    problem: null,
    roomId,
    peerId,
    displayName,
    peers: [],
    streams: [],
    local: { mic: OFF, camera: OFF, share: OFF },
    activeSpeakerId: null,
    connections: { send: null, recv: null },
    serverVersion: "",
    audioBlocked: false,
    devices: { microphones: [], cameras: [], speakers: [] },
    panel: "none",
    chat: { status: "off", messages: [], unread: 0 },
    downlink: null,
    live: null,
    toasts: [],
  });
}

export function updateLocal(store: AppStore, source: Source, patch: Partial<LocalSource>): void {
  store.update(({ local }) => ({ local: { ...local, [source]: { ...local[source], ...patch } } }));
}

/** Opens a side panel, or closes it when it is the one that is open. The open chat takes the place of its notices. */
export function togglePanel(store: AppStore, panel: Panel): void {
  const shown = store.state.panel === panel ? "none" : panel;
  store.update({ panel: shown });
  if (shown !== "chat") return;
  store.update(({ chat, toasts }) => ({
    chat: { ...chat, unread: 0 },
    toasts: toasts.filter(({ tone }) => tone !== "chat"),
  }));
}

/** What went wrong takes longer to read and to act on. */
const TOAST_MS: Readonly<Record<Toast["tone"], number>> = {
  chat: 6000,
  people: 4000,
  good: 6000,
  bad: 12_000,
};
let nextToastId = 1;

/** Shows a short message, which goes away by itself; the same text is not stacked. */
export function toast(store: AppStore, tone: Toast["tone"], text: string): void {
  if (store.state.toasts.some((shown) => shown.text === text)) return;
  const id = nextToastId++;
  store.update(({ toasts }) => ({ toasts: [...toasts, { id, tone, text }].slice(-4) }));
  setTimeout(() => dismissToast(store, id), TOAST_MS[tone]);
}

export function dismissToast(store: AppStore, id: number): void {
  store.update(({ toasts }) => ({ toasts: toasts.filter((shown) => shown.id !== id) }));
}
