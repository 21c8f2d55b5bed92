/** Live streams beside the room: which there are, and those that are brought into it. */

import { playToken } from "../media/flv-player";
import { type AppStore, type LiveList, toast } from "../state";
import type { Request } from "./protocol";

export class LiveStreams {
  readonly #store: AppStore;
  readonly #request: Request;

  constructor(store: AppStore, request: Request) {
    this.#store = store;
    this.#request = request;
  }

  /** Asks which there are. A server that does not know the question has none. */
  async look(): Promise<void> {
    try {
      const live = await this.#request<LiveList>("getLiveStreams");
      this.#store.update({ live: live.shown ? live : null });
    } catch {
      // Not in the room at the moment, or asked too often: what is known stays.
    }
  }

  /** Brings one into the room, for everybody. Tells the person when it cannot be. */
  async bringIn(stream: string): Promise<void> {
    const token = playToken();
    await this.#change("bringInLiveStream", { stream, ...(token !== null && { token }) }, `${stream} could not be brought in`);
  }

  /** Takes one out of the room. Tells the person when it cannot be. */
  async takeOut(stream: string): Promise<void> {
    await this.#change("takeOutLiveStream", { stream }, `${stream} could not be taken out`);
  }

  async #change(method: string, data: object, failed: string): Promise<void> {
    try {
      await this.#request(method, data);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      toast(this.#store, "bad", `${failed}: ${reason}`);
    }
    await this.look();
  }
}
