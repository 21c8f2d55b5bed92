/**
 * Why a server does not let us in. Browsers do not tell what a WebSocket was refused with: the server is asked how it
 * is. Only our own one can be asked; of others we know no more than that they do not answer.
 */

import type { Problem } from "../state";

export interface Obstacle extends Problem {
  /** Whether it goes away by itself, so that we wait for as long as it takes. */
  readonly passes: boolean;
}

/** Answer to `/health`, as far as it is used. */
interface Health {
  readonly status?: string;
  readonly storeAway?: boolean;
}

const ANSWER_MS = 3000;

const OFFLINE: Obstacle = { title: "This device is offline", detail: "Check the network.", passes: false };
/** The worst that may be: nothing is heard. */
export const SILENT: Obstacle = {
  title: "The server does not answer",
  detail: "It may be starting anew, or the network is broken.",
  passes: false,
};
const APART: Obstacle = {
  title: "Who is in the room is not known at the moment",
  detail: "The servers have lost touch with each other. You come in by yourself when they are back.",
  passes: true,
};
const ENDING: Obstacle = {
  title: "This server is about to end",
  detail: "Another one, or a new one in its place, lets you in.",
  passes: false,
};
const REFUSING: Obstacle = {
  title: "The server does not let you in at the moment",
  detail: "The room or the server may be full.",
  passes: false,
};

/** What is in our way at a server that was tried in vain. */
export async function findObstacle(server: string): Promise<Obstacle> {
  if (!navigator.onLine) return OFFLINE;
  if (server !== location.origin) return SILENT;
  try {
    const answer = await fetch("/health", { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
    const { status, storeAway } = (await answer.json()) as Health;
    if (storeAway === true) return APART;
    return status === "draining" ? ENDING : REFUSING;
  } catch {
    return SILENT;
  }
}
