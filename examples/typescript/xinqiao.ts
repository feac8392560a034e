// Asking a Xinqiao node in TypeScript: a signed question, a verified answer, a proven receipt.
// The formats are docs/formats.md; RFC 9421 is done by npm's http-message-signatures.
import { createHash, createPrivateKey, createPublicKey, randomBytes, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { createSigner, createVerifier, httpbis } from 'http-message-signatures';

export interface NodeKeys {
  answers: Record<string, string>; // key id: hexadecimal digits of an Ed25519 key
  logs: Record<string, string>; // origin of a log: its verifier key (C2SP signed-note)
}

export interface Caller {
  keyId: string;
  pem: string; // PKCS #8, Ed25519
}

export interface Claims {
  purpose?: string; // P1 to P17
  case?: string; // 案由号, empty when there is none
}

export interface Receipt {
  leaf: Buffer;
  time: number;
  delay: number;
  log: string;
  body: Buffer;
}

export interface GraphQLError {
  message: string;
  path?: (string | number)[];
  extensions: { code: string };
}

export interface Answer<Data> {
  status: number;
  data: Data | null;
  errors: GraphQLError[];
  receipt: Receipt;
}

/** What does not hold; never use the answer. */
export class Distrust extends Error {}

interface Message {
  method: string;
  url: string;
  headers: Record<string, string>;
}

const NEEDED = ['content-type', 'content-digest', 'credit-receipt', 'signature-input', 'signature'];
const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
const digestField = (bytes: Uint8Array): string => `sha-256=:${sha256(bytes).toString('base64')}:`;

/** RFC 9651 §4.1.11: a Display String, for texts that are not ASCII. */
export function displayString(text: string): string {
  const bytes = [...Buffer.from(text, 'utf8')];
  const shown = bytes.map((byte) =>
    byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x25
      ? `%${byte.toString(16).padStart(2, '0')}`
      : String.fromCharCode(byte),
  );
  return `%"${shown.join('')}"`;
}

/** The header fields of a question, signed. */
export async function signed(
  caller: Caller,
  url: string,
  body: Uint8Array,
  claims: Claims,
): Promise<Message> {
  const created = Math.floor(Date.now() / 1000);
  const message: Message = {
    method: 'POST',
    url,
    headers: {
      'content-type': 'application/json',
      'content-digest': digestField(body),
      'credit-purpose': claims.purpose ?? 'none',
      'credit-case': displayString(claims.case ?? ''),
    },
  };
  const made = await httpbis.signMessage(
    {
      key: createSigner(createPrivateKey(caller.pem), 'ed25519', caller.keyId),
      name: 'credit',
      fields: [
        '@method', '@target-uri', 'content-type', 'content-digest', 'credit-purpose', 'credit-case',
      ], // prettier-ignore
      params: ['created', 'expires', 'nonce', 'keyid', 'tag'],
      paramValues: {
        created: new Date(created * 1000),
        expires: new Date((created + 60) * 1000),
        nonce: randomBytes(18).toString('base64url'),
        keyid: caller.keyId,
        tag: 'credit-query-v1',
      },
    },
    message,
  );
  const headers = Object.entries(made.headers).map(([name, value]) => [
    name.toLowerCase(),
    String(value),
  ]);
  return { ...message, headers: Object.fromEntries(headers) as Record<string, string> };
}

/** The receipt of an answer, after its digest and its signature were found to hold. */
export async function verified(
  keys: NodeKeys,
  question: Message,
  questionBody: Uint8Array,
  status: number,
  headers: Record<string, string>,
  body: Uint8Array,
): Promise<Receipt> {
  for (const name of NEEDED) {
    if (!headers[name]) throw new Distrust(`the answer has no ${name}`);
  }
  if (headers['content-digest'] !== digestField(body)) throw new Distrust('the body was changed');
  // It must cover what it has to, bound to this question, or a signature proves little.
  const covered =
    '("@status" "content-type" "content-digest" "credit-receipt" "@method";req "@target-uri";req' +
    ` "content-digest";req${question.headers['signature'] ? ' "signature";req' : ''})`;
  const input = /^credit=(\([^)]*\));created=(\d+);keyid="([^"]+)";tag="credit-answer-v1"$/.exec(
    headers['signature-input'] ?? '',
  );
  if (!input || input[1] !== covered) throw new Distrust('it does not sign what it must');
  if (Math.abs(Date.now() / 1000 - Number(input[2])) > 300) throw new Distrust('it is old');
  const keyId = input[3] ?? '';
  const hex = Object.hasOwn(keys.answers, keyId) ? keys.answers[keyId] : undefined;
  if (!hex) throw new Distrust('the key is not one of the node: get its keys again');
  const holds = await httpbis
    .verifyMessage(
      {
        keyLookup: async ({ keyid }) => ({
          id: String(keyid),
          algs: ['ed25519'],
          verify: createVerifier(ed25519(Buffer.from(hex, 'hex')), 'ed25519'),
        }),
        tolerance: 300,
      },
      { status, headers },
      question,
    )
    .catch(() => false); // what cannot be read at all
  if (holds !== true) throw new Distrust('the signature is wrong');
  const receipt = readReceipt(headers['credit-receipt'] ?? '');
  if (!receipt.body.equals(sha256(questionBody)) || !keys.logs[receipt.log]) {
    throw new Distrust('the receipt is for another question or log');
  }
  if (receipt.delay > 300 || Math.abs(receipt.time - Number(input[2])) > 300) {
    throw new Distrust('the receipt promises the entry for another day');
  }
  return receipt;
}

