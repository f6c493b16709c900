import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Where `arc2face serve` listens, for development. */
const server = process.env.ARC2FACE_SERVER ?? "http://127.0.0.1:8470";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  plugins: [react()],
  build: {
    outDir: fileURLToPath(new URL("../dist/studio", import.meta.url)),
    emptyOutDir: true,
    // The browsers that know light-dark() in style sheets, which is then left as it is.
    target: ["chrome123", "firefox120", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    // The server takes requests only from pages of its own.
    proxy: { "/api": { target: server, changeOrigin: true, headers: { origin: server } } },
  },
});
