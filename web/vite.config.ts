import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import postcssMantine from "postcss-preset-mantine";
import postcssVariables from "postcss-simple-vars";
import { compression, defineAlgorithm } from "vite-plugin-compression2";
import { defineConfig } from "vitest/config";

const breakpoints = {
  "mantine-breakpoint-xs": "36em",
  "mantine-breakpoint-sm": "48em",
  "mantine-breakpoint-md": "62em",
  "mantine-breakpoint-lg": "75em",
  "mantine-breakpoint-xl": "88em",
};

// The server sends each file as it lies here: hashed names, and a compressed twin beside it.
export default defineConfig({
  plugins: [
    react(),
    compression({
      algorithms: [defineAlgorithm("brotliCompress"), defineAlgorithm("gzip")],
      include: /\.(js|css|svg)$/,
    }),
  ],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  css: { postcss: { plugins: [postcssMantine(), postcssVariables({ variables: breakpoints })] } },
  build: {
    outDir: fileURLToPath(new URL("../src/tunesmith/server/page", import.meta.url)),
    emptyOutDir: true,
    sourcemap: false,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
  server: { port: 5173, proxy: { "/v1": "http://127.0.0.1:8000" } },
  test: {
    environment: "jsdom",
    globals: true,
    setupFiles: ["./src/test-setup.ts"],
    include: ["src/**/*.test.{ts,tsx}"],
    css: false,
  },
});
