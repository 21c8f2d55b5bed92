/** Our own microphone, camera and screen: their tracks, and their producers while there is a room to send to. */

import type { types } from "mediasoup-client";

import type { Params, VideoCodecName } from "../params";
import type { Request } from "../room/protocol";
import { type AppStore, type Source, toast, updateLocal } from "../state";
import {
  explainMediaError,
  listDevices,
  loadPreferences,
  openCamera,
  openMicrophone,
  openScreen,
  savePreferences,
} from "./devices";
import { videoEncodings } from "./encodings";

/** Where tracks are sent while we are in a room. */
export interface Uplink {
  readonly device: types.Device;
  readonly transport: types.Transport;
  readonly request: Request;
}

const SPOKEN: Record<Source, "microphone" | "camera" | "screen"> = {
  mic: "microphone",
  camera: "camera",
  share: "screen",
};
const OPEN: Record<Source, () => Promise<MediaStreamTrack>> = {
  mic: () => openMicrophone(loadPreferences().micId),
  camera: () => openCamera(loadPreferences().cameraId),
  share: openScreen,
};
const SOURCES: readonly Source[] = ["mic", "camera", "share"];

export class LocalMedia {
  readonly #store: AppStore;
  readonly #params: Params;
  readonly #producers = new Map<Source, types.Producer>();
  /** Changes of one source happen one after another. */
  readonly #queues = new Map<Source, Promise<void>>();
  #uplink: Uplink | null = null;

