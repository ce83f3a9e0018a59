import { defineConfig } from "vite";

// The page sends requests to its own origin, as behind one reverse proxy, so CORS is not needed.
const proxy = { "/graphql": process.env.POSTERN_URL ?? "http://127.0.0.1:4000" };

export default defineConfig({ server: { proxy }, preview: { proxy } });
