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

export interface PeerInfo {
  readonly id: string;
  readonly displayName: string;
  /** Absent for a peer that is no browser. */
  readonly device?: { readonly name?: string; readonly version?: string };
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
  /** 0 (dead) to 10 (perfect), as the server rates what we receive. */
  readonly score: number;
}

export type Source = "mic" | "camera" | "share";

/** One of our own sources. */
export interface LocalSource {
  /** Null while the source is off. */
  readonly track: MediaStreamTrack | null;
  readonly muted: boolean;
  /** A change is under way: the button waits. */
  readonly busy: boolean;
}

export interface Toast {
  readonly id: number;
  readonly tone: "info" | "good" | "bad";
  readonly text: string;
}

export type Panel = "none" | "stats" | "people";

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
  readonly toasts: readonly Toast[];
}

export type AppStore = Store<State>;

const OFF: LocalSource = { track: null, muted: false, busy: false };

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
    toasts: [],
  });
}

export function updateLocal(store: AppStore, source: Source, patch: Partial<LocalSource>): void {
  store.update(({ local }) => ({ local: { ...local, [source]: { ...local[source], ...patch } } }));
}

const TOAST_MS = 6000;
let nextToastId = 1;

/** Shows a short message, which goes away by itself; the same text is not stacked. */
export function toast(store: AppStore, tone: Toast["tone"], text: string): void {
  if (store.state.toasts.some((shown) => shown.text === text)) return;
  const id = nextToastId++;
  store.update(({ toasts }) => ({ toasts: [...toasts, { id, tone, text }].slice(-4) }));
  setTimeout(() => dismissToast(store, id), TOAST_MS);
}

export function dismissToast(store: AppStore, id: number): void {
  store.update(({ toasts }) => ({ toasts: toasts.filter((shown) => shown.id !== id) }));
}
