import { defineConfig } from "vite";

/** Where `npm run dev:live` finds the live side; the built page asks the host that served it. */
const DEV_SERVER = "http://localhost:8000";

export default defineConfig({
  root: "live",
  base: "./",
  build: { target: "es2022", outDir: "../dist/live", emptyOutDir: true, chunkSizeWarningLimit: 700 },
  server: { proxy: { "/api": DEV_SERVER, "\\.flv": DEV_SERVER } },
});