  constructor(store: AppStore, params: Params) {
    this.#store = store;
    this.#params = params;
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.refreshDevices());
  }

  get producers(): ReadonlyMap<Source, types.Producer> {
    return this.#producers;
  }

  async refreshDevices(): Promise<void> {
    this.#store.update({ devices: await listDevices() });
  }

  /** Opens what was on at the last visit; what cannot be opened says so and stays off. */
  async openPreferred(): Promise<void> {
    const { micOn, cameraOn } = loadPreferences();
    if (!micOn) updateLocal(this.#store, "mic", { muted: true });
    await Promise.all([micOn ? this.#open("mic") : null, cameraOn ? this.#open("camera") : null]);
    await this.refreshDevices();
  }

  /** Sends everything that is on through `uplink`. */
  async attach(uplink: Uplink): Promise<void> {
    this.#uplink = uplink;
    await Promise.all(SOURCES.map((source) => this.#change(source, () => this.#publish(source))));
  }

  /** The way to the room is gone; tracks stay open for the next one. */
  detach(): void {
    this.#uplink = null;
    this.#producers.clear();
    for (const source of SOURCES) updateLocal(this.#store, source, { score: null });
  }

  async setMuted(muted: boolean): Promise<void> {
    savePreferences({ micOn: !muted });
    await this.#change("mic", async () => {
      updateLocal(this.#store, "mic", { muted });
      if (!muted && !this.#store.state.local.mic.track) await this.#openAndPublish("mic");
      await this.#applyMute();
    });
  }

  async setCamera(on: boolean): Promise<void> {
    savePreferences({ cameraOn: on });
    await (on ? this.#open("camera") : this.#close("camera"));
  }

  async setShare(on: boolean): Promise<void> {
    await (on ? this.#open("share") : this.#close("share"));
  }

  /** Switches to another microphone or camera without interrupting the stream. */
  async choose(source: "mic" | "camera", deviceId: string): Promise<void> {
    savePreferences(source === "mic" ? { micId: deviceId } : { cameraId: deviceId });
    await this.#change(source, async () => {
      const old = this.#store.state.local[source].track;
      if (!old) return;
      const track = await this.#openBeside(source, old);
      await this.#producers.get(source)?.replaceTrack({ track });
      old.stop();
      this.#adopt(source, track);
      if (source === "mic") await this.#applyMute();
    });
  }

  #open(source: Source): Promise<void> {
    return this.#change(source, () => this.#openAndPublish(source));
  }

  async #openAndPublish(source: Source): Promise<void> {
    if (!this.#store.state.local[source].track) {
      this.#adopt(source, await OPEN[source]());
      void this.refreshDevices();
    }
    await this.#publish(source);
  }

  #close(source: Source): Promise<void> {
    return this.#change(source, () => this.#stopAndUnpublish(source));
  }

  async #stopAndUnpublish(source: Source): Promise<void> {
    this.#store.state.local[source].track?.stop();
    updateLocal(this.#store, source, { track: null, score: null });
    const producer = this.#producers.get(source);
    if (!producer) return;
    this.#producers.delete(source);
    producer.close();
    await this.#uplink?.request("closeProducer", { producerId: producer.id });
  }

  /** Some phones open one camera at a time: where the second is refused, the first is let go before. */
  async #openBeside(source: Source, old: MediaStreamTrack): Promise<MediaStreamTrack> {
    try {
      return await OPEN[source]();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "NotReadableError") throw error;
      old.stop();
      return OPEN[source]();
    }
  }

  #adopt(source: Source, track: MediaStreamTrack): void {
    if (source === "share") track.contentHint = "detail";
    updateLocal(this.#store, source, { track, problem: null });
    // Fired when the device is unplugged or the browser's own "stop sharing" is pressed, not by track.stop().
    track.addEventListener("ended", () => {
      if (this.#store.state.local[source].track !== track) return;
      void (source === "mic" ? this.#replaceLostMicrophone(track) : this.#close(source));
      if (source === "camera") toast(this.#store, "bad", "The camera was disconnected.");
    });
  }

  /** Another microphone takes over, if there is one. A camera is not replaced: the next one may show another room. */
  async #replaceLostMicrophone(lost: MediaStreamTrack): Promise<void> {
    const { label } = lost;
    await this.refreshDevices();
    if (this.#store.state.devices.microphones.length === 0) {
      toast(this.#store, "bad", "The microphone was disconnected.");
      return this.#close("mic");
    }
    await this.#change("mic", async () => {
      if (this.#store.state.local.mic.track !== lost) return;
      const track = await OPEN.mic().catch(async (error: unknown) => {
        await this.#stopAndUnpublish("mic");
        throw error;
      });
      await this.#producers.get("mic")?.replaceTrack({ track });
      this.#adopt("mic", track);
      await this.#applyMute();
      toast(this.#store, "bad", `${label || "The microphone"} was disconnected: ${track.label || "another one"} is used now.`);
    });
  }

  async #publish(source: Source): Promise<void> {
    const uplink = this.#uplink;
    const { track, muted } = this.#store.state.local[source];
    if (!uplink || !track || track.readyState === "ended" || this.#producers.has(source)) return;
    const producer = await uplink.transport.produce({
      track,
      stopTracks: false,
      ...(source === "mic" ? audioOptions() : this.#videoOptions(source, uplink.device, track)),
      appData: source === "share" ? { share: true } : {},
    });
    if (this.#uplink !== uplink) return;
    this.#producers.set(source, producer);
    producer.on("transportclose", () => {
      if (this.#producers.get(source) === producer) this.#producers.delete(source);
    });
    if (source === "mic" && muted) await this.#applyMute();
  }

  async #applyMute(): Promise<void> {
    const { track, muted } = this.#store.state.local.mic;
    if (track) track.enabled = !muted;
    const producer = this.#producers.get("mic");
    if (!producer || producer.paused === muted) return;
    if (muted) producer.pause();
    else producer.resume();
    await this.#uplink?.request(muted ? "pauseProducer" : "resumeProducer", { producerId: producer.id });
  }

  #videoOptions(
    source: "camera" | "share",
    device: types.Device,
    track: MediaStreamTrack,
  ): Partial<types.ProducerOptions> {
    const wanted = this.#params.codec;
    const offered = device.rtpCapabilities.codecs?.filter(({ kind }) => kind === "video") ?? [];
    const codec = offered.find(({ mimeType }) => mimeType.toLowerCase() === `video/${wanted}`);
    if (!codec) toast(this.#store, "bad", `${wanted.toUpperCase()} is not available here: another codec is used.`);
    const used = (codec ?? offered[0])?.mimeType.toLowerCase().slice("video/".length) as VideoCodecName | undefined;
    return {
      ...(codec && { codec }),
      encodings: videoEncodings(source, used ?? wanted, this.#params.layers, track.getSettings()),
      codecOptions: { videoGoogleStartBitrate: 1000 },
    };
  }

  #change(source: Source, act: () => Promise<void>): Promise<void> {
    const run = async (): Promise<void> => {
      updateLocal(this.#store, source, { busy: true });
      const uplink = this.#uplink;
      try {
        await act();
      } catch (error) {
        if (error instanceof DOMException) this.#explainDevice(source, error);
        else this.#explainSending(source, uplink, error);
      } finally {
        updateLocal(this.#store, source, { busy: false });
      }
    };
    const queued = (this.#queues.get(source) ?? Promise.resolve()).then(run);
    this.#queues.set(source, queued);
    return queued;
  }

  #explainDevice(source: Source, error: unknown): void {
    const text = explainMediaError(SPOKEN[source], error);
    updateLocal(this.#store, source, { problem: text });
    // The lobby shows it beside the picture.
    if (text !== null && this.#store.state.phase !== "lobby") toast(this.#store, "bad", text);
  }

  /** Losing the room while a request is under way is told once, by the room client. */
  #explainSending(source: Source, uplink: Uplink | null, error: unknown): void {
    if (this.#uplink === null || this.#uplink !== uplink) return;
    const reason = error instanceof Error ? error.message : String(error);
    toast(this.#store, "bad", `The ${SPOKEN[source]} could not be sent: ${reason}`);
  }
}

function audioOptions(): Partial<types.ProducerOptions> {
  return { codecOptions: { opusStereo: true, opusDtx: true, opusFec: true, opusNack: true } };
}
