import { defineConfig } from "vite";

/** Where `npm run dev` finds the room server; the built page talks to the host that served it. */
const DEV_SERVER = "ws://localhost:3000";

export default defineConfig({
  base: "./",
  build: { target: "es2022", chunkSizeWarningLimit: 700 },
  // Only the signaling socket carries a peerId in its URL; the page's own URL never does.
  server: { proxy: { "^/\\?.*peerId=": { target: DEV_SERVER, ws: true } } },
});
