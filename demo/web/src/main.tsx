/**
 * The page's entry: reads the URL, builds the parts, joins at once when the link says who and where and the person
 * trusts this site. Whoever made the link must not turn on a stranger's camera.
 */

import "./styles/base.css";
import "./styles/controls.css";
import "./styles/lobby.css";
import "./styles/room.css";
import "./styles/tile.css";
import "./styles/dock.css";
import "./styles/panels.css";
import "./styles/chat.css";
import "./styles/tile-menu.css";
import "./styles/live-panel.css";

import { render } from "preact";

import { AppContext } from "./app";
import { loadPreferences } from "./media/devices";
import { randomId, reachedFromOurselves, readParams, writeRoomToUrl } from "./params";
import { RoomClient } from "./room/room-client";
import { createStore, type State } from "./state";
import { Main } from "./views/main";

declare global {
  interface Window {
    /** For consoles and tests. */
    miso?: { readonly client: RoomClient; readonly state: State; stats: RoomClient["stats"] };
  }
}

const params = readParams(location.search);
const roomId = params.roomId ?? randomId();
const displayName = params.displayName ?? loadPreferences().displayName;
const store = createStore(roomId, randomId(), displayName);
const client = new RoomClient(store, params);

window.miso = {
  client,
  get state() {
    return store.state;
  },
  stats: () => client.stats(),
};

store.subscribe(() => {
  const { phase, roomId: room, peers, chat } = store.state;
  const unread = chat.unread > 0 ? `● ${chat.unread} · ` : "";
  document.title = phase === "lobby" ? "Miso" : `${unread}${room} (${peers.length + 1}) · Miso`;
});

writeRoomToUrl(roomId);
const trusted = loadPreferences().trusted || reachedFromOurselves();
if (params.produce && trusted) void client.media.openPreferred();
const named = params.roomId !== null && params.displayName !== null;
if (named && (params.autojoin ?? trusted)) client.join(roomId, displayName);

const root = document.getElementById("app");
if (root) {
  render(
    <AppContext.Provider value={{ store, client, params }}>
      <Main />
    </AppContext.Provider>,
    root,
  );
}
