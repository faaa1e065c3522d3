// Builds the console into console/dist, which the control plane serves as static files. Nothing
// is inlined and nothing is fetched from elsewhere, so a strict content policy can hold.
import { join } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const TAB = join(import.meta.dirname, "..", "trainer", "src", "browser", "tab.ts");

export default defineConfig({
  root: import.meta.dirname,
  // Relative addresses: the console also works behind a proxy's path.
  base: "./",
  // The worker of a contributing tab: the one part of the trainer that is made for pages.
  resolve: {
    alias: [{ find: /^@tequio\/trainer\/tab(?=\?|$)/, replacement: TAB }],
  },
  plugins: [react()],
  // Workers of the page for contributing load each other: modules can, classic scripts cannot.
  worker: { format: "es" },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2023",
    // One file: the size that counts is the compressed one, which console.real.ts holds to.
    chunkSizeWarningLimit: 800,
  },
});
