// The npm package http-message-signatures behind a pipe: one JSON object a line in, one out.
import { createPublicKey, createPrivateKey } from 'node:crypto';
import { createInterface } from 'node:readline';
import { createSigner, createVerifier, httpbis } from 'http-message-signatures';

async function sign({ key, algorithm, keyId, label, message, request, fields, values }) {
  const paramValues = { ...values, created: new Date(values.created * 1000) };
  if (values.expires) paramValues.expires = new Date(values.expires * 1000);
  const signed = await httpbis.signMessage(
    {
      key: createSigner(createPrivateKey(key), algorithm, keyId),
      name: label,
      fields,
      params: Object.keys(values),
      paramValues,
    },
    message,
    request,
  );
  return { headers: signed.headers };
}

async function verify({ key, algorithm, keyId, message, request, now }) {
  const verified = await httpbis.verifyMessage(
    {
      keyLookup: async ({ keyid }) =>
        keyid === keyId
          ? { id: keyid, algs: [algorithm], verify: createVerifier(createPublicKey(key), algorithm) }
          : null,
      all: true,
      notAfter: now,
    },
    message,
    request,
  );
  return { verified: verified === true };
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  let answer;
  try {
    answer = await (asked.do === 'sign' ? sign(asked) : verify(asked));
  } catch (error) {
    answer = { verified: false, error: String(error.message) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
