import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  importExtension: ".js",
  schema: "../../schema.graphql",
  documents: "src/*.ts",
  ignoreNoDocuments: true,
  generates: {
    "src/gql/": {
      preset: "client",
      presetConfig: { fragmentMasking: false, persistedDocuments: true },
      config: { scalars: { DateTime: "string" }, useTypeImports: true },
    },
    // No operation selects ErrorCode, so the client preset omits it.
    "src/gql/enums.ts": {
      plugins: ["typescript"],
      config: { onlyEnums: true, enumsAsConst: true },
    },
  },
};

export default config;
