// Writes the types of the dashboard's operations, from the two committed schemas.
import type { CodegenConfig } from "@graphql-codegen/cli";

const typed = (schema: string, documents: string) => ({
  schema,
  documents: `src/dashboard/operations/${documents}`,
  plugins: ["typescript-operations", "typed-document-node"],
  config: {
    documentMode: "string",
    scalars: { DateTime: "string", ID: "string" },
    strictScalars: true,
    enumType: "const",
    useTypeImports: true,
    dedupeFragments: true,
  },
});

const config: CodegenConfig = {
  generates: {
    "src/dashboard/generated/admin.ts": typed("../api/admin/schema.graphql", "admin.graphql"),
    "src/dashboard/generated/public.ts": typed("../schema.graphql", "public.graphql"),
  },
};
export default config;
