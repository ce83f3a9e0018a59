import { defineConfig } from "vite";

// The page asks its own origin, as it would behind one reverse proxy; no CORS is needed.
const proxy = { "/graphql": process.env.POSTERN_URL ?? "http://127.0.0.1:4000" };

export default defineConfig({ server: { proxy }, preview: { proxy } });
