import { defineConfig } from "vite";

/** Where `npm run dev:cluster` finds the room server; the built page asks the host that served it. */
const DEV_SERVER = "http://localhost:3000";

export default defineConfig({
  root: "cluster",
  base: "./",
  build: { target: "es2022", outDir: "../dist/cluster", emptyOutDir: true },
  server: { proxy: { "/api": DEV_SERVER } },
});
