// Mercurius with graphql-jit and pg: prepared statements, and loaders against N+1.
import Fastify from "fastify";
import mercurius from "mercurius";
import pg from "pg";

pg.types.setTypeParser(pg.types.builtins.DATE, (text) => text);
const pool = new pg.Pool({ connectionString: process.env.PEER_DATABASE, max: 8 });
const KINDS = {
  licences: "licence",
  penalties: "penalty",
  inspections: "inspection",
  redListings: "red_list",
  abnormalOperations: "abnormal_operation",
};
const COLUMNS = `subject_id, name, uscc, org_code AS "orgCode", entity_type AS "entityType",
  reg_status AS "regStatus", established_on AS "establishedOn", address, industry,
  reg_authority AS "regAuthority", legal_rep_name AS "legalRepName"`;

const schema = `
  type Query { organisation(code: String!): Organisation organisations(first: Int!): Organisations! }
  type Organisations { nodes: [Organisation!]! }
  type Organisation {
    name: String! uscc: String orgCode: String entityType: String regStatus: String
    establishedOn: String address: String industry: String regAuthority: String legalRepName: String
    ${Object.keys(KINDS).map((name) => `${name}(first: Int!): Records!`).join(" ")}
  }
  type Records { nodes: [Record!]! }
  type Record { documentNo: String decisionDate: String issuerName: String }
`;
const resolvers = {
  Query: {
    async organisation(_, { code }) {
      const text = `SELECT ${COLUMNS} FROM peers.organisation WHERE uscc = $1`;
      return (await pool.query({ name: "one", text, values: [code] })).rows[0] ?? null;
    },
    async organisations(_, { first }) {
      const text = `SELECT ${COLUMNS} FROM peers.organisation ORDER BY name, subject_id LIMIT $1`;
      return { nodes: (await pool.query({ name: "many", text, values: [first] })).rows };
    },
  },
};
function records(view) {
  const text = `SELECT k.place, r.document_no AS "documentNo", r.decision_date AS "decisionDate",
      r.issuer_name AS "issuerName"
    FROM unnest($1::uuid[]) WITH ORDINALITY k (id, place) CROSS JOIN LATERAL
      (SELECT * FROM peers.${view} v WHERE v.subject_id = k.id
       ORDER BY v.decision_date DESC, v.record_id LIMIT $2) r
    ORDER BY k.place, r.decision_date DESC, r.record_id`;
  return async (queries) => {
    const found = queries.map(() => ({ nodes: [] }));
    const values = [queries.map((query) => query.obj.subject_id), queries[0].params.first];
    for (const row of (await pool.query({ name: view, text, values })).rows) {
      found[row.place - 1].nodes.push(row);
    }
    return found;
  };
}
const loaders = {
  Organisation: Object.fromEntries(
    Object.entries(KINDS).map(([name, view]) => [name, { loader: records(view), opts: { cache: false } }]),
  ),
};

const app = Fastify({ logger: false });
app.register(mercurius, { schema, resolvers, loaders, jit: 1, graphiql: false });
await app.listen({ host: "127.0.0.1", port: Number(process.env.PEER_PORT) });