export class Node {
  readonly #origin: string;
  readonly #keys: NodeKeys;
  readonly #caller: Caller | undefined;

  /** `keys` are those of `<origin>/keys`, once compared with the node's operator and kept. */
  constructor(origin: string, keys: NodeKeys, caller?: Caller) {
    this.#origin = origin;
    this.#keys = keys;
    this.#caller = caller;
  }

  /** Ask, and throw `Distrust` for an answer that does not verify. */
  async ask<Data>(
    query: string,
    variables: Record<string, unknown> = {},
    claims: Claims = {},
  ): Promise<Answer<Data>> {
    const url = `${this.#origin}/graphql`;
    const body = Buffer.from(JSON.stringify({ query, variables }));
    const question = this.#caller
      ? await signed(this.#caller, url, body, claims)
      : {
          method: 'POST',
          url,
          headers: { 'content-type': 'application/json', 'content-digest': digestField(body) },
        };
    const { method, headers } = question;
    // A question goes to the node it was signed for, and nowhere else.
    const response = await fetch(url, { method, headers, body, redirect: 'error' });
    const told = Buffer.from(await response.arrayBuffer());
    const fields = Object.fromEntries(response.headers.entries());
    const receipt = await verified(this.#keys, question, body, response.status, fields, told);
    const content = JSON.parse(told.toString('utf8')) as {
      data?: Data | null;
      errors?: GraphQLError[];
    };
    const { data = null, errors = [] } = content;
    return { status: response.status, data, errors, receipt };
  }

  /** The entry's place in the log, once the log proves that it holds it; waits up to 10 seconds. */
  async prove(receipt: Receipt): Promise<{ index: number; size: number }> {
    const log = receipt.log.split('/').at(-1) ?? '';
    const url = `${this.#origin}/log/${log}/receipt/${receipt.leaf.toString('hex')}`;
    const deadline = Math.max(Date.now() + 10_000, (receipt.time + receipt.delay) * 1000);
    for (;;) {
      const response = await fetch(url);
      const told = (await response.json().catch(() => ({}))) as {
        state?: string;
        index: number;
        proof: string[];
        checkpoint: string;
      };
      if (told.state === 'sealed') {
        const { size, root } = checkpoint(told.checkpoint, this.#keys.logs[receipt.log] ?? '');
        const proof = told.proof.map((hash) => Buffer.from(hash, 'base64'));
        if (!rootOf(receipt.leaf, told.index, size, proof)?.equals(root)) {
          throw new Distrust('keep answer and proof: they contradict each other');
        }
        return { index: told.index, size };
      }
      if (Date.now() > deadline) {
        const { status } = response;
        // Who tells nothing has not broken the promise.
        if (status === 429 || status >= 500) throw new Error(`ask again: the node answers ${status}`);
        throw new Distrust('keep the answer: the log lacks the entry');
      }
      await new Promise((resume) => setTimeout(resume, 100));
    }
  }
}

function readReceipt(field: string): Receipt {
  const told =
    /^leaf=:([^:]+):, time=@(\d+), delay=(\d+), log="([^"]+)", body=:([^:]+):$/.exec(field);
  if (!told) throw new Distrust('the receipt is malformed');
  const [, leaf = '', time, delay, log = '', body = ''] = told;
  return {
    leaf: Buffer.from(leaf, 'base64'),
    time: Number(time),
    delay: Number(delay),
    log,
    body: Buffer.from(body, 'base64'),
  };
}

function ed25519(raw: Buffer): KeyObject {
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]);
  return createPublicKey({ key: der, format: 'der', type: 'spki' });
}

/** C2SP tlog-checkpoint, signed by the log's key: `name+id+base64(01‖key)`. */
function checkpoint(note: string, key: string): { size: number; root: Buffer } {
  const [name = '', id = ''] = key.split('+');
  const raw = Buffer.from(key.slice(name.length + id.length + 2), 'base64').subarray(1);
  const end = note.indexOf('\n\n');
  const text = note.slice(0, end + 1);
  const signatures = note.slice(end + 2).trimEnd().split('\n');
  const holds = signatures.some((line) => {
    const [dash, signer, blob = ''] = line.split(' ');
    const bytes = Buffer.from(blob, 'base64');
    return (
      dash === '—' &&
      signer === name &&
      bytes.subarray(0, 4).toString('hex') === id &&
      verify(null, Buffer.from(text), ed25519(raw), bytes.subarray(4))
    );
  });
  const [origin, size = '', root = ''] = text.split('\n');
  if (!holds || origin !== name) throw new Distrust("the checkpoint is not the log's");
  return { size: Number(size), root: Buffer.from(root, 'base64') };
}

/** RFC 9162 §2.1.3.2: the root that an inclusion proof leads to; undefined when it leads nowhere. */
function rootOf(leaf: Buffer, index: number, size: number, proof: Buffer[]): Buffer | undefined {
  const node = (left: Buffer, right: Buffer) => sha256(Buffer.concat([Buffer.of(1), left, right]));
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) return undefined;
  let [fn, sn, hash] = [index, size - 1, leaf];
  for (const one of proof) {
    if (sn === 0) return undefined;
    if (fn % 2 === 1 || fn === sn) {
      hash = node(one, hash);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
    } else {
      hash = node(hash, one);
    }
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  }
  return sn === 0 ? hash : undefined;
}
