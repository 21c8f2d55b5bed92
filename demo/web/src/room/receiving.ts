/** What arrives from the others: the consumers, and what we ask of the server about each. */

import { parseScalabilityMode, type types } from "mediasoup-client";

import { leaveRoomForRepairs } from "../media/repair-room";
import type { NewConsumer, NotificationHandlers, Request } from "./protocol";
import type { AppStore, Layers, RemoteStream } from "../state";

type Handled = "consumerClosed" | "consumerPaused" | "consumerResumed" | "consumerScore" | "consumerLayersChanged";

const PERFECT_SCORE = 10;

export class Receiving {
  readonly #store: AppStore;
  readonly #request: Request;
  readonly #consumers = new Map<string, types.Consumer>();

  constructor(store: AppStore, request: Request) {
    this.#store = store;
    this.#request = request;
  }

  get consumers(): ReadonlyMap<string, types.Consumer> {
    return this.#consumers;
  }

  readonly handlers: Pick<NotificationHandlers, Handled> = {
    consumerClosed: ({ consumerId }) => {
      this.#consumers.get(consumerId)?.close();
      this.#consumers.delete(consumerId);
      this.#store.update(({ streams }) => ({ streams: streams.filter(({ id }) => id !== consumerId) }));
    },
    consumerPaused: ({ consumerId }) => this.#update(consumerId, { paused: true }),
    consumerResumed: ({ consumerId }) => this.#update(consumerId, { paused: false }),
    consumerScore: ({ consumerId, score: { score, producerScore } }) =>
      this.#update(consumerId, { score: Math.min(score, producerScore) }),
    consumerLayersChanged: ({ consumerId, spatialLayer, temporalLayer }) => {
      const current = spatialLayer === null ? null : { spatial: spatialLayer, temporal: temporalLayer ?? 0 };
      this.#update(consumerId, { current });
    },
  };

  async consume(transport: types.Transport, offer: NewConsumer): Promise<void> {
    const { id, producerId, peerId, kind, type, rtpParameters, appData, producerPaused } = offer;
    const share = appData.share === true;
    // Microphone and camera of one peer are one stream to the browser, so that it keeps lips and voice together.
    const streamId = `${peerId}-${share ? "share" : "camera"}`;
    const consumer = await transport.consume({ id, producerId, kind, rtpParameters, streamId });
    this.#consumers.set(id, consumer);
    leaveRoomForRepairs(consumer);
    consumer.on("transportclose", () => this.#consumers.delete(id));
    const { spatialLayers, temporalLayers } = parseScalabilityMode(rtpParameters.encodings?.[0]?.scalabilityMode);
    const stream: RemoteStream = {
      id,
      producerId,
      peerId,
      kind,
      type,
      share,
      track: consumer.track,
      paused: producerPaused,
      score: PERFECT_SCORE,
      layerCount: { spatial: spatialLayers, temporal: temporalLayers },
      preferred: { spatial: spatialLayers - 1, temporal: temporalLayers - 1 },
      current: undefined,
      priority: 1,
    };
    this.#store.update(({ streams }) => ({ streams: [...streams.filter((known) => known.id !== id), stream] }));
  }

  /** Asks for a version of a stream, at best. Rejects when the server refuses; the old choice then stands. */
  async setPreferredLayers(consumerId: string, layers: Layers): Promise<void> {
    const { spatial: spatialLayer, temporal: temporalLayer } = layers;
    await this.#wish(consumerId, { preferred: layers }, () =>
      this.#request("setConsumerPreferredLayers", { consumerId, spatialLayer, temporalLayer }),
    );
  }

  /** Says how much a stream matters, 1 to 255, when our downlink is short. Rejects as above. */
  async setPriority(consumerId: string, priority: number): Promise<void> {
    await this.#wish(consumerId, { priority }, () => this.#request("setConsumerPriority", { consumerId, priority }));
  }

  /** Asks the sender for a whole picture. */
  async requestKeyFrame(consumerId: string): Promise<void> {
    await this.#request("requestConsumerKeyFrame", { consumerId });
  }

  clear(): void {
    this.#consumers.clear();
  }

  /** Shows a wish at once: the control that was touched must not jump back until the server has answered. */
  async #wish(id: string, patch: Partial<RemoteStream>, ask: () => Promise<unknown>): Promise<void> {
    const before = this.#store.state.streams.find((stream) => stream.id === id);
    this.#update(id, patch);
    try {
      await ask();
    } catch (error) {
      if (before) this.#update(id, { preferred: before.preferred, priority: before.priority });
      throw error;
    }
  }

  #update(id: string, patch: Partial<RemoteStream>): void {
    this.#store.update(({ streams }) => ({
      streams: streams.map((stream) => (stream.id === id ? { ...stream, ...patch } : stream)),
    }));
  }
}
