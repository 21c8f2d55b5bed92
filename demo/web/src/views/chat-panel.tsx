/** What people write to each other, and to the bot. */

import { Fragment } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { useApp, useAppState } from "../app";
import { MAX_TEXT_LENGTH } from "../room/chat";
import type { ChatMessage } from "../state";
import { Avatar } from "./avatar";
import { Icon } from "./icons";
import { PanelFrame } from "./panel";

/** Messages of one person that follow each other this fast stand together. */
const TOGETHER_MS = 120_000;
/** A list scrolled up further than this, in pixels, stays where it is. */
const NEAR_END = 60;
const LINK = /(https?:\/\/[^\s<>"]+[^\s<>"'.,;:!?)\]])/;

export function ChatPanel() {
  const { chat, phase } = useAppState();
  const list = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (list.current && atEnd.current) list.current.scrollTop = list.current.scrollHeight;
  }, [chat.messages]);
  const onScroll = ({ currentTarget: { scrollHeight, scrollTop, clientHeight } }: { currentTarget: HTMLElement }) => {
    atEnd.current = scrollHeight - scrollTop - clientHeight < NEAR_END;
  };
  return (
    <PanelFrame title="Chat" footer={<Composer enabled={phase === "joined" && chat.status === "open"} />}>
      <div class="chat-log" ref={list} role="log" aria-label="Messages" tabIndex={0} onScroll={onScroll}>
        {chat.messages.length === 0 && (
          <p class="panel-empty">
            Everybody in the room reads what you write here. Begin with <code>@bot</code> to talk to the server's bot.
          </p>
        )}
        {together(chat.messages).map((messages) => (
          <Entry key={messages[0].id} messages={messages} />
        ))}
      </div>
    </PanelFrame>
  );
}

function Entry({ messages }: { messages: readonly [ChatMessage, ...ChatMessage[]] }) {
  const { author, name, peerId, timeMs } = messages[0];
  const time = new Date(timeMs);
  return (
    <article class={`chat-entry ${author}`}>
      {author === "bot" ? (
        <span class="avatar bot" aria-hidden="true">
          <Icon name="bot" />
        </span>
      ) : (
        <Avatar name={name} seed={peerId} />
      )}
      <header>
        <strong>{author === "own" ? `${name} (you)` : name}</strong>
        <time dateTime={time.toISOString()}>{time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}</time>
      </header>
      {messages.map(({ id, text }) => (
        <p key={id}>
          <Linked text={text} />
        </p>
      ))}
    </article>
  );
}

/** A text with its web addresses as links. */
function Linked({ text }: { text: string }) {
  // Splitting by a pattern with one group puts what it matched at the odd places.
  return text.split(LINK).map((part, index) =>
    index % 2 === 0 ? (
      <Fragment key={index}>{part}</Fragment>
    ) : (
      <a key={index} href={part} target="_blank" rel="noopener noreferrer">
        {part}
      </a>
    ),
  );
}

function Composer({ enabled }: { enabled: boolean }) {
  const { client } = useApp();
  const { chat } = useAppState();
  const [text, setText] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus({ preventScroll: true }), []);
  useLayoutEffect(() => {
    const element = field.current;
    if (!element) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight + element.offsetHeight - element.clientHeight}px`;
  }, [text]);
  const send = (): void => {
    if (enabled && client.chat.send(text)) setText("");
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    // While an input method composes a word, Enter chooses among its proposals.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  const placeholder = enabled ? "Write to everybody" : chat.status === "off" ? "No chat at the moment" : "Connecting…";
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={field}
        class="input"
        rows={1}
        aria-label="Message"
        placeholder={placeholder}
        maxLength={MAX_TEXT_LENGTH}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <button type="submit" class="icon-button send" aria-label="Send" disabled={!enabled || !text.trim()}>
        <Icon name="send" />
      </button>
    </form>
  );
}

function together(messages: readonly ChatMessage[]): [ChatMessage, ...ChatMessage[]][] {
  const groups: [ChatMessage, ...ChatMessage[]][] = [];
  for (const message of messages) {
    const last = groups.at(-1);
    const same = last && last[0].author === message.author && last[0].peerId === message.peerId;
    if (last && same && message.timeMs - last[0].timeMs < TOGETHER_MS) last.push(message);
    else groups.push([message]);
  }
  return groups;
}
