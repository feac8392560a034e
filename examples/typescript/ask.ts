// node ask.ts <origin> <USCC> [<key file> <key id> <purpose> [<case>]]
// Prints what the node says of a firm, after everything about the answer was found to hold.
import { readFileSync } from 'node:fs';
import { Node } from './xinqiao.ts';
import type { NodeKeys } from './xinqiao.ts';

interface Firm {
  organisation: {
    name: string;
    penalties: { totalCount: number };
    holders: { edges: { shareMin: string | null; holder: { name: string } | null }[] };
  } | null;
}

const [origin = 'http://127.0.0.1:8000', code, keyFile, keyId, purpose, case_] =
  process.argv.slice(2);
// Once, then keep them: whoever gives them anew may give others.
const keys = (await (await fetch(`${origin}/keys`)).json()) as NodeKeys;
const caller = keyFile && keyId ? { keyId, pem: readFileSync(keyFile, 'utf8') } : undefined;
const node = new Node(origin, keys, caller);

const answer = await node.ask<Firm>(
  `query Firm($code: String!) {
     organisation(code: $code) {
       name
       penalties { totalCount }
       holders { edges { shareMin holder { name } } }
     }
   }`,
  { code },
  { ...(purpose ? { purpose } : {}), ...(case_ ? { case: case_ } : {}) },
);
const { index, size } = await node.prove(answer.receipt);
const { status, data, errors } = answer;
console.log(JSON.stringify({ status, data, errors, log: { index, size } }, null, 2));
