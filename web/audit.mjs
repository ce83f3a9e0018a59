// Runs every audit of GraphQL over HTTP, one JSON line each: node audit.mjs http://127.0.0.1:4000/graphql
import { serverAudits } from "graphql-http";

for (const audit of serverAudits({ url: process.argv[2] })) {
  const { status, reason = "" } = await audit.fn();
  console.log(JSON.stringify({ id: audit.id, name: audit.name, status, reason }));
}
