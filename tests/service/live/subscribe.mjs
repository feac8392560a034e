// Subscribes to a node with the clients of graphql-ws and graphql-sse; one JSON line per event.
//
// Argument: JSON with road ("ws" or "sse"), url, pem, keyId, purpose, document, events, restart.
// Every attempt is signed afresh and goes on behind the last event received.
import { createHash, createPrivateKey, randomBytes, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { createClient as createSocketClient } from "graphql-ws";
import { createClient as createStreamClient } from "graphql-sse";

const asked = JSON.parse(process.argv[2]);
const key = createPrivateKey(readFileSync(asked.pem));
let after = null;
let question = null;
let received = 0;

function signed(method, target) {
  const variables = after === null ? {} : { after };
  const body = JSON.stringify({ query: asked.document, variables });
  const digest = createHash("sha256").update(body).digest("base64");
  const fields = {
    "content-type": "application/json",
    "content-digest": `sha-256=:${digest}:`,
    "credit-purpose": asked.purpose,
    "credit-case": '%""',
  };
  const names = ["@method", "@target-uri", ...Object.keys(fields)];
  const created = Math.floor(Date.now() / 1000);
  const input =
    `(${names.map((name) => `"${name}"`).join(" ")});created=${created};expires=${created + 60}` +
    `;nonce="${randomBytes(18).toString("base64url")}";keyid="${asked.keyId}";tag="credit-query-v1"`;
  const values = { "@method": method, "@target-uri": target, ...fields };
  const base = [...names.map((name) => `"${name}": ${values[name]}`), `"@signature-params": ${input}`];
  const signature = sign(null, Buffer.from(base.join("\n")), key).toString("base64");
  const headers = { ...fields, "signature-input": `credit=${input}`, signature: `credit=:${signature}:` };
  question = { method, target, headers, body };
  return { variables, headers, body };
}

function told(event, restart) {
  after = event.extensions.position;
  received += 1;
  console.log(JSON.stringify({ event, question }));
  if (received >= asked.events) process.exit(0);
  restart();
}

function failed(error) {
  console.log(JSON.stringify({ failed: Array.isArray(error) ? error : String(error) }));
  process.exit(1);
}

if (asked.road === "ws") {
  let socket = null;
  const client = createSocketClient({
    url: `${asked.url.replace("http", "ws")}/graphql`,
    retryAttempts: 5,
    retryWait: async () => {},
    on: { opened: (opened) => (socket = opened) },
  });
  let attempt = null;
  client.subscribe(
    {
      query: asked.document,
      // Read in this order when the payload becomes JSON, at each attempt.
      get variables() {
        attempt = signed("SUBSCRIBE", `${asked.url}/graphql`);
        return attempt.variables;
      },
      get extensions() {
        return { credit: { ...attempt.headers, body: attempt.body } };
      },
    },
    {
      next: (event) => told(event, () => asked.restart && socket.close(4205, "Client Restart")),
      error: failed,
      complete: () => failed("complete"),
    },
  );
} else {
  const target = `${asked.url}/graphql/stream`;
  const client = createStreamClient({
    url: target,
    retryAttempts: 0,
    fetchFn: (url, options) => {
      const attempt = signed("POST", target);
      return fetch(url, { ...options, body: attempt.body, headers: { ...options.headers, ...attempt.headers } });
    },
  });
  client.subscribe(
    { query: asked.document },
    { next: (event) => told(event, () => {}), error: failed, complete: () => failed("complete") },
  );
}
