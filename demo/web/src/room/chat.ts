/** The chat over data channels: one channel to everybody, one to the server's bot, one from each of them. */

import type { types } from "mediasoup-client";

import type { NewDataConsumer } from "./protocol";
import { type AppStore, type ChatMessage, type ChatState, toast } from "../state";

/** Longer texts are not sent. */
export const MAX_TEXT_LENGTH = 2000;
/** What the server's bot reads at most, in bytes of UTF-8. */
const MAX_BOT_BYTES = 512;
/** Older messages are forgotten. */
const MAX_MESSAGES = 500;
/** How much of a message a notice shows. */
const NOTICE_LENGTH = 90;

const BOT_COMMAND = /^@bot\s+(?<text>\S[^]*)/i;
const LABELS = ["chat", "bot"] as const;
type Label = (typeof LABELS)[number];

export class Chat {
  readonly #store: AppStore;
  readonly #outgoing = new Map<Label, types.DataProducer>();
  readonly #incoming = new Map<string, types.DataConsumer>();
  #nextId = 1;

  constructor(store: AppStore) {
    this.#store = store;
  }

  /** Opens our channels to the others and to the bot. Rejects when the server has none. */
  async open(transport: types.Transport): Promise<void> {
    this.#update({ status: "connecting" });
    await Promise.all(LABELS.map((label) => this.#openChannel(transport, label)));
  }

  /** Listens to a channel of somebody else. */
  async receive(transport: types.Transport, offer: NewDataConsumer): Promise<void> {
    const { id, dataProducerId, sctpStreamParameters, label, protocol, peerId } = offer;
    const consumer = await transport.consumeData({ id, dataProducerId, sctpStreamParameters, label, protocol });
    this.#incoming.set(id, consumer);
    consumer.on("transportclose", () => this.#incoming.delete(id));
    consumer.on("message", (data: unknown) => {
      if (typeof data !== "string") return;
      if (label === "bot" && peerId === null) this.#receiveFromBot(data);
      else if (label === "chat" && peerId !== null) this.#receiveFromPeer(peerId, data);
    });
  }

  /** The other end of a channel closed. */
  closeIncoming(id: string): void {
    this.#incoming.get(id)?.close();
    this.#incoming.delete(id);
  }

  /** The way to the room is gone; what was said stays. */
  detach(): void {
    this.#outgoing.clear();
    this.#incoming.clear();
    this.#update({ status: "off" });
  }

  /** Another room: what was said goes. */
  clear(): void {
    this.#store.update({ chat: { status: "off", messages: [], unread: 0 } });
  }

  /**
   * Says something to everybody; to the bot when it begins with "@bot".
   *
   * @returns whether it was sent; if not, the person has been told why.
   */
  send(text: string): boolean {
    const said = text.trim();
    if (!said) return false;
    const command = BOT_COMMAND.exec(said)?.groups?.["text"];
    if (command !== undefined && new TextEncoder().encode(command).length > MAX_BOT_BYTES) {
      toast(this.#store, "bad", "That is too long for the bot: it reads 512 bytes at most.");
      return false;
    }
    const channel = this.#outgoing.get(command === undefined ? "chat" : "bot");
    try {
      if (channel?.readyState !== "open") throw new Error("the channel is not open");
      channel.send(command ?? said);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      toast(this.#store, "bad", `The message was not sent: ${reason}.`);
      return false;
    }
    const { peerId, displayName } = this.#store.state;
    this.#add({ author: "own", peerId, name: displayName, text: said });
    return true;
  }

  async #openChannel(transport: types.Transport, label: Label): Promise<void> {
    const channel = await transport.produceData({ ordered: true, label });
    this.#outgoing.set(label, channel);
    const gone = (): void => {
      if (this.#outgoing.get(label) !== channel) return;
      this.#outgoing.delete(label);
      this.#update({ status: "off" });
    };
    channel.on("close", gone);
    channel.on("transportclose", gone);
    const ready = (): void => {
      if (LABELS.every((each) => this.#outgoing.get(each)?.readyState === "open")) this.#update({ status: "open" });
    };
    channel.on("open", ready);
    ready();
  }

  #receiveFromBot(text: string): void {
    this.#receive({ author: "bot", peerId: "bot", name: "Bot", text });
  }

  #receiveFromPeer(peerId: string, text: string): void {
    const name = this.#store.state.peers.find(({ id }) => id === peerId)?.displayName || "Guest";
    this.#receive({ author: "peer", peerId, name, text: text.slice(0, MAX_TEXT_LENGTH) });
  }

  #receive(message: Omit<ChatMessage, "id" | "timeMs">): void {
    this.#add(message);
    const { panel, chat } = this.#store.state;
    if (panel === "chat") return;
    this.#update({ unread: chat.unread + 1 });
    const { name, text } = message;
    toast(this.#store, "chat", `${name}: ${text.length > NOTICE_LENGTH ? `${text.slice(0, NOTICE_LENGTH)}…` : text}`);
  }

  #add(message: Omit<ChatMessage, "id" | "timeMs">): void {
    const added = { ...message, id: this.#nextId++, timeMs: Date.now() };
    this.#update({ messages: [...this.#store.state.chat.messages, added].slice(-MAX_MESSAGES) });
  }

  #update(patch: Partial<ChatState>): void {
    this.#store.update(({ chat }) => ({ chat: { ...chat, ...patch } }));
  }
}
