// The audits of npm's graphql-http against a server: one JSON array of [id, status, name, reason].
import { auditServer } from "graphql-http";

const results = await auditServer({ url: process.argv[2] });
console.log(JSON.stringify(results.map((one) => [one.id, one.status, one.name, one.reason ?? ""])));
