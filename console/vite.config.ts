// Builds the console into console/dist, which the control plane serves as static files. Nothing
// is inlined and nothing is fetched from elsewhere, so a strict content policy can hold.
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  // Relative addresses: the console also works behind a proxy's path.
  base: "./",
  plugins: [react()],
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
