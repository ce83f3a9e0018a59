// Builds GraphiQL and the dashboard into ../api/pages/static: compressed files that the server sends as they are.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";

const TO = process.argv[2]
  ? pathToFileURL(`${process.argv[2]}/`)
  : new URL("../api/pages/static/", import.meta.url);
const common = { bundle: true, minify: true, write: false, outdir: "out", target: "es2022" };

const page = await build({
  ...common,
  entryPoints: { graphiql: "src/graphiql.jsx" },
  format: "esm",
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"production"' },
  loader: { ".ttf": "dataurl" },
  legalComments: "external",
});
const dashboard = await build({
  ...common,
  entryPoints: { dashboard: "src/dashboard/dashboard.tsx" },
  format: "esm",
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"production"' },
  legalComments: "external",
});
const typed = await build({
  ...common,
  entryPoints: ["src/dashboard/generated/public.ts"],
  format: "esm",
});
const workers = await build({
  ...common,
  entryPoints: {
    "editor.worker": "monaco-editor/esm/vs/editor/editor.worker.js",
    "json.worker": "monaco-editor/esm/vs/language/json/json.worker.js",
    "graphql.worker": "monaco-graphql/esm/graphql.worker.js",
  },
  format: "iife",
  legalComments: "none",
});

// What the dashboard asks `/graphql`, for servers that run trusted documents only.
const code = Buffer.from(typed.outputFiles[0].contents).toString("base64");
const documents = Object.entries(await import(`data:text/javascript;base64,${code}`))
  .filter(([name]) => name.endsWith("Document"))
  .map(([, document]) => String(document))
  .map((text) => [createHash("sha256").update(text).digest("hex"), text])
  .sort();
const manifest = {
  path: "dashboard.documents.json",
  contents: Buffer.from(JSON.stringify(Object.fromEntries(documents))),
};

await rm(TO, { recursive: true, force: true });
await mkdir(TO, { recursive: true });
const built = [page, dashboard, workers].flatMap(({ outputFiles }) => outputFiles);
for (const { path, contents } of [...built, manifest]) {
  // Level 9 and no name or time in the header, so that the same sources give the same bytes.
  const packed = gzipSync(contents, { level: 9 });
  await writeFile(new URL(`${basename(path)}.gz`, TO), packed);
  console.log(basename(path), contents.length, packed.length);
}
