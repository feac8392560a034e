// node gateway.ts <node's origin> [<key file> <key id> <purpose>]
// A Hive gateway over a Xinqiao node and another subgraph. A gateway does not sign, so a node answers it
// as the public reader; with a key the plugin below signs what goes to the node, and every answer of
// the node is verified before the gateway uses it.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime';
import type { GatewayPlugin } from '@graphql-hive/gateway-runtime';
import { composeServices } from '@theguild/federation-composition';
import { parse } from 'graphql';
import { createSchema, createYoga } from 'graphql-yoga';
import { Node, signed, verified } from './xinqiao.ts';
import type { Caller, Claims, NodeKeys } from './xinqiao.ts';

const [origin = 'http://127.0.0.1:8000', keyFile, keyId, purpose] = process.argv.slice(2);
const keys = (await (await fetch(`${origin}/keys`)).json()) as NodeKeys;
const caller = keyFile && keyId ? { keyId, pem: readFileSync(keyFile, 'utf8') } : undefined;

/** Signs what the gateway sends to the node, and refuses what does not verify. */
function signing(url: string, caller: Caller | undefined, claims: Claims): GatewayPlugin {
  return {
    onFetch({ url: target, options, setOptions, fetchFn, setFetchFn }) {
      if (target !== url) return;
      const send = fetchFn;
      setFetchFn(async (_, given) => {
        const body = Buffer.from(String(given?.body ?? options.body));
        const headers = { 'content-type': 'application/json' };
        const question = caller
          ? await signed(caller, url, body, claims)
          : { method: 'POST', url, headers };
        const response = await send(url, {
          ...given,
          method: 'POST',
          headers: { accept: 'application/json', ...question.headers },
          body: body.toString('utf8'),
        });
        const told = Buffer.from(await response.arrayBuffer());
        const fields = Object.fromEntries(response.headers.entries());
        if (caller) await verified(keys, question, body, response.status, fields, told);
        return new Response(told, { status: response.status, headers: response.headers });
      });
      setOptions(options);
    },
  };
}

// The other subgraph: a city's projects, which know their contractor by its USCC.
const projectTypes = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  type Query { projects: [Project!]! }
  type Project { name: String! contractor: Organisation } # null for who may not see it
  type Organisation @key(fields: "uscc") { uscc: USCC }
  scalar USCC
`;
const projects = createYoga({
  logging: false,
  schema: createSchema({
    typeDefs: `${projectTypes.replace(/extend schema.*\n/, '').replace(/@key\(.*?\)/, '')}`,
    resolvers: {
      Query: {
        projects: () => [
          { name: '滨河路改造', contractor: { uscc: '91210503XDXBLPC747' } },
          { name: '不存在的承包人', contractor: { uscc: '91210500XD00000099' } },
        ],
      },
    },
  }),
});
const projectServer = createServer(projects);
await new Promise<void>((ready) => projectServer.listen(0, '127.0.0.1', ready));
const projectUrl = `http://127.0.0.1:${(projectServer.address() as AddressInfo).port}/graphql`;

// The node tells its schema as a subgraph.
const told = await new Node(origin, keys).ask<{ _service: { sdl: string } }>('{ _service { sdl } }');
const { supergraphSdl, errors } = composeServices([
  { name: 'credit', url: `${origin}/graphql`, typeDefs: parse(told.data?._service.sdl ?? '') },
  { name: 'projects', url: projectUrl, typeDefs: parse(projectTypes) },
]);
if (!supergraphSdl) throw new Error(errors?.map(({ message }) => message).join('\n'));

const gateway = createGatewayRuntime({
  supergraph: supergraphSdl,
  logging: false,
  plugins: () => [signing(`${origin}/graphql`, caller, purpose ? { purpose } : {})],
});
const server = createServer(gateway);
await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`);
